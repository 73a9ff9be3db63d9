/* civil.h - calendar time and nanoseconds since 1970-01-01T00:00:00Z, proleptic Gregorian.
 *
 * In:     calendar fields or nanoseconds (signed: years 1678 to 2261).
 * Out:    the other of the two; RFC 3339 text.
 * Owns:   nothing.
 * Runs:   any thread. No locale, no time zone database, no system clock.
 * Limits: -
 */
#ifndef SL_BASE_CIVIL_H
#define SL_BASE_CIVIL_H

#include "dataplane/base/text.h"

struct civil {
	int year;           /* 1678..2261 */
	int month, day;     /* 1..12, 1..31 */
	int hour, min, sec; /* sec 60 is a leap second and read as 59.999999999 */
	uint32_t ns;        /* 0..999,999,999 */
	int offset_s;       /* seconds east of UTC, -86399..86399 */
};

#define NS_PER_S 1000000000LL

/* False when a field is out of range (31 April too). */
bool civil_to_ns(const struct civil *c, int64_t *ret_ns);

/* In UTC. */
void civil_from_ns(int64_t ns, struct civil *ret_c);

/* Days since 1970-01-01 of a date and back; no check of the fields. Any year of 32 bits that its
 * days keep within 2^40.
 */
int64_t civil_days(int year, int month, int day);
void civil_date(int64_t days, int *ret_year, int *ret_month, int *ret_day);
int civil_month_days(int year, int month); /* 28 to 31 */

/* Reads an RFC 3339 time stamp at the start of @s ("T", "t" or a blank between; 1 to 9 digits of
 * fraction; Z, z or +hh:mm). Returns the bytes read, or 0 when it is none.
 */
size_t civil_read_rfc3339(struct slice s, int64_t *ret_ns);

/* Writes yyyy-mm-ddThh:mm:ss[.fffffffff]Z without trailing zeros of the fraction; at most 30 bytes.
 * Returns the bytes written.
 */
size_t civil_put_rfc3339(char *out, int64_t ns);

/* The same with always nine digits of fraction: 30 bytes. */
size_t civil_put_rfc3339_9(char *out, int64_t ns);

/* The text of one minute, so that further times of that minute cost no calendar. Begins as { 0 }.
 */
struct civil_minute {
	int64_t first_ns; /* of the minute */
	char text[16];    /* "2026-11-25T04:43"; zeros: none yet */
};

/* It becomes the minute of @ns; the nanoseconds of it. */
uint64_t civil_minute_find(struct civil_minute *m, int64_t ns);

/* civil_put_rfc3339 by way of @m, which then is of the minute of @ns. Writes up to 30 bytes at
 * @out, of which the result may use fewer.
 */
static inline size_t civil_minute_put(struct civil_minute *m, char *out, int64_t ns)
{
	uint64_t in_minute = (uint64_t)ns - (uint64_t)m->first_ns;
	if (__builtin_expect(in_minute >= 60 * NS_PER_S || !m->text[0], 0))
		in_minute = civil_minute_find(m, ns);
	/* Both are divided by 2^9, which leaves no more than 27 bits, and no rest of the second. */
	unsigned s = (uint32_t)(in_minute >> 9) / (uint32_t)(NS_PER_S >> 9);
	uint32_t frac = (uint32_t)(in_minute - s * (uint64_t)NS_PER_S), second;
	memcpy(out, m->text, sizeof(m->text));
	memcpy(&second, text_triples + 4 * s, sizeof(second));
	second ^= ('0' ^ ':') | (' ' ^ '.') << 24; /* "016 " becomes ":16." */
	memcpy(out + 16, &second, sizeof(second));
	uint32_t us = frac / 1000, ms = us / 1000;
	text_put_triple(out + 20, ms);
	text_put_triple(out + 23, us - ms * 1000);
	size_t len = 26;
	if (frac != us * 1000) { /* most are microseconds, or less */
		text_put_triple(out + 26, frac - us * 1000);
		len = 29;
	}
	if (out[len - 1] == '0') {
		while (out[len - 1] == '0')
			len--;
		len -= out[len - 1] == '.';
	}
	out[len] = 'Z';
	return len + 1;
}

#endif
