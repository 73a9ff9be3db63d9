/* frame_priv.h - what the parts of frame share: its sessions and its counters.
 *
 * In:     -
 * Out:    -
 * Owns:   struct frame_stage: what is kept of each session of flow, taken at start.
 * Runs:   worker. Private to frame*.c.
 * Limits: -
 */
#ifndef SL_FRAME_FRAME_PRIV_H
#define SL_FRAME_FRAME_PRIV_H

#include "dataplane/frame/carry.h"
#include "dataplane/frame/claim.h"
#include "dataplane/frame/frame.h"
#include "dataplane/frame/frame_out.h"
#include "dataplane/frame/origin.h"
#include "dataplane/frame/timers.h"

enum claim_state { CLAIM_OPEN, CLAIM_TAKEN, CLAIM_NONE };

struct direction {
	struct carry unread;
	uint64_t off;     /* stream_off of the first unread byte */
	uint64_t time_ns; /* packet time of the newest byte */
	size_t needed;    /* bytes that must come before parse is worth a call */
	bool after_gap;
	bool seen;
	bool wake;       /* the other direction has something for this one */
	bool left;       /* the parser is done with it, for good or for bad */
	uint8_t reason;  /* left: the place of what follows */
	uint64_t due_ns; /* the parser wants to be called; 0: not */
};

/* One per session of flow, at the same index. Followed by the parser's state. */
struct frame_session {
	uint8_t claim;  /* enum claim_state */
	uint8_t reason; /* CLAIM_NONE: the place of what follows */
	uint8_t origin_len[2];
	uint16_t source;
	bool whole_datagrams;     /* claimed, and parser->datagram is all that reads it */
	uint64_t session_id;      /* of flow's session; set by the claim */
	uint64_t gaps, gap_bytes; /* those before the claim are the source's that takes it */
	struct direction dirs[2];
	char origin[2][ORIGIN_LEN_MAX];
	uint64_t state[];
};

struct frame_stage {
	struct frame_conf conf;
	const struct frame_source *sources;
	unsigned n_sources;
	struct claim *claim;
	const struct flow *flow;
	uint8_t *sessions;
	size_t stride, map_bytes;
	struct carry_pool *pool;
	void **parser_pools; /* one a source; NULL where its parser needs none */
	struct frame_out out;
	size_t pos; /* bytes of the first event that are done: it was left in the middle */
	bool resumed;
	struct timers timers;
	uint64_t (*rows)[FRAME_N_COLS]; /* n_sources + 1 */
	struct reasons *reasons;        /* of each row */
};

#endif
