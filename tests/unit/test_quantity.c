#include "tests/unit/unit.h"

#include "ctl/quantity.h"

static void assert_read(enum quantity_kind kind, const char *text, uint64_t n)
{
	uint64_t got = 0;
	char meant[QUANTITY_TEXT_MAX];
	assert_null(quantity_read(kind, slice_str(text), &got, meant));
	assert_true(got == n);
	assert_string_equal(meant, "");
}

static void assert_refused(enum quantity_kind kind, const char *text, const char *says,
			   const char *meant)
{
	uint64_t n;
	char got[QUANTITY_TEXT_MAX];
	const char *said = quantity_read(kind, slice_str(text), &n, got);
	assert_non_null(said);
	assert_string_equal(said, says);
	assert_string_equal(got, meant);
}

static void sizes_are_bytes_or_binary_units(void **state)
{
	assert_read(QUANTITY_BYTES, "0", 0);
	assert_read(QUANTITY_BYTES, "4096", 4096);
	assert_read(QUANTITY_BYTES, "1B", 1);
	assert_read(QUANTITY_BYTES, "64KiB", 65536);
	assert_read(QUANTITY_BYTES, "10MiB", 10 << 20);
	assert_read(QUANTITY_BYTES, "3GiB", 3ull << 30);
	assert_read(QUANTITY_BYTES, "16777215TiB", 16777215ull << 40);
}

static void durations_need_a_unit_unless_they_are_zero(void **state)
{
	assert_read(QUANTITY_DURATION, "0", 0);
	assert_read(QUANTITY_DURATION, "7ns", 7);
	assert_read(QUANTITY_DURATION, "7us", 7000);
	assert_read(QUANTITY_DURATION, "5ms", 5000000);
	assert_read(QUANTITY_DURATION, "30s", 30000000000);
	assert_read(QUANTITY_DURATION, "2m", 120000000000);
	assert_read(QUANTITY_DURATION, "1h", 3600000000000);
	assert_read(QUANTITY_DURATION, "1d", 86400000000000);
	assert_refused(QUANTITY_DURATION, "5", " has no unit", "");
}

static void units_of_other_programs_are_understood_but_refused(void **state)
{
	assert_refused(QUANTITY_BYTES, "10MB", " has no known unit", "10MiB");
	assert_refused(QUANTITY_BYTES, "10k", " has no known unit", "10KiB");
	assert_refused(QUANTITY_BYTES, "10 gib", " has no known unit", "10GiB");
	assert_refused(QUANTITY_DURATION, "5 minutes", " has no known unit", "5m");
	assert_refused(QUANTITY_DURATION, "5S", " has no known unit", "5s");
	assert_refused(QUANTITY_DURATION, "5\xc2\xb5s", " has no known unit", "5us");
	assert_refused(QUANTITY_DURATION, "1h30m", " has no known unit", "");
}

static void what_is_no_quantity_is_refused(void **state)
{
	assert_refused(QUANTITY_BYTES, "", " is no size", "");
	assert_refused(QUANTITY_BYTES, "-1", " is no size", "");
	assert_refused(QUANTITY_BYTES, "1.5GiB", " is no whole number of a unit", "");
	assert_refused(QUANTITY_DURATION, "soon", " is no duration", "");
	assert_refused(QUANTITY_BYTES, "99999999999999999999", " is out of range", "");
	assert_refused(QUANTITY_BYTES, "16777216TiB", " is out of range", "");
	assert_refused(QUANTITY_DURATION, "999999999d", " is out of range", "");
}

static void the_largest_exact_unit_is_written_and_reads_back(void **state)
{
	static const struct {
		enum quantity_kind kind;
		uint64_t n;
		const char *text;
	} rows[] = {
		{QUANTITY_BYTES, 0, "0"},
		{QUANTITY_BYTES, 1000, "1000"},
		{QUANTITY_BYTES, 1024, "1KiB"},
		{QUANTITY_BYTES, 1 << 20, "1MiB"},
		{QUANTITY_BYTES, (1 << 20) + 1024, "1025KiB"},
		{QUANTITY_DURATION, 0, "0s"},
		{QUANTITY_DURATION, 1, "1ns"},
		{QUANTITY_DURATION, 90000000000, "90s"},
		{QUANTITY_DURATION, 5400000000000, "90m"},
		{QUANTITY_DURATION, 172800000000000, "2d"},
		{QUANTITY_DURATION, UINT64_MAX, "18446744073709551615ns"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[QUANTITY_TEXT_MAX];
		assert_string_equal(quantity_write(rows[i].kind, rows[i].n, text), rows[i].text);
		assert_read(rows[i].kind, text, rows[i].n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_are_bytes_or_binary_units),
		cmocka_unit_test(durations_need_a_unit_unless_they_are_zero),
		cmocka_unit_test(units_of_other_programs_are_understood_but_refused),
		cmocka_unit_test(what_is_no_quantity_is_refused),
		cmocka_unit_test(the_largest_exact_unit_is_written_and_reads_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
