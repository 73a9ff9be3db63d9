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

#include <assert.h>

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define DEDUP_WAYS          4
#define DEDUP_SETS          8192
#define DEDUP_WINDOW_MAX_NS 10000000000u

/* One cache line. A way is one key seen on one frame; its count is 0 while it is free. Ways are
 * given in turn, so that the next is the oldest.
 */
struct dedup_set {
	uint64_t key[DEDUP_WAYS];
	uint32_t time[DEDUP_WAYS]; /* when this frame last brought it; strong: when it was new */
	uint16_t frame[DEDUP_WAYS];
	uint8_t count[DEDUP_WAYS]; /* how often this frame brought it */
	uint8_t next;
	uint8_t pad[3];
};
static_assert(sizeof(struct dedup_set) == 64 && DEDUP_WAYS == 4, "a set is one cache line");

struct dedup {
	struct dedup_set sets[DEDUP_SETS]; /* first, since the mapping is aligned */
	uint32_t window;
};

int dedup_create(uint64_t window_ns, struct dedup **ret_t, struct err *e);
void dedup_destroy(struct dedup *t);

/* Fast, not for keys that an enemy must not guess. Reads no byte behind @len. */
uint64_t dedup_hash(uint64_t seed, const uint8_t *ptr, size_t len);
/* The same value, without the instructions that only some cores with AES have. */
uint64_t dedup_hash_narrow(uint64_t seed, const uint8_t *ptr, size_t len);
/* Another one, which dedup_hash takes on cores without AES. */
uint64_t dedup_hash_plain(uint64_t seed, const uint8_t *ptr, size_t len);

/* The key will be asked for soon. */
static inline void dedup_prefetch(const struct dedup *t, uint64_t key)
{
	__builtin_prefetch(&t->sets[key % DEDUP_SETS], 1);
}

/* Remembers the packet. True when it is a copy. */
bool dedup_is_copy(struct dedup *t, uint64_t key, uint16_t frame, bool strong, uint64_t time_ns);

#endif
