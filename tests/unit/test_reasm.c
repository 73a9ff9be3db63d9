/* Reassembly of one direction: order, overlap, holes and what closes them. */
#include "tests/support/flow_rig.h"

/* ---- order ---- */

static void bytes_in_order_are_lent_from_the_packet(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	struct pkt p = rig_segment(&r, 0, 0, 1, 1, "hello");
	const struct flow_event *ev;
	assert_int_equal(flow_track(r.f, &p, 1, &ev), 1);
	assert_ptr_equal(ev->data.ptr, p.payload);
	assert_int_equal(ev->number, p.number);
	assert_int_equal(ev->time_ns, p.time_ns);
	rig_fini(&r);
}

static void a_segment_that_came_early_waits_for_the_one_before(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 4, "def");
	rig_c(&r, 10, "jkl");
	rig_expect(&r, "");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_in_flight), 6);
	rig_c(&r, 1, "abc");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3");
	rig_c(&r, 7, "ghi");
	rig_expect(&r, "c\"ghi\"@6 c\"jkl\"@9");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_out_of_order), 6);
	rig_fini(&r);
	rig_expect(&r, "end(capture)");
}

static void a_held_byte_keeps_the_time_and_number_of_its_own_packet(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	struct pkt late = rig_segment(&r, 0, 0, 1, 1, "abc");
	r.now_ns += SECOND;
	struct pkt early = rig_segment(&r, 0, 0, 4, 1, "def");
	rig_send(&r, &early);
	late.time_ns = early.time_ns + 5;
	const struct flow_event *ev;
	assert_int_equal(flow_track(r.f, &late, 1, &ev), 2);
	assert_int_equal(ev[1].number, early.number);
	assert_int_equal(ev[1].time_ns, early.time_ns);
	rig_fini(&r);
}

static void a_retransmission_is_counted_and_not_delivered_again(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_c(&r, 1, "abc");
	rig_c(&r, 2, "bcdef");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_retransmitted), 5);
	rig_fini(&r);
}

static void sequence_numbers_wrap_at_the_end_of_32_bits(void **state)
{
	struct rig r;
	rig_init(&r);
	r.isn[0] = 0xfffffffd;
	rig_handshake(&r);
	rig_c(&r, 4, "def");
	rig_c(&r, 1, "abc");
	rig_c(&r, 7, "ghi");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3 c\"ghi\"@6");
	rig_fini(&r);
}

static void a_stream_of_more_than_4_gib_keeps_its_offset(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	r.quiet = true;
	static char block[1 << 20];
	uint32_t seq = r.isn[0] + 1;
	const struct flow_event *ev;
	uint64_t off = 0;
	for (unsigned i = 0; i < 4100; i++) {
		struct pkt p = rig_pkt(&r, 0, IPPROTO_TCP_, block, sizeof(block));
		p.tcp_flags = TCP_ACK;
		p.ack = r.isn[1] + 1;
		p.seq = seq;
		assert_int_equal(flow_track(r.f, &p, 1, &ev), 1);
		assert_int_equal(ev->stream_off, off);
		seq += (uint32_t)sizeof(block);
		off += sizeof(block);
	}
	assert_true(off > 1ull << 32);
	rig_fini(&r);
}

static void merged_packets_beyond_64_kib_are_whole(void **state) /* pain 43 */
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	r.quiet = true;
	static char big[300000];
	for (size_t i = 0; i < sizeof(big); i++)
		big[i] = (char)(i * 7 + i / 251);
	struct pkt p = rig_pkt(&r, 0, IPPROTO_TCP_, big + 100000, 200000);
	p.tcp_flags = TCP_ACK;
	p.ack = r.isn[1] + 1;
	p.seq = r.isn[0] + 1 + 100000;
	rig_send(&r, &p); /* early: through the pool */
	p.payload = (const uint8_t *)big;
	p.len = 100000;
	p.seq = r.isn[0] + 1;
	const struct flow_event *ev;
	unsigned n = flow_track(r.f, &p, 1, &ev);
	uint64_t off = 0;
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(ev[i].kind, FLOW_DATA);
		assert_int_equal(ev[i].stream_off, off);
		assert_memory_equal(ev[i].data.ptr, big + off, ev[i].data.len);
		off += ev[i].data.len;
	}
	assert_int_equal(off, sizeof(big));
	rig_fini(&r);
}

/* ---- overlap ---- */

static void the_first_bytes_win_where_segments_overlap_in_the_pool(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 5, "EFGH");
	rig_c(&r, 3, "cdef");
	rig_c(&r, 8, "hij");
	rig_c(&r, 1, "ab");
	rig_expect(&r, "c\"ab\"@0 c\"cdEFGHij\"@2");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_overlap_differs), 3);
	rig_fini(&r);
}

static void held_bytes_win_over_those_of_the_packet_that_fills_the_hole(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 3, "CD");
	rig_c(&r, 7, "GH");
	rig_c(&r, 1, "abcDefghij");
	rig_expect(&r, "c\"ab\"@0 c\"CD\"@2 c\"ef\"@4 c\"GH\"@6 c\"ij\"@8");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_overlap_differs), 3);
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_retransmitted), 1);
	rig_fini(&r);
}

static void equal_bytes_that_overlap_in_the_pool_are_retransmissions(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 3, "cd");
	rig_c(&r, 2, "bcde");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_retransmitted), 2);
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_overlap_differs), 0);
	rig_c(&r, 1, "a");
	rig_expect(&r, "c\"a\"@0 c\"bcde\"@1");
	rig_fini(&r);
}

/* ---- holes ---- */

static void an_ack_seen_before_its_data_makes_no_gap(void **state) /* pain 39 */
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_s(&r, 1, 7, ""); /* acknowledges what the mirror has not shown yet */
	rig_c(&r, 1, "abc");
	rig_c(&r, 4, "def");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3");
	rig_c(&r, 10, "jkl");
	rig_s(&r, 1, 13, ""); /* and in the middle of a stream */
	r.now_ns += SECOND;
	rig_c(&r, 7, "ghi");
	rig_expect(&r, "c\"ghi\"@6 c\"jkl\"@9");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_gaps), 0);
	rig_fini(&r);
}

static void data_of_the_other_side_is_no_proof_of_loss(void **state) /* pain 40 */
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 4, "def");
	rig_s(&r, 1, 1, "hello");
	rig_wait(&r, 9 * SECOND);
	rig_s(&r, 6, 1, "again");
	rig_wait(&r, 9 * SECOND); /* the peer is heard, and has not acknowledged: it waits too */
	rig_expect(&r, "s\"hello\"@0 s\"again\"@5");
	rig_c(&r, 1, "abc");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3");
	rig_fini(&r);
}

static void an_early_fin_is_no_proof_of_loss(void **state) /* pain 40 */
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_tcp(&r, 0, TCP_FIN, 7, 1, "");
	rig_c(&r, 4, "def");
	rig_tcp(&r, 1, TCP_FIN, 1, 1, "");
	rig_wait(&r, 2 * SECOND);
	rig_expect(&r, "");
	rig_c(&r, 1, "abc");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3 end(fin)");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_gaps), 0);
	rig_fini(&r);
}

static void acknowledged_bytes_are_given_up_after_gap_wait(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_c(&r, 7, "ghi");
	rig_s(&r, 1, 10, "");
	rig_wait(&r, 2900 * MS); /* two seconds and the slack of those not asked for */
	rig_expect(&r, "c\"abc\"@0");
	rig_wait(&r, 200 * MS);
	rig_expect(&r, "c[3 acked]@3 c\"ghi\"@6");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_gap_bytes), 3);
	rig_c(&r, 4, "def");
	rig_expect(&r, "");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_too_late), 3);
	rig_fini(&r);
}

static void only_acknowledged_bytes_of_a_hole_are_given_up(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 7, "ghi");
	rig_s(&r, 1, 3, "");
	rig_wait(&r, 3100 * MS);
	rig_expect(&r, "c[2 acked]@0");
	rig_c(&r, 3, "cdef");
	rig_expect(&r, "c\"cdef\"@2 c\"ghi\"@6");
	rig_fini(&r);
}

static void a_one_sided_stream_releases_its_data(void **state) /* pain 41 */
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, 0, TCP_SYN, 0, 0, "");
	rig_tcp(&r, 0, 0, 1, 1, "");
	rig_c(&r, 1, "abc");
	rig_c(&r, 7, "ghi");
	r.now_ns += 4 * SECOND;
	rig_c(&r, 13, "mno");
	rig_expect(&r, "c\"abc\"@0");
	r.now_ns = T0 + 10 * SECOND + 3 * MS + MS; /* ten seconds after "ghi" came */
	rig_c(&r, 16, "pqr");
	rig_expect(&r, "c[3 waited]@3 c\"ghi\"@6");
	rig_wait(&r, 6 * SECOND);
	rig_expect(&r, "c[3 waited]@9 c\"mnopqr\"@12");
	rig_fini(&r);
}

static void a_peer_that_fell_silent_counts_as_not_seen(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 4, "def");
	rig_c(&r, 7, "g");
	rig_c(&r, 8, "h");
	rig_c(&r, 9, "i");
	r.now_ns += 5 * SECOND;
	rig_s(&r, 1, 1, "");
	rig_wait(&r, 10 * SECOND);
	rig_expect(&r, "");
	rig_wait(&r, 1100 * MS);
	rig_expect(&r, "c[3 waited]@0 c\"defghi\"@3");
	rig_fini(&r);
}

static void a_segment_with_a_damaged_number_does_not_derail_the_stream(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_c(&r, 70000, "xx");     /* near enough to be true, */
	rig_c(&r, 400000000, "yy"); /* and not */
	rig_tcp(&r, 1, 0, 1, 300000000, "");
	for (uint32_t i = 0; i < 3; i++) {
		rig_wait(&r, 60 * SECOND);
		rig_c(&r, 4 + i, "d");
		rig_s(&r, 1, 5 + i, "");
	}
	rig_expect(&r, "c\"abc\"@0 c\"d\"@3 c\"d\"@4 c\"d\"@5");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_after_end), 2);
	rig_fini(&r);
}

static void after_an_outage_of_the_capture_the_stream_is_found_again(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	for (uint32_t i = 0; i < 8; i++)
		rig_c(&r, 100000000 + 2 * i, "xy");
	rig_s(&r, 1, 100000016, "");
	rig_wait(&r, 4 * SECOND);
	rig_expect(&r, "c\"abc\"@0 c[100000002 acked]@3 c\"xyxyxyxyxy\"@100000005");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_after_end), 6);
	rig_fini(&r);
}

static void a_hole_is_judged_by_its_own_sessions_time(void **state)
{
	/* The fill comes after the wait was over. That gives the same whether the clock was moved
	 * by other packets before, or not.
	 */
	for (unsigned moved = 0; moved < 2; moved++) {
		struct rig r;
		rig_init(&r);
		rig_handshake(&r);
		rig_c(&r, 4, "def");
		rig_s(&r, 1, 7, "");
		if (moved)
			rig_wait(&r, 20 * SECOND);
		else
			r.now_ns += 20 * SECOND;
		rig_c(&r, 1, "abcdefghi");
		rig_expect(&r, "c[3 acked]@0 c\"def\"@3 c\"ghi\"@6");
		rig_fini(&r);
	}
}

static void an_expired_hole_tells_the_time_when_its_wait_ended(void **state)
{
	for (unsigned moved = 0; moved < 2; moved++) {
		struct rig r;
		rig_init(&r);
		rig_handshake(&r);
		rig_c(&r, 4, "def");
		struct pkt ack = rig_segment(&r, 1, 0, 1, 7, "");
		rig_send(&r, &ack);
		const struct flow_event *ev;
		unsigned n;
		if (moved) {
			n = flow_advance(r.f, T0 + 100 * SECOND, &ev);
		} else {
			struct pkt p = rig_segment(&r, 0, 0, 7, 1, "ghi");
			p.time_ns = T0 + 100 * SECOND;
			n = flow_track(r.f, &p, 1, &ev);
		}
		assert_true(n >= 2);
		assert_int_equal(ev[0].kind, FLOW_GAP);
		assert_int_equal(ev[0].time_ns, ack.time_ns + 2 * SECOND);
		assert_int_equal(ev[0].number, ack.number);
		rig_fini(&r);
	}
}

static void at_the_end_holes_are_told_and_the_data_behind_them_goes_out(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 4, "def");
	rig_c(&r, 9, "ij");
	rig_s(&r, 6, 1, "rest");
	rig_finish(&r);
	rig_expect(&r, "c[3 end]@0 c\"def\"@3 c[2 end]@6 c\"ij\"@8 s[5 end]@0 s\"rest\"@5 "
		       "end(capture)");
	rig_fini(&r);
}

static void bytes_lost_before_the_fin_are_told_at_the_end(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_tcp(&r, 0, TCP_FIN, 9, 1, "");
	rig_tcp(&r, 1, TCP_FIN, 1, 10, "");
	rig_expect(&r, "c\"abc\"@0");
	rig_wait(&r, 12 * SECOND);
	rig_expect(&r, "c[5 end]@3 end(fin)");
	rig_fini(&r);
}

static void bytes_acknowledged_but_never_seen_are_told_at_the_end(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_s(&r, 1, 11, "");
	rig_finish(&r);
	rig_expect(&r, "c\"abc\"@0 c[7 end]@3 end(capture)");
	rig_fini(&r);
}

static void the_acknowledgement_of_a_fin_that_was_not_seen_is_no_gap(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_s(&r, 1, 5, "");
	rig_finish(&r);
	rig_expect(&r, "c\"abc\"@0 end(capture)");
	rig_fini(&r);
}

/* ---- snap length ---- */

static void a_cut_tail_is_told_as_snaplen(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	r.cut_bytes = 7;
	rig_c(&r, 1, "abc");
	r.cut_bytes = 7;
	rig_c(&r, 11, "klm");
	rig_expect(&r, "c\"abc\"@0");
	rig_s(&r, 1, 21, "");
	rig_wait(&r, 4 * SECOND);
	rig_expect(&r, "c[7 snaplen]@3 c\"klm\"@10 c[7 snaplen]@13");
	rig_fini(&r);
}

static void another_copy_may_bring_what_was_cut_off(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	r.cut_bytes = 3;
	rig_c(&r, 1, "abc");
	rig_c(&r, 7, "ghi");
	rig_c(&r, 1, "abcdef");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3 c\"ghi\"@6");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_gaps), 0);
	rig_fini(&r);
}

static void lost_and_cut_bytes_of_one_hole_are_told_apart(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	r.cut_bytes = 3;
	rig_c(&r, 1, "abc");
	rig_c(&r, 9, "ijk");
	rig_finish(&r);
	rig_expect(&r, "c\"abc\"@0 c[3 snaplen]@3 c[2 end]@6 c\"ijk\"@8 end(capture)");
	rig_fini(&r);
}

static void a_packet_cut_before_its_payload_is_all_snaplen(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	r.cut_bytes = 100000;
	rig_c(&r, 1, "");
	r.cut_bytes = 100000;
	rig_c(&r, 100001, "");
	rig_finish(&r);
	rig_expect(&r, "c[200000 snaplen]@0 end(capture)");
	rig_fini(&r);
}

/* ---- joined late ---- */

static void a_late_joiner_gets_bytes_that_were_overtaken_at_the_start(void **state) /* pain 41 */
{
	struct rig r;
	rig_init(&r);
	rig_c(&r, 1007, "ghi");
	rig_c(&r, 1001, "abc");
	rig_c(&r, 1004, "def");
	rig_expect(&r, "");
	rig_wait(&r, 3100 * MS);
	rig_expect(&r, "c\"abcdef\"@0 c\"ghi\"@6");
	rig_c(&r, 1010, "jkl");
	rig_expect(&r, "c\"jkl\"@9");
	rig_fini(&r);
}

static void a_late_joiner_with_much_data_does_not_wait(void **state) /* pain 41 */
{
	struct rig r;
	rig_init(&r);
	r.quiet = true;
	static char block[2048];
	const struct flow_event *ev;
	uint64_t out = 0;
	unsigned n, sent = 0;
	for (; sent < 40; sent++) {
		struct pkt p = rig_pkt(&r, 0, IPPROTO_TCP_, block, sizeof(block));
		p.tcp_flags = TCP_ACK;
		p.seq = 77777 + sent * (uint32_t)sizeof(block);
		n = flow_track(r.f, &p, 1, &ev);
		for (unsigned i = 0; i < n; i++) {
			assert_int_equal(ev[i].stream_off, out);
			out += ev[i].data.len;
		}
		rig_balanced(&r);
		flow_release(r.f);
	}
	assert_int_equal(out, sent * sizeof(block));
	rig_fini(&r);
}

static void a_late_joiner_tells_no_gap_before_its_first_byte(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_c(&r, 5001, "abc");
	rig_c(&r, 5007, "ghi");
	rig_finish(&r);
	rig_expect(&r, "c\"abc\"@0 c[3 end]@3 c\"ghi\"@6 end(capture)");
	rig_fini(&r);
}

/* ---- windows ---- */

static void bytes_outside_every_window_are_left_out(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_c(&r, 1700000000, "xxx");
	rig_c(&r, 4, "def");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_after_end), 3);
	rig_fini(&r);
}

static void a_stream_that_went_on_unseen_for_more_than_a_window_is_joined_again(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_c(&r, 1500000001, "aa");
	rig_c(&r, 1500000003, "bb");
	rig_c(&r, 1500000005, "cc");
	rig_expect(&r, "c\"abc\"@0");
	rig_c(&r, 1500000007, "dd");
	rig_c(&r, 1500000009, "ee");
	rig_expect(&r, "c[1500000003 waited]@3 c\"dd\"@1500000006 c\"ee\"@1500000008");
	rig_fini(&r);
}

static void bytes_before_the_start_of_the_stream_are_left_out(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_tcp(&r, 0, 0, (uint32_t)-4, 1, "vwxyzabc");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_after_end), 5);
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_retransmitted), 3);
	rig_expect(&r, "c\"abc\"@0");
	rig_fini(&r);
}

/* ---- memory ---- */

static void beyond_segment_bytes_max_the_first_hole_is_given_up(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.segment_bytes_max = 3 * 4096;
	rig_init_conf(&r, &conf);
	rig_handshake(&r);
	for (uint32_t i = 0; i < 5; i++)
		rig_c(&r, 4001 + i * 4000, "x");
	rig_expect(&r, "c[4000 memory]@0 c\"x\"@4000");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_in_flight), 4);
	rig_fini(&r);
}

static void without_any_room_to_hold_bytes_nothing_is_lost_but_the_hole(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.memory_bytes_max = 65536;
	conf.segment_bytes_max = 65536;
	rig_init_conf(&r, &conf);
	r.turn_is_open = true; /* pages that were delivered do not come back */
	for (unsigned i = 0; i < 6; i++) {
		r.host = (uint8_t)(i + 1);
		rig_handshake(&r);
		for (uint32_t k = 0; k < 10; k++)
			rig_c(&r, 5001 + k * 5000, "x");
	}
	rig_finish(&r);
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_bytes_out), 60);
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_gap_bytes), 6 * (50000 - 9));
	flow_destroy(r.f);
}

/* ---- acknowledgements ---- */

static void acknowledgements_are_told_once_each_in_the_order_of_the_packets(void **state)
{
	struct rig r;
	rig_init(&r);
	flow_tell_acks(r.f, &rig_port);
	rig_handshake(&r);
	rig_expect(&r, ""); /* of no byte yet */
	rig_s(&r, 1, 1, "hello");
	rig_tcp(&r, 0, 0, 1, 4, ""); /* a part of it */
	rig_tcp(&r, 0, 0, 1, 4, ""); /* again */
	rig_tcp(&r, 0, 0, 1, 6, "");
	rig_tcp(&r, 0, 0, 1, 3, ""); /* an older one, overtaken */
	rig_expect(&r, "s\"hello\"@0 s-ack@3 s-ack@5");
	rig_tcp(&r, 0, 0, 1, 11, ""); /* before its data, in the capture */
	rig_s(&r, 6, 1, "world");
	rig_tcp(&r, 0, 0, 1, 11, "x");
	rig_expect(&r, "s-ack@10 s\"world\"@5 c\"x\"@0");
	rig_tcp(&r, 0, TCP_FIN, 2, 11, "");
	rig_tcp(&r, 1, TCP_FIN, 11, 3, "");
	rig_expect(&r, "c-ack@2 end(fin)");
	rig_tcp(&r, 0, 0, 3, 12, ""); /* of the FIN, behind the end */
	rig_expect(&r, "");
	rig_fini(&r);
}

static void acknowledgements_of_other_ports_are_not_told(void **state)
{
	struct rig r;
	rig_init(&r);
	flow_tell_acks(r.f, &rig_port);
	r.port[1] = 515;
	rig_handshake(&r);
	rig_s(&r, 1, 1, "hello");
	rig_tcp(&r, 0, 0, 1, 6, "");
	rig_expect(&r, "s\"hello\"@0");
	rig_fini(&r);
}

static void a_late_joiner_is_told_no_acknowledgement_before_its_first_byte_is_settled(void **state)
{
	struct rig r;
	rig_init(&r);
	flow_tell_acks(r.f, &rig_port);
	rig_s(&r, 101, 1, "hello");
	rig_tcp(&r, 0, 0, 1, 106, "");
	rig_expect(&r, "");
	rig_wait(&r, 4 * SECOND);
	rig_expect(&r, "s\"hello\"@0");
	rig_tcp(&r, 0, 0, 1, 100, "");
	rig_expect(&r, "");
	rig_s(&r, 106, 1, "world");
	rig_tcp(&r, 0, 0, 1, 111, "");
	rig_expect(&r, "s\"world\"@5 s-ack@10");
	r.quiet = true;
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_in_order_are_lent_from_the_packet),
		cmocka_unit_test(a_segment_that_came_early_waits_for_the_one_before),
		cmocka_unit_test(a_held_byte_keeps_the_time_and_number_of_its_own_packet),
		cmocka_unit_test(a_retransmission_is_counted_and_not_delivered_again),
		cmocka_unit_test(sequence_numbers_wrap_at_the_end_of_32_bits),
		cmocka_unit_test(a_stream_of_more_than_4_gib_keeps_its_offset),
		cmocka_unit_test(merged_packets_beyond_64_kib_are_whole),
		cmocka_unit_test(the_first_bytes_win_where_segments_overlap_in_the_pool),
		cmocka_unit_test(held_bytes_win_over_those_of_the_packet_that_fills_the_hole),
		cmocka_unit_test(equal_bytes_that_overlap_in_the_pool_are_retransmissions),
		cmocka_unit_test(an_ack_seen_before_its_data_makes_no_gap),
		cmocka_unit_test(data_of_the_other_side_is_no_proof_of_loss),
		cmocka_unit_test(an_early_fin_is_no_proof_of_loss),
		cmocka_unit_test(acknowledged_bytes_are_given_up_after_gap_wait),
		cmocka_unit_test(only_acknowledged_bytes_of_a_hole_are_given_up),
		cmocka_unit_test(a_one_sided_stream_releases_its_data),
		cmocka_unit_test(a_peer_that_fell_silent_counts_as_not_seen),
		cmocka_unit_test(a_segment_with_a_damaged_number_does_not_derail_the_stream),
		cmocka_unit_test(after_an_outage_of_the_capture_the_stream_is_found_again),
		cmocka_unit_test(a_hole_is_judged_by_its_own_sessions_time),
		cmocka_unit_test(an_expired_hole_tells_the_time_when_its_wait_ended),
		cmocka_unit_test(at_the_end_holes_are_told_and_the_data_behind_them_goes_out),
		cmocka_unit_test(bytes_lost_before_the_fin_are_told_at_the_end),
		cmocka_unit_test(bytes_acknowledged_but_never_seen_are_told_at_the_end),
		cmocka_unit_test(the_acknowledgement_of_a_fin_that_was_not_seen_is_no_gap),
		cmocka_unit_test(a_cut_tail_is_told_as_snaplen),
		cmocka_unit_test(another_copy_may_bring_what_was_cut_off),
		cmocka_unit_test(lost_and_cut_bytes_of_one_hole_are_told_apart),
		cmocka_unit_test(a_packet_cut_before_its_payload_is_all_snaplen),
		cmocka_unit_test(a_late_joiner_gets_bytes_that_were_overtaken_at_the_start),
		cmocka_unit_test(a_late_joiner_with_much_data_does_not_wait),
		cmocka_unit_test(a_late_joiner_tells_no_gap_before_its_first_byte),
		cmocka_unit_test(bytes_outside_every_window_are_left_out),
		cmocka_unit_test(
			a_stream_that_went_on_unseen_for_more_than_a_window_is_joined_again),
		cmocka_unit_test(bytes_before_the_start_of_the_stream_are_left_out),
		cmocka_unit_test(beyond_segment_bytes_max_the_first_hole_is_given_up),
		cmocka_unit_test(without_any_room_to_hold_bytes_nothing_is_lost_but_the_hole),
		cmocka_unit_test(acknowledgements_are_told_once_each_in_the_order_of_the_packets),
		cmocka_unit_test(acknowledgements_of_other_ports_are_not_told),
		cmocka_unit_test(
			a_late_joiner_is_told_no_acknowledgement_before_its_first_byte_is_settled),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
