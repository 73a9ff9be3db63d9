#include "unit.h"

#include "dataplane/base/civil.h"
#include "dataplane/graph/zone.h"

static const struct zone *zone(struct zones *zs, const char *name)
{
	const struct zone *z = NULL;
	struct err e;
	if (zones_get(zs, slice_str(name), &z, &e) < 0)
		fail_msg("%s", e.text);
	return z;
}

static int64_t at(const char *text)
{
	int64_t ns = 0;
	assert_int_not_equal(civil_read_rfc3339(slice_str(text), &ns), 0);
	return ns;
}

static void offsets_follow_the_changes_of_a_zone(void **state)
{
	struct zones *zs = zones_create();
	const struct zone *z = zone(zs, "Europe/Berlin");
	assert_int_equal(zone_offset(z, at("2026-01-01T00:00:00Z")), 3600);
	assert_int_equal(zone_offset(z, at("2026-03-29T00:59:59Z")), 3600);
	assert_int_equal(zone_offset(z, at("2026-03-29T01:00:00Z")), 7200);
	assert_int_equal(zone_offset(z, at("2026-10-25T00:59:59Z")), 7200);
	assert_int_equal(zone_offset(z, at("2026-10-25T01:00:00Z")), 3600);
	assert_int_equal(zone_offset(NULL, at("2026-10-25T01:00:00Z")), 0);
	assert_int_equal(zone_offset(zone(zs, "UTC"), at("2026-10-25T01:00:00Z")), 0);
	assert_ptr_equal(zone(zs, "Europe/Berlin"), z);
	zones_destroy(zs);
}

static void years_behind_the_last_change_of_the_file_follow_its_rule(void **state)
{
	struct zones *zs = zones_create();
	const struct zone *berlin = zone(zs, "Europe/Berlin"),
			  *sydney = zone(zs, "Australia/Sydney");
	assert_int_equal(zone_offset(berlin, at("2200-07-01T00:00:00Z")), 7200);
	assert_int_equal(zone_offset(berlin, at("2200-12-01T00:00:00Z")), 3600);
	assert_int_equal(zone_offset(sydney, at("2200-07-01T00:00:00Z")), 36000);
	assert_int_equal(zone_offset(sydney, at("2200-12-31T23:00:00Z")), 39600);
	assert_int_equal(zone_offset(zone(zs, "Asia/Kolkata"), at("2200-07-01T00:00:00Z")), 19800);
	zones_destroy(zs);
}

static void an_hour_that_never_was_is_before_a_change_and_one_that_was_twice_behind(void **state)
{
	struct zones *zs = zones_create();
	const struct zone *z = zone(zs, "Europe/Berlin");
	int64_t gap = at("2026-03-29T02:30:00Z") / NS_PER_S,
		twice = at("2026-10-25T02:30:00Z") / NS_PER_S;
	assert_int_equal(zone_local_to_utc(z, gap), gap - 3600);
	assert_int_equal(zone_local_to_utc(z, twice), twice - 3600);
	assert_int_equal(zone_local_to_utc(z, gap - 3600), gap - 2 * 3600);
	assert_int_equal(zone_local_to_utc(z, gap + 3600), gap - 3600);
	zones_destroy(zs);
}

static void what_is_no_zone_is_refused(void **state)
{
	static const char *const bad[] = {
		"",    "Europe/Berlim", "../etc/passwd", "/etc/passwd", "+02",
		"CET", "PST",           "zone.tab",      "Europe",      "Europe/Berlin/x"};
	struct zones *zs = zones_create();
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const struct zone *z;
		struct err e;
		assert_int_equal(zones_get(zs, slice_str(bad[i]), &z, &e), -EINVAL);
		assert_non_null(strstr(e.text, "IANA"));
	}
	zones_destroy(zs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_follow_the_changes_of_a_zone),
		cmocka_unit_test(years_behind_the_last_change_of_the_file_follow_its_rule),
		cmocka_unit_test(
			an_hour_that_never_was_is_before_a_change_and_one_that_was_twice_behind),
		cmocka_unit_test(what_is_no_zone_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
