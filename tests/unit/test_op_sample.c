#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

/* How many of 4,000 records with 1,000 keys. */
static unsigned sampled(const char *options)
{
	char yaml[256], object[64];
	snprintf(yaml, sizeof(yaml), "pipeline: { s: { op: sample, from: app, %s } }\n", options);
	op_rig_init(&rig, yaml, "s");
	for (unsigned i = 0; i < 4000; i++) {
		snprintf(object, sizeof(object), "{\"k\":\"user-%u\"}", i % 1000);
		op_rig_add(&rig, object);
		rig.batch.recs[rig.batch.n_recs - 1]->stream_off = i;
		if (i % 200 == 199)
			op_rig_push(&rig);
	}
	assert_int_equal(op_rig_row(&rig, "s", "records_in"), 4000);
	return rig.n;
}

static void about_as_many_records_go_on_as_the_rate_says(void **state)
{
	unsigned n = sampled("rate: 0.25");
	assert_true(n > 850 && n < 1150);
	op_rig_fini(&rig);
	n = sampled("one_in: 100");
	assert_true(n > 15 && n < 80);
	op_rig_fini(&rig);
	assert_int_equal(sampled("rate: 1"), 4000);
	op_rig_fini(&rig);
}

static void of_a_key_all_records_go_on_or_none(void **state)
{
	static unsigned seen[1000];
	unsigned n = sampled("rate: 0.5, key: k");
	assert_true(n > 1600 && n < 2400);
	memset(seen, 0, sizeof(seen));
	for (unsigned i = 0; i < n; i++) {
		unsigned k = (unsigned)strtoul(strstr(rig.got[i], "user-") + 5, NULL, 10);
		assert_true(k < 1000);
		seen[k]++;
	}
	for (unsigned k = 0; k < 1000; k++)
		assert_true(seen[k] == 0 || seen[k] == 4);
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(about_as_many_records_go_on_as_the_rate_says),
		cmocka_unit_test(of_a_key_all_records_go_on_or_none),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
