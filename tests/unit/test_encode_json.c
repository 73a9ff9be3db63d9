#include "tests/unit/unit.h"

#include <inttypes.h>
#include <jansson.h>
#include <math.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/rec/names.h"
#include "dataplane/sink/encode.h"
#include "tests/unit/random_val.h"

/* 2026-11-25T04:43:16.123456789Z */
#define TIME_NS 1795581796123456789ull
#define ORIGIN  "\"_src\":\"10.0.0.1:514\",\"_dst\":\"10.0.0.9:514\""
#define HEAD                                      \
	"{\"_id\":\"00000000deadbeef-c-4711-0\"," \
	"\"_time\":\"2026-11-25T04:43:16.123456789Z\",\"_source\":\"syslog\","

enum { FACILITY, SEVERITY, HOSTNAME, APPNAME, PROCID, MSGID, TIMESTAMP, MESSAGE, DATA, N_FIELDS };

static const struct field_def fields[N_FIELDS] = {
	{"facility", VAL_STR, ""},   {"severity", VAL_STR, ""}, {"hostname", VAL_STR, ""},
	{"appname", VAL_STR, ""},    {"procid", VAL_STR, ""},   {"msgid", VAL_STR, ""},
	{"timestamp", VAL_TIME, ""}, {"message", VAL_STR, ""},  {"structured_data", VAL_JSON, ""},
};

static struct names *names;
static struct schema schema;
static struct batch batch;
static struct rec_builder rb;
static struct encode_ctx ctx;
static struct slice source_json, source_only;
static char *line; /* of the last encode(), ends with 0 */

static int set_up(void **state)
{
	names = names_create();
	source_json = slice_str(mem_strdup("\"_source\":\"syslog\",\"_stream\":\"syslog\","));
	source_only = slice_str(mem_strdup("\"_source\":\"syslog\","));
	ctx = (struct encode_ctx){
		.names = names, .source_json = &source_json, .source_only = &source_only};
	if (schema_init(&schema, fields, N_FIELDS) < 0 || arena_init(&batch.arena, 64u << 20) < 0)
		return -1;
	arena_reset(&batch.arena);
	return 0;
}

static int tear_down(void **state)
{
	free(line);
	line = NULL;
	arena_fini(&batch.arena);
	schema_fini(&schema);
	names_destroy(names);
	mem_free((void *)source_json.ptr);
	mem_free((void *)source_only.ptr);
	return 0;
}

static void begin(void)
{
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	rec_begin(&rb, &batch, &schema);
}

static struct rec *end(void)
{
	uint32_t origin = arena_copy(&batch.arena, ORIGIN, strlen(ORIGIN));
	struct rec *r = rec_end(&rb);
	assert_non_null(r);
	r->time_ns = TIME_NS;
	r->session_id = 0xdeadbeef;
	r->stream_off = 4711;
	r->origin_off = origin;
	r->origin_len = strlen(ORIGIN);
	return r;
}

/* In a buffer that is exactly encode_json_max() long, so that ASan sees a byte too far. */
static void encode(const struct rec *r)
{
	size_t max = encode_json_max(&ctx, &batch, r);
	free(line);
	uint8_t *exact = malloc(max);
	size_t len = encode_json(&ctx, &batch, r, exact);
	assert_true(len < max);
	line = (char *)exact;
	line[len] = 0;
}

static json_t *parsed(void)
{
	json_error_t error;
	json_t *j = json_loads(line, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (!j)
		fail_msg("%s at %d: %s", error.text, error.position, line);
	assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
	return j;
}

static void pair(const char *key, struct val v)
{
	rec_pair(&rb, rec_make_text(&rb, VAL_STR, slice_str(key)), v);
}

static struct val text(enum val_type type, const char *s)
{
	return rec_make_text(&rb, type, slice_str(s));
}

static struct val i64(int64_t v)
{
	return rec_make8(&rb, VAL_I64, &v);
}

static struct val f64(double v)
{
	return rec_make8(&rb, VAL_F64, &v);
}

static void the_example_of_the_design_is_written_byte_for_byte(void **state)
{
	begin();
	rec_set_str(&rb, FACILITY, slice_str("auth"));
	rec_set_str(&rb, SEVERITY, slice_str("crit"));
	rec_set_str(&rb, HOSTNAME, slice_str("web-1"));
	rec_set_str(&rb, APPNAME, slice_str("su"));
	rec_set(&rb, PROCID, val_of(VAL_NULL, 0, 0));
	rec_set(&rb, MSGID, val_of(VAL_NULL, 0, 0));
	rec_set_time(&rb, TIMESTAMP, (int64_t)(TIME_NS / NS_PER_S * NS_PER_S));
	rec_set_str(&rb, MESSAGE, slice_str("'su root' failed for lonvick on /dev/pts/8"));
	rec_set(&rb, DATA, text(VAL_JSON, "{\"id@1\":{\"k\":\"v\"}}"));
	encode(end());
	assert_string_equal(line, HEAD
			    "\"_stream\":\"syslog\"," ORIGIN
			    ",\"facility\":\"auth\",\"severity\":\"crit\","
			    "\"hostname\":\"web-1\",\"appname\":\"su\",\"procid\":null,"
			    "\"msgid\":null,\"timestamp\":\"2026-11-25T04:43:16Z\",\"message\":"
			    "\"'su root' failed for lonvick on /dev/pts/8\","
			    "\"structured_data\":{\"id@1\":{\"k\":\"v\"}}}\n");
}

static void an_empty_record_has_only_the_keys_of_sluice(void **state)
{
	begin();
	encode(end());
	assert_string_equal(line, HEAD "\"_stream\":\"syslog\"," ORIGIN "}\n");
}

static void a_record_without_origin_is_valid_too(void **state)
{
	begin();
	rec_set_str(&rb, MESSAGE, slice_str("m"));
	struct rec *r = end();
	r->origin_len = 0;
	encode(r);
	assert_string_equal(line, HEAD "\"_stream\":\"syslog\",\"message\":\"m\"}\n");
}

static void a_stream_of_the_records_own_replaces_the_name_of_the_source(void **state)
{
	uint32_t id;
	begin();
	struct rec *r = end();
	uint32_t off = arena_copy(&batch.arena, "shop.\"users\"", 12);
	r->stream = val_of(VAL_STR, off, 12);
	encode(r);
	assert_string_equal(line, HEAD "\"_stream\":\"shop.\\\"users\\\"\"," ORIGIN "}\n");
	assert_int_equal(names_add(names, SLICE_LIT("shop.orders"), &id), 0);
	r->stream = val_of(VAL_NAME, id, 0);
	encode(r);
	assert_string_equal(line, HEAD "\"_stream\":\"shop.orders\"," ORIGIN "}\n");
}

static void an_unparsed_record_says_why_and_a_cut_one_says_so(void **state)
{
	begin();
	rec_set_str(&rb, MESSAGE, slice_str("<1>raw"));
	struct rec *r = end();
	r->flags = REC_UNPARSED | REC_CUT;
	r->error = "no \"time\" stamp";
	encode(r);
	assert_string_equal(line, HEAD "\"_stream\":\"syslog\"," ORIGIN
				       ",\"_error\":\"no \\\"time\\\" stamp\",\"_cut\":true,"
				       "\"message\":\"<1>raw\"}\n");
	r->flags = REC_CUT;
	r->error = NULL;
	encode(r);
	assert_string_equal(line, HEAD "\"_stream\":\"syslog\"," ORIGIN
				       ",\"_cut\":true,\"message\":\"<1>raw\"}\n");
}

static void the_id_is_session_direction_offset_and_index(void **state)
{
	uint8_t id[64];
	struct rec *r;
	begin();
	r = end();
	r->session_id = UINT64_MAX;
	r->stream_off = UINT64_MAX;
	r->idx = UINT32_MAX;
	r->dir = 1;
	size_t len = encode_id(r, id);
	static const char want[] = "ffffffffffffffff-s-18446744073709551615-4294967295";
	assert_int_equal(len, strlen(want));
	assert_memory_equal(id, want, len);
	encode(r);
	assert_memory_equal(line,
			    "{\"_id\":\"ffffffffffffffff-s-18446744073709551615-4294967295\",", 60);
}

static void the_time_has_nine_digits_and_follows_the_packet_not_the_cache(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{TIME_NS, "2026-11-25T04:43:16.123456789Z"},
		{TIME_NS + 1, "2026-11-25T04:43:16.123456790Z"},
		{TIME_NS + NS_PER_S, "2026-11-25T04:43:17.123456789Z"},
		{TIME_NS, "2026-11-25T04:43:16.123456789Z"},
		{1795581796000000000ull, "2026-11-25T04:43:16.000000000Z"},
		{0, "1970-01-01T00:00:00.000000000Z"},
		{999999999, "1970-01-01T00:00:00.999999999Z"},
		{INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
	};
	struct encode_ctx fresh = ctx;
	fresh.second_ns = 0;
	fresh.second_text[0] = '\0';
	begin();
	struct rec *r = end();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		r->time_ns = cases[i].ns;
		encode(r);
		assert_memory_equal(strstr(line, "_time\":\"") + 8, cases[i].text, 30);
	}
	ctx = fresh; /* as after the start: the first second of 1970 is not in the cache */
	r->time_ns = 5;
	encode(r);
	assert_memory_equal(strstr(line, "_time\":\"") + 8, "1970-01-01T00:00:00.000000005Z", 30);
	r->time_ns = UINT64_MAX; /* no time of this world; still a line of JSON */
	encode(r);
	json_decref(parsed());
}

static void every_type_of_value_is_written_in_its_way(void **state)
{
	static const struct val none;
	uint64_t u = UINT64_MAX;
	int64_t t = (int64_t)TIME_NS, whole = 0, before = -1;
	begin();
	pair("absent", none);
	pair("null", val_of(VAL_NULL, 0, 0));
	pair("false", val_of(VAL_FALSE, 0, 0));
	pair("true", val_of(VAL_TRUE, 0, 0));
	pair("min", i64(INT64_MIN));
	pair("max", i64(INT64_MAX));
	pair("zero", i64(0));
	pair("u64", rec_make8(&rb, VAL_U64, &u));
	pair("half", f64(0.5));
	pair("time", rec_make8(&rb, VAL_TIME, &t));
	pair("whole", rec_make8(&rb, VAL_TIME, &whole));
	pair("before", rec_make8(&rb, VAL_TIME, &before));
	pair("num", text(VAL_NUM, "-1.50e+10"));
	pair("str", text(VAL_STR, "a\"b"));
	pair("jstr", text(VAL_JSTR, "a\\\"b\\u00e9"));
	pair("json", text(VAL_JSON, "[1,{\"x\":null}]"));
	pair("bytes", rec_make_text(&rb, VAL_BYTES, slice_of("\x00\xff\x10\x80", 4)));
	pair("empty", text(VAL_STR, ""));
	pair("no_bytes", text(VAL_BYTES, ""));
	encode(end());
	assert_string_equal(strstr(line, ",\"null\""),
			    ",\"null\":null,\"false\":false,\"true\":true,"
			    "\"min\":-9223372036854775808,\"max\":9223372036854775807,\"zero\":0,"
			    "\"u64\":18446744073709551615,\"half\":0.5,"
			    "\"time\":\"2026-11-25T04:43:16.123456789Z\","
			    "\"whole\":\"1970-01-01T00:00:00Z\","
			    "\"before\":\"1969-12-31T23:59:59.999999999Z\",\"num\":-1.50e+10,"
			    "\"str\":\"a\\\"b\",\"jstr\":\"a\\\"b\\u00e9\","
			    "\"json\":[1,{\"x\":null}],\"bytes\":\"AP8QgA==\",\"empty\":\"\","
			    "\"no_bytes\":\"\"}\n");
}

static void doubles_read_back_as_the_same_doubles(void **state)
{
	static const double values[] = {
		0.1,  1e300, -1e-300, 5e-324,   1.7976931348623157e308, 1.0 / 3, 123456789.125,
		-0.0, 1e21,  2.5,     100000.0, 4503599627370497.5};
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		begin();
		pair("v", f64(values[i]));
		encode(end());
		/* strtod, since jansson reads "-0" as an integer. */
		double got = strtod(strstr(line, "\"v\":") + 4, NULL);
		assert_memory_equal(&got, &values[i], 8);
		json_decref(parsed());
	}
}

static void not_a_number_and_infinity_become_null(void **state)
{
	begin();
	pair("nan", f64(NAN));
	pair("inf", f64(INFINITY));
	pair("ninf", f64(-INFINITY));
	encode(end());
	assert_non_null(strstr(line, ",\"nan\":null,\"inf\":null,\"ninf\":null}\n"));
}

static void keys_are_names_or_text_or_json_text(void **state)
{
	uint32_t id;
	begin();
	assert_int_equal(names_add(names, SLICE_LIT("a \"name\""), &id), 0);
	rec_pair(&rb, val_of(VAL_NAME, id, 0), val_of(VAL_TRUE, 0, 0));
	rec_pair(&rb, text(VAL_STR, "k\n\xff"), val_of(VAL_TRUE, 0, 0));
	rec_pair(&rb, text(VAL_JSTR, "j\\n"), val_of(VAL_TRUE, 0, 0));
	encode(end());
	assert_string_equal(strstr(line, ",\"a "),
			    ",\"a \\\"name\\\"\":true,\"k\\n\xef\xbf\xbd\":true,"
			    "\"j\\n\":true,\"_invalid_utf8\":true}\n");
}

/* Pains 15 and 16. */
static void bytes_outside_utf8_cost_neither_the_event_nor_the_json(void **state)
{
	begin();
	rec_set_str(&rb, HOSTNAME, slice_str("caf\xe9"));
	rec_set_str(&rb, MESSAGE, slice_str("from \xb0\xae to \xed\xa0\x80, \xe7\x88"));
	encode(end());
	json_t *j = parsed();
	assert_true(json_is_true(json_object_get(j, "_invalid_utf8")));
	assert_string_equal(json_string_value(json_object_get(j, "hostname")), "caf\xef\xbf\xbd");
	json_decref(j);
}

static void a_record_that_was_repaired_before_is_marked_once(void **state)
{
	begin();
	rec_set_str(&rb, MESSAGE, slice_str("\xff"));
	struct rec *r = end();
	r->flags = REC_REPAIRED;
	encode(r);
	json_decref(parsed()); /* refuses a key that comes twice */
	assert_non_null(strstr(line, ",\"_invalid_utf8\":true}\n"));
	r->vals[MESSAGE].type = VAL_NULL;
	encode(r);
	assert_non_null(strstr(line, ",\"message\":null,\"_invalid_utf8\":true}\n"));
}

static void a_clean_record_after_a_broken_one_is_not_marked(void **state)
{
	begin();
	rec_set_str(&rb, MESSAGE, slice_str("clean \xe7\x88\xb1"));
	encode(end());
	assert_null(strstr(line, "_invalid_utf8"));
}

static void a_mebibyte_of_message_is_written_whole(void **state)
{
	size_t len = 1u << 20;
	begin();
	struct val v = val_of(VAL_STR, arena_take(&batch.arena, len), len);
	for (size_t i = 0; i < len; i++)
		batch.arena.base[v.off + i] = (uint8_t)(i % 95 + 32);
	rec_set(&rb, MESSAGE, v);
	encode(end());
	json_t *j = parsed();
	const json_t *m = json_object_get(j, "message");
	assert_int_equal(json_string_length(m), len);
	assert_memory_equal(json_string_value(m), batch.arena.base + v.off, len);
	json_decref(j);
}

/* What can be said of a value's JSON without writing JSON again. */
static void check_val(const json_t *j, struct val v)
{
	const uint8_t *p = batch.arena.base + v.off;
	uint64_t bits = 0;
	double d;
	if (v.type == VAL_I64 || v.type == VAL_U64 || v.type == VAL_F64)
		memcpy(&bits, p, 8);
	memcpy(&d, &bits, 8);
	switch (v.type) {
	case VAL_NULL:
		assert_true(json_is_null(j));
		break;
	case VAL_FALSE:
	case VAL_TRUE:
		assert_int_equal(json_is_true(j), v.type == VAL_TRUE);
		break;
	case VAL_I64:
	case VAL_U64:
		assert_true(json_is_integer(j));
		assert_true(json_integer_value(j) == (int64_t)bits);
		break;
	case VAL_F64:
		assert_true(isfinite(d) ? json_number_value(j) == d : json_is_null(j));
		break;
	case VAL_NUM:
		assert_true(json_number_value(j) == 12.5e-3);
		break;
	case VAL_JSON:
		assert_int_equal(json_array_size(json_object_get(j, "a")), 3);
		break;
	case VAL_JSTR:
		assert_string_equal(json_string_value(j), "\xf0\x9f\x98\x80 \\");
		break;
	case VAL_BYTES:
		assert_int_equal(json_string_length(j), 4 * ((v.len + 2) / 3));
		break;
	case VAL_STR:
		assert_true(json_string_length(j) >= v.len / 3);
		for (size_t i = 0; i < v.len; i++)
			if (p[i] >= 0x80)
				return;
		assert_int_equal(json_string_length(j), v.len);
		assert_memory_equal(json_string_value(j), p, v.len);
		break;
	default:
		assert_true(json_is_string(j));
	}
}

static void random_records_are_read_by_another_parser_as_they_were_meant(void **state)
{
	uint64_t x = 88172645463325252ull;
	for (unsigned n = 0; n < 3000; n++) {
		char key[32];
		begin();
		for (unsigned i = 0; i < N_FIELDS; i++)
			if (random_next(&x) % 4)
				rec_set(&rb, i, random_val(&rb, &x));
		unsigned n_pairs = random_next(&x) % 12;
		for (unsigned i = 0; i < n_pairs; i++) {
			snprintf(key, sizeof(key), "key \"%u\"", i);
			pair(key, random_val(&rb, &x));
		}
		struct rec *r = end();
		r->time_ns = random_next(&x) >> 1;
		r->session_id = random_next(&x);
		encode(r);
		json_t *j = parsed();
		for (unsigned i = 0; i < N_FIELDS; i++)
			if (r->vals[i].type == VAL_ABSENT)
				assert_null(json_object_get(j, fields[i].name));
			else
				check_val(json_object_get(j, fields[i].name), r->vals[i]);
		for (unsigned i = 0; i < n_pairs; i++) {
			snprintf(key, sizeof(key), "key \"%u\"", i);
			check_val(json_object_get(j, key), rec_pairs(r)[2 * i + 1]);
		}
		json_decref(j);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_example_of_the_design_is_written_byte_for_byte),
		TEST(an_empty_record_has_only_the_keys_of_sluice),
		TEST(a_record_without_origin_is_valid_too),
		TEST(a_stream_of_the_records_own_replaces_the_name_of_the_source),
		TEST(an_unparsed_record_says_why_and_a_cut_one_says_so),
		TEST(the_id_is_session_direction_offset_and_index),
		TEST(the_time_has_nine_digits_and_follows_the_packet_not_the_cache),
		TEST(every_type_of_value_is_written_in_its_way),
		TEST(doubles_read_back_as_the_same_doubles),
		TEST(not_a_number_and_infinity_become_null),
		TEST(keys_are_names_or_text_or_json_text),
		TEST(bytes_outside_utf8_cost_neither_the_event_nor_the_json),
		TEST(a_record_that_was_repaired_before_is_marked_once),
		TEST(a_clean_record_after_a_broken_one_is_not_marked),
		TEST(a_mebibyte_of_message_is_written_whole),
		TEST(random_records_are_read_by_another_parser_as_they_were_meant),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
