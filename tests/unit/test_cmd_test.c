#include "tests/unit/unit.h"

#include "tests/support/command_run.h"

static void assert_test(const char *yaml, int code, const char *out, const char *err)
{
	struct command cmd = command_run_yaml(cmd_test, yaml);
	assert_string_equal(cmd.out, out);
	assert_string_equal(cmd.err, err);
	assert_int_equal(cmd.code, code);
	command_fini(&cmd);
}

#define LINES "sources: { s: { match: { udp: 5170, tcp: 5170 }, parser: lines } }\ntests:\n"

static void a_test_passes_when_each_expected_record_is_a_part_of_the_one_there(void **state)
{
	assert_test(LINES
		    "  - { source: s, input: '{\"a\":1,\"b\":{\"c\":[1,2],\"d\":null}}', "
		    "expect: [{ a: 1, b: { c: [1, 2] } }] }\n"
		    "  - { source: s, input: \"x\\ny\\n\", transport: tcp, expect: [{ message: "
		    "x }, { _source: s }] }\n"
		    "  - { source: s, input: '', expect: [] }\n",
		    0, "1..3\nok 1 s\nok 2 s\nok 3 s\n", "");
}

static void a_wrong_value_is_told_by_field_with_both_values(void **state)
{
	static const char yaml[] =
		LINES "  - { source: s, input: '{\"status\":404}', expect: [{ status: 200 }] }\n";
	struct command cmd = command_run_yaml(cmd_test, yaml);
	static const char line[] =
		"1..1\nnot ok 1 s: x.yaml:3:52: field status: expected 200, got 404\n# record 0: {";
	assert_memory_equal(cmd.out, line, strlen(line));
	assert_non_null(strstr(cmd.out, "\"status\":404}\n# 1 of 1 tests failed\n"));
	assert_int_equal(cmd.code, 1);
	command_fini(&cmd);
}

/* The first line of the only test in @yaml. */
static void assert_fails(const char *yaml, const char *says)
{
	struct command cmd = command_run_yaml(cmd_test, yaml);
	assert_int_equal(cmd.code, 1);
	char *line = strchr(cmd.out, '\n') + 1;
	*strchr(line, '\n') = '\0';
	assert_string_equal(line, says);
	command_fini(&cmd);
}

static void fields_inside_of_objects_and_lists_have_paths(void **state)
{
	assert_fails(LINES "  - { source: s, input: '{\"a\":{\"b\":[1,{\"c\":2}]}}', expect: "
			   "[{ a: { b: [1, { c: 3 }] } }] }\n",
		     "not ok 1 s: x.yaml:3:61: field a.b[1].c: expected 3, got 2");
	assert_fails(LINES "  - { source: s, input: '{\"a\":[1]}', expect: [{ a: [1, 2] }] }\n",
		     "not ok 1 s: x.yaml:3:47: field a: expected [1,2], got [1]");
}

static void types_are_compared_and_not_just_spellings(void **state)
{
	assert_fails(LINES "  - { source: s, input: '{\"a\":\"1\"}', expect: [{ a: 1 }] }\n",
		     "not ok 1 s: x.yaml:3:47: field a: expected 1, got \"1\"");
	assert_fails(LINES "  - { source: s, input: '{\"a\":1}', expect: [{ b: ~ }] }\n",
		     "not ok 1 s: x.yaml:3:45: field b: expected null, got nothing");
	assert_test(LINES "  - { source: s, input: '{\"a\":1.0,\"b\":10}', expect: [{ a: 1, b: 1e1 "
			  "}] }\n",
		    0, "1..1\nok 1 s\n", "");
}

static void records_that_are_missing_or_too_many_are_counted_and_shown(void **state)
{
	assert_fails(LINES "  - { source: s, input: \"x\", expect: [{}, {}] }\n",
		     "not ok 1 s: x.yaml:3:5: expected 2 records, got 1");
	assert_fails(LINES "  - { source: s, input: \"x\\ny\", expect: [] }\n",
		     "not ok 1 s: x.yaml:3:5: expected 0 records, got 2");
}

static void a_datagram_that_cannot_be_is_told(void **state)
{
	char *yaml;
	size_t len;
	FILE *out = open_memstream(&yaml, &len);
	fprintf(out, LINES "  - { source: s, expect: [{}], input: '%065508d' }\n", 0);
	fclose(out);
	assert_fails(yaml, "not ok 1 s: x.yaml:3:5: 65508 bytes; a datagram holds at most 65507");
	free(yaml);
}

static void a_long_stream_comes_out_whole(void **state)
{
	char *yaml;
	size_t len;
	FILE *out = open_memstream(&yaml, &len);
	fprintf(out,
		LINES "  - { source: s, transport: tcp, expect: [{ n: \"%0100000d\" }, { m: 1 }], "
		      "input: \"{\\\"n\\\":\\\"%0100000d\\\"}\\n{\\\"m\\\":1}\\n\" }\n",
		7, 7);
	fclose(out);
	assert_test(yaml, 0, "1..1\nok 1 s\n", "");
	free(yaml);
}

static void a_source_that_is_found_by_probe_is_tested_by_probe(void **state)
{
	assert_test("sources:\n"
		    "  web: { match: { probe: true }, parser: http1 }\n"
		    "  log: { match: { udp: 514 }, parser: syslog }\n"
		    "tests:\n"
		    "  - { source: web, input: \"GET /a?b=c HTTP/1.1\\r\\nHost: h\\r\\n\\r\\n\", "
		    "expect: [{ b: c }] }\n"
		    "  - { source: log, input: '<34>Oct 11 22:14:15 h su: x', time: "
		    "2024-10-12T00:00:00Z,\n"
		    "      expect: [{ timestamp: '2024-10-11T22:14:15Z', message: x }] }\n",
		    0, "1..2\nok 1 web\nok 2 log\n", "");
}

static void a_file_without_tests_does_not_say_ok(void **state)
{
	assert_test(
		"sources: { s: { match: { udp: 1 }, parser: lines } }\n", 2, "",
		"sluiced: x.yaml: no tests; expected such as tests: [{ source: s, input: '...', "
		"expect: [{ }] }]\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			a_test_passes_when_each_expected_record_is_a_part_of_the_one_there),
		cmocka_unit_test(a_wrong_value_is_told_by_field_with_both_values),
		cmocka_unit_test(fields_inside_of_objects_and_lists_have_paths),
		cmocka_unit_test(types_are_compared_and_not_just_spellings),
		cmocka_unit_test(records_that_are_missing_or_too_many_are_counted_and_shown),
		cmocka_unit_test(a_datagram_that_cannot_be_is_told),
		cmocka_unit_test(a_long_stream_comes_out_whole),
		cmocka_unit_test(a_source_that_is_found_by_probe_is_tested_by_probe),
		cmocka_unit_test(a_file_without_tests_does_not_say_ok),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
