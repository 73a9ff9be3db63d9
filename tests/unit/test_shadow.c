#include "tests/unit/unit.h"

#include "dataplane/shadow.h"

static struct names *names;

static int set_up(void **state)
{
	names = names_create();
	return names ? 0 : -1;
}

static int tear_down(void **state)
{
	names_destroy(names);
	return 0;
}

/* Pipelines of nothing: what they may take of a worker is told by its bursts alone. */
static struct shadow *create(void)
{
	static const struct frame_conf frame = {.bytes_max = 65536};
	static const struct graph_plan plan = {0};
	const struct shadow_side_conf side = {
		.conf = {.frame = &frame, .graph = &plan, .names = names}};
	const struct shadow_conf c = {
		.sides = {side, side}, .n_queues = 1, .samples_max = 1, .line_max = 4096};
	struct shadow *s;
	struct err e;
	assert_int_equal(shadow_create(&c, &s, &e), 0);
	return s;
}

static void bursts(struct shadow *s, unsigned n, bool full, uint64_t missed)
{
	for (unsigned i = 0; i < n; i++)
		shadow_look(s, full, missed);
}

static unsigned share(const struct shadow *s)
{
	return shadow_load(s).share;
}

static void a_shadow_beside_full_bursts_looks_at_less(void **state)
{
	struct shadow *s = create();
	bursts(s, 64, false, 0);
	assert_int_equal(share(s), SHADOW_SHARE_MAX);
	bursts(s, 64, true, 0);
	assert_int_equal(share(s), SHADOW_SHARE_MAX / 2);
	bursts(s, 20 * 64, true, 0);
	assert_int_equal(share(s), 1);
	bursts(s, 8 * 64, false, 0);
	assert_int_equal(share(s), 2);
	shadow_destroy(s);
}

static void a_packet_that_is_lost_halves_it_at_once(void **state)
{
	struct shadow *s = create();
	bursts(s, 1, false, 1000); /* before it came */
	assert_int_equal(share(s), SHADOW_SHARE_MAX);
	bursts(s, 1, false, 1001);
	assert_int_equal(share(s), SHADOW_SHARE_MAX / 2);
	bursts(s, 1, false, 1001);
	assert_int_equal(share(s), SHADOW_SHARE_MAX / 2);
	shadow_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shadow_beside_full_bursts_looks_at_less),
		cmocka_unit_test(a_packet_that_is_lost_halves_it_at_once),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
