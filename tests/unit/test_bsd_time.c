#include "format_files.h"

#include "dataplane/extract/bsd_time.h"

/* A fixed sequence of numbers, so that a failure comes again (xorshift64). */
static uint64_t seed = 0x9e3779b97f4a7c15u;

static unsigned any(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed % below);
}

/* Two digits at @p, or a blank and one, from @lo to @hi. */
static bool is_number(const char *p, bool blank, int lo, int hi)
{
	bool digits = (p[0] >= '0' && p[0] <= '9') || (blank && p[0] == ' ');
	int v = (p[0] == ' ' ? 0 : p[0] - '0') * 10 + p[1] - '0';
	return digits && p[1] >= '0' && p[1] <= '9' && v >= lo && v <= hi;
}

static bool is_stamp(const char *p)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	bool month = false;
	for (unsigned i = 0; i < 12; i++)
		month = month || memcmp(months + (size_t)3 * i, p, 3) == 0;
	return month && p[3] == ' ' && is_number(p + 4, true, 1, 31) && p[6] == ' ' &&
	       is_number(p + 7, false, 0, 23) && p[9] == ':' && is_number(p + 10, false, 0, 59) &&
	       p[12] == ':' && is_number(p + 13, false, 0, 59);
}

static void a_stamp_is_known_and_what_differs_in_one_byte_is_not(void **state)
{
	static const char *const stamps[] = {"Nov 25 04:43:16", "Jan  1 00:00:00",
					     "Feb 31 23:59:59", "May 05 10:20:30"};
	unsigned n_yes = 0;
	for (unsigned i = 0; i < sizeof(stamps) / sizeof(stamps[0]); i++) {
		for (unsigned at = 0; at < BSD_TIME_LEN; at++) {
			for (unsigned c = 0; c < 256; c++) {
				char text[17];
				memcpy(text, stamps[i], 16);
				text[at] = (char)c;
				text[15] = (char)any(256);
				assert_int_equal(bsd_time_at((const uint8_t *)text),
						 is_stamp(text));
				n_yes += is_stamp(text);
			}
		}
	}
	assert_true(n_yes > 4 * BSD_TIME_LEN);
}

static void random_bytes_of_stamps_are_judged_as_by_hand(void **state)
{
	static const char *const bytes[BSD_TIME_LEN] = {
		"JFMASOND", "aepuco", "nbrylgptvc", " ", " 0123", "0159", " ",   "012",
		"0349",     ":",      "0569",       "9", ":",     "0569", "0129"};
	unsigned n_yes = 0;
	for (unsigned i = 0; i < 1000000; i++) {
		char text[16];
		for (unsigned k = 0; k < BSD_TIME_LEN; k++)
			text[k] = bytes[k][any((unsigned)strlen(bytes[k]))];
		assert_int_equal(bsd_time_at((const uint8_t *)text), is_stamp(text));
		n_yes += is_stamp(text);
	}
	assert_true(n_yes > 1000);
}

static bool settles(const char *pattern, uint8_t behind)
{
	struct shape *s = shape_parse(pattern, true);
	assert_non_null(s);
	bool yes = bsd_time_settles(shape_root(s), behind);
	shape_destroy(s);
	return yes;
}

static void patterns_of_time_stamps_are_settled_by_one(void **state)
{
	struct grok *lib = patterns_load(NULL);
	struct grok_pattern p;
	struct err e;
	assert_int_equal(grok_expand(lib, "%{SYSLOGTIMESTAMP}", &p, NULL, &e), 0);
	assert_true(settles(p.regex, ' '));
	assert_true(settles(p.regex, ']'));
	grok_pattern_fini(&p);
	grok_destroy(lib);
	assert_true(settles("\\w+ [\\d ]\\d \\d+:\\d+:\\d+", ' '));
	assert_true(settles("\\w{3} [\\d ]\\d [\\d:]{8}", ' '));
}

static void patterns_that_may_take_more_or_less_are_not(void **state)
{
	/* A longer text: a year, another digit. */
	assert_false(settles("\\w{3} [\\d ]\\d [\\d:]{8}(?: \\d+)?", ' '));
	assert_false(settles("\\w{3} [\\d ]\\d [\\d:]{8,}", '0'));
	/* A shorter one with the same byte behind it. */
	assert_false(settles("\\w{3}(?: [\\d ]\\d [\\d:]{8})?", ' '));
	assert_false(settles("\\w{3} [\\d ]\\d [\\d:]{2,8}", ':'));
}

static void patterns_that_do_not_take_all_stamps_are_not(void **state)
{
	assert_false(settles("\\w{3} \\d\\d [\\d:]{8}", ' '));
	assert_false(settles("Nov [\\d ]\\d [\\d:]{8}", ' '));
	assert_false(settles("\\w{3} [\\d ]\\d [01]\\d:\\d\\d:\\d\\d", ' '));
	assert_false(settles("\\w{3} [\\d ]\\d [\\d:]{5}", ' '));
	assert_false(settles("\\d+", ' '));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_is_known_and_what_differs_in_one_byte_is_not),
		cmocka_unit_test(random_bytes_of_stamps_are_judged_as_by_hand),
		cmocka_unit_test(patterns_of_time_stamps_are_settled_by_one),
		cmocka_unit_test(patterns_that_may_take_more_or_less_are_not),
		cmocka_unit_test(patterns_that_do_not_take_all_stamps_are_not),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
