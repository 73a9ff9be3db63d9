#include "tests/unit/unit.h"

#include "parsers/http1_feeds.h"

#define LEN_MAX 200

/* Each length in a block of its own: whoever reads more is found out. */
static void all_ways_find_the_same_line_feeds_and_read_no_other_byte(void **state)
{
	uint32_t x = 2463534242u;
	(void)state;
	for (size_t n = 1; n <= LEN_MAX; n++)
		for (unsigned again = 0; again < 20; again++) {
			uint8_t *p = malloc(n);
			uint64_t want[4] = {0}, sse[4] = {0}, avx2[4] = {0}, avx512[4] = {0};
			assert_non_null(p);
			for (size_t i = 0; i < n; i++) {
				x = x * 1664525 + 1013904223;
				p[i] = (uint8_t) "\n\r a\x8a\0\v:"[x >> 29];
				want[i / 64] |= (uint64_t)(p[i] == '\n') << i % 64;
			}
			http1_feeds_sse(p, n, sse);
			assert_memory_equal(sse, want, sizeof(want));
			if (__builtin_cpu_supports("avx2")) {
				http1_feeds_avx2(p, n, avx2);
				assert_memory_equal(avx2, want, sizeof(want));
			}
			if (__builtin_cpu_supports("avx512bw")) {
				http1_feeds_avx512(p, n, avx512);
				assert_memory_equal(avx512, want, sizeof(want));
			}
			free(p);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_ways_find_the_same_line_feeds_and_read_no_other_byte),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
