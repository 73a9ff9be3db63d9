#include "unit.h"

#include <stdlib.h>
#include <zlib.h>

#include "parsers/mysql/crc.h"

#define LONGEST 5000

static void sums_are_those_of_zlib_at_every_length_and_alignment(void **state)
{
	/* Of their own size, so that a read behind the end is seen. */
	uint8_t *bytes = malloc(LONGEST);
	uint32_t x = 12345;
	assert_non_null(bytes);
	for (size_t i = 0; i < LONGEST; i++)
		bytes[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
	for (size_t len = 0; len <= LONGEST; len += len < 600 ? 1 : 97) {
		const uint8_t *p = bytes + LONGEST - len;
		assert_int_equal(mysql_crc32(0, p, len), crc32(0, p, (uInt)len));
		assert_int_equal(mysql_crc32(0xdeadbeef, p, len), crc32(0xdeadbeef, p, (uInt)len));
	}
	free(bytes);
}

static void a_sum_goes_on_where_another_ended(void **state)
{
	uint8_t bytes[700];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 7);
	uint32_t whole = mysql_crc32(0, bytes, sizeof(bytes));
	for (size_t cut = 0; cut <= sizeof(bytes); cut++) {
		uint32_t first = mysql_crc32(0, bytes, cut);
		assert_int_equal(mysql_crc32(first, bytes + cut, sizeof(bytes) - cut), whole);
	}
}

static void the_check_value_of_the_standard_comes_out(void **state)
{
	assert_int_equal(mysql_crc32(0, (const uint8_t *)"123456789", 9), 0xcbf43926);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sums_are_those_of_zlib_at_every_length_and_alignment),
		cmocka_unit_test(a_sum_goes_on_where_another_ended),
		cmocka_unit_test(the_check_value_of_the_standard_comes_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
