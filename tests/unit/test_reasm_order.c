/* Segments in any order: hostile ones are cheap, honest ones give the stream. */
#include "tests/support/flow_rig.h"

/* Single bytes, @stride positions apart, none of them in order, from both ends and all over. A list
 * would take hundreds of millions of steps for it, and the test its time-out.
 */
static void flood(uint32_t n, uint32_t stride)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.segment_bytes_max = conf.memory_bytes_max = 128 << 20;
	rig_init_conf(&r, &conf);
	r.quiet = true;
	rig_handshake(&r);
	for (uint32_t i = 0; i < n; i++) {
		uint32_t at = i & 1 ? n - i : (uint32_t)((uint64_t)i * 7919 % n);
		rig_c(&r, 2 + stride * at, "x");
		r.now_ns = T0; /* no wait shall end */
	}
	rig_finish(&r);
	assert_int_equal(
		rig_bytes(&r, FLOW_BYTES_bytes_out) + rig_bytes(&r, FLOW_BYTES_retransmitted), n);
	flow_destroy(r.f);
}

static void a_flood_of_single_bytes_in_hostile_order_is_cheap(void **state)
{
	flood(40000, 2);
	flood(40000, 400);
}

/* ---- any order at all ---- */

struct dice {
	uint64_t s;
};

static uint32_t roll(struct dice *d, uint32_t n)
{
	d->s = d->s * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((d->s >> 33) % n);
}

enum { STREAM = 6000, SEGMENTS = 400 };

struct cut_list {
	uint32_t n;
	struct {
		uint32_t off, len;
	} at[SEGMENTS];
};

/* Covers [0, len) with segments, with more of them that overlap, and mixes the order. */
static void shuffle_segments(struct dice *d, uint32_t len, uint32_t len_max, struct cut_list *c)
{
	c->n = 0;
	for (uint32_t off = 0; off < len;) {
		uint32_t k = 1 + roll(d, len_max);
		k = k < len - off ? k : len - off;
		c->at[c->n].off = off;
		c->at[c->n++].len = k;
		off += k;
		if (roll(d, 4) == 0 && c->n < SEGMENTS) {
			uint32_t from = roll(d, len);
			uint32_t n = 1 + roll(d, len_max);
			c->at[c->n].off = from;
			c->at[c->n++].len = n < len - from ? n : len - from;
		}
	}
	uint32_t reach = 1 + roll(d, 40);
	for (uint32_t i = 0; i + 1 < c->n; i++) {
		uint32_t k = i + roll(d, reach < c->n - i ? reach : c->n - i);
		uint32_t off = c->at[i].off, n = c->at[i].len;
		c->at[i] = c->at[k];
		c->at[k].off = off;
		c->at[k].len = n;
	}
}

static void send_shuffled(struct rig *r, struct dice *d, const uint8_t *stream,
			  const struct cut_list *c, uint32_t base, uint8_t *out, uint64_t *ret_len)
{
	const struct flow_event *ev;
	struct pkt burst[PKT_BURST];
	for (uint32_t i = 0; i < c->n;) {
		unsigned n = 0, want = 1 + roll(d, 8);
		for (; n < want && i < c->n; n++, i++) {
			burst[n] = rig_pkt(r, 0, IPPROTO_TCP_, stream + c->at[i].off, c->at[i].len);
			burst[n].tcp_flags = TCP_ACK;
			burst[n].seq = base + c->at[i].off;
			burst[n].ack = r->isn[1] + 1;
		}
		unsigned n_ev = flow_track(r->f, burst, n, &ev);
		for (unsigned k = 0; k < n_ev; k++) {
			assert_int_equal(ev[k].kind, FLOW_DATA);
			assert_int_equal(ev[k].stream_off, *ret_len);
			memcpy(out + *ret_len, ev[k].data.ptr, ev[k].data.len);
			*ret_len += ev[k].data.len;
		}
		rig_balanced(r);
		flow_release(r->f);
	}
}

static void one_shuffle(uint64_t seed)
{
	static uint8_t stream[STREAM], out[2 * STREAM];
	static struct cut_list cuts;
	struct dice d = {seed * 0x9e3779b97f4a7c15 + 1};
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.sessions_max = 4;
	rig_init_conf(&r, &conf);
	r.quiet = true;
	r.isn[0] = roll(&d, 2) ? 0u - roll(&d, STREAM) : roll(&d, 1u << 30);
	uint32_t len_max = roll(&d, 3) ? 1 + roll(&d, 1500) : 16 + roll(&d, 20);
	uint32_t len = len_max < 40 ? len_max * 100 : STREAM;
	for (uint32_t i = 0; i < len; i++)
		stream[i] = (uint8_t)roll(&d, 256);
	shuffle_segments(&d, len, len_max, &cuts);
	rig_handshake(&r);
	uint64_t got = 0;
	send_shuffled(&r, &d, stream, &cuts, r.isn[0] + 1, out, &got);
	assert_int_equal(got, len);
	assert_memory_equal(out, stream, len);
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_overlap_differs), 0);
	rig_fini(&r);
}

static void any_cut_and_order_of_segments_gives_the_stream(void **state)
{
	for (uint64_t seed = 1; seed <= 4000; seed++)
		one_shuffle(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_flood_of_single_bytes_in_hostile_order_is_cheap),
		cmocka_unit_test(any_cut_and_order_of_segments_gives_the_stream),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
