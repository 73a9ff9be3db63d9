#include "tests/unit/unit.h"

#include "dataplane/dim/redis_conn.h"

static void a_url_names_host_port_database_and_user(void **state)
{
	static const struct {
		const char *text, *host, *user;
		int port, db;
	} cases[] = {
		{"redis://h", "h", "", 6379, 0},
		{"redis://h/", "h", "", 6379, 0},
		{"redis://h:1/2", "h", "", 1, 2},
		{"redis://me@10.0.0.1:65535/15", "10.0.0.1", "me", 65535, 15},
		{"redis://[::1]:7000/3", "::1", "", 7000, 3},
		{"redis://[::1]", "::1", "", 6379, 0},
		{"unix:///run/redis.sock", "/run/redis.sock", "", 0, 0},
		{"unix://me@/run/redis.sock?db=4", "/run/redis.sock", "me", 0, 4},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct redis_url u;
		struct err e = {0};
		if (redis_url_parse(cases[i].text, &u, &e) != 0)
			fail_msg("%s: %s", cases[i].text, e.text);
		assert_string_equal(u.host, cases[i].host);
		assert_string_equal(u.user, cases[i].user);
		assert_int_equal(u.port, cases[i].port);
		assert_int_equal(u.db, cases[i].db);
	}
}

static void another_url_is_refused_and_a_password_in_it_is_not_told(void **state)
{
	static const char *const cases[] = {"",
					    "h:1",
					    "http://h",
					    "redis://",
					    "redis://:1",
					    "redis://h:",
					    "redis://h:0",
					    "redis://h:65536",
					    "redis://h:x",
					    "redis://h/x",
					    "redis://@h",
					    "redis://[::1",
					    "redis://[::1]x",
					    "redis://[]:1",
					    "unix://",
					    "unix://run",
					    "unix:///a?x=1",
					    "unix:///a?db=",
					    "unix:///a?db=-1",
					    "rediss://h",
					    "redis://me:secret@h"};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct redis_url u;
		struct err e = {0};
		if (redis_url_parse(cases[i], &u, &e) != -EINVAL)
			fail_msg("%s is taken", cases[i]);
		assert_non_null(strstr(e.text, "url"));
		assert_null(strstr(e.text, "secret"));
	}
}

static void nobody_there_is_told_with_the_place(void **state)
{
	struct redis_url u;
	struct err e = {0};
	redisContext *c = NULL;
	assert_int_equal(redis_url_parse("unix:///nowhere/redis.sock", &u, &e), 0);
	assert_int_equal(redis_open(&u, NULL, &c, &e), -ECONNREFUSED);
	assert_null(c);
	assert_non_null(strstr(e.text, "Redis at /nowhere/redis.sock: No such file"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_names_host_port_database_and_user),
		cmocka_unit_test(another_url_is_refused_and_a_password_in_it_is_not_told),
		cmocka_unit_test(nobody_there_is_told_with_the_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
