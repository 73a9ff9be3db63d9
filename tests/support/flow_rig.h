/* flow_rig.h - drives struct flow packet by packet, and writes what comes out as a line of text.
 *
 * In:     segments as a test states them: who, sequence number relative to the ISN, flags, bytes.
 * Out:    rig->log: c"abc" bytes from the client, s"abc" from the server, each with @offset;
 *         c[7 acked]@3 a gap; end(fin). Events of a second session carry #2, and so on.
 * Owns:   the flow; fini checks that nothing is held.
 * Runs:   tests.
 * Limits: RIG_LOG bytes of log. The ledger must balance after each call.
 */
#ifndef SL_TESTS_FLOW_RIG_H
#define SL_TESTS_FLOW_RIG_H

#include "tests/unit/unit.h"

#include "dataplane/flow/flow.h"

#define RIG_LOG        65536
#define MS             1000000ull
#define SECOND         1000000000ull
#define T0             (1700000000ull * SECOND)

#define RIG_CLIENT_ISN 1000u
#define RIG_SERVER_ISN 5000u

struct rig {
	struct flow *f;
	uint64_t now_ns, number;
	uint32_t isn[2]; /* of client, server: sequence numbers are given relative to these */
	uint16_t port[2];
	uint8_t host;       /* last byte of the client's address */
	uint32_t cut_bytes; /* of the next packet */
	bool turn_is_open;  /* flow_release is left to the test */
	bool quiet;         /* no log: for floods */
	uint32_t session[16];
	unsigned n_sessions;
	unsigned n_ends;
	size_t log_len;
	char log[RIG_LOG];
};

static inline struct flow_conf rig_conf(void)
{
	return (struct flow_conf){
		.sessions_max = 1000,
		.segment_bytes_max = 4 << 20,
		.memory_bytes_max = 16 << 20,
		.tcp_idle_ns = 3600 * SECOND,
		.tcp_half_open_ns = 30 * SECOND,
		.tcp_closed_ns = 10 * SECOND,
		.udp_idle_ns = 60 * SECOND,
		.gap_wait_ns = 2 * SECOND,
		.gap_wait_unacked_ns = 10 * SECOND,
	};
}

static inline void rig_init_conf(struct rig *r, const struct flow_conf *conf)
{
	struct err e;
	*r = (struct rig){
		.now_ns = T0,
		.isn = {RIG_CLIENT_ISN, RIG_SERVER_ISN},
		.port = {40000, 514},
		.host = 1,
	};
	assert_int_equal(flow_create(conf, &r->f, &e), 0);
}

/* The server's. */
static struct opt_port_range rig_port_range = {514, 514};
static const struct opt_ports rig_port = {&rig_port_range, 1};

static inline void rig_init(struct rig *r)
{
	struct flow_conf conf = rig_conf();
	rig_init_conf(r, &conf);
}

static inline void rig_say(struct rig *r, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static inline void rig_say(struct rig *r, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(r->log + r->log_len, RIG_LOG - r->log_len, fmt, ap);
	va_end(ap);
	assert_true(n >= 0 && r->log_len + (size_t)n < RIG_LOG);
	r->log_len += (size_t)n;
}

static inline unsigned rig_session_number(struct rig *r, uint32_t session)
{
	for (unsigned i = r->n_sessions; i > 0; i--)
		if (r->session[i - 1] == session)
			return i;
	assert_true(r->n_sessions < 16);
	r->session[r->n_sessions++] = session;
	return r->n_sessions;
}

static inline void rig_log_event(struct rig *r, const struct flow_event *e)
{
	static const char *const gaps[] = {"acked", "waited", "memory", "snaplen", "end"};
	static const char *const ends[] = {"fin", "rst", "idle", "evicted", "capture"};
	char side = e->dir ? 's' : 'c';
	unsigned n = rig_session_number(r, e->session);
	if (r->log_len)
		rig_say(r, " ");
	if (e->kind == FLOW_DATA)
		rig_say(r, "%c\"%.*s\"@%llu", side, (int)e->data.len, (const char *)e->data.ptr,
			(unsigned long long)e->stream_off);
	else if (e->kind == FLOW_GAP)
		rig_say(r, "%c[%llu %s]@%llu", side, (unsigned long long)e->gap_bytes,
			gaps[e->reason], (unsigned long long)e->stream_off);
	else if (e->kind == FLOW_ACK)
		rig_say(r, "%c-ack@%llu", side, (unsigned long long)e->stream_off);
	else
		rig_say(r, "end(%s)", ends[e->reason]);
	if (n > 1)
		rig_say(r, "#%u", n);
	if (e->kind == FLOW_END)
		r->session[n - 1] = 0; /* its index may be another session's next */
}

static inline void rig_balanced(const struct rig *r)
{
	assert_int_equal(ledger_imbalance(&flow_packet_ledger, flow_packet_row(r->f)), 0);
	assert_int_equal(ledger_imbalance(&flow_byte_ledger, flow_byte_row(r->f)), 0);
}

static inline void rig_events(struct rig *r, const struct flow_event *ev, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		r->n_ends += ev[i].kind == FLOW_END;
		if (!r->quiet)
			rig_log_event(r, &ev[i]);
	}
	rig_balanced(r);
	if (!r->turn_is_open)
		flow_release(r->f);
}

static inline struct pkt rig_pkt(struct rig *r, unsigned dir, uint8_t proto, const void *bytes,
				 size_t len)
{
	struct pkt p = {
		.proto = proto,
		.sport = r->port[dir],
		.dport = r->port[!dir],
		.time_ns = r->now_ns,
		.number = ++r->number,
		.payload = bytes,
		.len = (uint32_t)len,
		.cut_bytes = r->cut_bytes,
	};
	const uint8_t client[16] = {[10] = 0xff, 0xff, 10, 0, 0, r->host};
	const uint8_t server[16] = {[10] = 0xff, 0xff, 10, 0, 9, 9};
	memcpy(p.src, dir ? server : client, 16);
	memcpy(p.dst, dir ? client : server, 16);
	r->cut_bytes = 0;
	return p;
}

static inline void rig_send(struct rig *r, const struct pkt *p)
{
	const struct flow_event *ev;
	unsigned n = flow_track(r->f, p, 1, &ev);
	rig_events(r, ev, n);
}

/* A segment from @dir whose first byte is number @seq after the ISN (1: the first of the stream),
 * acknowledging all up to @ack of the other side (0: no ACK flag).
 */
static inline struct pkt rig_segment(struct rig *r, unsigned dir, uint8_t flags, uint32_t seq,
				     uint32_t ack, const char *text)
{
	struct pkt p = rig_pkt(r, dir, IPPROTO_TCP_, text, strlen(text));
	p.tcp_flags = (uint8_t)(flags | (ack ? TCP_ACK : 0));
	p.seq = r->isn[dir] + seq;
	p.ack = ack ? r->isn[!dir] + ack : 0;
	p.window = 65000;
	return p;
}

static inline void rig_tcp(struct rig *r, unsigned dir, uint8_t flags, uint32_t seq, uint32_t ack,
			   const char *text)
{
	struct pkt p = rig_segment(r, dir, flags, seq, ack, text);
	r->now_ns += MS;
	rig_send(r, &p);
}

/* Data with ACK from the client, from the server. */
static inline void rig_c(struct rig *r, uint32_t seq, const char *text)
{
	rig_tcp(r, 0, 0, seq, 1, text);
}

static inline void rig_s(struct rig *r, uint32_t seq, uint32_t ack, const char *text)
{
	rig_tcp(r, 1, 0, seq, ack, text);
}

static inline void rig_handshake(struct rig *r)
{
	rig_tcp(r, 0, TCP_SYN, 0, 0, "");
	rig_tcp(r, 1, TCP_SYN, 0, 1, "");
	rig_tcp(r, 0, 0, 1, 1, "");
}

static inline void rig_udp(struct rig *r, unsigned dir, const char *text)
{
	struct pkt p = rig_pkt(r, dir, IPPROTO_UDP_, text, strlen(text));
	r->now_ns += MS;
	rig_send(r, &p);
}

/* Packet time goes on by @ns without packets of this worker. */
static inline void rig_wait(struct rig *r, uint64_t ns)
{
	const struct flow_event *ev;
	r->now_ns += ns;
	unsigned n = flow_advance(r->f, r->now_ns, &ev);
	rig_events(r, ev, n);
}

static inline void rig_finish(struct rig *r)
{
	const struct flow_event *ev;
	unsigned n;
	while ((n = flow_finish(r->f, &ev)) > 0)
		rig_events(r, ev, n);
	assert_int_equal(flow_byte_row(r->f)[FLOW_BYTES_in_flight], 0);
}

static inline void rig_fini(struct rig *r)
{
	rig_finish(r);
	flow_destroy(r->f);
}

static inline uint64_t rig_packets(const struct rig *r, unsigned col)
{
	return flow_packet_row(r->f)[col];
}

static inline uint64_t rig_bytes(const struct rig *r, unsigned col)
{
	return flow_byte_row(r->f)[col];
}

/* Compares the log and empties it. */
static inline void rig_expect(struct rig *r, const char *want)
{
	r->log[r->log_len] = 0;
	assert_string_equal(r->log, want);
	r->log_len = 0;
}

#endif
