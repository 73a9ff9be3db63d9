/* flow_priv.h - what the parts of flow share: sessions, waiting directions, the events of a call.
 *
 * In:     -
 * Out:    -
 * Owns:   struct flow: everything that a worker's table needs, taken at start.
 * Runs:   worker.
 * Limits: the event array holds what all held runs can make (two events each: a gap and the bytes
 *         behind it) and EVENTS_PER_PACKET for each packet of a burst; see flow_room().
 */
#ifndef SL_FLOW_FLOW_PRIV_H
#define SL_FLOW_FLOW_PRIV_H

#include "dataplane/flow/hold.h"
#include "dataplane/flow/session.h"

/* Packet time steps back a little where several queues were merged. Sessions that are not asked for
 * are expired this much late; a session's own packet finds it by the exact rule.
 */
#define TIME_SLACK_NS     1000000000u

/* Beside two for each run that it sets free: its own bytes around one (4), its acknowledgement,
 * ends of up to three sessions with what is missing behind (9), and holes given up in part, of two
 * directions by up to three waits that ended (12); rounded up.
 */
#define EVENTS_PER_PACKET 32

#define NEVER             UINT64_MAX

/* A direction that waits: for a hole to be filled, or for its first byte to be settled. */
struct flow_wait {
	struct hold hold;
	uint32_t session;
	uint32_t prev, next; /* of the list; free ones: next */
	uint32_t n_kept;     /* segments that came early */
	uint8_t dir;
	uint8_t list; /* enum wait_list */
	uint8_t pad[2];
	uint64_t opened_ns;   /* when the bytes behind the hole came */
	uint64_t peer_ns;     /* last packet of the other direction since then */
	uint64_t mark_pos;    /* the peer acknowledged bytes below this; 0: it did not */
	uint64_t mark_ns;     /* when */
	uint64_t deadline_ns; /* the hole is given up */
	uint64_t armed_ns;    /* deadline when it was put on its list */
};

enum wait_list {
	WAIT_SHORT, /* flow.gap_wait */
	WAIT_LONG,  /* flow.gap_wait_unacked */
	WAIT_OPEN,  /* no deadline */
	N_WAIT_LISTS
};

struct flow {
	struct session_table table;
	struct seg_pool pool;
	struct flow_wait
		*waits; /* [0] is not used; as many as pages, since each has one at least */
	uint32_t n_waits_touched, waits_free;
	struct session_ends wait_list[N_WAIT_LISTS];
	uint64_t runs_held, runs_max;

	struct flow_event *ev;
	uint32_t n_ev, ev_max;
	uint32_t packets_left; /* of the burst, from a packet of TCP on */

	const struct opt_ports *ack_ports[FLOW_ACK_PORTS_MAX];
	uint32_t n_ack_ports;
	uint64_t server_ports[65536 / 64]; /* a bit for each */

	uint64_t now_ns;
	uint64_t timeout_ns[N_LISTS];
	uint64_t gap_wait_ns, gap_wait_unacked_ns;
	uint32_t hold_pages_max; /* a direction */
	uint64_t packets[FLOW_N_PACKET_COLS];
	uint64_t bytes[FLOW_N_BYTE_COLS];
};

/* Where an event comes from. */
struct flow_cause {
	uint64_t time_ns, number;
};

static inline struct flow_event *flow_emit(struct flow *f, uint32_t session, unsigned dir,
					   enum flow_event_kind kind,
					   const struct flow_cause *cause)
{
	assert(f->n_ev < f->ev_max);
	struct flow_event *e = &f->ev[f->n_ev++];
	*e = (struct flow_event){
		.time_ns = cause->time_ns,
		.number = cause->number,
		.session = session,
		.kind = (uint8_t)kind,
		.dir = (uint8_t)dir,
		.peer_seen = f->table.s[session].pub.seen[!dir],
	};
	return e;
}

/* May @runs more be held? Then all that is held can still be told in this call. */
static inline bool flow_room(const struct flow *f, uint64_t runs)
{
	uint64_t held = f->runs_held + runs;
	return held <= f->runs_max &&
	       f->n_ev + 2 * held + (uint64_t)EVENTS_PER_PACKET * (f->packets_left + 1) <=
		       f->ev_max;
}

/* flow.c */

/* Ends the session: closes its holes, tells FLOW_END unless that was told, frees it. */
void flow_end_session(struct flow *f, uint32_t idx, enum flow_end reason,
		      const struct flow_cause *cause);

/* Counts and tells FLOW_END. */
void flow_tell_end(struct flow *f, uint32_t idx, enum flow_end reason,
		   const struct flow_cause *cause);

/* Why a session that is over ended; for others @otherwise. */
enum flow_end flow_end_reason(const struct session *s, enum flow_end otherwise);

/* Closes what was due until @now_ns, exactly. True: the session itself was, and is gone. */
bool flow_expire(struct flow *f, uint32_t idx, uint64_t now_ns);

/* A new session for @p, making room where there is none. 0: no_session was counted. */
uint32_t flow_begin_session(struct flow *f, const struct pkt *p, uint64_t hash, bool reversed);

/* By the server's port, which is known for good when the session gets its id. */
bool flow_is_server(const struct flow *f, uint16_t port);
bool flow_wants_acks(const struct flow *f, const struct flow_session *s);

/* Makes the id of what stands in the session; @start is the SYN's sequence number, or the start of
 * one whose SYN was not seen.
 */
uint64_t flow_session_id(const struct flow_session *s, uint64_t start);
uint64_t flow_late_start(const struct flow *f, const struct pkt *p);

/* The lists are in order to about a second: moving a session for each packet would touch its
 * neighbours' memory each time.
 */
static inline void flow_touch(struct flow *f, uint32_t idx, struct session *s, unsigned dir,
			      const struct pkt *p)
{
	struct flow_dir *d = &s->dir[dir];
	if (__builtin_expect(++d->n_packets == 0, 0))
		d->packets_high++;
	s->number = p->number;
	if (p->time_ns <= s->pub.last_ns)
		return;
	s->pub.last_ns = p->time_ns;
	if (session_grain(s->pub.last_ns) != s->listed)
		session_enlist(&f->table, idx, s->list);
}

/* The clock follows the newest packet. A capture put together from others, or a clock that was set,
 * may step back for good: then so does this one, or all sessions would seem long idle. Sessions of
 * the time before stand first on their lists, and those behind them are not expired until their own
 * packets, the limits or the end of the capture find them.
 */
#define STEP_BACK_NS 10000000000u

static inline void flow_set_clock(struct flow *f, uint64_t time_ns)
{
	if (time_ns > f->now_ns || f->now_ns - time_ns > STEP_BACK_NS)
		f->now_ns = time_ns;
}

/* Of many sessions each stands in memory that nobody has touched for long. */
static inline void flow_foresee(const struct flow *f, const struct pkt *pkts, unsigned n,
				uint64_t *ret_hash)
{
	for (unsigned i = 0; i < n; i++) {
		ret_hash[i] = session_hash(&pkts[i]);
		session_prefetch_slot(&f->table, ret_hash[i]);
	}
	for (unsigned i = 0; i < n; i++)
		session_prefetch(&f->table, ret_hash[i]);
}

/* tcp.c */

void tcp_track(struct flow *f, const struct pkt *p, uint64_t hash);

/* Moves the session to the list it belongs to; tells its end when both directions are complete. */
void tcp_settle(struct flow *f, uint32_t idx, const struct flow_cause *cause);

#endif
