/* flow.h - sessions, and the bytes of each direction in order.
 *
 * In:     struct pkt, in any order.
 * Out:    struct flow_event: data in order, gaps, ends; data is borrowed until the end of the turn.
 * Owns:   sessions and copies of segments that came early, in pools sized at start.
 * Runs:   worker. One table per worker, never shared.
 * Limits: flow.* options; what they refuse is a named drop or a gap with its byte range.
 */
#ifndef SL_FLOW_FLOW_H
#define SL_FLOW_FLOW_H

#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"
#include "dataplane/base/option.h"
#include "dataplane/capture/pkt.h"

struct flow_conf {
	int64_t sessions_max;       /* per worker */
	uint64_t segment_bytes_max; /* early segments held per direction */
	uint64_t memory_bytes_max;  /* early segments held per worker */
	uint64_t tcp_idle_ns;       /* packet time without a packet, then the session ends */
	uint64_t tcp_half_open_ns;  /* a handshake that never ended */
	uint64_t tcp_closed_ns; /* after FIN both ways or RST: late segments still belong to it */
	uint64_t udp_idle_ns;
	uint64_t gap_wait_ns;         /* after the peer acknowledged bytes we did not see */
	uint64_t gap_wait_unacked_ns; /* when nothing of the other direction is seen */
};

extern const struct opt flow_opts[];

enum flow_event_kind {
	FLOW_DATA, /* data at stream_off */
	FLOW_GAP,  /* gap_bytes bytes are missing at stream_off */
	FLOW_END,  /* the session is over: both directions, for the reason given */
	FLOW_ACK, /* the other side has said that it has all bytes before stream_off: flow_tell_acks
		   */
};

enum flow_end { FLOW_END_FIN, FLOW_END_RST, FLOW_END_IDLE, FLOW_END_EVICTED, FLOW_END_CAPTURE };

/* Why a gap was closed. */
enum flow_gap { FLOW_GAP_ACKED, FLOW_GAP_WAITED, FLOW_GAP_MEMORY, FLOW_GAP_SNAPLEN, FLOW_GAP_END };

struct flow_event {
	struct slice data;   /* FLOW_DATA */
	uint64_t stream_off; /* TCP: bytes since the first data byte of this direction (since the
			      * SYN's where it was seen); UDP: payload bytes before, in this
			      * direction */
	uint64_t time_ns;    /* FLOW_DATA: of the packet that brought these bytes (of several, the
			      * last); FLOW_GAP, FLOW_END: when the wait for it ended */
	uint64_t number;     /* of that packet, or the last one of the session until then */
	uint64_t gap_bytes;  /* FLOW_GAP */
	uint32_t session;    /* index: flow_session() */
	uint8_t kind;
	uint8_t dir;        /* 0: from the client, 1: from the server */
	uint8_t reason;     /* enum flow_end or enum flow_gap */
	bool datagram : 1;  /* UDP: data is one whole datagram */
	bool peer_seen : 1; /* until then a packet of the other direction has come */
	uint8_t closed : 2; /* FLOW_END: bit 0, 1: this direction was ended by its sender, with FIN
			     */
};

/* What the later stages may know of a session. */
struct flow_session {
	uint8_t addr[2][16]; /* client, server; network order; IPv4 as ::ffff:a.b.c.d */
	uint16_t port[2];
	uint8_t proto;
	bool seen[2];          /* packets of this direction have been seen */
	bool from_start : 1;   /* TCP: the SYN, or the SYN-ACK to it, was seen */
	bool swapped_late : 1; /* joined in mid-stream: client and server are a guess by port */
	bool tells_acks : 1;   /* TCP: acknowledgements are events */
	uint64_t id; /* hash of addresses, ports, protocol and start (the SYN's sequence number,
		      * else the second of the first packet, exact where sessions make room or
		      * end sooner): the same in every replay */
	uint64_t first_ns, last_ns; /* packet time */
};

struct flow;

/* Nothing in flow reads a clock. Returns 0, -ENOMEM, or -EINVAL with a text. */
int flow_create(const struct flow_conf *conf, struct flow **ret_f, struct err *e);
void flow_destroy(struct flow *f);

/* Acknowledgements are told of the TCP sessions whose server has one of these ports, which are
 * borrowed until flow_tell_no_acks; in the order of the packets, each that is farther on than the
 * ones before. They may be of bytes that were not seen (yet), and none is told before
 * the stream's first byte has come. Of the sessions that are begun behind the call; of
 * FLOW_ACK_PORTS_MAX such lists.
 */
#define FLOW_ACK_PORTS_MAX 16
void flow_tell_acks(struct flow *f, const struct opt_ports *ports);
/* Sessions that are begun from now on are of no such list. */
void flow_tell_no_acks(struct flow *f);

/* TCP ports that servers listen on, besides those of earlier calls: of a session whose handshake
 * was not seen, the side with such a port is the server, if only one has; else the side with the
 * lower one. For sessions that are begun behind the call.
 */
void flow_know_servers(struct flow *f, const struct opt_ports *ports);
void flow_know_no_servers(struct flow *f);

/* Takes a burst. Events stand in *ret_ev until the next call; their data is borrowed from the
 * packets and from the pools, and stays until flow_release.
 */
unsigned flow_track(struct flow *f, const struct pkt *pkts, unsigned n,
		    const struct flow_event **ret_ev);

/* Packet time moves on without packets for this worker (packets of others, a live tick). Expires
 * what is due, a bounded number of sessions a call, like flow_track with n = 0.
 */
unsigned flow_advance(struct flow *f, uint64_t now_ns, const struct flow_event **ret_ev);

/* The capture has ended: closes every hole and every session, in order of their first packets. Call
 * until 0. Before it, call flow_advance with the time of the capture's last packet (of all
 * workers), so that sessions end for the same reasons whatever the number of workers.
 */
unsigned flow_finish(struct flow *f, const struct flow_event **ret_ev);

/* End of turn: gives back held segments that were delivered, and sessions that ended. */
void flow_release(struct flow *f);

const struct flow_session *flow_session(const struct flow *f, uint32_t session);
uint32_t flow_sessions_max(const struct flow *f); /* session indexes are below this */

/* Are there so few that what belongs to them need not be asked for early? */
bool flow_has_few(const struct flow *f);

/* A session as it stands between two calls. */
struct flow_look {
	const struct flow_session *session;
	uint64_t packets[2]; /* by direction */
	uint64_t bytes[2];   /* of its stream until now, holes that were given up included */
};

/* False: there is no session at this index, or one that is over. Indexes go from 1 to below
 * flow_sessions_end; any up to flow_sessions_max may be asked for.
 */
bool flow_look(const struct flow *f, uint32_t session, struct flow_look *ret_l);
uint32_t flow_sessions_end(const struct flow *f);

/* Ledger: packets and bytes. */
#define FLOW_PACKET_COLS(X)                                                   \
	X(IN, packets_in, "TCP and UDP packets from capture")                 \
	X(OUT, packets_taken, "belong to a session")                          \
	X(LOSS, no_session, "no room for another session: flow.sessions_max") \
	X(POLICY, bad_flags, "TCP flags that no host would send")             \
	X(POLICY, stray, "TCP without payload or SYN, of no known session")   \
	X(INFO, sessions, "sessions begun")                                   \
	X(INFO, sessions_late, "of these: TCP joined in mid-stream")          \
	X(INFO, sessions_evicted, "sessions ended early to make room")        \
	X(INFO, resets, "TCP sessions ended by RST")                          \
	X(INFO, resets_ignored, "RST whose sequence number lies outside the window")

#define FLOW_BYTE_COLS(X)                                                                          \
	X(IN, bytes_in, "payload bytes of the packets taken")                                      \
	X(OUT, bytes_out, "delivered in order")                                                    \
	X(POLICY, retransmitted, "seen before: same bytes sent again")                             \
	X(POLICY, overlap_differs, "sent again with other bytes: the first ones count")            \
	X(POLICY, after_end, "behind the end of the session, or outside the window")               \
	X(POLICY, too_late,                                                                        \
	  "came after their hole was given up as a gap: flow.gap_wait, flow.memory_bytes_max")     \
	X(IN_FLIGHT, in_flight, "early segments that wait for a hole to be filled")                \
	X(INFO, gap_bytes, "bytes never seen, told to frame as gaps, which counts them by source") \
	X(INFO, gaps, "gaps declared")                                                             \
	X(INFO, out_of_order, "bytes that came early and were delivered later")

#define FLOW_PACKET_COL(kind, name, help) FLOW_##name,
#define FLOW_BYTE_COL(kind, name, help)   FLOW_BYTES_##name,
enum { FLOW_PACKET_COLS(FLOW_PACKET_COL) FLOW_N_PACKET_COLS };
enum { FLOW_BYTE_COLS(FLOW_BYTE_COL) FLOW_N_BYTE_COLS };
extern const struct ledger_table flow_packet_ledger, flow_byte_ledger;
const uint64_t *flow_packet_row(const struct flow *f);
const uint64_t *flow_byte_row(const struct flow *f);

#endif
