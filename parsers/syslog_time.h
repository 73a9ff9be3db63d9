/* syslog_time.h - the time stamps that syslog senders write.
 *
 * In:     text in a padded buffer (slice.h); the offset of the sender's clock, packet time.
 * Out:    nanoseconds since 1970 UTC.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: years 1678 to 2261; fractions beyond nine digits are cut.
 */
#ifndef SL_PARSERS_SYSLOG_TIME_H
#define SL_PARSERS_SYSLOG_TIME_H

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "dataplane/rec/rec.h"

/* yyyy-mm-ddThh:mm:ss[.f][zone], with 'T', 't' or a blank, a dot or a comma before the fraction,
 * and as zone Z, +hh:mm, +hhmm, +hh or nothing: then @zone_s seconds east of UTC. Returns the bytes
 * read, or 0.
 */
size_t syslog_time_iso(const uint8_t *p, const uint8_t *end, int zone_s, struct rec_minute *m,
		       int64_t *ret_ns);

/* Whether such a time stands at @p, but of a year that 64 bits of nanoseconds do not hold. */
bool syslog_time_is_far(const uint8_t *p, const uint8_t *end);

/* The minute of such a time becomes @m. False: it has another shape, or is a leap second. Reads 19
 * bytes.
 */
bool syslog_time_minute(const uint8_t *p, struct rec_minute *m);

/* The bytes of UTC at @p as most senders write it, Z or +00:00; 0: it is no such. Reads 6 bytes. */
static inline unsigned syslog_time_utc(const uint8_t *p)
{
	uint32_t hour;
	uint16_t min;
	memcpy(&hour, p, sizeof(hour));
	memcpy(&min, p + 4, sizeof(min));
	bool zero = hour == ('+' | '0' << 8 | '0' << 16 | ':' << 24) && min == ('0' | '0' << 8);
	return *p == 'Z' ? 1 : zero ? 6 : 0;
}

/* Of the times of syslog_time_iso those that most senders write: in whole seconds, milli- or
 * microseconds, of UTC. Seconds and fraction are read as one number of eight digits. Returns the
 * bytes read, or 0: it is another one, if any. Reads 32 bytes whatever @end is.
 *
 *     0         1         2         3
 *     01234567890123456789012345678901
 *     2026-11-25T04:43:16.123456+00:00
 */
static inline size_t syslog_time_usual(const uint8_t *p, const uint8_t *end, struct rec_minute *m,
				       int64_t *ret_ns)
{
	uint64_t from_colon, fraction;
	/* The dash, since a minute not yet known is zeros. */
	if ((memcmp(p, m->text, sizeof(m->text)) != 0 || p[4] != '-') && !syslog_time_minute(p, m))
		return 0;
	memcpy(&from_colon, p + 16, 8);
	memcpy(&fraction, p + 20, 8);
	uint64_t digits = from_colon >> 8 & 0xffff;
	size_t n = 19;
	if (p[19] != '.') {
		digits |= 0x3030303030300000;
	} else {
		uint64_t no_digits = text_no_digits(fraction);
		n += 1 + (unsigned)__builtin_ctzll(no_digits | 1ull << 63) / 8;
		if (n == 26)
			digits |= fraction << 16;
		else if (n == 23)
			digits |= (fraction & 0xffffff) << 16 | 0x3030300000000000;
		else
			return 0;
	}
	unsigned zone = syslog_time_utc(p + n);
	uint32_t us = text_of_8digits(digits);
	n += zone;
	bool usual = zone && (size_t)(end - p) >= n && (uint8_t)from_colon == ':' &&
		     !text_no_digits(digits) && us < 60000000;
	*ret_ns = m->s * NS_PER_S + us * 1000ll;
	return usual ? n : 0;
}

/* The time of RFC 3164 and what devices make of it, or one of syslog_time_iso, each with or without
 * a weekday in front:
 *
 *     Oct 11 22:14:15[.f]      Oct 11 22:14:15 2022     2022 Oct 11 22:14:15
 *     Oct  1 22:14:15          Oct 11 2022 22:14:15     Tue Oct 11 22:14:15
 *
 * Without a year it is the one that brings the time nearest to @now_ns. *ret_zoned: the text named
 * its zone. Returns the bytes read, or 0.
 */
size_t syslog_time_any(const uint8_t *p, const uint8_t *end, int zone_s, int64_t now_ns,
		       struct rec_minute *m, int64_t *ret_ns, bool *ret_zoned);

/* Of these "Oct 11 22:14:15" alone, of a year that is plainly the nearest one. False: it is another
 * time stamp, if any. Reads 16 bytes.
 */
bool syslog_time_bsd(const uint8_t *p, int zone_s, int64_t now_ns, int64_t *ret_ns);

/* Three letters that name a month, and a blank: 1 to 12, else 0. Reads four bytes. */
int syslog_month(const uint8_t *p);

#endif
