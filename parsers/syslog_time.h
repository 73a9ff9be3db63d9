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

/* Of the times of syslog_time_iso those that most senders write: of the minute @m, in whole
 * seconds, milli- or microseconds, of zone Z. Seconds and fraction are read as one number of eight
 * digits. Returns the bytes read, or 0: it is another one, if any. Reads 27 bytes whatever @end is.
 *
 *     0         1         2
 *     012345678901234567890123456
 *     2026-11-25T04:43:16.123456Z
 */
static inline size_t syslog_time_usual(const uint8_t *p, const uint8_t *end,
				       const struct rec_minute *m, int64_t *ret_ns)
{
	uint64_t from_colon, from_dot;
	if (memcmp(p, m->text, sizeof(m->text)) != 0)
		return 0;
	memcpy(&from_colon, p + 16, 8);
	memcpy(&from_dot, p + 19, 8);
	uint64_t digits = from_colon >> 8 & 0xffff;
	size_t len;
	if (from_dot >> 56 == 'Z') {
		digits |= from_dot << 8 & 0xffffffffffff0000;
		len = 27;
	} else if ((from_dot >> 32 & 0xff) == 'Z') {
		digits |= (from_dot << 8 & 0xffffff0000) | 0x3030300000000000;
		len = 24;
	} else {
		digits |= 0x3030303030300000;
		len = 20;
	}
	uint32_t us = text_of_8digits(digits);
	bool usual = (size_t)(end - p) >= len && p[4] == '-' && (uint8_t)from_colon == ':' &&
		     (uint8_t)from_dot == (len == 20 ? 'Z' : '.') && !text_no_digits(digits) &&
		     us < 60000000;
	*ret_ns = m->s * NS_PER_S + us * 1000ll;
	return usual ? len : 0;
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

/* Three letters that name a month, and a blank: 1 to 12, else 0. Reads four bytes. */
int syslog_month(const uint8_t *p);

#endif
