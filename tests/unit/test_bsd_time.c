#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#include "dataplane/base/bsd_time.h"

/* Two digits at @p, or a blank and one, from @lo to @hi. */
static bool is_number(const char *p, bool blank, int lo, int hi)
{
	bool digits = (p[0] >= '0' && p[0] <= '9') || (blank && p[0] == ' ');
	int v = (p[0] == ' ' ? 0 : p[0] - '0') * 10 + p[1] - '0';
	return digits && p[1] >= '0' && p[1] <= '9' && v >= lo && v <= hi;
}

/* The month, or 0. */
static unsigned by_hand(const char *p)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned month = 0;
	for (unsigned i = 0; i < 12; i++) {
		if (memcmp(months + (size_t)3 * i, p, 3) == 0)
			month = i + 1;
	}
	bool rest = p[3] == ' ' && is_number(p + 4, true, 1, 31) && p[6] == ' ' &&
		    is_number(p + 7, false, 0, 23) && p[9] == ':' &&
		    is_number(p + 10, false, 0, 59) && p[12] == ':' &&
		    is_number(p + 13, false, 0, 59);
	return rest ? month : 0;
}

static unsigned two(const char *p)
{
	return (unsigned)((*p == ' ' ? 0 : p[0] - '0') * 10 + p[1] - '0');
}

/* Returns whether it is one. */
static bool check(const char *text)
{
	uint64_t rest, n;
	unsigned month = bsd_time_at((const uint8_t *)text, &rest);
	assert_int_equal(month, by_hand(text));
	n = two(text + 4) | two(text + 7) << 16 | (uint64_t)two(text + 10) << 32 |
	    (uint64_t)two(text + 13) << 48;
	assert_true(month == 0 || rest == n);
	return month != 0;
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
				n_yes += check(text);
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
		n_yes += check(text);
	}
	assert_true(n_yes > 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stamp_is_known_and_what_differs_in_one_byte_is_not),
		cmocka_unit_test(random_bytes_of_stamps_are_judged_as_by_hand),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
