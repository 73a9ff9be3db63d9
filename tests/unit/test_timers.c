#include "tests/unit/unit.h"

#include "dataplane/frame/timers.h"

#define SECOND 1000000000ull
#define HOUR   (3600 * SECOND)
#define START  (1700000000 * SECOND)
#define N      100

static struct timers t;

/* Runs the clock in steps until an index comes. Returns the time, or 0 when none came. */
static uint64_t run_clock(uint64_t from_ns, uint64_t to_ns, uint64_t step_ns, uint32_t *ret_idx)
{
	for (uint64_t now = from_ns; now <= to_ns; now += step_ns) {
		*ret_idx = timers_next(&t, now);
		if (*ret_idx != TIMERS_NONE)
			return now;
	}
	return 0;
}

static void an_index_comes_after_its_time_and_not_much_later(void **state)
{
	uint32_t idx;
	assert_int_equal(timers_init(&t, N), 0);
	for (uint64_t i = 0; i < N; i++) {
		uint64_t start = START + i * 137 * SECOND / 10, due = start + i * SECOND / 7;
		timers_arm(&t, (uint32_t)i, start, due);
		uint64_t at = run_clock(start, start + HOUR, SECOND / 100, &idx);
		assert_int_equal(idx, i);
		assert_true(at >= due);
		assert_true(at <= due + TIMERS_LATE_NS + SECOND / 100);
		assert_int_equal(timers_next(&t, at), i); /* until it is disarmed */
		timers_disarm(&t, idx);
		assert_int_equal(timers_next(&t, at), TIMERS_NONE);
	}
	timers_fini(&t);
}

static void a_jump_of_the_clock_finds_all_that_was_due(void **state)
{
	unsigned n = 0;
	assert_int_equal(timers_init(&t, N), 0);
	for (uint32_t i = 0; i < N; i++)
		timers_arm(&t, i, START, START + i * 40 * SECOND);
	for (uint32_t idx; (idx = timers_next(&t, START + 30 * 24 * HOUR)) != TIMERS_NONE; n++)
		timers_disarm(&t, idx);
	assert_int_equal(n, N);
	assert_int_equal(t.n_armed, 0);
	timers_fini(&t);
}

static void the_earlier_of_two_times_counts(void **state)
{
	uint32_t idx;
	assert_int_equal(timers_init(&t, N), 0);
	timers_arm(&t, 7, START, START + 100 * SECOND);
	timers_arm(&t, 7, START, START + 20 * SECOND);
	timers_arm(&t, 7, START, START + 50 * SECOND);
	assert_int_equal(t.n_armed, 1);
	uint64_t at = run_clock(START, START + HOUR, SECOND, &idx);
	assert_true(at >= START + 20 * SECOND && at <= START + 23 * SECOND);
	timers_fini(&t);
}

static void a_time_beyond_the_wheel_comes_early_and_is_armed_again(void **state)
{
	uint32_t idx;
	uint64_t due = START + 3 * HOUR, at = START;
	unsigned n = 0;
	assert_int_equal(timers_init(&t, N), 0);
	timers_arm(&t, 3, START, due);
	while ((at = run_clock(at, START + 4 * HOUR, SECOND, &idx)) != 0 && at < due) {
		timers_disarm(&t, idx);
		timers_arm(&t, idx, at, due);
		n++;
	}
	assert_true(n >= 2 && n <= 4);
	assert_true(at >= due && at <= due + TIMERS_LATE_NS + SECOND);
	timers_fini(&t);
}

static void a_clock_that_is_set_back_keeps_what_is_armed(void **state)
{
	uint32_t idx;
	assert_int_equal(timers_init(&t, N), 0);
	timers_arm(&t, 1, START, START + 10 * SECOND);
	assert_int_equal(timers_next(&t, START), TIMERS_NONE);
	uint64_t past = START - 24 * HOUR;
	assert_int_equal(timers_next(&t, past), TIMERS_NONE);
	timers_arm(&t, 2, past, past + 10 * SECOND);
	bool seen[3] = {false};
	for (uint64_t at = past; (at = run_clock(at, past + 2 * HOUR, SECOND, &idx)) != 0;) {
		assert_true(idx == 1 || idx == 2);
		assert_true(idx == 1 || (at >= past + 10 * SECOND && at <= past + 13 * SECOND));
		seen[idx] = true;
		timers_disarm(&t, idx);
	}
	assert_true(seen[1] && seen[2]);
	timers_fini(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_index_comes_after_its_time_and_not_much_later),
		cmocka_unit_test(a_jump_of_the_clock_finds_all_that_was_due),
		cmocka_unit_test(the_earlier_of_two_times_counts),
		cmocka_unit_test(a_time_beyond_the_wheel_comes_early_and_is_armed_again),
		cmocka_unit_test(a_clock_that_is_set_back_keeps_what_is_armed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
