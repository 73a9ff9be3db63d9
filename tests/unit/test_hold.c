/* Early bytes by position: bits, pages, the tree over them. */
#include "tests/support/flow_rig.h"

#include "dataplane/flow/hold.h"

static const struct hold_source src = {.time_ns = 5, .number = 7};

static struct hold_sum put(struct hold *h, struct seg_pool *pool, uint64_t pos, const char *text)
{
	return hold_put(h, pool, pos, slice_str(text), &src);
}

/* Takes all out, as text: pos"bytes" or pos[cut]. */
static void expect(struct hold *h, struct seg_pool *pool, const char *want)
{
	char got[4096] = "";
	size_t len = 0;
	struct hold_run r;
	while ((r = hold_first(h, pool)).kind != HOLD_NONE) {
		if (r.kind == HOLD_BYTES)
			len += (size_t)snprintf(got + len, sizeof(got) - len, "%llu\"%.*s\" ",
						(unsigned long long)r.pos, (int)r.len, r.ptr);
		else
			len += (size_t)snprintf(got + len, sizeof(got) - len, "%llu[%u] ",
						(unsigned long long)r.pos, r.len);
		hold_eat(h, pool, &r, r.len);
	}
	assert_string_equal(got, want);
	assert_int_equal(h->n_pages, 0);
	assert_int_equal(h->n_runs, 0);
	assert_int_equal(h->root, 0);
}

static void runs_come_out_in_order_of_position(void **state)
{
	struct seg_pool pool;
	struct hold h = {0};
	assert_int_equal(seg_pool_init(&pool, 20), 0);
	put(&h, &pool, 9000, "c");
	put(&h, &pool, 10, "a");
	put(&h, &pool, 5000, "b");
	put(&h, &pool, 1ull << 40, "d");
	put(&h, &pool, 12, "x");
	assert_int_equal(h.n_runs, 5);
	expect(&h, &pool, "10\"a\" 12\"x\" 5000\"b\" 9000\"c\" 1099511627776\"d\" ");
	assert_int_equal(pool.n_spent, 4);
	seg_pool_release(&pool);
	assert_int_equal(pool.n_free, 20);
	seg_pool_fini(&pool);
}

static void bytes_that_touch_become_one_run_within_a_page(void **state)
{
	struct seg_pool pool;
	struct hold h = {0};
	assert_int_equal(seg_pool_init(&pool, 20), 0);
	put(&h, &pool, 62, "ab");
	put(&h, &pool, 66, "ef");
	assert_int_equal(h.n_runs, 2);
	put(&h, &pool, 64, "cd"); /* across a word of bits */
	assert_int_equal(h.n_runs, 1);
	put(&h, &pool, 2046, "1234"); /* across a page */
	assert_int_equal(h.n_pages, 2);
	expect(&h, &pool, "62\"abcdef\" 2046\"12\" 2048\"34\" ");
	seg_pool_fini(&pool);
}

static void the_first_bytes_win_and_the_others_are_compared(void **state)
{
	struct seg_pool pool;
	struct hold h = {0};
	assert_int_equal(seg_pool_init(&pool, 20), 0);
	put(&h, &pool, 2, "CD");
	put(&h, &pool, 6, "GH");
	struct hold_sum sum = put(&h, &pool, 0, "abCdefGHi");
	assert_int_equal(sum.stored, 5);
	assert_int_equal(sum.same, 3);
	assert_int_equal(sum.differs, 1);
	expect(&h, &pool, "0\"abCDefGHi\" ");
	seg_pool_fini(&pool);
}

static void cut_bytes_stand_where_no_bytes_are(void **state)
{
	struct seg_pool pool;
	struct hold h = {0};
	assert_int_equal(seg_pool_init(&pool, 20), 0);
	put(&h, &pool, 3, "D");
	hold_put_cut(&h, &pool, 0, 10, &src);
	assert_int_equal(h.n_runs, 3);
	put(&h, &pool, 8, "IJKL");
	expect(&h, &pool, "0[3] 3\"D\" 4[4] 8\"IJKL\" ");
	hold_put_cut(&h, &pool, 2000, 2100, &src);
	expect(&h, &pool, "2000[48] 2048[2048] 4096[4] ");
	seg_pool_fini(&pool);
}

static void a_run_can_be_eaten_in_part(void **state)
{
	struct seg_pool pool;
	struct hold h = {0};
	assert_int_equal(seg_pool_init(&pool, 20), 0);
	put(&h, &pool, 100, "abcdef");
	struct hold_run r = hold_first(&h, &pool);
	hold_eat(&h, &pool, &r, 4);
	assert_int_equal(h.n_runs, 1);
	expect(&h, &pool, "104\"ef\" ");
	seg_pool_fini(&pool);
}

static void bytes_stay_readable_until_the_release(void **state)
{
	struct seg_pool pool;
	struct hold h = {0};
	assert_int_equal(seg_pool_init(&pool, 2), 0);
	put(&h, &pool, 0, "first");
	struct hold_run r = hold_first(&h, &pool);
	hold_eat(&h, &pool, &r, r.len);
	assert_int_equal(hold_first(&h, &pool).kind, HOLD_NONE);
	put(&h, &pool, 0, "other");
	assert_memory_equal(r.ptr, "first", 5);
	assert_int_equal(pool.n_free, 0);
	seg_pool_fini(&pool);
}

static void any_ranges_give_what_a_plain_array_gives(void **state)
{
	enum { LEN = 3 * SEG_PAGE };
	static uint8_t want[LEN], src_bytes[LEN];
	uint64_t x = 42;
	for (unsigned round = 0; round < 500; round++) {
		static uint8_t kind[LEN]; /* 0 none, 1 bytes, 2 cut */
		struct seg_pool pool;
		struct hold h = {0};
		assert_int_equal(seg_pool_init(&pool, 4), 0);
		memset(kind, 0, LEN);
		for (unsigned k = 0; k < 60; k++) {
			x = x * 6364136223846793005u + 1442695040888963407u;
			uint32_t from = (uint32_t)((x >> 20) % LEN);
			uint32_t n = (uint32_t)((x >> 40) % (round % 2 ? 9 : 700));
			bool cut = (x >> 60) == 0;
			n = n < LEN - from ? n : LEN - from;
			memset(src_bytes, (int)(k + 1), n);
			if (cut)
				hold_put_cut(&h, &pool, from, n, &src);
			else
				hold_put(&h, &pool, from, slice_of(src_bytes, n), &src);
			for (uint32_t i = from; i < from + n; i++) {
				if (kind[i] != 1 && !cut)
					want[i] = (uint8_t)(k + 1);
				kind[i] = kind[i] == 1 || !cut ? 1 : 2;
			}
		}
		uint32_t pos = 0, n_runs = h.n_runs, seen = 0;
		struct hold_run r;
		while ((r = hold_first(&h, &pool)).kind != HOLD_NONE) {
			for (; pos < r.pos; pos++)
				assert_int_equal(kind[pos], 0);
			for (uint32_t i = 0; i < r.len; i++, pos++) {
				assert_int_equal(kind[pos], r.kind == HOLD_BYTES ? 1 : 2);
				if (r.kind == HOLD_BYTES)
					assert_int_equal(r.ptr[i], want[pos]);
			}
			hold_eat(&h, &pool, &r, r.len);
			seen++;
		}
		for (; pos < LEN; pos++)
			assert_int_equal(kind[pos], 0);
		assert_int_equal(seen, n_runs);
		seg_pool_fini(&pool);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_come_out_in_order_of_position),
		cmocka_unit_test(bytes_that_touch_become_one_run_within_a_page),
		cmocka_unit_test(the_first_bytes_win_and_the_others_are_compared),
		cmocka_unit_test(cut_bytes_stand_where_no_bytes_are),
		cmocka_unit_test(a_run_can_be_eaten_in_part),
		cmocka_unit_test(bytes_stay_readable_until_the_release),
		cmocka_unit_test(any_ranges_give_what_a_plain_array_gives),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
