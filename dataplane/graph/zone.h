/* zone.h - time zones of the IANA data base, as tzdata has them on this machine.
 *
 * In:     a zone's name ("Europe/Berlin", "UTC"); nanoseconds.
 * Out:    seconds east of UTC at a time.
 * Owns:   its transitions.
 * Runs:   reading: main. zone_offset, zone_local_to_utc: any thread.
 * Limits: ZONE_FILE_BYTES_MAX of file; years 1678 to 2261.
 *
 * /usr/share/zoneinfo has files of RFC 8536:
 *
 *     header 44 | 32-bit data | header 44 | transitions 8 each | type of each 1 | types 6 each |
 *     names | leap seconds | ... | \n POSIX rule for the years after the last transition \n
 */
#ifndef SL_GRAPH_ZONE_H
#define SL_GRAPH_ZONE_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define ZONE_FILE_BYTES_MAX (256u << 10)
#define ZONE_NAME_MAX       64

struct zone;
struct zones; /* those that were read, by name */

struct zones *zones_create(void); /* NULL when out of memory */
void zones_destroy(struct zones *z);

/* Zone @name, borrowed until zones_destroy. -EINVAL with a text. */
int zones_get(struct zones *z, struct slice name, const struct zone **ret_zone, struct err *e);

/* Seconds east of UTC at @utc_ns. @z may be NULL: UTC. */
int32_t zone_offset(const struct zone *z, int64_t utc_ns);

/* The time that clocks of the zone show as @local_s seconds since 1970: a time that never was (a
 * clock was put forward) is taken with the offset before, one that was twice with the offset after,
 * as in PostgreSQL. Seconds.
 */
int64_t zone_local_to_utc(const struct zone *z, int64_t local_s);

#endif
