/* The straight way of datagrams beside the usual one: what comes out, and what is counted. */
#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/frame/frame.h"
#include "tests/support/flow_rig.h"

#define PAYLOAD  4096
#define N_BURSTS 400

static enum probe yes(const void *conf, const struct parse_in *in)
{
	(void)conf;
	return in->data.ptr[0] == '!' ? PROBE_NO : PROBE_YES;
}

/* A datagram is a frame, but for the dots at its end. */
static struct slice whole_datagram(struct slice data)
{
	while (data.len && data.ptr[data.len - 1] == '.')
		data.len--;
	return data;
}

static struct parse_result parse(struct slice kept, const struct parse_in *in,
				 struct frame_out *out)
{
	bool done = !kept.len || frame_put_whole(out, kept, in->stream_off, false);
	return (struct parse_result){.status = PARSE_OK, .consumed = done ? in->data.len : 0};
}

static struct parse_result whole_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out)
{
	(void)state;
	(void)conf;
	return parse(whole_datagram(in->data), in, out);
}

static struct parse_result other_parse(void *state, const void *conf, const struct parse_in *in,
				       struct frame_out *out)
{
	(void)state;
	(void)conf;
	return parse(in->data, in, out);
}

static const struct parser whole = {.name = "whole",
				    .transports = PARSER_UDP,
				    .probe = yes,
				    .parse = whole_parse,
				    .datagram = whole_datagram};
static const struct parser other = {
	.name = "other", .transports = PARSER_UDP | PARSER_TCP, .probe = yes, .parse = other_parse};

static struct opt_port_range ports[] = {{514, 514}, {515, 515}, {516, 516}};
static const struct frame_source sources[] = {
	{.name = "a", .parser = &whole, .udp = {&ports[0], 1}, .port_decides = true},
	{.name = "b", .parser = &whole, .udp = {&ports[1], 1}},
	{.name = "c", .parser = &other, .udp = {&ports[2], 1}, .tcp = {&ports[2], 1}},
};
#define N_SOURCES (sizeof(sources) / sizeof(sources[0]))

/* Flow and frame, and what came of them as bytes. */
struct way {
	bool straight;
	struct flow *flow;
	struct frame_stage *frame;
	struct batch b;
	struct frame frames[BATCH_RECS_MAX];
	uint8_t *said;
	size_t n_said;
	unsigned n_straight;
};

#define SAID_MAX (256u << 20)

static void say(struct way *w, const void *bytes, size_t len)
{
	assert_true(w->n_said + len <= SAID_MAX);
	memcpy(w->said + w->n_said, bytes, len);
	w->n_said += len;
}

static void say_frames(struct way *w, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct frame *f = &w->frames[i];
		uint64_t words[] = {f->time_ns, f->stream_off, f->session_id, f->bytes.len,
				    f->session, f->source,     f->dir,        f->cut,
				    f->idx,     f->body_kind,  f->meta.type,  f->origin_len};
		assert_ptr_equal(f->body.ptr, f->bytes.ptr);
		assert_int_equal(f->body.len, f->bytes.len);
		assert_true(arena_has(&w->b.arena, f->bytes.ptr));
		assert_true(!f->meta_name && !f->unparsed && !f->aux);
		say(w, words, sizeof(words));
		say(w, f->bytes.ptr, f->bytes.len);
		say(w, w->b.arena.base + f->origin_off, f->origin_len);
	}
}

static void feed(struct way *w, const struct pkt *pkts, unsigned n)
{
	const struct flow_event *ev;
	unsigned n_frames = 0, done = 0;
	arena_reset(&w->b.arena);
	if (w->straight)
		done = frame_straight(w->frame, w->flow, pkts, n, &w->b, w->frames, &n_frames);
	w->n_straight += done;
	unsigned n_ev = flow_track(w->flow, pkts + done, n - done, &ev);
	done = w->straight ? frame_parse_on(w->frame, ev, n_ev, &n_frames) : 0;
	say_frames(w, n_frames);
	while (done < n_ev) {
		arena_reset(&w->b.arena);
		done += frame_parse(w->frame, ev + done, n_ev - done, &w->b, w->frames, &n_frames);
		say_frames(w, n_frames);
	}
	flow_release(w->flow);
}

static void way_open(struct way *w, bool straight, int64_t sessions_max)
{
	struct flow_conf flow = rig_conf();
	flow.sessions_max = sessions_max;
	struct frame_conf conf = {
		.bytes_max = 1 << 16, .carry_bytes_max = 1 << 20, .probe_bytes_max = 64};
	*w = (struct way){.straight = straight};
	assert_int_equal(flow_create(&flow, &w->flow, NULL), 0);
	assert_int_equal(frame_create(&conf, sources, N_SOURCES, w->flow, &w->frame, NULL), 0);
	assert_int_equal(arena_init(&w->b.arena, 512 << 10), 0);
	w->said = mem_map(SAID_MAX);
	assert_non_null(w->said);
}

static void way_close(struct way *w)
{
	const struct flow_event *ev;
	while (flow_finish(w->flow, &ev) > 0)
		flow_release(w->flow);
	frame_destroy(w->frame);
	flow_destroy(w->flow);
	arena_fini(&w->b.arena);
	mem_unmap(w->said, SAID_MAX);
}

static uint32_t next(uint64_t *x)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*x >> 33);
}

/* Mostly datagrams of a few lengths from @n_hosts; now and then what is not plain. */
static void make(uint64_t *x, uint64_t *io_now, uint64_t number, unsigned n_hosts, struct pkt *p,
		 uint8_t *payload)
{
	uint32_t r = next(x), odd = next(x) % 200;
	uint32_t host = next(x) % n_hosts;
	*p = (struct pkt){.proto = IPPROTO_UDP_, .sport = 40000, .number = number};
	memcpy(p->src, (uint8_t[16]){[10] = 0xff, 0xff, 10, 0, (uint8_t)(host >> 8), (uint8_t)host},
	       16);
	memcpy(p->dst, (uint8_t[16]){[10] = 0xff, 0xff, 10, 1, 0, 1}, 16);
	p->dport = r % 64 ? 514 + r / 64 % 2 : r % 128 ? 516 : 9;
	p->len = odd == 0 ? 0 : odd < 4 ? PAYLOAD : 1 + r / 8 % 300;
	for (uint32_t i = 0; i < p->len; i++)
		payload[i] = (uint8_t)(next(x) % 32 ? 'a' + i % 26 : '.');
	p->payload = payload;
	*io_now += odd == 4 ? 61 * SECOND * (next(x) % 50 == 0) : next(x) % 1000;
	p->time_ns = odd == 5 ? *io_now - next(x) % SECOND : *io_now;
	if (odd == 6)
		p->cut_bytes = 7;
	if (odd == 7)
		p->proto = IPPROTO_TCP_, p->tcp_flags = TCP_ACK, p->seq = r;
	if (odd == 8) { /* an answer */
		uint8_t a[16];
		memcpy(a, p->src, 16);
		memcpy(p->src, p->dst, 16);
		memcpy(p->dst, a, 16);
		p->sport = p->dport;
		p->dport = 40000;
	}
	if (odd == 9)
		memset(payload, '.', p->len);
	if (odd == 10) { /* nothing of it was captured */
		p->len = 0;
		p->cut_bytes = 7;
	}
}

static void both_ways_say_the_same(unsigned n_hosts, int64_t sessions_max, unsigned n_straight_min)
{
	static uint8_t payloads[PKT_BURST][PAYLOAD + SL_PAD];
	struct pkt pkts[PKT_BURST];
	struct way *w = mem_alloc(2 * sizeof(*w));
	uint64_t x = n_hosts, now_ns = T0, number = 0;
	way_open(&w[0], false, sessions_max);
	way_open(&w[1], true, sessions_max);
	for (unsigned i = 0; i < N_BURSTS; i++) {
		unsigned n = i % 3 ? PKT_BURST : next(&x) % (PKT_BURST + 1);
		bool jumbo = i % 50 == 49; /* more than a burst of frames holds */
		for (unsigned k = 0; k < n; k++) {
			make(&x, &now_ns, ++number, n_hosts, &pkts[k], payloads[k]);
			if (jumbo)
				pkts[k].len = PAYLOAD;
		}
		for (unsigned k = 0; k < 2; k++)
			feed(&w[k], pkts, n);
		assert_int_equal(w[0].n_said, w[1].n_said);
		assert_memory_equal(flow_packet_row(w[0].flow), flow_packet_row(w[1].flow),
				    FLOW_N_PACKET_COLS * sizeof(uint64_t));
		assert_memory_equal(flow_byte_row(w[0].flow), flow_byte_row(w[1].flow),
				    FLOW_N_BYTE_COLS * sizeof(uint64_t));
		for (unsigned s = 0; s <= N_SOURCES; s++)
			assert_memory_equal(frame_row(w[0].frame, s), frame_row(w[1].frame, s),
					    FRAME_N_COLS * sizeof(uint64_t));
	}
	assert_memory_equal(w[0].said, w[1].said, w[0].n_said);
	assert_true(w[0].n_said > 1 << 20 && w[1].n_straight > n_straight_min);
	way_close(&w[0]);
	way_close(&w[1]);
	mem_free(w);
}

static void few_sessions_give_the_same_frames_and_rows_either_way(void **state)
{
	both_ways_say_the_same(20, 1000, 2000);
}

static void many_sessions_give_the_same_frames_and_rows_either_way(void **state)
{
	both_ways_say_the_same(600, 4000, 500);
}

static void sessions_that_make_room_for_others_do_so_either_way(void **state)
{
	both_ways_say_the_same(300, 100, 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(few_sessions_give_the_same_frames_and_rows_either_way),
		cmocka_unit_test(many_sessions_give_the_same_frames_and_rows_either_way),
		cmocka_unit_test(sessions_that_make_room_for_others_do_so_either_way),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
