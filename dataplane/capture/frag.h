/* frag.h - put IPv4 and IPv6 datagrams together from their fragments.
 *
 * In:     fragments in any order, more than once, overlapping.
 * Out:    whole datagrams, contiguous, borrowed until frag_release. The caller counts each fragment
 *         by the result; what that does to fragments held before is counted here.
 * Owns:   one pool of buffers of 64 KiB each, taken at creation, touched only as far as used.
 * Runs:   worker. One per decoder.
 * Limits: datagrams_max at once, in bytes_max of pool; FRAG_CHAIN_MAX datagrams of one hash: the
 *         oldest gives way. wait_ns on packet time.
 *
 * Bytes go straight to their place in the buffer; a bitmap with one bit for eight bytes (the unit
 * of the offset) says which are there. So a fragment costs what it is long, however many there are.
 */
#ifndef SL_CAPTURE_FRAG_H
#define SL_CAPTURE_FRAG_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define FRAG_BYTES_MAX    65535
#define FRAG_CHAIN_MAX    16

/* A buffer of the pool with its pad: bytes_max divided by this is the number of datagrams. */
#define FRAG_BUFFER_BYTES (65536 + SL_PAD)

struct frag_conf {
	uint64_t wait_ns;
	uint64_t copies_ns; /* how long a whole datagram is remembered, to know copies; 0: not */
	uint64_t bytes_max;
	uint32_t datagrams_max;
};

/* What makes fragments belong together: no holes in the struct, it is compared as bytes. */
struct frag_id {
	uint8_t src[16], dst[16];
	uint32_t id;
	uint16_t proto; /* IPv4: the protocol. IPv6: 0, since only the first fragment knows. */
	uint16_t family;
};

struct frag_part {
	struct frag_id of;
	const uint8_t *ptr;
	uint32_t len, off; /* bytes */
	uint8_t proto;     /* next header; that of the first fragment is the datagram's */
	bool more;
	uint64_t time_ns;
};

enum frag_result {
	FRAG_HELD,
	FRAG_WHOLE,
	FRAG_DUPLICATE,
	FRAG_OVERLAP, /* this one and all of its datagram are dropped */
	FRAG_NO_ROOM,
	FRAG_BAD, /* length or offset that cannot be */
};

struct frag_whole {
	const uint8_t *ptr; /* padded by SL_PAD */
	uint32_t len;
	uint8_t proto;
};

struct frag;

/* @row is a row of decode_ledger. */
int frag_create(const struct frag_conf *conf, uint64_t *row, struct frag **ret_f, struct err *e);
void frag_destroy(struct frag *f);

/* All fragments are taken, but only those of this worker's datagrams are counted. */
void frag_share(struct frag *f, unsigned worker, unsigned n_workers);
bool frag_is_ours(const struct frag *f, const struct frag_id *of);

enum frag_result frag_add(struct frag *f, const struct frag_part *part, struct frag_whole *ret_w);

/* What has waited too long at @now_ns is dropped. */
void frag_expire(struct frag *f, uint64_t now_ns);

void frag_release(struct frag *f);
void frag_finish(struct frag *f);

#endif
