/* fuzz_flow.c - any packets of a few sessions: the ledgers balance, and no byte comes out of order.
 *
 * In:     byte 0 chooses limits (bit 0: small ones) and whether time may jump (bit 1: calm).
 *         Then operations of 8 bytes: kind, session and direction, offset (2), length (2), time,
 *         variant of the bytes.
 * Out:    aborts when a ledger does not balance, a stream_off or acknowledgement goes back, bytes
 * come twice, an ended session goes on, or, in calm runs, the streams are not those of a plain
 * model: each position has the byte that came first. Owns:   - Runs:   libFuzzer, or once a file of
 * the corpus. Limits: MODEL_BYTES of stream a direction.
 */
#include <stdio.h>

#include "dataplane/flow/flow.h"
#include "tests/fuzz/fuzz.h"

#define SESSIONS    4
#define MODEL_BYTES 12288
#define SECOND      1000000000ull

static void require(bool ok, const char *what)
{
	if (!ok) {
		fprintf(stderr, "fuzz_flow: %s\n", what);
		abort();
	}
}

struct model_dir {
	uint8_t byte[MODEL_BYTES];
	uint8_t known[MODEL_BYTES]; /* 1: came */
};

/* What came out of one session index; begun anew when it ends. */
struct seen_dir {
	uint64_t next_off;
	uint64_t acked; /* so many bytes, and 1 */
};

struct fuzz {
	struct flow *flow;
	bool small, calm;
	uint64_t now_ns, number;
	struct pkt burst[PKT_BURST];
	unsigned n_burst;
	uint8_t text[2][2 * MODEL_BYTES]; /* two variants of the same stream */
	struct model_dir model[SESSIONS][2];
	struct model_dir out[SESSIONS][2];
	struct seen_dir *seen; /* [session index * 2 + dir] */
	bool *ended;           /* since the last release */
};

static unsigned session_of(const struct fuzz *z, uint32_t idx, unsigned *ret_swap)
{
	const struct flow_session *s = flow_session(z->flow, idx);
	*ret_swap = s->addr[0][15] == 200;
	return s->addr[*ret_swap][15];
}

/* In calm runs streams are whole, so that stream_off 0 is the lowest byte that came. */
static void keep_out(struct fuzz *z, const struct flow_event *e)
{
	unsigned swap, k = session_of(z, e->session, &swap);
	unsigned dir = e->dir ^ swap;
	struct model_dir *m = &z->model[k][dir];
	struct model_dir *o = &z->out[k][dir];
	uint64_t base = 0;
	if (!flow_session(z->flow, e->session)->from_start)
		while (base < MODEL_BYTES && !m->known[base])
			base++;
	for (size_t i = 0; i < e->data.len; i++) {
		uint64_t at = base + e->stream_off + i;
		require(at < MODEL_BYTES, "bytes beyond what was sent");
		require(!o->known[at], "bytes twice");
		o->known[at] = 1;
		o->byte[at] = e->data.ptr[i];
	}
}

static void take_events(struct fuzz *z, const struct flow_event *ev, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct flow_event *e = &ev[i];
		require(e->session < flow_sessions_max(z->flow), "session index");
		require(!z->ended[e->session], "an ended session goes on");
		struct seen_dir *d = &z->seen[e->session * 2 + e->dir];
		if (e->kind == FLOW_END) {
			z->ended[e->session] = true;
			z->seen[e->session * 2] = z->seen[e->session * 2 + 1] =
				(struct seen_dir){0};
			continue;
		}
		if (e->kind == FLOW_ACK) {
			require(e->stream_off + 1 > d->acked, "an acknowledgement goes back");
			d->acked = e->stream_off + 1;
			continue;
		}
		require(e->stream_off == d->next_off, "stream_off");
		require(e->kind == FLOW_GAP ? e->gap_bytes > 0 : e->data.len > 0, "empty event");
		d->next_off += e->kind == FLOW_GAP ? e->gap_bytes : e->data.len;
		if (z->calm && e->kind == FLOW_DATA)
			keep_out(z, e);
		require(!z->calm || e->kind == FLOW_DATA || e->reason == FLOW_GAP_END,
			"a gap without a reason");
	}
	require(!ledger_imbalance(&flow_packet_ledger, flow_packet_row(z->flow)), "packets");
	require(!ledger_imbalance(&flow_byte_ledger, flow_byte_row(z->flow)), "bytes");
}

static void end_turn(struct fuzz *z)
{
	flow_release(z->flow);
	memset(z->ended, 0, flow_sessions_max(z->flow) * sizeof(*z->ended));
}

static void send_burst(struct fuzz *z)
{
	const struct flow_event *ev;
	unsigned n = flow_track(z->flow, z->burst, z->n_burst, &ev);
	take_events(z, ev, n);
	end_turn(z);
	z->n_burst = 0;
}

static void model_add(struct fuzz *z, unsigned k, unsigned dir, const struct pkt *p, uint32_t off)
{
	struct model_dir *m = &z->model[k][dir];
	for (uint32_t i = 0; i < p->len; i++) {
		if (m->known[off + i])
			continue;
		m->known[off + i] = 1;
		m->byte[off + i] = p->payload[i];
	}
}

static uint32_t isn_of(unsigned k, unsigned dir)
{
	return k & 1 ? 0xfffff000u + k * 16 + dir : 1000u * k + 77 * dir;
}

static void add_packet(struct fuzz *z, const uint8_t *op)
{
	static const uint8_t flags[16] = {TCP_ACK,
					  TCP_ACK,
					  TCP_ACK,
					  TCP_ACK | TCP_PSH,
					  TCP_ACK,
					  TCP_ACK | TCP_URG,
					  0,
					  TCP_ACK,
					  TCP_SYN,
					  TCP_SYN | TCP_ACK,
					  TCP_FIN | TCP_ACK,
					  TCP_RST | TCP_ACK,
					  TCP_RST,
					  TCP_FIN,
					  TCP_ACK,
					  TCP_ACK};
	unsigned k = op[1] % SESSIONS, dir = op[1] / SESSIONS % 2, kind = op[0] % 16;
	uint32_t off = (op[2] | (uint32_t)op[3] << 8) % (MODEL_BYTES - 4000);
	uint32_t len = op[0] & 0x80 ? (op[4] | (uint32_t)op[5] << 8) % 4000 : op[4] % 8u;
	struct pkt *p = &z->burst[z->n_burst++];
	if (z->calm && kind >= 8)
		kind = 0; /* no ends, no second start */
	*p = (struct pkt){
		.proto = !z->calm && kind == 15 ? IPPROTO_UDP_ : IPPROTO_TCP_,
		.sport = dir ? 80 : 5000,
		.dport = dir ? 5000 : 80,
		.tcp_flags = flags[kind] ? flags[kind] : TCP_ACK,
		.time_ns = z->now_ns,
		.number = ++z->number,
		.len = len,
		.payload = z->text[op[7] & 1] + off,
		.seq = isn_of(k, dir) + 1 + off,
		.ack = isn_of(k, !dir) + 1 + (op[5] | (uint32_t)op[6] << 8) % MODEL_BYTES,
	};
	p->src[15] = dir ? 200 : (uint8_t)k;
	p->dst[15] = dir ? (uint8_t)k : 200;
	if (p->tcp_flags & TCP_SYN)
		p->seq = isn_of(k, dir) + (op[7] & 0x40 ? 12345 : 0);
	if (!z->calm && op[7] & 0x80) {
		p->seq += (uint32_t)op[6] << 24;
		p->ack ^= (uint32_t)op[6] << 20;
	}
	if (!z->calm && kind == 14)
		p->cut_bytes = op[6] * 9u;
	if (z->calm && p->len)
		model_add(z, k, dir, p, off);
}

static void start_sessions(struct fuzz *z)
{
	for (unsigned k = 0; k < SESSIONS / 2; k++) { /* the others are joined late */
		for (unsigned dir = 0; dir < 2; dir++) {
			struct pkt *p = &z->burst[z->n_burst++];
			*p = (struct pkt){.proto = IPPROTO_TCP_,
					  .sport = dir ? 80 : 5000,
					  .dport = dir ? 5000 : 80,
					  .tcp_flags = dir ? TCP_SYN | TCP_ACK : TCP_SYN,
					  .time_ns = z->now_ns,
					  .number = ++z->number,
					  .seq = isn_of(k, dir),
					  .ack = isn_of(k, 0) + 1};
			p->src[15] = dir ? 200 : (uint8_t)k;
			p->dst[15] = dir ? (uint8_t)k : 200;
		}
	}
	send_burst(z);
}

static void pass_time(struct fuzz *z, const uint8_t *op)
{
	if (z->calm) { /* never so long that a hole is given up */
		z->now_ns += 1000;
		return;
	}
	const struct flow_event *ev;
	if (op[0] % 64 == 63) {
		z->now_ns += op[6] * SECOND / 4;
		unsigned n = flow_advance(z->flow, z->now_ns, &ev);
		take_events(z, ev, n);
		end_turn(z);
	} else if (op[0] % 64 == 62) {
		z->now_ns -= op[6] * SECOND / 16;
	} else {
		z->now_ns += op[6] * 1000000ull;
	}
}

static void compare_with_model(const struct fuzz *z)
{
	for (unsigned k = 0; k < 2 * SESSIONS; k++) {
		const struct model_dir *m = &z->model[k / 2][k % 2];
		const struct model_dir *o = &z->out[k / 2][k % 2];
		for (unsigned i = 0; i < MODEL_BYTES; i++) {
			require(m->known[i] == o->known[i], "bytes missing");
			require(!m->known[i] || m->byte[i] == o->byte[i], "first wins");
		}
	}
}

static bool start(struct fuzz *z, uint8_t how)
{
	z->small = how & 1;
	z->calm = !z->small && how & 2;
	z->now_ns = 1700000000 * SECOND;
	for (unsigned i = 0; i < 2 * MODEL_BYTES; i++) {
		/* No zeros: joined late, a segment of one zero is taken for a keep-alive. */
		z->text[0][i] = (uint8_t)(i * 31 + i / 256) | 0x80;
		z->text[1][i] = i % 7 ? z->text[0][i] : (uint8_t)i | 1;
	}
	struct flow_conf conf = {
		.sessions_max = z->small ? 2 : 100,
		.segment_bytes_max = z->small ? 8192 : 1 << 20,
		.memory_bytes_max = z->small ? 65536 : 4 << 20,
		.tcp_idle_ns = 300 * SECOND,
		.tcp_half_open_ns = 30 * SECOND,
		.tcp_closed_ns = 10 * SECOND,
		.udp_idle_ns = 60 * SECOND,
		.gap_wait_ns = 2 * SECOND,
		.gap_wait_unacked_ns = 10 * SECOND,
	};
	if (flow_create(&conf, &z->flow, NULL) != 0)
		return false;
	static struct opt_port_range all = {0, 65535};
	static const struct opt_ports ports = {&all, 1};
	flow_tell_acks(z->flow, &ports);
	uint32_t n = flow_sessions_max(z->flow);
	z->seen = calloc(2 * (size_t)n, sizeof(*z->seen));
	z->ended = calloc(n, sizeof(*z->ended));
	return z->seen && z->ended;
}

int LLVMFuzzerTestOneInput(const uint8_t *in, size_t len)
{
	static struct fuzz z;
	memset(&z, 0, sizeof(z));
	if (len < 1 || !start(&z, in[0]))
		return 0;
	start_sessions(&z);
	for (size_t at = 1; at + 8 <= len && at < 8 * 4000; at += 8) {
		const uint8_t *op = in + at;
		pass_time(&z, op);
		add_packet(&z, op);
		if (z.n_burst == PKT_BURST || op[1] & 0x80)
			send_burst(&z);
	}
	send_burst(&z);
	const struct flow_event *ev;
	unsigned n;
	while ((n = flow_finish(z.flow, &ev)) > 0)
		take_events(&z, ev, n);
	require(flow_byte_row(z.flow)[FLOW_BYTES_in_flight] == 0, "held after the end");
	if (z.calm)
		compare_with_model(&z);
	flow_destroy(z.flow);
	free(z.seen);
	free(z.ended);
	return 0;
}
