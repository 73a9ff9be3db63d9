/* The stage as a whole: UDP, limits, time, the end of a capture, and sameness. */
#include "tests/support/flow_rig.h"

#include "dataplane/base/mem.h"

enum { C, S };

/* ---- UDP ---- */

static void each_datagram_is_one_event(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_udp(&r, C, "<13>one");
	rig_udp(&r, C, "<13>two");
	rig_udp(&r, S, "answer");
	struct pkt p = rig_pkt(&r, C, IPPROTO_UDP_, "last", 4);
	const struct flow_event *ev;
	assert_int_equal(flow_track(r.f, &p, 1, &ev), 1);
	assert_true(ev->datagram);
	assert_int_equal(ev->stream_off, 14);
	assert_ptr_equal(ev->data.ptr, p.payload);
	rig_expect(&r, "c\"<13>one\"@0 c\"<13>two\"@7 s\"answer\"@0");
	rig_fini(&r);
	rig_expect(&r, "end(capture)");
}

static void a_cut_datagram_is_followed_by_its_gap(void **state)
{
	struct rig r;
	rig_init(&r);
	r.cut_bytes = 100;
	rig_udp(&r, C, "abc");
	rig_udp(&r, C, "def");
	rig_expect(&r, "c\"abc\"@0 c[100 snaplen]@3 c\"def\"@103");
	assert_int_equal(rig_bytes(&r, FLOW_BYTES_gap_bytes), 100);
	rig_fini(&r);
}

static void an_empty_datagram_makes_no_event(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_udp(&r, C, "");
	rig_expect(&r, "");
	assert_int_equal(rig_packets(&r, FLOW_packets_taken), 1);
	rig_fini(&r);
	rig_expect(&r, "end(capture)");
}

static void a_udp_session_ends_after_udp_idle(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_udp(&r, C, "one");
	uint64_t id = flow_session(r.f, r.session[0])->id;
	rig_wait(&r, 59 * SECOND);
	rig_udp(&r, C, "two");
	rig_wait(&r, 62 * SECOND);
	rig_expect(&r, "c\"one\"@0 c\"two\"@3 end(idle)");
	rig_udp(&r, C, "three");
	rig_expect(&r, "c\"three\"@0#2");
	assert_true(flow_session(r.f, r.session[1])->id != id);
	rig_fini(&r);
}

static void a_clock_that_steps_back_ends_no_session(void **state)
{
	struct rig r;
	rig_init(&r);
	r.now_ns += 100000 * SECOND; /* the first packets of a capture put together from two */
	rig_udp(&r, C, "one");
	r.now_ns = T0;
	r.host = 2;
	rig_udp(&r, C, "two");
	rig_wait(&r, SECOND);
	rig_udp(&r, C, "three");
	rig_expect(&r, "c\"one\"@0 c\"two\"@0#2 c\"three\"@3#2");
	rig_fini(&r);
}

/* ---- limits ---- */

static void when_full_half_open_sessions_make_room_first(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.sessions_max = 3;
	rig_init_conf(&r, &conf);
	rig_handshake(&r); /* the oldest, but open */
	rig_c(&r, 1, "first");
	r.host = 2;
	rig_udp(&r, C, "udp");
	r.host = 3;
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	r.host = 4;
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	r.log_len = 0;
	r.host = 5;
	rig_tcp(&r, C, TCP_SYN, 0, 0, "");
	r.host = 1;
	rig_c(&r, 6, "still here");
	r.host = 2;
	rig_udp(&r, C, "and me");
	assert_int_equal(rig_packets(&r, FLOW_sessions_evicted), 2);
	assert_int_equal(rig_packets(&r, FLOW_no_session), 0);
	rig_expect(&r, "end(evicted)#4 c\"still here\"@5 c\"and me\"@3#2");
	rig_fini(&r);
}

static void when_full_the_session_idle_longest_makes_room(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.sessions_max = 3;
	rig_init_conf(&r, &conf);
	for (uint8_t host = 1; host <= 3; host++) {
		r.host = host;
		rig_handshake(&r);
		rig_c(&r, 4, "early");
		r.now_ns += 2 * SECOND;
	}
	r.host = 1;
	rig_c(&r, 9, "x");
	r.now_ns += 2 * SECOND;
	r.host = 4;
	rig_handshake(&r);
	rig_expect(&r, "c[3 end]@0 c\"early\"@3 end(evicted)");
	r.host = 1;
	rig_c(&r, 1, "abc");
	rig_expect(&r, "c\"abc\"@0#2 c\"earlyx\"@3#2"); /* it was host 2 that went */
	rig_fini(&r);
}

static void an_ended_index_is_not_named_again_in_its_turn(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.sessions_max = 1;
	rig_init_conf(&r, &conf);
	struct pkt burst[PKT_BURST];
	for (unsigned i = 0; i < PKT_BURST; i++) {
		r.host = (uint8_t)i;
		burst[i] = rig_pkt(&r, C, IPPROTO_UDP_, "x", 1);
	}
	const struct flow_event *ev;
	for (unsigned turn = 0; turn < 5; turn++) {
		bool ended[1 + 1 + 2 * PKT_BURST] = {false};
		assert_true(flow_sessions_max(r.f) <= sizeof(ended));
		unsigned n = flow_track(r.f, burst, PKT_BURST, &ev);
		for (unsigned i = 0; i < n; i++) {
			assert_true(ev[i].session < flow_sessions_max(r.f));
			assert_false(ended[ev[i].session]);
			ended[ev[i].session] = ev[i].kind == FLOW_END;
		}
		rig_balanced(&r);
		flow_release(r.f);
	}
	assert_int_equal(rig_packets(&r, FLOW_no_session), 0);
	r.quiet = true;
	rig_fini(&r);
}

static void a_million_half_open_sessions_are_bounded(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.sessions_max = 100000;
	rig_init_conf(&r, &conf);
	r.quiet = true;
	const struct flow_event *ev;
	struct pkt burst[50];
	for (uint32_t i = 0; i < 1000000; i += 50) {
		for (uint32_t k = 0; k < 50; k++) {
			burst[k] = rig_segment(&r, C, TCP_SYN, 0, 0, "");
			uint32_t addr = (i + k) * 2654435761u;
			memcpy(burst[k].src + 12, &addr, 4);
		}
		r.now_ns += 50000; /* a million a second */
		unsigned n = flow_track(r.f, burst, 50, &ev);
		r.n_ends += n;
		flow_release(r.f);
	}
	rig_balanced(&r);
	assert_int_equal(rig_packets(&r, FLOW_sessions), 1000000);
	assert_int_equal(rig_packets(&r, FLOW_sessions_evicted), 900000);
	/* Those left expire, a bounded number a call. */
	unsigned n, calls = 0;
	while ((n = flow_advance(r.f, r.now_ns + 40 * SECOND, &ev)) > 0) {
		assert_true(n <= 1024);
		r.n_ends += n;
		calls++;
		flow_release(r.f);
	}
	assert_true(calls >= 90);
	assert_int_equal(r.n_ends, 1000000);
	rig_fini(&r);
}

static void when_memory_runs_out_the_oldest_holes_are_given_up(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.memory_bytes_max = 256 << 10; /* 99 pages */
	rig_init_conf(&r, &conf);
	for (uint8_t host = 1; host <= 12; host++) {
		r.host = host;
		rig_handshake(&r);
		for (uint32_t k = 1; k <= 8; k++)
			rig_c(&r, 1 + 4096 * k, "x");
	}
	/* The first one went when the pool was nearly full, not the last that asked. */
	r.log[r.log_len] = 0;
	assert_non_null(strstr(r.log, "c[4096 memory]@0 c\"x\"@4096"));
	assert_null(strstr(r.log, "#2"));
	rig_fini(&r);
}

static void settings_out_of_range_are_refused_with_a_text(void **state)
{
	struct flow *f = NULL;
	struct err e;
	struct flow_conf conf = rig_conf();
	conf.sessions_max = 0;
	assert_int_equal(flow_create(&conf, &f, &e), -EINVAL);
	assert_non_null(strstr(e.text, "flow.sessions_max"));
	conf = rig_conf();
	conf.memory_bytes_max = 5;
	assert_int_equal(flow_create(&conf, &f, &e), -EINVAL);
	assert_non_null(strstr(e.text, "flow.memory_bytes_max"));
	assert_null(f);
	flow_destroy(NULL);
}

static void a_worker_allocates_nothing_after_its_start(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.sessions_max = 2;
	rig_init_conf(&r, &conf);
	mem_seal(true); /* from here on an allocation aborts */
	for (uint8_t host = 1; host < 5; host++) {
		r.host = host;
		rig_handshake(&r);
		rig_c(&r, 4, "def");
		rig_udp(&r, C, "x");
		rig_wait(&r, 20 * SECOND);
	}
	rig_finish(&r);
	mem_seal(false);
	rig_fini(&r);
}

/* ---- the end of a capture ---- */

static void at_the_end_sessions_end_in_order_of_their_first_packets(void **state)
{
	struct rig r;
	rig_init(&r);
	for (uint8_t host = 5; host >= 1; host--) {
		r.host = host;
		rig_handshake(&r);
		rig_c(&r, 4, "late");
	}
	r.host = 3;
	rig_c(&r, 1, "abc");
	rig_expect(&r, "c\"abc\"@0 c\"late\"@3");
	rig_finish(&r);
	rig_expect(&r, "c[3 end]@0#2 c\"late\"@3#2 end(capture)#2 "
		       "c[3 end]@0#3 c\"late\"@3#3 end(capture)#3 end(capture) "
		       "c[3 end]@0#4 c\"late\"@3#4 end(capture)#4 "
		       "c[3 end]@0#5 c\"late\"@3#5 end(capture)#5");
	rig_fini(&r);
}

static void the_end_comes_in_batches_until_there_is_no_more(void **state)
{
	struct rig r;
	struct flow_conf conf = rig_conf();
	conf.sessions_max = 5000;
	rig_init_conf(&r, &conf);
	r.quiet = true;
	for (unsigned i = 0; i < 5000; i++) {
		r.port[0] = (uint16_t)(10000 + i);
		rig_udp(&r, C, "x");
	}
	const struct flow_event *ev;
	unsigned n, total = 0;
	while ((n = flow_finish(r.f, &ev)) > 0) {
		assert_true(n < 1200);
		total += n;
	}
	assert_int_equal(total, 5000);
	rig_fini(&r);
}

static void what_was_due_before_the_end_of_the_capture_ends_as_idle(void **state)
{
	struct rig r;
	rig_init(&r);
	rig_udp(&r, C, "x");
	rig_wait(&r, 60 * SECOND); /* exactly: the slack has not passed, the time-out has */
	rig_expect(&r, "c\"x\"@0");
	rig_finish(&r);
	rig_expect(&r, "end(idle)");
	rig_fini(&r);
}

/* ---- sameness ---- */

enum { HOSTS = 7, PACKETS = 4000 };

struct script {
	struct pkt pkt[PACKETS];
	unsigned host[PACKETS];
};

static uint32_t next(uint64_t *x, uint32_t n)
{
	*x = *x * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)((*x >> 33) % n);
}

/* Sessions of several hosts, with all that goes wrong: loss, reordering, pauses, cuts, ends. */
static void write_script(struct script *sc, uint64_t seed)
{
	static char text[256];
	uint32_t at[HOSTS][2] = {{0}};
	uint64_t x = seed, now_ns = T0;
	memset(text, 'x', sizeof(text));
	for (unsigned i = 0; i < PACKETS; i++) {
		unsigned h = next(&x, HOSTS), dir = next(&x, 3) == 0;
		struct pkt *p = &sc->pkt[i];
		now_ns += next(&x, 50) ? next(&x, 40) * MS : next(&x, 20) * SECOND;
		*p = (struct pkt){
			.proto = h == 0 ? IPPROTO_UDP_ : IPPROTO_TCP_,
			.sport = dir ? 514 : 5000,
			.dport = dir ? 5000 : 514,
			.time_ns = now_ns - next(&x, 20) * MS / 40,
			.number = i + 1,
			.payload = (const uint8_t *)text,
			.len = next(&x, 4) ? next(&x, 200) : 0,
			.cut_bytes = next(&x, 40) ? 0 : next(&x, 50),
			.tcp_flags = next(&x, 10) ? TCP_ACK : 0,
		};
		p->src[15] = dir ? 99 : (uint8_t)h;
		p->dst[15] = dir ? (uint8_t)h : 99;
		p->seq = at[h][dir] - (next(&x, 8) ? 0 : next(&x, 300)) +
			 (next(&x, 8) ? 0 : next(&x, 300));
		p->ack = at[h][!dir];
		if (p->seq == at[h][dir])
			at[h][dir] += p->len + p->cut_bytes;
		if (next(&x, 60) == 0)
			p->tcp_flags |= TCP_SYN;
		else if (next(&x, 60) == 0)
			p->tcp_flags |= TCP_FIN;
		else if (next(&x, 200) == 0)
			p->tcp_flags |= TCP_RST;
		sc->host[i] = h;
	}
}

struct story {
	size_t len;
	char text[1 << 20];
};

/* What later stages can tell of one host's sessions: all but the index. */
static void tell(struct story *st, const struct flow *f, const struct flow_event *ev, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const struct flow_session *s = flow_session(f, ev[i].session);
		const uint8_t *a = s->addr[0][15] == 99 ? s->addr[1] : s->addr[0];
		struct story *one = &st[a[15]];
		one->len += (size_t)snprintf(
			one->text + one->len, sizeof(one->text) - one->len,
			"%llx %u/%u %u +%zu @%llu %llu t%llu #%llu\n", (unsigned long long)s->id,
			ev[i].kind, ev[i].reason, ev[i].dir,
			ev[i].kind == FLOW_DATA ? ev[i].data.len : 0,
			(unsigned long long)ev[i].stream_off, (unsigned long long)ev[i].gap_bytes,
			(unsigned long long)ev[i].time_ns, (unsigned long long)ev[i].number);
		assert_true(one->len < sizeof(one->text));
	}
}

/* Plays the script to @n_workers flows, each seeing its hosts only, in bursts of @burst. */
static void play(const struct script *sc, unsigned n_workers, unsigned burst, struct story *st)
{
	for (unsigned h = 0; h < HOSTS; h++)
		st[h].len = 0;
	uint64_t last_ns = 0;
	for (unsigned i = 0; i < PACKETS; i++)
		last_ns = sc->pkt[i].time_ns > last_ns ? sc->pkt[i].time_ns : last_ns;
	for (unsigned w = 0; w < n_workers; w++) {
		struct rig r;
		rig_init(&r);
		flow_tell_acks(r.f, &rig_port);
		const struct flow_event *ev;
		for (unsigned i = 0; i < PACKETS;) {
			struct pkt mine[PKT_BURST];
			unsigned n = 0;
			for (; i < PACKETS && n < burst; i++)
				if (sc->host[i] % n_workers == w)
					mine[n++] = sc->pkt[i];
			unsigned n_ev = flow_track(r.f, mine, n, &ev);
			tell(st, r.f, ev, n_ev);
			rig_balanced(&r);
			flow_release(r.f);
		}
		unsigned n;
		while ((n = flow_advance(r.f, last_ns, &ev)) > 0)
			tell(st, r.f, ev, n);
		while ((n = flow_finish(r.f, &ev)) > 0)
			tell(st, r.f, ev, n);
		rig_balanced(&r);
		flow_destroy(r.f);
	}
}

static void any_number_of_workers_and_any_burst_tell_the_same(void **state)
{
	static struct script sc;
	static struct story one[HOSTS], other[HOSTS];
	static const unsigned ways[][2] = {{1, 64}, {2, 7}, {3, 64}, {7, 1}};
	for (uint64_t seed = 1; seed <= 30; seed++) {
		write_script(&sc, seed * 77);
		play(&sc, 1, 1, one);
		for (unsigned k = 0; k < sizeof(ways) / sizeof(ways[0]); k++) {
			play(&sc, ways[k][0], ways[k][1], other);
			for (unsigned h = 0; h < HOSTS; h++)
				assert_string_equal(other[h].text, one[h].text);
		}
	}
}

static void who_looks_sees_the_sessions_that_live_and_their_bytes_and_packets(void **state)
{
	struct rig r;
	struct flow_look l;
	rig_init(&r);
	assert_int_equal(flow_sessions_end(r.f), 1);
	rig_tcp(&r, 0, TCP_SYN, 0, 0, "");
	rig_tcp(&r, 1, TCP_SYN, 0, 1, "");
	rig_c(&r, 1, "hello");
	rig_c(&r, 1, "hello"); /* again: a packet, and no more of the stream */
	rig_s(&r, 1, 6, "yes");
	assert_int_equal(flow_sessions_end(r.f), 2);
	assert_true(flow_look(r.f, 1, &l));
	assert_int_equal(l.packets[0], 3);
	assert_int_equal(l.packets[1], 2);
	assert_int_equal(l.bytes[0], 5);
	assert_int_equal(l.bytes[1], 3);
	assert_true(l.session->from_start && l.session->seen[1]);
	rig_tcp(&r, 0, TCP_FIN, 6, 4, "");
	rig_tcp(&r, 1, TCP_FIN, 4, 7, "");
	assert_false(flow_look(r.f, 1, &l)); /* over, though late copies still belong to it */
	assert_false(flow_look(r.f, 0, &l));
	assert_false(flow_look(r.f, 2, &l));
	rig_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_datagram_is_one_event),
		cmocka_unit_test(a_cut_datagram_is_followed_by_its_gap),
		cmocka_unit_test(an_empty_datagram_makes_no_event),
		cmocka_unit_test(a_udp_session_ends_after_udp_idle),
		cmocka_unit_test(a_clock_that_steps_back_ends_no_session),
		cmocka_unit_test(when_full_half_open_sessions_make_room_first),
		cmocka_unit_test(when_full_the_session_idle_longest_makes_room),
		cmocka_unit_test(an_ended_index_is_not_named_again_in_its_turn),
		cmocka_unit_test(a_million_half_open_sessions_are_bounded),
		cmocka_unit_test(when_memory_runs_out_the_oldest_holes_are_given_up),
		cmocka_unit_test(settings_out_of_range_are_refused_with_a_text),
		cmocka_unit_test(a_worker_allocates_nothing_after_its_start),
		cmocka_unit_test(at_the_end_sessions_end_in_order_of_their_first_packets),
		cmocka_unit_test(the_end_comes_in_batches_until_there_is_no_more),
		cmocka_unit_test(what_was_due_before_the_end_of_the_capture_ends_as_idle),
		cmocka_unit_test(any_number_of_workers_and_any_burst_tell_the_same),
		cmocka_unit_test(who_looks_sees_the_sessions_that_live_and_their_bytes_and_packets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
