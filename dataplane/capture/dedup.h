/* dedup.h - know a packet that a mirror has shown before.
 *
 * In:     a digest of what all copies of a packet have in common, and one of what they differ in.
 * Out:    new, or a copy.
 * Owns:   a table of fixed size with the packets of the last moments.
 * Runs:   worker. One per decoder.
 * Limits: DEDUP_SETS * DEDUP_WAYS packets. Where more come within the window the oldest of a set
 *         is forgotten: a copy may then pass, a packet is never dropped for it.
 *
 * Some senders repeat themselves: two equal packets are then two records. Copies are told from that
 * by the identification of IPv4 where it is set (strong), since a sender numbers its packets. Where
 * it is not, copies that came another way (VLAN, TTL, port, tunnel: the frame) are counted: a
 * packet is new when its own way has brought it more often than any way did before.
 */
#ifndef SL_CAPTURE_DEDUP_H
#define SL_CAPTURE_DEDUP_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define DEDUP_WAYS          4
#define DEDUP_SETS          8192
#define DEDUP_WINDOW_MAX_NS 10000000000u

struct dedup;

int dedup_create(uint64_t window_ns, struct dedup **ret_t, struct err *e);
void dedup_destroy(struct dedup *t);

/* Fast, not for keys that an enemy must not guess. Reads no byte behind @len. */
uint64_t dedup_hash(uint64_t seed, const uint8_t *ptr, size_t len);

/* The key will be asked for soon. */
void dedup_prefetch(const struct dedup *t, uint64_t key);

/* Remembers the packet. True when it is a copy. */
bool dedup_is_copy(struct dedup *t, uint64_t key, uint16_t frame, bool strong, uint64_t time_ns);

#endif
