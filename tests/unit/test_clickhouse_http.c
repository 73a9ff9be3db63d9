/* The rest of clickhouse_http.c is held by test_sink_clickhouse.c. */
#include "tests/unit/unit.h"

#include "dataplane/sink/clickhouse_http.h"

/* apache/druid#14344: success is reported, and the data is gone: 200 is no success by itself. */
static void an_answer_is_judged_by_its_number_and_else_by_its_status(void **unused)
{
	static const struct {
		long status;
		const char *text;
		enum ch_verdict verdict;
		unsigned code, row;
	} cases[] = {
		{200, "", CH_GOOD, 0, 0},
		{200, "Code: 241, Memory limit", CH_AGAIN, 241, 0}, /* it broke behind the head */
		{500, "Code: 27, Cannot parse: (at row 12)\n", CH_RECORD, 27, 12},
		{500, "Code: 27, Cannot parse: (at row 99999999999)\n", CH_RECORD, 27, 0},
		{404, "Code: 60. DB::Exception: no table", CH_TABLE, 60, 0},
		{401, "Code: 516. DB::Exception", CH_REFUSED, 516, 0},
		{500, "Code: 12345, what", CH_UNKNOWN, 12345, 0},
		{413, "<html>", CH_TOO_LARGE, 0, 0},
		{502, "<html>", CH_AGAIN, 0, 0},
		{403, "", CH_REFUSED, 0, 0},
		{301, "", CH_UNKNOWN, 0, 0},
		{200, "Code: ", CH_GOOD, 0, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned code;
		uint32_t row;
		assert_int_equal(ch_http_judge(cases[i].status, cases[i].text, &code, &row),
				 cases[i].verdict);
		assert_int_equal(code, cases[i].code);
		assert_int_equal(row, cases[i].row);
	}
}

static void an_url_that_cannot_be_is_told(void **unused)
{
	static const struct {
		const char *url, *want;
	} cases[] = {
		{"127.0.0.1:8123", "expected http://HOST:PORT"},
		{"tcp://x", "expected http://HOST:PORT"},
		{"http://me:secret@x", "expected no user, password and query in it"},
		{"http://x/?a=b", "expected no user, password and query in it"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ch_http_conf conf = {.url = cases[i].url};
		struct ch_http h = {0};
		struct err e;
		assert_int_equal(ch_http_init(&h, &conf, &e), -EINVAL);
		assert_non_null(strstr(e.text, cases[i].want));
		assert_null(strstr(e.text, "secret"));
		ch_http_fini(&h);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_answer_is_judged_by_its_number_and_else_by_its_status),
		cmocka_unit_test(an_url_that_cannot_be_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
