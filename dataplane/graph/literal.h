/* literal.h - values to text and back, as PostgreSQL reads and prints them.
 *
 * In:     text, or a value.
 * Out:    the other of the two.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: LITERAL_MAX bytes of printed text; dates and times in ISO 8601 only; years 1678 to 2261
 *         of timestamps.
 */
#ifndef SL_GRAPH_LITERAL_H
#define SL_GRAPH_LITERAL_H

#include "dataplane/graph/fn.h"

#define LITERAL_MAX 160

/* Text without blanks at its ends. */
struct slice literal_trim(struct slice s);

/* All types but text, bytea and JSON. VEC_VALUE, VEC_BAD_INPUT or VEC_OUT_OF_RANGE. @z: the zone of
 * a timestamptz that names none. The text of an inet is borrowed from @s.
 */
uint8_t literal_read(enum sql_type t, struct slice s, const struct zone *z, union cell *ret);

/* All types whose values are not text themselves; inet too. Returns the bytes written. */
size_t literal_put(enum sql_type t, const union cell *v, const struct zone *z, char *out);

/* literal_time.c */
uint8_t literal_read_date(struct slice s, int64_t *ret_days);
uint8_t literal_read_time(struct slice s, int64_t *ret_ns);
uint8_t literal_read_timestamp(struct slice s, bool with_zone, const struct zone *z,
			       int64_t *ret_ns);
uint8_t literal_read_interval(struct slice s, struct interval *ret_v);

size_t literal_put_date(char *out, int64_t days);
size_t literal_put_time(char *out, int64_t ns);
size_t literal_put_timestamp(char *out, int64_t ns, bool with_zone, const struct zone *z);
size_t literal_put_interval(char *out, struct interval v);

/* Time of a zone's clocks to UTC and back; false out of range. */
bool literal_to_utc(const struct zone *z, int64_t local_ns, int64_t *ret_ns);
bool literal_to_local(const struct zone *z, int64_t utc_ns, int64_t *ret_ns);

/* Days and nanoseconds of a day to a time stamp; false when it does not fit. */
bool literal_join(int64_t days, int64_t ns_of_day, int64_t *ret_ns);
/* And back: rounds down. */
int64_t literal_days(int64_t ns);

#define NS_PER_DAY (86400LL * 1000000000LL)

#endif
