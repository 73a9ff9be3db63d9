#include "tests/unit/unit.h"

#include <pthread.h>

#include "ctl/tap_ring.h"

/* Record @i: its length and bytes follow from its number. */
static bool put(struct tap_ring *r, unsigned i)
{
	size_t len = i * 37 % 300;
	uint8_t *room = tap_ring_room(r, 300);
	if (!room)
		return false;
	memset(room, (int)i, len);
	memset(room + len, 0xee, SL_PAD); /* as encoders do */
	tap_ring_put(r, len, i % 5, i * 1000ull);
	return true;
}

static bool take(struct tap_ring *r, unsigned i)
{
	struct slice rec;
	unsigned side;
	uint64_t time_ns;
	if (!tap_ring_next(r, &rec, &side, &time_ns))
		return false;
	assert_int_equal(rec.len, i * 37 % 300);
	assert_int_equal(side, i % 5);
	assert_int_equal(time_ns, i * 1000ull);
	for (size_t k = 0; k < rec.len; k++)
		assert_int_equal(rec.ptr[k], (uint8_t)i);
	tap_ring_done(r);
	return true;
}

static void records_come_out_as_they_went_in_however_the_ring_is_filled(void **state)
{
	for (unsigned step = 1; step < 7; step++) {
		struct tap_ring r;
		unsigned in = 0, out = 0;
		assert_int_equal(tap_ring_init(&r, 4096), 0);
		while (out < 2000) {
			for (unsigned k = 0; k < step && put(&r, in); k++)
				in++;
			assert_true(in > out); /* there is room for one at least */
			for (unsigned k = 0; k < 3 && take(&r, out); k++)
				out++;
		}
		tap_ring_fini(&r);
	}
}

static void what_does_not_fit_has_no_room_until_something_was_read(void **state)
{
	struct tap_ring r;
	unsigned in = 0;
	assert_int_equal(tap_ring_init(&r, 4096), 0);
	assert_null(tap_ring_room(&r, 4097));
	assert_null(tap_ring_room(&r, SIZE_MAX));
	while (put(&r, in))
		in++;
	assert_true(in > 9);
	assert_null(tap_ring_room(&r, 300));
	for (unsigned out = 0; out < in; out++)
		assert_true(take(&r, out));
	assert_false(take(&r, in));
	assert_true(put(&r, in) && take(&r, in));
	tap_ring_fini(&r);
}

#define N 200000

static void *reader(void *arg)
{
	for (unsigned i = 0; i < N;)
		i += take(arg, i);
	return NULL;
}

static void one_thread_writes_while_another_reads(void **state)
{
	struct tap_ring r;
	pthread_t thread;
	assert_int_equal(tap_ring_init(&r, 1 << 16), 0);
	assert_int_equal(pthread_create(&thread, NULL, reader, &r), 0);
	for (unsigned i = 0; i < N;)
		i += put(&r, i);
	pthread_join(thread, NULL);
	tap_ring_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_come_out_as_they_went_in_however_the_ring_is_filled),
		cmocka_unit_test(what_does_not_fit_has_no_room_until_something_was_read),
		cmocka_unit_test(one_thread_writes_while_another_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
