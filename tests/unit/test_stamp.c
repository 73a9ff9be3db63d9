#include "tests/unit/unit.h"

#include "dataplane/capture/stamp.h"

#define SECOND 1000000000ull
#define MS     1000000ull
#define START  (1700000000 * SECOND)

/* A card whose clock runs at @hz and is wrong by @ppm, and readings that are late by up to 20 us.
 */
struct card {
	uint64_t first;
	double hz, ppm;
	uint32_t seed;
};

static uint64_t card_ticks(const struct card *c, uint64_t ns)
{
	double s = (double)(ns - START) / 1e9;
	return c->first + (uint64_t)(s * c->hz * (1 + c->ppm / 1e6));
}

static uint64_t late(struct card *c)
{
	c->seed = c->seed * 1664525 + 1013904223;
	return (c->seed >> 16) % 20000;
}

static struct stamp begin(struct card *c)
{
	uint64_t later = START + STAMP_READ_FIRST_NS;
	return stamp_of_readings(card_ticks(c, START), START, card_ticks(c, later),
				 later + late(c));
}

/* A stamp each ms for so many seconds, readings each second. Returns how far it was off at most,
 * after the first @settle seconds.
 */
static uint64_t run(struct card *c, struct stamp *s, unsigned seconds, unsigned settle)
{
	uint64_t last = 0, off_max = 0;
	for (uint64_t ms = 110; ms < seconds * 1000ull; ms++) {
		uint64_t now = START + ms * MS, ns = 0;
		if (ms % 1000 == 0)
			assert_true(stamp_read(s, card_ticks(c, now), now + late(c)));
		/* Of a packet that came 3 ms ago: before a reading that was since. */
		uint64_t came = now - 3 * MS;
		assert_true(stamp_ns(s, card_ticks(c, came), now, &ns));
		assert_true(ns >= last);
		last = ns;
		uint64_t off = ns > came ? ns - came : came - ns;
		if (ms / 1000 >= settle && off > off_max)
			off_max = off;
	}
	return off_max;
}

static void ticks_follow_the_hosts_clock_and_never_step_back(void **state)
{
	static const struct {
		double hz, ppm;
	} cards[] = {{156.25e6, 0}, {125e6, 80}, {1e9, -200}, {25e6, 40}, {1e6, 10}, {3.2e9, -5}};
	for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++) {
		struct card c = {.first = 5000, .hz = cards[i].hz, .ppm = cards[i].ppm};
		struct stamp s = begin(&c);
		assert_int_equal(s.kind, STAMP_TICKS);
		uint64_t off_max = run(&c, &s, 120, 8);
		assert_true(off_max < 50000); /* 20 us of it are the readings' */
	}
}

static void a_counter_may_wrap(void **state)
{
	struct card c = {.first = UINT64_MAX - 500000000, .hz = 125e6, .ppm = 20};
	struct stamp s = begin(&c);
	assert_int_equal(s.kind, STAMP_TICKS);
	assert_true(card_ticks(&c, START + 10 * SECOND) < c.first);
	assert_true(run(&c, &s, 60, 8) < 50000);
}

static void a_card_that_begins_anew_is_followed_after_the_next_reading(void **state)
{
	struct card c = {.first = 1ull << 40, .hz = 125e6};
	struct stamp s = begin(&c);
	uint64_t now = START + 5 * SECOND, ns = 0;
	assert_true(stamp_read(&s, card_ticks(&c, now), now));
	c.first = 0; /* the card was reset */
	assert_false(stamp_ns(&s, card_ticks(&c, now), now, &ns));
	assert_false(stamp_read(&s, card_ticks(&c, now), now));
	assert_true(stamp_ns(&s, card_ticks(&c, now + MS), now + MS, &ns));
	assert_true(ns > now + MS - 100000 && ns < now + MS + 100000);
}

static void a_hosts_clock_that_is_set_is_followed(void **state)
{
	struct card c = {.first = 77, .hz = 156.25e6};
	struct stamp s = begin(&c);
	uint64_t now = START + 5 * SECOND, set = now - 3600 * SECOND, ns = 0;
	assert_false(stamp_ns(&s, card_ticks(&c, now), set, &ns));
	assert_false(stamp_read(&s, card_ticks(&c, now), set));
	assert_true(stamp_ns(&s, card_ticks(&c, now + MS), set + MS, &ns));
	assert_true(ns > set && ns < set + 2 * MS);
}

static void nanoseconds_are_taken_as_they_are(void **state)
{
	uint64_t ns = 0;
	struct stamp s =
		stamp_of_readings(START + 300, START, START + 10 * MS + 299, START + 10 * MS);
	assert_int_equal(s.kind, STAMP_NS);
	assert_true(stamp_read(&s, START + SECOND, START + SECOND));
	assert_true(stamp_ns(&s, START + 123456789, START + 200000000, &ns));
	assert_int_equal(ns, START + 123456789);
	assert_false(stamp_ns(&s, 123456789, START + 200000000, &ns));
	assert_false(stamp_ns(&s, 0, START, &ns));
	assert_int_equal(ns, START + 123456789);
}

static void a_clock_that_stands_still_or_makes_no_sense_gives_no_time(void **state)
{
	uint64_t ns;
	struct stamp s = stamp_of_readings(100, START, 100, START + 10 * MS);
	assert_int_equal(s.kind, STAMP_NONE);
	assert_false(stamp_ns(&s, 100, START, &ns));
	assert_int_equal(stamp_of_readings(200, START, 100, START + 10 * MS).kind, STAMP_NONE);
	assert_int_equal(stamp_of_readings(100, START, 101, START + 10 * MS).kind, STAMP_NONE);
	assert_int_equal(stamp_of_readings(100, START, 1ull << 60, START + 10 * MS).kind,
			 STAMP_NONE);
	assert_int_equal(stamp_of_readings(100, START + MS, 200, START).kind, STAMP_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_follow_the_hosts_clock_and_never_step_back),
		cmocka_unit_test(a_counter_may_wrap),
		cmocka_unit_test(a_card_that_begins_anew_is_followed_after_the_next_reading),
		cmocka_unit_test(a_hosts_clock_that_is_set_is_followed),
		cmocka_unit_test(nanoseconds_are_taken_as_they_are),
		cmocka_unit_test(a_clock_that_stands_still_or_makes_no_sense_gives_no_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
