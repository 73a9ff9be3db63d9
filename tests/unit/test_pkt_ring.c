#include "tests/unit/unit.h"

#include <pthread.h>
#include <sched.h>

#include "dataplane/capture/pkt_ring.h"

static struct pkt_ring ring;
static uint8_t bytes[70000];

static int set_up(void **state)
{
	struct err e;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 31);
	return pkt_ring_init(&ring, 1, &e);
}

static int tear_down(void **state)
{
	pkt_ring_fini(&ring);
	return 0;
}

/* Number @i, of a length that it gives. */
static struct pkt_raw packet(uint64_t i)
{
	return (struct pkt_raw){.ptr = bytes + i % 4096,
				.cap_len = (uint32_t)(i * 7919 % 3000),
				.wire_len = (uint32_t)(i * 7919 % 3000 + 4),
				.time_ns = 1000 + i,
				.number = i,
				.link = (uint16_t)(i % 300),
				.port = (uint16_t)(i % 5)};
}

static void same(const struct pkt_raw *got, uint64_t i)
{
	struct pkt_raw want = packet(i);
	assert_int_equal(got->number, want.number);
	assert_int_equal(got->cap_len, want.cap_len);
	assert_int_equal(got->wire_len, want.wire_len);
	assert_int_equal(got->time_ns, want.time_ns);
	assert_int_equal(got->link, want.link);
	assert_int_equal(got->port, want.port);
	assert_memory_equal(got->ptr, want.ptr, want.cap_len);
}

static void what_is_put_comes_out_alike_over_many_turns_of_the_ring(void **state)
{
	uint64_t n_put = 0, n_taken = 0;
	for (unsigned turn = 0; turn < 200; turn++) {
		struct pkt_raw p;
		for (unsigned i = 0; i < 37 + turn % 90; i++) {
			p = packet(n_put);
			assert_true(pkt_ring_put(&ring, &p));
			n_put++;
		}
		pkt_ring_publish(&ring);
		while (pkt_ring_peek(&ring, &p)) {
			same(&p, n_taken++);
			pkt_ring_next(&ring, &p);
		}
		assert_int_equal(n_taken, n_put);
		pkt_ring_give_back(&ring);
	}
}

static void what_was_not_published_is_not_there(void **state)
{
	struct pkt_raw p = packet(1);
	assert_true(pkt_ring_put(&ring, &p));
	assert_false(pkt_ring_peek(&ring, &p));
	pkt_ring_publish(&ring);
	assert_true(pkt_ring_peek(&ring, &p));
	same(&p, 1);
}

static void
what_finds_it_full_is_counted_and_there_is_room_again_once_it_was_given_back(void **state)
{
	uint64_t n = 0;
	struct pkt_raw p;
	while (p = packet(n), pkt_ring_put(&ring, &p))
		n++;
	pkt_ring_publish(&ring);
	assert_true(n > 500);
	assert_true(pkt_ring_is_filling(&ring));
	assert_int_equal(ring.told_put, n);
	assert_int_equal(ring.told_full, 1);
	for (uint64_t i = 0; i < n; i++) {
		assert_true(pkt_ring_peek(&ring, &p));
		same(&p, i);
		pkt_ring_next(&ring, &p);
	}
	/* Taken, and still lent: what stands there must not be written over. */
	p = packet(n);
	assert_false(pkt_ring_put(&ring, &p));
	pkt_ring_give_back(&ring);
	assert_true(pkt_ring_put(&ring, &p));
	assert_false(pkt_ring_is_filling(&ring));
}

static void a_packet_of_64_KiB_and_an_empty_one_pass(void **state)
{
	struct pkt_raw big = {.ptr = bytes, .cap_len = 65536 + 14, .wire_len = 65550}, got;
	struct pkt_raw none = {.ptr = bytes, .cap_len = 0, .wire_len = 60};
	for (unsigned i = 0; i < 100; i++) {
		assert_true(pkt_ring_put(&ring, &big));
		assert_true(pkt_ring_put(&ring, &none));
		pkt_ring_publish(&ring);
		assert_true(pkt_ring_peek(&ring, &got));
		assert_memory_equal(got.ptr, bytes, big.cap_len);
		pkt_ring_next(&ring, &got);
		assert_true(pkt_ring_peek(&ring, &got));
		assert_int_equal(got.cap_len, 0);
		assert_int_equal(got.wire_len, 60);
		pkt_ring_next(&ring, &got);
		pkt_ring_give_back(&ring);
	}
}

#define N_THREADED 60000

static void *fill(void *arg)
{
	for (uint64_t i = 0; i < N_THREADED;) {
		struct pkt_raw p = packet(i);
		i += pkt_ring_put(&ring, &p);
		if (i % 16 == 0 || ring.n_full) {
			pkt_ring_publish(&ring);
			sched_yield();
		}
	}
	pkt_ring_publish(&ring);
	return arg;
}

static void a_worker_fills_it_while_another_empties_it(void **state)
{
	pthread_t t;
	pkt_ring_settle_here(&ring);
	assert_int_equal(pthread_create(&t, NULL, fill, NULL), 0);
	for (uint64_t i = 0; i < N_THREADED;) {
		struct pkt_raw p;
		while (pkt_ring_peek(&ring, &p)) {
			same(&p, i++);
			pkt_ring_next(&ring, &p);
		}
		pkt_ring_give_back(&ring);
		sched_yield();
	}
	pthread_join(t, NULL);
}

static void what_the_two_sides_write_lies_on_lines_of_their_own(void **state)
{
	assert_int_equal(offsetof(struct pkt_ring, put) % 128, 0);
	assert_int_equal(offsetof(struct pkt_ring, from) % 128, 0);
	assert_int_equal(offsetof(struct pkt_ring, given_back) % 128, 0);
	assert_int_equal(sizeof(struct pkt_ring) % 128, 0);
}

#define TEST(t) cmocka_unit_test_setup_teardown(t, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_put_comes_out_alike_over_many_turns_of_the_ring),
		TEST(what_was_not_published_is_not_there),
		TEST(what_finds_it_full_is_counted_and_there_is_room_again_once_it_was_given_back),
		TEST(a_packet_of_64_KiB_and_an_empty_one_pass),
		TEST(a_worker_fills_it_while_another_empties_it),
		cmocka_unit_test(what_the_two_sides_write_lies_on_lines_of_their_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
