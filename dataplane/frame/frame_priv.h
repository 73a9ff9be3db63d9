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

#include <string.h>

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

/* What a source has of its own; it goes on over reloads for as long as the source does. */
struct frame_slot {
	const struct frame_source *source; /* of the table that runs; NULL: this is nobody's */
	const struct parser *parser;
	void *pool;   /* NULL where the parser needs none */
	void *memo;   /* the same */
	uint16_t idx; /* in the table that runs, or in the last one that had it */
	unsigned n_tables;
	uint64_t row[FRAME_N_COLS];
	struct reasons reasons; /* of the row */
};

struct frame_table {
	const struct frame_source *sources;
	unsigned n_sources;
	struct frame_slot **slots; /* by source; behind them nobody's */
	struct claim *claim;
	uint16_t *next_of; /* by source of the table before: the same one here, or CLAIM_GONE */
	bool moves;        /* a session of the table before may be another source's here */
	struct claim_moves *moved; /* on which ports */
};

/* One per session of flow, at the same index. The parser's state stands apart. */
struct frame_session {
	uint8_t claim;  /* enum claim_state */
	uint8_t reason; /* CLAIM_NONE: the place of what follows */
	uint8_t origin_len[2];
	uint8_t epoch;            /* in which it was looked at last; 0: nothing has come yet */
	uint8_t whole_datagrams;  /* the epoch in which parser->datagram is all that reads it */
	bool is_parked;           /* its bytes wait for the reload that is under way */
	bool is_moved;            /* by a reload, from what it was claimed by */
	struct frame_slot *slot;  /* CLAIM_TAKEN */
	uint64_t session_id;      /* of flow's session; set by the claim */
	uint64_t gaps, gap_bytes; /* those before the claim are the source's that takes it */
	struct direction dirs[2];
	/* From a cache line on: IPv4's fit one. */
	_Alignas(64) char origin[2][ORIGIN_LEN_MAX];
};

struct frame_stage {
	struct frame_conf conf;
	struct frame_table *table;
	struct frame_slot *nobody; /* of all tables */
	const struct flow *flow;
	uint8_t *sessions, *states;
	size_t stride, map_bytes, state_stride, states_bytes;
	struct carry_pool *pool;
	struct frame_out out;
	size_t pos; /* bytes of the first event that are done: it was left in the middle */
	bool resumed;
	struct timers timers;

	uint8_t epoch;                  /* from 1; another one when sessions are to be looked at */
	const struct frame_table *next; /* for which sessions are made ready; NULL: none */
	uint32_t at, end;               /* of the sessions that are gone through */
};

static inline struct frame_session *frame_session(const struct frame_stage *f, uint32_t session)
{
	return (struct frame_session *)(f->sessions + f->stride * session);
}

/* Of a source in @t; CLAIM_GONE: it has not gone on there. */
static inline uint16_t frame_number(const struct frame_table *t, const struct frame_slot *slot)
{
	return slot->idx < t->n_sources && t->slots[slot->idx] == slot ? slot->idx : CLAIM_GONE;
}

static inline void *frame_state(const struct frame_stage *f, uint32_t session)
{
	return f->states + f->state_stride * session;
}

/* Each field by itself: to clear all of it first would take longer than the rest. */
static inline void frame_fill_in(const struct flow_session *s, const struct frame_session *fs,
				 const struct flow_event *ev, struct parse_in *in)
{
	in->data = (struct slice){0};
	in->stream_off = 0;
	in->time_ns = ev->time_ns;
	in->dir = ev->dir;
	in->datagram = ev->datagram;
	in->after_gap = in->before_gap = in->no_room = in->end = in->closed = false;
	in->one_sided = !ev->peer_seen && !fs->dirs[!ev->dir].seen;
	in->pool = NULL;
	in->memo = NULL;
	in->ends = NULL;
	memcpy(in->port, s->port, sizeof(in->port));
	memcpy(in->addr, s->addr, sizeof(in->addr));
}

/* frame.c. Looks at the first bytes of a direction, which are @ev's and those that wait. True: the
 * session is claimed, and the event is to be read by its parser; false: the event is done with.
 */
bool frame_claim_event(struct frame_stage *f, struct frame_session *fs,
		       const struct flow_session *s, const struct flow_event *ev, bool end);

/* Reads the unread bytes of a direction without new ones. False when the burst is full. */
bool frame_read_unread(struct frame_stage *f, struct frame_session *fs, struct parse_in *in);
void frame_drop_unread(struct frame_stage *f, struct frame_session *fs, unsigned d, unsigned col);

/* What a claimed session holds becomes frames, or is lost. False when the burst is full. */
bool frame_end_claim(struct frame_stage *f, struct frame_session *fs, const struct flow_session *s,
		     const struct flow_event *ev);

/* frame_move.c. Is a session of source @number of @t, which may be CLAIM_GONE, still its own? */
bool frame_stays(const struct frame_table *t, uint16_t number, const struct flow_session *s);
/* The session is of an earlier epoch: it goes where the table that runs sends it. */
void frame_move(struct frame_stage *f, uint32_t session, struct frame_session *fs,
		const struct flow_session *s);

#endif
