#include "tests/unit/unit.h"

#include <pthread.h>

#include "dataplane/sink/batch_ring.h"

#define N 20000

static void batches_come_out_in_order_with_what_became_of_them(void **unused)
{
	static struct out_batch b[3];
	struct shipper_outcome o;
	struct batch_ring *r = batch_ring_create(3);
	assert_null(batch_ring_get(r, &o));
	for (unsigned i = 0; i < 3; i++)
		assert_true(batch_ring_put(r, &b[i], &(struct shipper_outcome){i, 10 + i}));
	for (unsigned i = 0; i < 3; i++) {
		assert_ptr_equal(batch_ring_get(r, &o), &b[i]);
		assert_int_equal(o.n_written, i);
		assert_int_equal(o.n_returned, 10 + i);
	}
	assert_null(batch_ring_get(r, NULL));
	batch_ring_destroy(r);
}

static void a_full_ring_refuses_and_takes_again_when_there_is_room(void **unused)
{
	static struct out_batch b;
	struct batch_ring *r = batch_ring_create(4);
	for (unsigned i = 0; i < 4; i++)
		assert_true(batch_ring_put(r, &b, NULL));
	assert_false(batch_ring_put(r, &b, NULL));
	assert_ptr_equal(batch_ring_get(r, NULL), &b);
	assert_true(batch_ring_put(r, &b, NULL));
	batch_ring_destroy(r);
}

static struct out_batch many[64];

static void *put_many(void *arg)
{
	for (uint32_t i = 0; i < N; i++)
		while (!batch_ring_put(arg, &many[i % 64], &(struct shipper_outcome){i, 0}))
			;
	return NULL;
}

static void two_threads_see_the_same_order(void **unused)
{
	struct batch_ring *r = batch_ring_create(8);
	pthread_t thread;
	pthread_create(&thread, NULL, put_many, r);
	for (uint32_t i = 0; i < N;) {
		struct shipper_outcome o;
		struct out_batch *b = batch_ring_get(r, &o);
		if (!b)
			continue;
		assert_ptr_equal(b, &many[i % 64]);
		assert_int_equal(o.n_written, i);
		i++;
	}
	pthread_join(thread, NULL);
	batch_ring_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(batches_come_out_in_order_with_what_became_of_them),
		cmocka_unit_test(a_full_ring_refuses_and_takes_again_when_there_is_room),
		cmocka_unit_test(two_threads_see_the_same_order),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
