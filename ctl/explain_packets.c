#include "ctl/explain_packets.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/capture/decode.h"

/* The files, gone through up to flow. */
struct pass {
	struct capture *capture;
	struct decode *decode;
	struct flow *flow;
	const struct span_query *q;
	struct span *s;
	bool done;
};

/* ---- bytes ---- */

/* With what came @len bytes more are there: the first ones go where they are not wanted. */
static void make_room(struct span *s, const struct span_query *q, size_t len)
{
	if (!q->by_time || s->len + len <= SPAN_BYTES_MAX)
		return;
	size_t over = s->len + len - SPAN_BYTES_MAX;
	over = over < s->len ? over : s->len;
	memmove(s->bytes, s->bytes + over, s->len - over);
	s->len -= over;
	s->from += over;
}

static void add_packet(struct span *s, const struct span_query *q, const struct flow_event *ev)
{
	if (s->n_packets == SPAN_PACKETS_MAX) {
		if (!q->by_time)
			return;
		memmove(s->packets, s->packets + 1, sizeof(s->packets) - sizeof(s->packets[0]));
		s->n_packets--;
	}
	s->packets[s->n_packets++] = (struct span_packet){
		.number = ev->number,
		.time_ns = ev->time_ns,
		.from = ev->stream_off,
		.until = ev->stream_off + ev->data.len,
	};
}

static void take_data(struct pass *p, const struct flow_event *ev)
{
	struct span *s = p->s;
	struct slice data = ev->data;
	uint64_t at = ev->stream_off;
	s->end = at + data.len;
	if (!p->q->by_time && at < p->q->from) {
		uint64_t before = p->q->from - at;
		data = slice_from(data, before < data.len ? before : data.len);
		at = p->q->from;
	}
	if (data.len == 0 || p->done)
		return;
	if (at != s->from + s->len) { /* behind a hole, or the first */
		s->from = at;
		s->len = 0;
		s->n_packets = 0;
	}
	make_room(s, p->q, data.len);
	size_t room = SPAN_BYTES_MAX - s->len, n = data.len < room ? data.len : room;
	memcpy(s->bytes + s->len, data.ptr, n);
	s->len += n;
	add_packet(s, p->q, ev);
	/* A datagram's bytes are a frame of their own; else as many as there is room for. */
	p->done = p->q->by_time ? ev->time_ns >= p->q->time_ns
				: ev->datagram || s->len == SPAN_BYTES_MAX;
}

static void take_gap(struct pass *p, const struct flow_event *ev)
{
	struct span *s = p->s;
	uint64_t until = ev->stream_off + ev->gap_bytes;
	s->end = until;
	/* What comes behind it is another part of the stream. */
	p->done |= !p->q->by_time && s->len > 0 && ev->stream_off >= p->q->from;
	if (!p->q->by_time && until < p->q->from)
		return;
	if (s->n_gaps < SPAN_PACKETS_MAX)
		s->gaps[s->n_gaps++] = (struct span_gap){ev->stream_off, until, ev->reason};
}

static void take_events(struct pass *p, const struct flow_event *ev, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct flow_session *s = flow_session(p->flow, ev[i].session);
		if (s->id != p->q->session || ev[i].kind == FLOW_ACK)
			continue;
		p->s->seen = true;
		p->s->session = *s;
		if (ev[i].kind == FLOW_END || ev[i].dir != p->q->dir)
			continue;
		if (ev[i].kind == FLOW_DATA)
			take_data(p, &ev[i]);
		else
			take_gap(p, &ev[i]);
	}
}

/* As worker_turn, without what is behind flow. */
static void turn(struct pass *p, const struct pkt_raw *raw, unsigned n_raw)
{
	struct pkt pkts[PKT_BURST];
	const struct flow_event *ev;
	unsigned n = decode_burst(p->decode, raw, n_raw, pkts);
	unsigned n_ev = flow_track(p->flow, pkts, n, &ev);
	take_events(p, ev, n_ev);
	n_ev = flow_advance(p->flow, raw[n_raw - 1].time_ns, &ev);
	take_events(p, ev, n_ev);
	flow_release(p->flow);
	decode_release(p->decode);
}

static void go_through(struct pass *p)
{
	struct pkt_raw raw[PKT_BURST];
	const struct flow_event *ev;
	unsigned n_ev;
	int n;
	while ((n = capture_receive(p->capture, raw)) != -ENODATA)
		if (n > 0)
			turn(p, raw, (unsigned)n);
	while ((n_ev = flow_finish(p->flow, &ev)) > 0) {
		take_events(p, ev, n_ev);
		flow_release(p->flow);
	}
}

/* ---- headers ---- */

static unsigned be16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

static void say(char *out, const char *text)
{
	size_t len = strlen(out);
	snprintf(out + len, SPAN_LAYERS_MAX - len, "%s%s", len ? ", " : "", text);
}

static bool is_end(const struct flow_session *s, const uint8_t addr[16])
{
	return memcmp(addr, s->addr[0], 16) == 0 || memcmp(addr, s->addr[1], 16) == 0;
}

/* The outermost IP header, when it is not the session's own. */
static void say_outer(const struct pkt_raw *raw, size_t at, const struct flow_session *s, char *out)
{
	unsigned version = at < raw->cap_len ? raw->ptr[at] >> 4 : 0;
	size_t len = version == 4 ? 4 : 16, src = at + (version == 4 ? 12 : 8);
	uint8_t addr[2][16] = {{[10] = 0xff, 0xff}, {[10] = 0xff, 0xff}};
	char text[2][INET6_ADDRSTRLEN], line[SPAN_LAYERS_MAX];
	if ((version != 4 && version != 6) || src + 2 * len > raw->cap_len)
		return;
	for (unsigned i = 0; i < 2; i++) {
		memcpy(addr[i] + 16 - len, raw->ptr + src + i * len, len);
		inet_ntop(version == 4 ? AF_INET : AF_INET6, raw->ptr + src + i * len, text[i],
			  sizeof(text[i]));
	}
	if (is_end(s, addr[0]) && is_end(s, addr[1]))
		return;
	snprintf(line, sizeof(line), "inside a packet %s > %s (IP protocol %u)", text[0], text[1],
		 raw->ptr[at + (version == 4 ? 9 : 6)]);
	say(out, line);
}

static void say_layers(const struct pkt_raw *raw, const struct flow_session *s, char *out)
{
	size_t at = 14;
	char tag[32];
	if (raw->link != LINK_ETHERNET || raw->cap_len < at)
		return;
	unsigned type = be16(raw->ptr + 12);
	while ((type == 0x8100 || type == 0x88a8 || type == 0x9100) && at + 4 <= raw->cap_len) {
		snprintf(tag, sizeof(tag), "VLAN %u", be16(raw->ptr + at) & 0xfff);
		say(out, tag);
		type = be16(raw->ptr + at + 2);
		at += 4;
	}
	if (type == 0x0800 || type == 0x86dd)
		say_outer(raw, at, s, out);
	else if (type == 0x8847 || type == 0x8848)
		say(out, "MPLS");
	else if (type == 0x8864)
		say(out, "PPPoE");
}

static void look_at(struct span *s, const struct replay_conf *rc, const struct pkt_raw *raw)
{
	for (unsigned i = 0; i < s->n_packets; i++) {
		struct span_packet *p = &s->packets[i];
		if (p->number != raw->number || p->file)
			continue;
		p->file = rc->paths[raw->port];
		p->bytes = raw->wire_len;
		say_layers(raw, &s->session, p->layers);
	}
}

static int find_headers(struct span *s, const struct replay_conf *rc, struct err *e)
{
	struct capture *capture;
	struct pkt_raw raw[PKT_BURST];
	int n, rc_ = s->n_packets ? replay_open(rc, &capture, e) : -ENODATA;
	if (rc_ < 0)
		return rc_ == -ENODATA ? 0 : rc_;
	while ((n = capture_receive(capture, raw)) != -ENODATA)
		for (int i = 0; i < n; i++)
			look_at(s, rc, &raw[i]);
	capture_close(capture);
	return 0;
}

/* ---- both ---- */

int span_find(const struct config *c, const struct replay_conf *rc, const struct span_query *q,
	      struct span **ret_s, struct err *e)
{
	struct pass p = {.q = q, .s = mem_alloc(sizeof(*p.s))};
	int rc_ = -ENOMEM;
	if (!p.s || !(p.s->bytes = mem_alloc(SPAN_BYTES_MAX)))
		err_set(e, rc_, "no memory");
	else if ((rc_ = replay_open(rc, &p.capture, e)) == 0 &&
		 (rc_ = decode_create(&c->decode, &p.decode, e)) == 0)
		rc_ = flow_create(&c->flow, &p.flow, e);
	if (rc_ == 0) {
		p.s->from = q->from;
		go_through(&p);
		rc_ = find_headers(p.s, rc, e);
	}
	flow_destroy(p.flow);
	decode_destroy(p.decode);
	capture_close(p.capture);
	if (rc_ < 0)
		span_free(p.s);
	else
		*ret_s = p.s;
	return rc_;
}

void span_free(struct span *s)
{
	if (!s)
		return;
	mem_free(s->bytes);
	mem_free(s);
}
