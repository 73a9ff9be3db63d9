#include "tests/unit/unit.h"

#include "ctl/archive_feed.h"

static struct archive_head head;

static bool reads(const char *line)
{
	return archive_head_read(slice_str(line), &head);
}

#define ID     "{\"_id\":\"9f86d081884c7d65-s-17-3\""
#define TIME   ",\"_time\":\"2026-11-25T04:43:16.123456789Z\""
#define NAMES  ",\"_source\":\"web\",\"_stream\":\"a\\\"b\""
#define LONG   "0123456789012345678901234567890123456789012345678901234567890123456789"
#define ORIGIN ",\"_src\":\"10.0.0.1:514\",\"_dst\":\"[::1]:514\""

static void the_front_of_a_record_is_its_identity(void **state)
{
	assert_true(reads(ID TIME NAMES ORIGIN ",\"x\":1}"));
	assert_int_equal(head.session_id, 0x9f86d081884c7d65);
	assert_int_equal(head.dir, 1);
	assert_int_equal(head.stream_off, 17);
	assert_int_equal(head.idx, 3);
	assert_int_equal(head.time_ns, 1795581796123456789);
	assert_true(slice_eq(head.source, SLICE_LIT("web")));
	assert_true(slice_eq(head.stream, SLICE_LIT("a\\\"b")));
	assert_true(slice_eq(head.origin,
			     SLICE_LIT("\"_src\":\"10.0.0.1:514\",\"_dst\":\"[::1]:514\"")));
	assert_int_equal(head.fields, strlen(ID TIME NAMES ORIGIN));
}

static void a_record_without_addresses_or_fields_is_one_too(void **state)
{
	assert_true(reads(ID TIME NAMES "}"));
	assert_int_equal(head.origin.len, 0);
	assert_int_equal(head.fields, strlen(ID TIME NAMES));
}

static void other_json_is_refused(void **state)
{
	static const char *const lines[] = {
		"",
		"{}",
		"{\"a\":1}",
		ID TIME NAMES,
		ID TIME NAMES ORIGIN ",\"x\":1",
		ID TIME NAMES ",\"_src\":\"a\"}",
		ID TIME ",\"_source\":\"web}",
		ID ",\"_time\":\"today\"" NAMES "}",
		"{\"_id\":\"9f86d081884c7d65-x-17-3\"" TIME NAMES "}",
		"{\"_id\":\"9f86d081884c7d65-s-17\"" TIME NAMES "}",
		"{\"_id\":\"9f86d081884c7d6-s-17-3\"" TIME NAMES "}",
		"{\"_id\":\"9f86d081884c7d65-s-17-99999999999\"" TIME NAMES "}",
		ID TIME ",\"_source\":\"web\",\"_stream\":\"a\\q\"}",
		ID TIME ",\"_source\":\"web\",\"_stream\":\"a\\ud800\"}",
		ID TIME ",\"_source\":\"web\",\"_stream\":\"a\xff\"}",
		ID TIME ",\"_source\":\"web\",\"_stream\":\"a\n\"}",
		ID TIME NAMES ",\"_src\":\"" LONG LONG "\",\"_dst\":\"b\"}",
		"{\"before\":null,\"after\":{\"id\":1},\"op\":\"c\"}",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_false(reads(lines[i]));
}

static void every_cut_of_a_record_is_refused(void **state)
{
	static const char whole[] = ID TIME NAMES ORIGIN ",\"x\":1}";
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		char *cut = malloc(n + 1); /* for the sanitizer to see the end */
		memcpy(cut, whole, n);
		assert_false(archive_head_read(slice_of(cut, n), &head));
		free(cut);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_front_of_a_record_is_its_identity),
		cmocka_unit_test(a_record_without_addresses_or_fields_is_one_too),
		cmocka_unit_test(other_json_is_refused),
		cmocka_unit_test(every_cut_of_a_record_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
