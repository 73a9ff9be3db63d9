#include "tests/unit/unit.h"

#include "ctl/memlist.h"

static void memory_is_zeroed_aligned_and_apart(void **state)
{
	struct memlist m = {0};
	uint8_t *last = NULL;
	for (size_t bytes = 0; bytes < 5000; bytes += 37) {
		uint8_t *p = memlist_alloc(&m, bytes);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 16, 0);
		assert_ptr_not_equal(p, last);
		for (size_t i = 0; i < bytes; i++)
			assert_int_equal(p[i], 0);
		memset(p, 0xff, bytes);
		last = bytes ? p : last;
	}
	memlist_fini(&m);
}

static void an_object_may_be_larger_than_a_block(void **state)
{
	struct memlist m = {0};
	memlist_alloc(&m, 10);
	uint8_t *p = memlist_alloc(&m, 1 << 20);
	assert_non_null(p);
	p[(1 << 20) - 1] = 1;
	assert_non_null(memlist_alloc(&m, 10));
	memlist_fini(&m);
	memlist_fini(&m);
}

static void a_size_that_cannot_be_is_refused(void **state)
{
	struct memlist m = {0};
	assert_null(memlist_array(&m, SIZE_MAX / 2, 16));
	assert_null(memlist_alloc(&m, SIZE_MAX));
	memlist_fini(&m);
}

static void a_text_gets_a_nul_behind_it(void **state)
{
	struct memlist m = {0};
	assert_string_equal(memlist_text(&m, "abcdef", 3), "abc");
	assert_string_equal(memlist_text(&m, NULL, 0), "");
	memlist_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_is_zeroed_aligned_and_apart),
		cmocka_unit_test(an_object_may_be_larger_than_a_block),
		cmocka_unit_test(a_size_that_cannot_be_is_refused),
		cmocka_unit_test(a_text_gets_a_nul_behind_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
