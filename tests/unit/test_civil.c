#include "tests/unit/unit.h"

#include <time.h>

#include "dataplane/base/civil.h"

static void dates_agree_with_the_c_library(void **st)
{
	(void)st;
	/* Every 9 days and some seconds, 1902 to 2250: leap years, centuries, ends of months. */
	for (int64_t s = -2145916800; s < 8835000000; s += 9 * 86400 + 12345) {
		time_t t = (time_t)s;
		struct tm tm;
		struct civil c;
		int64_t back;
		gmtime_r(&t, &tm);
		civil_from_ns(s * NS_PER_S + 5, &c);
		assert_int_equal(c.year, tm.tm_year + 1900);
		assert_int_equal(c.month, tm.tm_mon + 1);
		assert_int_equal(c.day, tm.tm_mday);
		assert_int_equal(c.hour, tm.tm_hour);
		assert_int_equal(c.sec, tm.tm_sec);
		assert_true(civil_to_ns(&c, &back));
		assert_true(back == s * NS_PER_S + 5);
	}
}

static void rfc3339_is_read_in_all_its_shapes(void **st)
{
	static const struct {
		const char *text, *utc;
		size_t len;
	} good[] = {
		{"2026-11-25T04:43:16.123456789Z", "2026-11-25T04:43:16.123456789Z", 30},
		{"2026-11-25T04:43:16Z rest", "2026-11-25T04:43:16Z", 20},
		{"2026-11-25t04:43:16z", "2026-11-25T04:43:16Z", 20},
		{"2026-11-25 04:43:16.5+08:00", "2026-11-24T20:43:16.5Z", 27},
		{"2026-02-28T23:59:59-01:30", "2026-03-01T01:29:59Z", 25},
		{"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z", 20},
		{"2016-12-31T23:59:60Z", "2016-12-31T23:59:59.999999999Z", 20},
		{"2026-11-25T04:43:16.1234567891234Z", "2026-11-25T04:43:16.123456789Z", 34},
	};
	static const char *const bad[] = {
		"2026-11-25T04:43:16",      "2026-13-25T04:43:16Z",      "2026-02-29T00:00:00Z",
		"2026-11-25T24:00:00Z",     "2026-11-25T04:43:16.Z",     "26-11-25T04:43:16Z...",
		"2026-11-25T04:43:16+0800", "2026-11-25T04:43:16+24:00", ""};
	char text[40];
	int64_t ns = 0;
	(void)st;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(civil_read_rfc3339(slice_str(good[i].text), &ns), good[i].len);
		text[civil_put_rfc3339(text, ns)] = '\0';
		assert_string_equal(text, good[i].utc);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(civil_read_rfc3339(slice_str(bad[i]), &ns), 0);
}

static void nine_digits_are_always_written(void **st)
{
	char text[40];
	(void)st;
	text[civil_put_rfc3339_9(text, 1764045796000000000)] = '\0';
	assert_string_equal(text, "2025-11-25T04:43:16.000000000Z");
	text[civil_put_rfc3339_9(text, -1)] = '\0';
	assert_string_equal(text, "1969-12-31T23:59:59.999999999Z");
}

static void a_remembered_minute_writes_what_the_calendar_writes(void **st)
{
	struct civil_minute minute = {0};
	char got[40], want[40];
	uint64_t seed = 1;
	(void)st;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		int64_t ns =
			(int64_t)seed / (i % 3 ? 1 : 1000); /* all of time, and days near 1970 */
		if (i % 5 == 0)
			ns -= ns % NS_PER_S;
		else if (i % 5 == 1)
			ns -= ns % 1000000;
		if (i % 2)
			ns = (int64_t)(seed % 86400) * NS_PER_S +
			     (int64_t)(seed % 1000); /* one day */
		if (i % 7 == 0)
			ns = (i % 2 ? -1 : 1) * (ns & 0xffffffff); /* minutes around 1970 */
		got[civil_minute_put(&minute, got, ns)] = '\0';
		want[civil_put_rfc3339(want, ns)] = '\0';
		assert_string_equal(got, want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dates_agree_with_the_c_library),
		cmocka_unit_test(rfc3339_is_read_in_all_its_shapes),
		cmocka_unit_test(a_remembered_minute_writes_what_the_calendar_writes),
		cmocka_unit_test(nine_digits_are_always_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
