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

#include "dataplane/rec/rec.h"

/* yyyy-mm-ddThh:mm:ss[.f][zone], with 'T', 't' or a blank, a dot or a comma before the fraction,
 * and as zone Z, +hh:mm, +hhmm, +hh or nothing: then @zone_s seconds east of UTC. Returns the bytes
 * read, or 0.
 */
size_t syslog_time_iso(const uint8_t *p, const uint8_t *end, int zone_s, struct rec_minute *m,
		       int64_t *ret_ns);

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
