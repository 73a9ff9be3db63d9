/* Pages: got, spent, released. */
#include "tests/support/flow_rig.h"

#include "dataplane/flow/seg_pool.h"

static void a_pool_gives_each_page_once(void **state)
{
	struct seg_pool pool;
	assert_int_equal(seg_pool_init(&pool, 3), 0);
	uint32_t a = seg_pool_get(&pool), b = seg_pool_get(&pool), c = seg_pool_get(&pool);
	assert_true(a && b && c && a != b && b != c && a != c);
	assert_int_equal(seg_pool_get(&pool), 0);
	assert_int_equal(pool.n_free, 0);
	seg_pool_fini(&pool);
}

static void a_spent_page_comes_back_with_the_release(void **state)
{
	struct seg_pool pool;
	assert_int_equal(seg_pool_init(&pool, 2), 0);
	uint32_t a = seg_pool_get(&pool);
	pool.pages[a].have[0] = 1;
	uint32_t b = seg_pool_get(&pool);
	seg_pool_spend(&pool, a);
	seg_pool_spend(&pool, b);
	assert_int_equal(seg_pool_get(&pool), 0);
	seg_pool_release(&pool);
	assert_int_equal(pool.n_free, 2);
	assert_true(seg_pool_get(&pool) && seg_pool_get(&pool));
	assert_int_equal(pool.pages[a].have[0], 0);
	seg_pool_release(&pool); /* nothing was spent */
	assert_int_equal(seg_pool_get(&pool), 0);
	seg_pool_fini(&pool);
}

static void the_bytes_of_the_last_page_are_padded(void **state)
{
	struct seg_pool pool;
	assert_int_equal(seg_pool_init(&pool, 1), 0);
	uint8_t *p = seg_bytes(&pool, seg_pool_get(&pool));
	p[SEG_PAGE - 1] = 1;
	assert_int_equal(p[SEG_PAGE + SL_PAD - 1], 0);
	seg_pool_fini(&pool);
	seg_pool_fini(&pool); /* twice is fine */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pool_gives_each_page_once),
		cmocka_unit_test(a_spent_page_comes_back_with_the_release),
		cmocka_unit_test(the_bytes_of_the_last_page_are_padded),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
