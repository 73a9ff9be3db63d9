#include "tests/unit/unit.h"

#include "ctl/record_id.h"
#include "dataplane/sink/encode.h"

static void an_id_is_read_as_it_is_written(void **state)
{
	static const struct rec recs[] = {
		{.session_id = 0x3f9a0c1b2d4e5f60, .stream_off = 1234, .idx = 5},
		{.session_id = 1, .stream_off = UINT64_MAX, .idx = UINT32_MAX, .dir = 1},
		{.session_id = UINT64_MAX},
	};
	for (size_t i = 0; i < sizeof(recs) / sizeof(recs[0]); i++) {
		char text[RECORD_ID_MAX + 1];
		struct record_id id;
		text[encode_id(&recs[i], (uint8_t *)text)] = '\0';
		assert_true(record_id_read(text, &id));
		assert_int_equal(id.session, recs[i].session_id);
		assert_int_equal(id.off, recs[i].stream_off);
		assert_int_equal(id.idx, recs[i].idx);
		assert_int_equal(id.dir, recs[i].dir);
	}
}

static void what_is_none_is_not_read(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"3f9a0c1b2d4e5f60",
		"3f9a0c1b2d4e5f60-c-1234",
		"3f9a0c1b2d4e5f60-c-1234-",
		"3f9a0c1b2d4e5f60-c--0",
		"3f9a0c1b2d4e5f60-d-1234-0",
		"3F9A0C1B2D4E5F60-c-1234-0",
		"3f9a0c1b2d4e5f6g-c-1234-0",
		"3f9a0c1b2d4e5f60-c-1234-0 ",
		"3f9a0c1b2d4e5f60-c-18446744073709551616-0",
		"3f9a0c1b2d4e5f60-c-0-4294967296",
		"3f9a0c1b2d4e5f601-c-0-0",
	};
	struct record_id id;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (record_id_read(texts[i], &id))
			fail_msg("%s", texts[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_read_as_it_is_written),
		cmocka_unit_test(what_is_none_is_not_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
