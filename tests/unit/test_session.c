/* The table of sessions and its lists. */
#include "tests/support/flow_rig.h"

#include "dataplane/flow/session.h"

static struct pkt packet(uint32_t client, uint16_t port, bool reversed)
{
	struct pkt p = {.proto = IPPROTO_TCP_, .sport = port, .dport = 80, .time_ns = T0};
	uint8_t a[16] = {[10] = 0xff, 0xff, 10}, b[16] = {[10] = 0xff, 0xff, 192, 168, 0, 1};
	a[13] = (uint8_t)(client >> 16);
	a[14] = (uint8_t)(client >> 8);
	a[15] = (uint8_t)client;
	memcpy(p.src, reversed ? b : a, 16);
	memcpy(p.dst, reversed ? a : b, 16);
	if (reversed) {
		p.dport = port;
		p.sport = 80;
	}
	return p;
}

static uint32_t get(struct session_table *t, const struct pkt *p)
{
	uint32_t idx = session_get(t, p, session_hash(p), false);
	if (idx)
		session_enlist(t, idx, LIST_OPEN);
	return idx;
}

static void both_directions_find_the_same_session(void **state)
{
	struct session_table t;
	assert_int_equal(session_table_init(&t, 10), 0);
	struct pkt p = packet(1, 1000, false), q = packet(1, 1000, true);
	assert_int_equal(session_hash(&p), session_hash(&q));
	unsigned dir;
	assert_int_equal(session_find(&t, &p, session_hash(&p), &dir), 0);
	uint32_t idx = get(&t, &p);
	assert_int_equal(session_find(&t, &p, session_hash(&p), &dir), idx);
	assert_int_equal(dir, 0);
	assert_int_equal(session_find(&t, &q, session_hash(&q), &dir), idx);
	assert_int_equal(dir, 1);
	session_table_fini(&t);
}

static void another_port_address_or_protocol_is_another_session(void **state)
{
	struct session_table t;
	assert_int_equal(session_table_init(&t, 10), 0);
	struct pkt p = packet(1, 1000, false);
	get(&t, &p);
	unsigned dir;
	struct pkt q = packet(1, 1001, false);
	assert_int_equal(session_find(&t, &q, session_hash(&q), &dir), 0);
	q = packet(2, 1000, false);
	assert_int_equal(session_find(&t, &q, session_hash(&q), &dir), 0);
	q = packet(1, 1000, false);
	q.proto = IPPROTO_UDP_;
	assert_int_equal(session_find(&t, &q, session_hash(&q), &dir), 0);
	/* Ports that changed sides with the addresses left where they are. */
	q = packet(1, 80, false);
	q.dport = 1000;
	assert_int_equal(session_find(&t, &q, session_hash(&q), &dir), 0);
	session_table_fini(&t);
}

static void an_index_is_not_used_again_before_the_release(void **state)
{
	struct session_table t;
	assert_int_equal(session_table_init(&t, 1), 0);
	struct pkt p = packet(1, 1, false);
	uint32_t first = get(&t, &p);
	assert_int_equal(get(&t, &p), 0); /* full */
	session_put(&t, first);
	p = packet(2, 2, false);
	uint32_t second = get(&t, &p);
	assert_true(second && second != first);
	session_put(&t, second);
	session_release(&t);
	p = packet(3, 3, false);
	uint32_t third = get(&t, &p);
	assert_true(third == first || third == second);
	session_table_fini(&t);
}

static void sessions_that_come_and_go_are_always_found(void **state)
{
	enum { N = 3000 };
	static uint32_t idx[N];
	struct session_table t;
	assert_int_equal(session_table_init(&t, N), 0);
	memset(idx, 0, sizeof(idx));
	uint64_t x = 1;
	for (unsigned step = 0; step < 60000; step++) {
		x = x * 6364136223846793005u + 1442695040888963407u;
		uint32_t k = (uint32_t)((x >> 33) % N);
		struct pkt p = packet(k, (uint16_t)(k * 7), false);
		unsigned dir;
		assert_int_equal(session_find(&t, &p, session_hash(&p), &dir), idx[k]);
		if (idx[k]) {
			session_put(&t, idx[k]);
			session_release(&t);
			idx[k] = 0;
		} else {
			idx[k] = get(&t, &p);
			assert_true(idx[k]);
		}
	}
	for (uint32_t k = 0; k < N; k++) {
		struct pkt p = packet(k, (uint16_t)(k * 7), true);
		unsigned dir;
		assert_int_equal(session_find(&t, &p, session_hash(&p), &dir), idx[k]);
	}
	session_table_fini(&t);
}

static void sessions_of_one_hash_are_bounded_and_all_found(void **state)
{
	struct session_table t;
	assert_int_equal(session_table_init(&t, 1000), 0);
	unsigned taken = 0, dir;
	for (uint32_t k = 0; k < 500; k++) {
		struct pkt p = packet(k, 1, false);
		uint32_t idx = session_get(&t, &p, 12345, false); /* as if crafted to collide */
		taken += idx != 0;
		assert_int_equal(session_find(&t, &p, 12345, &dir), idx);
	}
	assert_int_equal(taken, SESSION_PROBES);
	session_table_fini(&t);
}

static void lists_keep_their_order(void **state)
{
	struct session_table t;
	assert_int_equal(session_table_init(&t, 10), 0);
	uint32_t idx[4];
	for (uint32_t k = 0; k < 4; k++) {
		struct pkt p = packet(k, 1, false);
		idx[k] = get(&t, &p);
	}
	session_enlist(&t, idx[0], LIST_OPEN); /* to the end */
	session_enlist(&t, idx[2], LIST_CLOSED);
	session_put(&t, idx[3]);
	assert_int_equal(t.list[LIST_OPEN].head, idx[1]);
	assert_int_equal(t.s[idx[1]].next, idx[0]);
	assert_int_equal(t.list[LIST_OPEN].tail, idx[0]);
	assert_int_equal(t.list[LIST_CLOSED].head, idx[2]);
	assert_int_equal(t.birth.head, idx[0]);
	assert_int_equal(t.birth.tail, idx[2]);
	session_table_fini(&t);
}

static void addresses_that_differ_little_spread_over_the_table(void **state)
{
	/* One server port, clients in a row, as they come: no slot further than a few steps away.
	 */
	struct session_table t;
	assert_int_equal(session_table_init(&t, 200000), 0);
	for (uint32_t k = 0; k < 200000; k++) {
		struct pkt p = packet(k / 50, (uint16_t)(1024 + k % 50), false);
		assert_true(get(&t, &p));
	}
	session_table_fini(&t);
}

static void neighbours_that_all_talk_to_each_other_lie_near_their_slots(void **state)
{
	enum { N = 60000 };
	struct session_table t;
	uint64_t steps = 0;
	assert_int_equal(session_table_init(&t, N), 0);
	for (uint32_t k = 0; k < N; k++) {
		struct pkt p = packet(k / 16, 514, false), to = packet(k / 16 + k % 16, 514, false);
		memcpy(p.dst, to.src, 16);
		p.dport = 514;
		assert_true(get(&t, &p));
	}
	for (uint32_t i = 0; i <= t.slot_mask; i++)
		steps += t.slots[i].idx ? (i - t.slots[i].tag) & t.slot_mask : 0;
	assert_true(steps < N);
	session_table_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_find_the_same_session),
		cmocka_unit_test(another_port_address_or_protocol_is_another_session),
		cmocka_unit_test(an_index_is_not_used_again_before_the_release),
		cmocka_unit_test(sessions_that_come_and_go_are_always_found),
		cmocka_unit_test(sessions_of_one_hash_are_bounded_and_all_found),
		cmocka_unit_test(lists_keep_their_order),
		cmocka_unit_test(addresses_that_differ_little_spread_over_the_table),
		cmocka_unit_test(neighbours_that_all_talk_to_each_other_lie_near_their_slots),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
