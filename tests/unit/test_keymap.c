#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/graph/keymap.h"
#include "dataplane/graph/numeric.h"

struct entry {
	struct key key;
	bool in;
};

#define N_ENTRIES 1000

static uint64_t next(uint64_t *io_seed)
{
	*io_seed = *io_seed * 6364136223846793005u + 1442695040888963407u;
	return *io_seed >> 33;
}

/* Keys of few low bits, so that most of them stand in each other's way. */
static void keys_that_come_and_go_are_found_and_no_others(void **state)
{
	struct entry *entries = mem_alloc(N_ENTRIES * sizeof(*entries));
	struct keymap m;
	uint64_t seed = 1;
	assert_int_equal(keymap_init(&m, entries, sizeof(*entries), N_ENTRIES), 0);
	for (unsigned i = 0; i < N_ENTRIES; i++)
		entries[i].key = (struct key){.lo = i % 37, .hi = i};
	for (unsigned n = 0; n < 100000; n++) {
		unsigned i = (unsigned)(next(&seed) % N_ENTRIES);
		if (entries[i].in)
			keymap_del(&m, i);
		else
			keymap_put(&m, i);
		entries[i].in = !entries[i].in;
		unsigned k = (unsigned)(next(&seed) % N_ENTRIES);
		assert_int_equal(keymap_find(&m, entries[k].key), entries[k].in ? k : KEYMAP_NONE);
	}
	assert_int_equal(keymap_find(&m, (struct key){.lo = 1, .hi = 5000}), KEYMAP_NONE);
	keymap_fini(&m);
	mem_free(entries);
}

/* As one finds them who knows the hash and not the secret: their low bits are all the same. */
static void keys_that_were_chosen_to_collide_stand_apart(void **state)
{
	const unsigned n = 100000;
	struct entry *entries = mem_alloc(n * sizeof(*entries));
	struct keymap m;
	unsigned run = 0, longest = 0;
	(void)state;
	assert_int_equal(keymap_init(&m, entries, sizeof(*entries), n), 0);
	for (unsigned i = 0; i < n; i++) {
		entries[i].key = (struct key){.lo = (uint64_t)i << 32 | 7, .hi = i % 3};
		keymap_put(&m, i);
	}
	for (uint32_t i = 0; i <= m.mask; i++) {
		run = m.slots[i] ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	assert_true(longest < 1000);
	keymap_fini(&m);
	mem_free(entries);
}

static struct key of(enum sql_type t, const void *value)
{
	struct vec v;
	assert_int_equal(vec_init(&v, t), 0);
	if (t == SQL_NUMERIC)
		v.n[0] = *(const struct numeric *)value;
	else if (t == SQL_INTERVAL)
		v.v[0] = *(const struct interval *)value;
	else if (t == SQL_TEXT)
		v.s[0] = slice_str(value);
	else
		memcpy(&v.i[0], value, 8);
	struct key k = key_of(&v, 0);
	vec_fini(&v);
	return k;
}

static void what_sql_calls_equal_has_one_key(void **state)
{
	struct numeric one = {1, 0}, one_00 = {100, 2}, ten = {10, 0};
	assert_true(key_eq(of(SQL_NUMERIC, &one), of(SQL_NUMERIC, &one_00)));
	assert_false(key_eq(of(SQL_NUMERIC, &one), of(SQL_NUMERIC, &ten)));
	double zero = 0.0, minus_zero = -0.0, half = 0.5;
	assert_true(key_eq(of(SQL_FLOAT8, &zero), of(SQL_FLOAT8, &minus_zero)));
	assert_false(key_eq(of(SQL_FLOAT8, &zero), of(SQL_FLOAT8, &half)));
	struct interval month = {.months = 1}, days = {.days = 30}, day = {.days = 1};
	assert_true(key_eq(of(SQL_INTERVAL, &month), of(SQL_INTERVAL, &days)));
	assert_false(key_eq(of(SQL_INTERVAL, &month), of(SQL_INTERVAL, &day)));
	assert_true(key_eq(of(SQL_TEXT, "a"), of(SQL_TEXT, "a")));
	assert_false(key_eq(of(SQL_TEXT, ""), (struct key){0}));
	assert_false(key_can(SQL_JSON));
	struct key a = of(SQL_TEXT, "a"), b = of(SQL_TEXT, "b");
	assert_false(key_eq(key_join(a, b), key_join(b, a)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_that_come_and_go_are_found_and_no_others),
		cmocka_unit_test(keys_that_were_chosen_to_collide_stand_apart),
		cmocka_unit_test(what_sql_calls_equal_has_one_key),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
