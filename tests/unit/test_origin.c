#include "tests/unit/unit.h"

#include "dataplane/frame/origin.h"

static void assert_origin(const struct flow_session *s, unsigned dir, const char *want)
{
	char text[ORIGIN_LEN_MAX + 1];
	size_t len = origin_put(text, s, dir);
	assert_true(len <= ORIGIN_LEN_MAX);
	text[len] = '\0';
	assert_string_equal(text, want);
}

static void the_sender_is_the_source_in_each_direction(void **state)
{
	const struct flow_session s = {
		.addr = {{[10] = 0xff, 0xff, 10, 0, 0, 1}, {[10] = 0xff, 0xff, 192, 168, 255, 9}},
		.port = {51234, 514}};
	assert_origin(&s, 0, "\"_src\":\"10.0.0.1:51234\",\"_dst\":\"192.168.255.9:514\"");
	assert_origin(&s, 1, "\"_src\":\"192.168.255.9:514\",\"_dst\":\"10.0.0.1:51234\"");
}

static void ipv6_is_in_brackets_and_short(void **state)
{
	const struct flow_session s = {.addr = {{0x20, 0x01, 0x0d, 0xb8, [15] = 9}, {[15] = 1}},
				       .port = {1, 65535}};
	assert_origin(&s, 0, "\"_src\":\"[2001:db8::9]:1\",\"_dst\":\"[::1]:65535\"");
}

static void the_longest_addresses_fit(void **state)
{
	struct flow_session s = {.port = {65535, 65535}};
	memset(s.addr, 0xfe, sizeof(s.addr));
	assert_origin(&s, 0,
		      "\"_src\":\"[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:65535\","
		      "\"_dst\":\"[fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe]:65535\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_sender_is_the_source_in_each_direction),
		cmocka_unit_test(ipv6_is_in_brackets_and_short),
		cmocka_unit_test(the_longest_addresses_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
