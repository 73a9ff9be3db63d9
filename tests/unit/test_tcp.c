/* The TCP session: how it begins, who is who, how it ends, and what a tap sees of all that. */
#include "dataplane/flow/flow_priv.h"
#include "tests/support/flow_rig.h"

enum { C, S }; /* client, server */

static const struct flow_session *session(const struct rig *r)
{
	return flow_session(r->f, r->session[0]);
}

/* ---- begin ---- */

static void the_client_is_who_sent_the_syn(void **state)
{
	struct rig r;
	rig_init(&r);
	r.port[0] = 80; /* although its port is the lower one */
	r.port[1] = 50000;
	rig_handshake(&r);
	rig_c(&r, 1, "hi");
	rig_s(&r, 1, 3, "ho");
	rig_expect(&r, "c\"hi\"@0 s\"ho\"@0");
	assert_int_equal(session(&r)->port[0], 80);
	assert_true(session(&r)->from_start);
	assert_false(session(&r)->swapped_late);
	assert_true(session(&r)->seen[0] && session(&r)->seen[1]);
	rig_fini(&r);
}

static void the_id_is_the_same_in_every_replay(void **state)
{
	uint64_t id[3];
	for (unsigned i = 0; i < 3; i++) {
		struct rig r;
		rig_init(&r);
		r.now_ns += i * 7 * SECOND; /* another time */
		if (i == 2)
			rig_udp(&r, C, "another session before it");
		rig_handshake(&r);
		r.log_len = r.n_sessions = 0;
		rig_c(&r, 1, "hi");
		id[i] = session(&r)->id;
		rig_fini(&r);
	}
	assert_true(id[0] == id[1] && id[0] == id[2]);
	/* On every machine: XXH3 of addresses, ports, 6 and the ISN (8 bytes), in network order. */
	assert_int_equal(id[0], 0x0a0f2254e7e99454);
}

static void a_syn_sent_again_changes_nothing(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_c(&r, 1, "abc");
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_c(&r, 4, "def");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3");
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1);
	rig_fini(&r);
}

static void a_syn_ack_seen_first_is_the_servers(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, C, 0, 1, 1, "");
	rig_c(&r, 1, "hi");
	uint64_t id = session(&r)->id;
	rig_expect(&r, "c\"hi\"@0");
	assert_true(session(&r)->from_start);
	assert_int_equal(session(&r)->port[0], 40000);
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1);
	rig_fini(&r);

	rig_init(&r); /* and the id is that of the usual order */
	rig_handshake(&r);
	rig_c(&r, 1, "hi");
	assert_int_equal(session(&r)->id, id);
	rig_fini(&r);
}

static void data_that_overtook_the_syn_belongs_to_it(void **state)
{
	struct rig r;
	rig_init(&r);
	r.port[0] = 80; /* the guess by port is wrong at first */
	r.port[1] = 50000;
	rig_c(&r, 4, "def");
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_c(&r, 1, "abc");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3");
	assert_true(session(&r)->from_start);
	assert_false(session(&r)->swapped_late);
	assert_int_equal(session(&r)->port[0], 80);
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1);
	rig_fini(&r);
}

static void data_that_overtook_the_syn_ack_belongs_to_it(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_s(&r, 1, 1, "greeting");
	rig_expect(&r, "");
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_expect(&r, "s\"greeting\"@0");
	rig_c(&r, 1, "hi");
	rig_expect(&r, "c\"hi\"@0");
	assert_true(session(&r)->from_start);
	rig_fini(&r);
}

static void in_a_four_way_handshake_the_first_syn_is_the_clients(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, S, TCP_SYN, 0, 0, "");
	rig_tcp(&r, C, TCP_SYN, 0, 1, "");
	rig_tcp(&r, S, 0, 1, 1, "");
	rig_c(&r, 1, "hi");
	rig_s(&r, 1, 3, "ho");
	rig_expect(&r, "c\"hi\"@0 s\"ho\"@0");
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1);
	rig_fini(&r);
}

static void a_simultaneous_open_is_one_session(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, S, TCP_SYN, 0, 0, "");
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_tcp(&r, C, TCP_SYN, 0, 1, "");
	rig_s(&r, 1, 1, "ho");
	rig_c(&r, 1, "hi");
	rig_expect(&r, "s\"ho\"@0 c\"hi\"@0");
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1);
	rig_fini(&r);
}

static void payload_of_a_syn_is_the_start_of_the_stream(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "GET / ");
	rig_tcp(&r, S, TCP_SYN, 0, 7, ""); /* Fast Open: accepted */
	rig_c(&r, 7, "HTTP/1.0");
	rig_expect(&r, "c\"GET / \"@0 c\"HTTP/1.0\"@6");
	rig_fini(&r);

	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "GET / ");
	rig_tcp(&r, S, TCP_SYN, 0, 1, ""); /* not accepted: sent once more */
	rig_c(&r, 1, "GET / HTTP/1.0");
	rig_expect(&r, "c\"GET / \"@0 c\"HTTP/1.0\"@6");
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1);
	rig_fini(&r);
}

static void a_server_that_answers_a_syn_twice_with_other_numbers_is_followed(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	r.isn[S] = 90000;
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_tcp(&r, C, 0, 1, 1, "");
	rig_s(&r, 1, 1, "ho");
	rig_expect(&r, "s\"ho\"@0");
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1);
	rig_fini(&r);
}

static void flags_that_no_host_sends_are_counted_and_left_out(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN | TCP_FIN, 0, 0, "x");
	rig_tcp(&r, C, TCP_SYN | TCP_RST, 0, 0, "x");
	rig_tcp(&r, C, 0, 1, 0, "");
	rig_tcp(&r, C, TCP_PSH | TCP_URG, 1, 0, "x");
	assert_int_equal(rig_packets(&r, FLOW_bad_flags), 4);
	assert_int_equal(rig_packets(&r, FLOW_sessions), 0);
	rig_fini(&r);
}

/* ---- joined late ---- */

static void joined_late_the_lower_port_is_the_servers(void **state) /* pain 42 */
{
	for (unsigned first = 0; first < 2; first++) {
		struct rig r;
		rig_init(&r);
		if (first == C)
			rig_c(&r, 1001, "request");
		rig_s(&r, 2001, 1008, "answer");
		if (first == S)
			rig_c(&r, 1001, "request");
		rig_finish(&r);
		rig_expect(&r, "c\"request\"@0 s\"answer\"@0 end(capture)");
		rig_fini(&r);
	}
}

static void joined_late_the_side_with_a_port_of_a_source_is_the_server(void **state) /* pain 42 */
{
	struct opt_port_range ranges[] = {{5170, 5171}, {9000, 9000}};
	const struct opt_ports ports = {ranges, 2};
	for (unsigned known = 0; known < 2; known++) {
		struct rig r;
		rig_init(&r);
		r.port[C] = 1100;
		r.port[S] = 5171;
		flow_know_servers(r.f, &ports);
		if (!known)
			flow_know_no_servers(r.f);
		rig_c(&r, 1001, "line");
		rig_finish(&r);
		rig_expect(&r, known ? "c\"line\"@0 end(capture)" : "s\"line\"@0 end(capture)");
		rig_fini(&r);
	}
}

static void the_ports_of_servers_are_those_of_the_ranges_and_no_others(void **state)
{
	const struct opt_port_range ranges[] = {{0, 0},     {63, 63},      {64, 64},      {70, 127},
						{130, 130}, {1000, 40000}, {65534, 65535}};
	struct rig r;
	rig_init(&r);
	for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		struct opt_port_range one = ranges[i];
		flow_know_no_servers(r.f);
		flow_know_servers(r.f, &(struct opt_ports){&one, 1});
		for (unsigned p = 0; p < 65536; p++)
			assert_int_equal(flow_is_server(r.f, (uint16_t)p),
					 p >= one.lo && p <= one.hi);
	}
	rig_fini(&r);
}

static void joined_late_a_session_says_so(void **state) /* pain 42 */
{
	struct rig r;
	rig_init(&r);
	rig_s(&r, 2001, 1001, "answer");
	rig_wait(&r, 4 * SECOND);
	rig_expect(&r, "s\"answer\"@0");
	assert_true(session(&r)->swapped_late);
	assert_false(session(&r)->from_start);
	assert_int_equal(session(&r)->port[1], 514);
	assert_int_equal(rig_packets(&r, FLOW_sessions_late), 1);
	rig_fini(&r);
}

static void what_tells_nothing_begins_no_session(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, 0, 1, 1, "");                   /* a bare ACK */
	rig_tcp(&r, C, TCP_FIN, 1, 1, "");             /* the end of what was not seen */
	rig_tcp(&r, S, TCP_RST, 1, 1, "reset reason"); /* a reset of what was not seen */
	struct pkt keep_alive = rig_segment(&r, C, 0, 0, 1, "");
	keep_alive.len = 1; /* the zero behind the empty text */
	rig_send(&r, &keep_alive);
	assert_int_equal(rig_packets(&r, FLOW_stray), 4);
	assert_int_equal(rig_packets(&r, FLOW_sessions), 0);
	rig_fini(&r);
}

/* ---- in the middle ---- */

static void keep_alives_and_window_probes_add_nothing(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_tcp(&r, C, 0, 3, 1, "");  /* keep-alive without a byte, */
	rig_tcp(&r, C, 0, 3, 1, "?"); /* with one of rubbish, */
	rig_s(&r, 1, 4, "");
	rig_tcp(&r, S, 0, 0, 4, ""); /* of the other side */
	rig_c(&r, 4, "d");           /* a zero window probe brings one byte */
	rig_c(&r, 4, "d");
	rig_c(&r, 4, "def");
	rig_expect(&r, "c\"abc\"@0 c\"d\"@3 c\"ef\"@4");
	rig_fini(&r);
}

static void urgent_bytes_stay_in_the_stream(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "ab");
	struct pkt p = rig_segment(&r, C, TCP_URG | TCP_PSH, 3, 1, "cd");
	p.urgent = 1;
	rig_send(&r, &p);
	rig_c(&r, 5, "ef");
	rig_expect(&r, "c\"ab\"@0 c\"cd\"@2 c\"ef\"@4");
	rig_fini(&r);
}

static void a_bad_checksum_is_no_reason_to_drop(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	struct pkt p = rig_segment(&r, C, 0, 1, 1, "abc");
	p.checksum = CHECKSUM_BAD;
	rig_send(&r, &p);
	rig_expect(&r, "c\"abc\"@0");
	rig_fini(&r);
}

static void packets_of_two_ports_make_one_session(void **state) /* pain 45 */
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	struct pkt p = rig_segment(&r, C, 0, 1, 1, "hi");
	p.port = 3;
	rig_send(&r, &p);
	p = rig_segment(&r, S, 0, 1, 3, "ho");
	p.port = 7;
	rig_send(&r, &p);
	rig_expect(&r, "c\"hi\"@0 s\"ho\"@0");
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1);
	rig_fini(&r);
}

static void many_packets_of_one_session_in_one_burst_are_fine(void **state)
{
	struct rig r;
	rig_init(&r);
	struct pkt burst[7] = {
		rig_segment(&r, C, TCP_SYN, 0, 0, ""),    rig_segment(&r, S, TCP_SYN, 0, 1, ""),
		rig_segment(&r, C, 0, 4, 1, "def"),       rig_segment(&r, C, 0, 1, 1, "abc"),
		rig_segment(&r, S, 0, 1, 7, "ok"),        rig_segment(&r, C, TCP_FIN, 7, 3, ""),
		rig_segment(&r, S, TCP_FIN, 3, 8, "bye"),
	};
	const struct flow_event *ev;
	unsigned n = flow_track(r.f, burst, 7, &ev);
	rig_events(&r, ev, n);
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3 s\"ok\"@0 s\"bye\"@2 end(fin)");
	rig_fini(&r);
}

/* ---- end ---- */

static void fin_of_both_sides_ends_the_session_at_once(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_tcp(&r, C, TCP_FIN, 1, 1, "last words");
	rig_s(&r, 1, 12, "answer");
	rig_tcp(&r, S, TCP_FIN, 7, 12, "");
	rig_expect(&r, "c\"last words\"@0 s\"answer\"@0 end(fin)");
	rig_tcp(&r, C, 0, 12, 8, ""); /* the last ACK and late copies belong to it */
	rig_tcp(&r, S, TCP_FIN, 7, 12, "");
	rig_c(&r, 1, "last");
	rig_c(&r, 11, "beyond");
	rig_fini(&r);
	rig_expect(&r, "");
	assert_int_equal(r.n_ends, 1);
}

static void data_behind_a_fin_is_left_out(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_tcp(&r, C, TCP_FIN, 1, 1, "abc");
	rig_c(&r, 4, "xyz");
	rig_c(&r, 2, "bcxyz");
	rig_expect(&r, "c\"abc\"@0");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_after_end), 6);
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_retransmitted), 2);
	rig_fini(&r);
}

static void a_fin_below_bytes_that_were_seen_is_not_its_own(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abcdef");
	rig_tcp(&r, C, TCP_FIN, 3, 1, "");
	rig_tcp(&r, C, TCP_FIN, 500000000, 1, ""); /* nor one that is nowhere near */
	rig_c(&r, 7, "ghi");
	rig_expect(&r, "c\"abcdef\"@0 c\"ghi\"@6");
	rig_fini(&r);
}

static void neither_rst_nor_fin_below_held_bytes_loses_them(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_c(&r, 7, "ghi");
	rig_tcp(&r, C, TCP_RST, 4, 1, "");
	rig_tcp(&r, C, TCP_FIN, 4, 1, "");
	rig_tcp(&r, S, TCP_FIN, 1, 4, "");
	rig_expect(&r, "c\"abc\"@0");
	rig_finish(&r);
	rig_expect(&r, "c[3 end]@3 c\"ghi\"@6 end(rst)");
	rig_fini(&r);
}

static void a_fin_seen_before_any_byte_of_its_side_does_not_silence_it(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, S, TCP_FIN, 0x90000000, 1, ""); /* forged */
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_s(&r, 1, 1, "hello");
	rig_expect(&r, "s\"hello\"@0");
	rig_fini(&r);
}

static void a_session_closed_on_one_side_goes_on_on_the_other(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_tcp(&r, C, TCP_FIN, 1, 1, "request");
	rig_wait(&r, 600 * SECOND);
	rig_s(&r, 1, 9, "a slow answer");
	rig_expect(&r, "c\"request\"@0 s\"a slow answer\"@0");
	rig_fini(&r);
}

static void a_reset_ends_the_session_after_tcp_closed(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_tcp(&r, S, TCP_RST, 1, 4, "");
	rig_wait(&r, 9 * SECOND);
	rig_expect(&r, "c\"abc\"@0");
	rig_wait(&r, 3 * SECOND);
	rig_expect(&r, "end(rst)");
	assert_int_equal(rig_packets(&r, FLOW_resets), 1);
	rig_fini(&r);
}

static void late_segments_after_a_reset_still_belong_to_the_session(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 4, "def");
	rig_tcp(&r, C, TCP_RST, 7, 1, "");
	rig_c(&r, 1, "abc");
	rig_s(&r, 1, 1, "was under way");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3 s\"was under way\"@0");
	rig_fini(&r);
	rig_expect(&r, "end(rst)");
}

static void payload_of_a_reset_is_delivered(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_tcp(&r, C, TCP_RST, 1, 1, "Access Denied");
	rig_expect(&r, "c\"Access Denied\"@0");
	rig_fini(&r);
	rig_expect(&r, "end(rst)");
}

static void a_reset_outside_the_window_is_ignored(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_tcp(&r, C, TCP_RST, 70000, 1, "");
	rig_tcp(&r, C, TCP_RST, (uint32_t)-5, 1, "");
	rig_tcp(&r, C, TCP_RST, 0x80000000, 1, "");
	assert_int_equal(rig_packets(&r, FLOW_resets_ignored), 3);
	rig_wait(&r, 60 * SECOND);
	rig_c(&r, 4, "def");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3");
	rig_fini(&r);
}

static void a_host_that_goes_on_did_not_send_that_reset(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_tcp(&r, C, TCP_RST, 4, 1, "");
	rig_c(&r, 4, "def");
	rig_wait(&r, 60 * SECOND);
	rig_c(&r, 7, "ghi");
	rig_expect(&r, "c\"abc\"@0 c\"def\"@3 c\"ghi\"@6");
	rig_fini(&r);
	rig_expect(&r, "end(capture)");
}

static void a_refused_connection_is_over_soon(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	struct pkt p = rig_segment(&r, S, TCP_RST, 0, 1, "");
	p.seq = 0;
	rig_send(&r, &p);
	rig_wait(&r, 12 * SECOND);
	rig_expect(&r, "end(rst)");
	rig_fini(&r);
}

static void a_refusal_that_acknowledges_another_syn_is_ignored(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, S, TCP_RST, 0, 70000, "");
	rig_tcp(&r, S, TCP_RST, 0, 0, "");
	assert_int_equal(rig_packets(&r, FLOW_resets_ignored), 2);
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_c(&r, 1, "hi");
	rig_expect(&r, "c\"hi\"@0");
	rig_fini(&r);
}

static void a_half_open_session_ends_early_and_an_open_one_stays(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	r.host = 2;
	rig_handshake(&r);
	rig_wait(&r, 33 * SECOND);
	rig_expect(&r, "end(idle)");
	rig_wait(&r, 1800 * SECOND);
	rig_expect(&r, "");
	rig_wait(&r, 1801 * SECOND);
	rig_expect(&r, "end(idle)#2");
	rig_fini(&r);
}

static void a_session_that_was_idle_too_long_is_another_one(void **state)
{
	/* Whether the clock moved before its packet came, or with it. */
	for (unsigned moved = 0; moved < 2; moved++) {
		struct rig r;
		rig_init(&r);
		rig_handshake(&r);
		rig_c(&r, 1, "abc");
		if (moved)
			rig_wait(&r, 4000 * SECOND);
		else
			r.now_ns += 4000 * SECOND;
		rig_c(&r, 4, "def");
		rig_fini(&r);
		rig_expect(&r, "c\"abc\"@0 end(idle) c\"def\"@0#2 end(capture)#2");
		assert_int_equal(r.n_ends, 2);
	}
}

/* ---- ports used again ---- */

static void a_new_syn_after_fin_begins_a_new_session(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_tcp(&r, C, TCP_FIN, 1, 1, "");
	rig_tcp(&r, S, TCP_FIN, 1, 2, "");
	r.isn[C] += 100000;
	r.isn[S] += 100000;
	rig_handshake(&r);
	rig_c(&r, 1, "again");
	rig_expect(&r, "end(fin) c\"again\"@0#2");
	rig_fini(&r);
}

static void a_new_syn_after_a_reset_begins_a_new_session(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_tcp(&r, S, TCP_RST, 1, 1, "");
	r.isn[C] += 100000;
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_expect(&r, "end(rst)");
	rig_c(&r, 1, "again");
	rig_expect(&r, "c\"again\"@0#2");
	rig_fini(&r);
}

static void a_new_syn_in_an_idle_session_begins_a_new_one(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 4, "def");
	r.now_ns += 60 * SECOND;
	r.isn[C] += 100000;
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_expect(&r, "c[3 end]@0 c\"def\"@3 end(idle)");
	rig_fini(&r);
}

static void a_strange_syn_in_a_live_session_waits_for_its_answer(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_s(&r, 1, 4, "ok");
	r.isn[C] += 700000;
	rig_tcp(&r, C, TCP_SYN, 0, 0, "xx"); /* forged, or the ports were used again */
	r.isn[C] -= 700000;
	rig_c(&r, 4, "def");
	rig_expect(&r, "c\"abc\"@0 s\"ok\"@0 c\"def\"@3");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_after_end), 2);
	r.isn[C] += 700000;
	r.isn[S] += 700000;
	rig_tcp(&r, S, TCP_SYN, 0, 1, ""); /* the server took it: a new session */
	rig_c(&r, 1, "new");
	rig_expect(&r, "end(idle) c\"new\"@0#2");
	rig_fini(&r);
}

/* The numbers of a host that counts them by a clock, or once around 2^32, may lie that close. */
static void ports_used_again_with_a_number_near_by_begin_a_new_session(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_handshake(&r);
	rig_c(&r, 1, "abc");
	rig_tcp(&r, C, TCP_FIN, 4, 1, "");
	r.isn[C] += 2;
	r.isn[S] += 700000;
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_tcp(&r, S, TCP_SYN, 0, 1, "");
	rig_c(&r, 1, "new");
	rig_expect(&r, "c\"abc\"@0 end(idle) c\"new\"@0#2");
	rig_fini(&r);
}

static void a_half_open_attempt_is_replaced_by_the_next(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	r.isn[C] += 100000;
	rig_handshake(&r);
	rig_c(&r, 1, "hi");
	rig_expect(&r, "end(idle) c\"hi\"@0#2");
	rig_fini(&r);
}

static void a_one_sided_session_takes_a_new_syn_at_once(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_c(&r, 1, "abc");
	r.isn[C] += 100000;
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	rig_c(&r, 1, "def");
	rig_expect(&r, "c\"abc\"@0 end(idle) c\"def\"@0#2");
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_client_is_who_sent_the_syn),
		cmocka_unit_test(the_id_is_the_same_in_every_replay),
		cmocka_unit_test(a_syn_sent_again_changes_nothing),
		cmocka_unit_test(a_syn_ack_seen_first_is_the_servers),
		cmocka_unit_test(data_that_overtook_the_syn_belongs_to_it),
		cmocka_unit_test(data_that_overtook_the_syn_ack_belongs_to_it),
		cmocka_unit_test(in_a_four_way_handshake_the_first_syn_is_the_clients),
		cmocka_unit_test(a_simultaneous_open_is_one_session),
		cmocka_unit_test(payload_of_a_syn_is_the_start_of_the_stream),
		cmocka_unit_test(a_server_that_answers_a_syn_twice_with_other_numbers_is_followed),
		cmocka_unit_test(flags_that_no_host_sends_are_counted_and_left_out),
		cmocka_unit_test(joined_late_the_lower_port_is_the_servers),
		cmocka_unit_test(joined_late_the_side_with_a_port_of_a_source_is_the_server),
		cmocka_unit_test(the_ports_of_servers_are_those_of_the_ranges_and_no_others),
		cmocka_unit_test(joined_late_a_session_says_so),
		cmocka_unit_test(what_tells_nothing_begins_no_session),
		cmocka_unit_test(keep_alives_and_window_probes_add_nothing),
		cmocka_unit_test(urgent_bytes_stay_in_the_stream),
		cmocka_unit_test(a_bad_checksum_is_no_reason_to_drop),
		cmocka_unit_test(packets_of_two_ports_make_one_session),
		cmocka_unit_test(many_packets_of_one_session_in_one_burst_are_fine),
		cmocka_unit_test(fin_of_both_sides_ends_the_session_at_once),
		cmocka_unit_test(data_behind_a_fin_is_left_out),
		cmocka_unit_test(a_fin_below_bytes_that_were_seen_is_not_its_own),
		cmocka_unit_test(neither_rst_nor_fin_below_held_bytes_loses_them),
		cmocka_unit_test(a_fin_seen_before_any_byte_of_its_side_does_not_silence_it),
		cmocka_unit_test(a_session_closed_on_one_side_goes_on_on_the_other),
		cmocka_unit_test(a_reset_ends_the_session_after_tcp_closed),
		cmocka_unit_test(late_segments_after_a_reset_still_belong_to_the_session),
		cmocka_unit_test(payload_of_a_reset_is_delivered),
		cmocka_unit_test(a_reset_outside_the_window_is_ignored),
		cmocka_unit_test(a_host_that_goes_on_did_not_send_that_reset),
		cmocka_unit_test(a_refused_connection_is_over_soon),
		cmocka_unit_test(a_refusal_that_acknowledges_another_syn_is_ignored),
		cmocka_unit_test(a_half_open_session_ends_early_and_an_open_one_stays),
		cmocka_unit_test(a_session_that_was_idle_too_long_is_another_one),
		cmocka_unit_test(a_new_syn_after_fin_begins_a_new_session),
		cmocka_unit_test(a_new_syn_after_a_reset_begins_a_new_session),
		cmocka_unit_test(a_new_syn_in_an_idle_session_begins_a_new_one),
		cmocka_unit_test(a_strange_syn_in_a_live_session_waits_for_its_answer),
		cmocka_unit_test(ports_used_again_with_a_number_near_by_begin_a_new_session),
		cmocka_unit_test(a_half_open_attempt_is_replaced_by_the_next),
		cmocka_unit_test(a_one_sided_session_takes_a_new_syn_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
