#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/unit/unit.h"

#include "dataplane/dim/dim_table.h"

static struct readers readers;

static struct dim_table *make(uint64_t keys, uint64_t bytes)
{
	struct dim_table *t;
	struct err e;
	assert_int_equal(dim_table_create(keys, bytes, 2, &readers, &t, &e), 0);
	return t;
}

static int put(struct dim_table *t, const char *key, const char *name, int64_t n)
{
	struct dim_value v[2] = {{.type = VAL_STR, .text = slice_str(name)},
				 {.type = VAL_I64, .i = n}};
	return dim_table_put(t, slice_str(key), v);
}

static const struct dim_row *find(const struct dim_table *t, const char *key)
{
	struct slice k = slice_str(key);
	const struct dim_row *r;
	dim_table_find(t, &k, 1, &r);
	return r;
}

static int64_t number(const struct dim_row *r)
{
	int64_t n;
	memcpy(&n, (const uint8_t *)r + r->vals[1].off, sizeof(n));
	return n;
}

static void a_key_has_the_row_that_was_put_last(void **state)
{
	struct dim_table *t = make(10, 1 << 16);
	assert_null(find(t, "a"));
	assert_int_equal(put(t, "a", "one", 1), 0);
	assert_int_equal(put(t, "b", "two", 2), 0);
	assert_int_equal(put(t, "a", "a longer name than before", 3), 0);
	assert_int_equal(dim_table_n_keys(t), 2);
	const struct dim_row *r = find(t, "a");
	assert_non_null(r);
	assert_int_equal(number(r), 3);
	assert_int_equal(r->vals[0].len, strlen("a longer name than before"));
	assert_memory_equal((const uint8_t *)r + r->vals[0].off, "a longer", 8);
	assert_true(slice_eq(dim_row_key(r, 2), SLICE_LIT("a")));
	assert_true(dim_table_del(t, SLICE_LIT("a")));
	assert_false(dim_table_del(t, SLICE_LIT("a")));
	assert_null(find(t, "a"));
	assert_int_equal(number(find(t, "b")), 2);
	dim_table_destroy(t);
}

static void a_full_table_says_so_and_keeps_what_it_has(void **state)
{
	struct dim_table *t = make(3, 1 << 16);
	assert_int_equal(put(t, "a", "", 1), 0);
	assert_int_equal(put(t, "b", "", 2), 0);
	assert_int_equal(put(t, "c", "", 3), 0);
	assert_int_equal(put(t, "d", "", 4), -ENOSPC);
	assert_int_equal(put(t, "b", "", 5), 0);
	assert_int_equal(number(find(t, "b")), 5);
	assert_null(find(t, "d"));
	dim_table_destroy(t);

	static char big[5000];
	memset(big, 'x', sizeof(big) - 1);
	t = make(3, 4096);
	assert_int_equal(put(t, "a", "small", 1), 0);
	assert_int_equal(put(t, "a", big, 2), -ENOSPC);
	assert_int_equal(number(find(t, "a")), 1);
	dim_table_destroy(t);
}

/* Keys that come and go would fill every slot with the marks of deleted ones. */
static void keys_that_come_and_go_for_ever_find_room(void **state)
{
	struct dim_table *t = make(64, 1 << 16);
	char key[32];
	for (int i = 0; i < 100000; i++) {
		snprintf(key, sizeof(key), "key-%d", i);
		assert_int_equal(put(t, key, key, i), 0);
		if (i >= 50) {
			snprintf(key, sizeof(key), "key-%d", i - 50);
			assert_int_equal(number(find(t, key)), i - 50);
			assert_true(dim_table_del(t, slice_str(key)));
		}
	}
	assert_int_equal(dim_table_n_keys(t), 50);
	assert_in_range(dim_table_bytes(t), 1, 1 << 16);
	dim_table_destroy(t);
}

/* Every size of text, one after the other in the same place. */
static void rows_of_all_sizes_use_their_memory_again(void **state)
{
	static char text[4000];
	struct dim_table *t = make(4, 1 << 20);
	memset(text, 'y', sizeof(text) - 1);
	for (int round = 0; round < 50; round++)
		for (size_t len = 0; len < sizeof(text) - 1; len += 37) {
			struct dim_value v[2] = {{.type = VAL_STR, .text = slice_of(text, len)},
						 {.type = VAL_NULL}};
			assert_int_equal(dim_table_put(t, SLICE_LIT("k"), v), 0);
			assert_int_equal(find(t, "k")->vals[0].len, len);
			assert_int_equal(find(t, "k")->vals[1].type, VAL_NULL);
		}
	dim_table_destroy(t);
}

#define N_KEYS 1000

struct race {
	struct dim_table *t;
	int reader;
	atomic_bool stop;
	uint64_t n_seen, n_wrong;
};

/* A row is whole: its text is the number that stands beside it, whatever the writer does. */
static void *read_rows(void *arg)
{
	struct race *race = arg;
	char keys[64][16], want[16];
	struct slice slices[64];
	const struct dim_row *rows[64];
	while (!atomic_load(&race->stop)) {
		for (unsigned i = 0; i < 64; i++) {
			snprintf(keys[i], sizeof(keys[i]), "k%u",
				 (unsigned)(race->n_seen + i * 7) % N_KEYS);
			slices[i] = slice_str(keys[i]);
		}
		readers_enter(&readers, race->reader);
		dim_table_find(race->t, slices, 64, rows);
		for (unsigned i = 0; i < 64; i++) {
			race->n_seen++;
			if (!rows[i])
				continue;
			struct val text = rows[i]->vals[0];
			int n = snprintf(want, sizeof(want), "%lld", (long long)number(rows[i]));
			race->n_wrong +=
				(unsigned)n != text.len ||
				memcmp((const uint8_t *)rows[i] + text.off, want, text.len) != 0;
		}
		readers_leave(&readers, race->reader);
	}
	return NULL;
}

static void a_reader_never_sees_half_a_row(void **state)
{
	struct race race = {.t = make(N_KEYS, 1 << 20)};
	pthread_t thread;
	char key[16], text[16];
	race.reader = readers_join(&readers);
	assert_int_equal(pthread_create(&thread, NULL, read_rows, &race), 0);
	for (int64_t i = 0; i < 200000; i++) {
		snprintf(key, sizeof(key), "k%d", (int)(i * 31 % N_KEYS));
		snprintf(text, sizeof(text), "%lld", (long long)i);
		if (i % 5 == 4)
			dim_table_del(race.t, slice_str(key));
		else
			assert_int_equal(put(race.t, key, text, i), 0);
	}
	atomic_store(&race.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(race.n_wrong, 0);
	assert_int_not_equal(race.n_seen, 0);
	dim_table_destroy(race.t);
}

/* As when a store is read anew: what is there already needs no room. */
static void rows_of_a_full_table_that_come_again_stay(void **state)
{
	static char big[5000];
	struct dim_table *t = make(1000, 4096);
	char key[16];
	int n = 0;
	memset(big, 'x', sizeof(big) - 1);
	do {
		snprintf(key, sizeof(key), "k%d", n++);
	} while (put(t, key, "as it was", n) == 0);
	assert_int_equal(dim_table_n_keys(t), --n);
	assert_int_equal(dim_table_mark(t), 0);
	for (int i = 1; i < n; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(put(t, key, i == 1 ? big : "as it was", i + 1),
				 i == 1 ? -ENOSPC : 1);
	}
	assert_int_equal(dim_table_sweep(t), 1);
	assert_null(find(t, "k0"));
	assert_int_equal(number(find(t, "k1")), 2); /* the new one found no room */
	assert_int_equal(dim_table_n_keys(t), n - 1);
	dim_table_destroy(t);
}

/* Each of many tests of a configuration has a worker of its own. */
static void a_reader_that_is_gone_leaves_its_number_to_another(void **state)
{
	static struct readers r;
	for (int i = 0; i < READERS_MAX; i++)
		assert_int_equal(readers_join(&r), i);
	assert_int_equal(readers_join(&r), -ENOSPC);
	readers_quit(&r, 7);
	assert_int_equal(readers_join(&r), 7);
	assert_int_equal(readers_join(&r), -ENOSPC);
	readers_enter(&r, 7);
	uint64_t epoch = readers_next(&r);
	assert_false(readers_left(&r, epoch));
	readers_leave(&r, 7);
	assert_true(readers_left(&r, epoch));
}

#define N_JOINERS    4
#define N_FIRST      200 /* rounds: numbers are given for the first time in each */
#define JOINS_A_TIME 2000

struct joiners {
	struct readers readers;
	pthread_barrier_t all;
	atomic_uint held[READERS_MAX];
	atomic_uint n_wrong;
};

/* Nobody else has its number, and a writer sees that it is inside. */
static void *join_and_quit(void *arg)
{
	struct joiners *j = arg;
	pthread_barrier_wait(&j->all);
	for (unsigned i = 0; i < JOINS_A_TIME; i++) {
		int reader = readers_join(&j->readers);
		if (reader < 0) {
			j->n_wrong++;
			continue;
		}
		j->n_wrong += atomic_fetch_add(&j->held[reader], 1) != 0;
		readers_enter(&j->readers, reader);
		j->n_wrong += readers_left(&j->readers, readers_next(&j->readers));
		readers_leave(&j->readers, reader);
		atomic_fetch_sub(&j->held[reader], 1);
		readers_quit(&j->readers, reader);
	}
	return NULL;
}

/* As the threads of a reload and of a shadow do. */
static void readers_that_join_beside_each_other_have_numbers_of_their_own(void **state)
{
	static struct joiners j;
	pthread_t threads[N_JOINERS];
	pthread_barrier_init(&j.all, NULL, N_JOINERS);
	for (unsigned round = 0; round < N_FIRST; round++) {
		j.readers = (struct readers){0};
		for (unsigned i = 0; i < N_JOINERS; i++)
			assert_int_equal(pthread_create(&threads[i], NULL, join_and_quit, &j), 0);
		for (unsigned i = 0; i < N_JOINERS; i++)
			pthread_join(threads[i], NULL);
		uint64_t epoch = readers_next(&j.readers);
		assert_true(readers_left(&j.readers, epoch));
	}
	pthread_barrier_destroy(&j.all);
	assert_int_equal(j.n_wrong, 0);
}

struct inside {
	int reader;
	atomic_bool is_in;
};

static void *stay_a_while(void *arg)
{
	struct inside *in = arg;
	readers_enter(&readers, in->reader);
	atomic_store(&in->is_in, true);
	usleep(20000);
	readers_leave(&readers, in->reader);
	return NULL;
}

static void memory_that_a_reader_may_see_is_waited_for_before_a_row_is_lost(void **state)
{
	struct dim_table *t = make(1, 1 << 16);
	uint64_t none = dim_table_bytes(t);
	assert_int_equal(put(t, "a", "one", 1), 0);
	uint64_t one = dim_table_bytes(t) - none;
	dim_table_destroy(t);

	struct inside in = {.reader = readers_join(&readers)};
	pthread_t thread;
	t = make(1, none + 2 * one);
	assert_int_equal(put(t, "a", "one", 1), 0);
	assert_int_equal(pthread_create(&thread, NULL, stay_a_while, &in), 0);
	while (!atomic_load(&in.is_in))
		usleep(100);
	assert_int_equal(put(t, "a", "two", 2), 0);
	assert_int_equal(put(t, "a", "six", 3), 0);
	pthread_join(thread, NULL);
	assert_int_equal(number(find(t, "a")), 3);
	dim_table_destroy(t);
}

#define LINE      64
#define N_ALIKE   512
#define TEXTS_MAX 200

/* A row of @bytes of text, beside 24 of its own and 8 of a number. */
static void put_long(struct dim_table *t, const char *key, size_t bytes)
{
	static const char text[TEXTS_MAX];
	struct dim_value v[2] = {{.type = VAL_BYTES, .text = slice_of(text, bytes)},
				 {.type = VAL_I64, .i = 1}};
	assert_int_equal(dim_table_put(t, slice_str(key), v), 0);
}

static unsigned n_lines(uintptr_t begin, uint32_t bytes)
{
	return (unsigned)((begin + bytes - 1) / LINE - begin / LINE + 1);
}

/* How many lines all rows reach into beyond those that they need. */
static unsigned n_lines_more(size_t len)
{
	struct dim_table *t = make(N_ALIKE, 1 << 20);
	uint64_t none = dim_table_bytes(t), bytes = 0;
	unsigned n = 0;
	char key[8];
	for (int i = 0; i < N_ALIKE; i++) {
		snprintf(key, sizeof(key), "k%04d", i);
		put_long(t, key, len);
		const struct dim_row *r = find(t, key);
		n += n_lines((uintptr_t)r, r->bytes) - n_lines(0, r->bytes);
		bytes += (r->bytes + 7) / 8 * 8;
	}
	assert_true((dim_table_bytes(t) - none) * 3 <= bytes * 4);
	dim_table_destroy(t);
	return n;
}

static void rows_of_one_size_reach_into_as_few_lines_as_a_third_more_memory_allows(void **state)
{
	for (size_t len = 0; len < TEXTS_MAX; len++) {
		size_t units = (24 + 8 + 5 + len + 7) / 8;
		if (units <= 16)
			assert_in_range(n_lines_more(len), 0, units == 5 ? N_ALIKE * 2 / 5 : 0);
		else
			n_lines_more(len);
	}
}

static void what_is_left_of_a_line_is_for_smaller_rows(void **state)
{
	struct dim_table *t = make(4, 1 << 16);
	assert_int_equal(put(t, "a", "", 1), 0); /* 33 bytes: 24 of a line are left */
	put_long(t, "b", 64);                    /* 97: 13 units */
	assert_int_equal((uintptr_t)find(t, "b") % LINE, 0);
	uint64_t bytes = dim_table_bytes(t);
	struct dim_value nulls[2] = {{.type = VAL_NULL}, {.type = VAL_NULL}};
	assert_int_equal(dim_table_put(t, SLICE_LIT(""), nulls), 0); /* 24 */
	assert_int_equal(dim_table_bytes(t), bytes);
	assert_ptr_equal(find(t, ""), (const uint8_t *)find(t, "b") - 24);
	dim_table_destroy(t);
}

#define N_MODEL   400
#define MODEL_MAX 340 /* of 512 slots */

struct model {
	struct dim_table *t;
	int64_t numbers[N_MODEL]; /* 0: not there */
	unsigned n_keys;
	uint32_t random;
};

static unsigned below(struct model *m, unsigned n)
{
	m->random = m->random * 1664525 + 1013904223;
	return (unsigned)((uint64_t)m->random * n >> 32);
}

/* Short and long ones. */
static struct slice model_key(unsigned k, char text[static 40])
{
	static const char more[] = "_____________________________";
	int len = snprintf(text, 40, "%u%.*s", k, (int)(k % sizeof(more)), more);
	return slice_of(text, (size_t)len);
}

static void change_model(struct model *m, unsigned k, int64_t number)
{
	static const char texts[TEXTS_MAX];
	char key[40];
	struct dim_value v[2] = {{.type = VAL_BYTES, .text = slice_of(texts, below(m, TEXTS_MAX))},
				 {.type = VAL_I64, .i = number}};
	struct slice name = model_key(k, key);
	if (below(m, 8) == 0) {
		bool there = dim_table_del(m->t, name);
		assert_int_equal(there, m->numbers[k] != 0);
		m->n_keys -= there;
		m->numbers[k] = 0;
		return;
	}
	bool full = m->n_keys == MODEL_MAX && !m->numbers[k];
	int rc = dim_table_put(m->t, name, v);
	assert_int_equal(rc, full ? -ENOSPC : 0);
	if (full)
		return;
	m->n_keys += !m->numbers[k];
	m->numbers[k] = number;
}

static void compare_model(const struct model *m)
{
	static char texts[N_MODEL + 1][40];
	static struct slice keys[N_MODEL + 1];
	static const struct dim_row *rows[N_MODEL + 1];
	unsigned n = 0;
	for (unsigned k = 0; k < N_MODEL; k++)
		keys[k] = model_key(k, texts[k]);
	keys[N_MODEL] = (struct slice){0};
	assert_int_equal(dim_table_find(m->t, keys, N_MODEL + 1, rows), m->n_keys);
	for (unsigned k = 0; k < N_MODEL; k++) {
		n += rows[k] != NULL;
		assert_int_equal(rows[k] ? number(rows[k]) : 0, m->numbers[k]);
		assert_true(!rows[k] || slice_eq(dim_row_key(rows[k], 2), keys[k]));
	}
	assert_null(rows[N_MODEL]);
	assert_int_equal(n, m->n_keys);
}

static void a_table_that_is_nearly_full_finds_what_a_list_of_its_keys_says(void **state)
{
	struct model m = {.t = make(MODEL_MAX, 1 << 20), .random = 1};
	for (int64_t i = 1; i <= 20000; i++) {
		change_model(&m, below(&m, N_MODEL), i);
		if (i % 50 == 0)
			compare_model(&m);
	}
	dim_table_destroy(m.t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_key_has_the_row_that_was_put_last),
		cmocka_unit_test(a_full_table_says_so_and_keeps_what_it_has),
		cmocka_unit_test(keys_that_come_and_go_for_ever_find_room),
		cmocka_unit_test(rows_of_all_sizes_use_their_memory_again),
		cmocka_unit_test(a_reader_never_sees_half_a_row),
		cmocka_unit_test(rows_of_a_full_table_that_come_again_stay),
		cmocka_unit_test(a_reader_that_is_gone_leaves_its_number_to_another),
		cmocka_unit_test(readers_that_join_beside_each_other_have_numbers_of_their_own),
		cmocka_unit_test(memory_that_a_reader_may_see_is_waited_for_before_a_row_is_lost),
		cmocka_unit_test(
			rows_of_one_size_reach_into_as_few_lines_as_a_third_more_memory_allows),
		cmocka_unit_test(what_is_left_of_a_line_is_for_smaller_rows),
		cmocka_unit_test(a_table_that_is_nearly_full_finds_what_a_list_of_its_keys_says),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
