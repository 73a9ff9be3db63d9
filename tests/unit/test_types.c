#include "pairs.h"

#include "dataplane/base/civil.h"
#include "dataplane/extract/types.h"

static struct pairs *pairs;
static int64_t packet_ns;

static int setup(void **state)
{
	pairs = pairs_create(1 << 20);
	return civil_read_rfc3339(SLICE_LIT("2026-01-02T00:00:00Z"), &packet_ns) ? 0 : -1;
}

static int teardown(void **state)
{
	pairs_destroy(pairs);
	return 0;
}

/* What @text becomes; text that stays text is shown in single quotes. */
static void expect(const char *type, const char *text, const char *value)
{
	struct type t;
	struct err e;
	uint64_t failed = 0;
	char shown[128];
	pairs_reset(pairs, NULL);
	if (type_parse(type, &t, &e) < 0)
		fail_msg("%s: %s", type, e.text);
	struct val v = type_value(&t, &pairs->rb, pairs_copy(pairs, text, strlen(text)), packet_ns,
				  &failed);
	pairs_put(pairs, v, shown, sizeof(shown));
	if (v.type == VAL_TIME) {
		int64_t ns;
		memcpy(&ns, pairs->b.arena.base + v.off, 8);
		shown[civil_put_rfc3339(shown, ns)] = 0;
	}
	assert_string_equal(shown, value);
	assert_int_equal(failed, t.kind != TYPE_STRING && v.type == VAL_STR);
}

static void expect_no_type(const char *type, const char *why)
{
	struct type t;
	struct err e;
	assert_int_equal(type_parse(type, &t, &e), -EINVAL);
	assert_string_equal(e.text, why);
}

static void whole_numbers_are_read_to_64_bits(void **state)
{
	expect("int", "0", "i64 0");
	expect("int", "-17", "i64 -17");
	expect("int", "+017", "i64 17");
	expect("int", "-9223372036854775808", "i64 -9223372036854775808");
	expect("int", "-9223372036854775809", "'-9223372036854775809'");
	expect("int", "18446744073709551616", "'18446744073709551616'");
	expect("int", "1.5", "'1.5'");
	expect("int", "-", "'-'");
	expect("int", "", "''");
}

static void decimal_numbers_keep_their_digits(void **state)
{
	expect("float", "0.10", "0.10");
	expect("float", "+1.5", "1.5");
	expect("float", "-007.5e+03", "-7.5e+03");
	expect("float", ".5", "0.5");
	expect("float", "5.", "5");
	expect("float", "00", "0");
	expect("float", ".", "'.'");
	expect("float", "1e", "'1e'");
	expect("float", "nan", "'nan'");
	expect("float", "1 ", "'1 '");
}

static void words_of_truth_are_read_in_any_case(void **state)
{
	expect("bool", "TRUE", "true");
	expect("bool", "no", "false");
	expect("bool", "On", "true");
	expect("bool", "0", "false");
	expect("bool", "2", "'2'");
	expect("bool", "trueish", "'trueish'");
	expect("string", "x", "'x'");
}

static void times_are_read_by_their_layout(void **state)
{
	expect("time:rfc3339", "2026-11-25T04:43:16.5+01:00", "2026-11-25T03:43:16.5Z");
	expect("time:rfc3339", "2026-11-25T04:43:16Z ", "'2026-11-25T04:43:16Z '");
	expect("time:apache", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z");
	expect("time:%Y-%m-%d %H:%M:%S,%3", "2015-10-18 18:01:47,978", "2015-10-18T18:01:47.978Z");
	expect("time:%Y-%m-%d %H:%M:%S,%3", "2015-10-18 18:01:47,97", "'2015-10-18 18:01:47,97'");
	expect("time:%a %b %e %H:%M:%S %Y", "Sun Dec  4 04:47:44 2005", "2005-12-04T04:47:44Z");
	expect("time:%A, %d-%B-%y %I:%M %p %Z", "Sunday, 04-december-05 12:47 AM GMT",
	       "2005-12-04T00:47:00Z");
	expect("time:%Y.%j %H", "2024.366 7", "2024-12-31T07:00:00Z");
	expect("time:%s.%f", "1117838570.25", "2005-06-03T22:42:50.25Z");
	expect("time:%Y%m%d%n%H%%", "20050603   22%", "2005-06-03T22:00:00Z");
	expect("time:%Y-%m-%d", "2005-02-30", "'2005-02-30'");
}

static void epochs_are_read_with_and_without_a_fraction(void **state)
{
	expect("time:epoch", "1117838570", "2005-06-03T22:42:50Z");
	expect("time:epoch", "1117838570.5", "2005-06-03T22:42:50.5Z");
	expect("time:epoch_ms", "1117838570123", "2005-06-03T22:42:50.123Z");
	expect("time:epoch_us", "1117838570123456", "2005-06-03T22:42:50.123456Z");
	expect("time:epoch_ns", "1117838570123456789", "2005-06-03T22:42:50.123456789Z");
	expect("time:epoch", "-1", "1969-12-31T23:59:59Z");
	expect("time:epoch", "99999999999999", "'99999999999999'");
	expect("time:epoch", "1.", "'1.'");
}

static void a_time_without_a_year_takes_the_year_that_is_nearest_to_the_packet(void **state)
{
	expect("time:%b %e %H:%M:%S", "Dec 31 23:59:59", "2025-12-31T23:59:59Z");
	expect("time:%b %e %H:%M:%S", "Jan  2 00:00:01", "2026-01-02T00:00:01Z");
	expect("time:%b %e %H:%M:%S", "Jun 30 00:00:00", "2026-06-30T00:00:00Z");
	/* The nearest year that has the day. */
	expect("time:%b %e", "Feb 30", "'Feb 30'");
}

static void what_is_no_type_is_refused_with_what_was_expected(void **state)
{
	expect_no_type("integer", "\"integer\" is no type; expected int, float, bool, string or "
				  "time:LAYOUT");
	expect_no_type("time:%Q", "%Q is not known in the layout of a time");
	expect_no_type("time:iso",
		       "\"iso\" is no layout of a time; expected rfc3339, apache, "
		       "epoch, epoch_ms, epoch_us, epoch_ns or text with %Y, %m, %d...");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_numbers_are_read_to_64_bits),
		cmocka_unit_test(decimal_numbers_keep_their_digits),
		cmocka_unit_test(words_of_truth_are_read_in_any_case),
		cmocka_unit_test(times_are_read_by_their_layout),
		cmocka_unit_test(epochs_are_read_with_and_without_a_fraction),
		cmocka_unit_test(
			a_time_without_a_year_takes_the_year_that_is_nearest_to_the_packet),
		cmocka_unit_test(what_is_no_type_is_refused_with_what_was_expected),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
