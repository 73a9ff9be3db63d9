#include "tests/unit/unit.h"

#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/rec/later.h"
#include "dataplane/sink/encode.h"
#include "dataplane/sink/proto_wire.h"
#include "tests/support/proto_oracle.h"
#include "tests/unit/random_val.h"

#define TIME_NS 1795581796123456789ull
#define ORIGIN  "\"_src\":\"10.0.0.1:514\",\"_dst\":\"10.0.0.9:514\""

enum { HOST, SEEN, COUNT, DATA, N_FIELDS };

static const struct field_def fields[N_FIELDS] = {{"host", VAL_STR, ""},
						  {"seen", VAL_TIME, ""},
						  {"count", VAL_I64, ""},
						  {"data", VAL_JSON, ""}};

enum {
	N_HOST = 16,
	N_COUNT = 17,
	N_SEEN = 18,
	N_DATA = 19,
	N_TEXT = 20,
	N_RATIO = 21,
	N_OK = 22,
	N_RAW = 23,
	N_PRICE = 3000,
};

static const struct proto_field places[] = {
	{"host", N_HOST, PROTO_K_TEXT},     {"count", N_COUNT, PROTO_K_INT64},
	{"seen", N_SEEN, PROTO_K_TIME},     {"data", N_DATA, PROTO_K_JSON},
	{"text", N_TEXT, PROTO_K_TEXT},     {"ratio", N_RATIO, PROTO_K_DOUBLE},
	{"ok", N_OK, PROTO_K_BOOL},         {"raw", N_RAW, PROTO_K_BYTES},
	{"price", N_PRICE, PROTO_K_NUMBER},
};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

/* All of the places but two, in no order, and fields that have none. */
static const struct field_def wide_fields[] = {{"raw", VAL_BYTES, ""},   {"none", VAL_STR, ""},
					       {"ok", VAL_TRUE, ""},     {"price", VAL_NUM, ""},
					       {"text", VAL_STR, ""},    {"ratio", VAL_F64, ""},
					       {"seen", VAL_TIME, ""},   {"count", VAL_I64, ""},
					       {"nothing", VAL_STR, ""}, {"_rules", VAL_JSON, ""}};
#define N_WIDE (sizeof(wide_fields) / sizeof(wide_fields[0]))

static struct names *names;
static uint32_t name_ratio;
static struct schema schema, wide;
static struct batch batch;
static struct rec_builder rb;
static struct encode_ctx ctx;
static struct proto_shape *shape;
static struct proto_scratch scratch;
static struct proto_oracle *oracle;
static struct slice source_json, source_only;
static uint8_t *bytes; /* of the last encode() */
static size_t n_bytes;
static ProtobufCMessage *message;

static int set_up(void **state)
{
	struct err e;
	const struct slice source = SLICE_LIT("syslog");
	names = names_create();
	source_json = slice_str(mem_strdup("\"_source\":\"syslog\",\"_stream\":\"syslog\","));
	source_only = slice_str(mem_strdup("\"_source\":\"syslog\","));
	if (names_add(names, SLICE_LIT("ratio"), &name_ratio) < 0 ||
	    proto_shape_create(places, N_PLACES, names, &source, 1, false, &shape, &e) < 0 ||
	    schema_init(&schema, fields, N_FIELDS) < 0 ||
	    schema_init(&wide, wide_fields, N_WIDE) < 0 || arena_init(&batch.arena, 64u << 20) < 0)
		return -1;
	ctx = (struct encode_ctx){.names = names,
				  .source_json = &source_json,
				  .source_only = &source_only,
				  .shape = shape,
				  .proto = &scratch};
	oracle = proto_oracle_create(places, N_PLACES);
	return 0;
}

static void drop_last(void)
{
	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
	message = NULL;
	free(bytes);
	bytes = NULL;
}

static int tear_down(void **state)
{
	drop_last();
	proto_oracle_destroy(oracle);
	proto_shape_destroy(shape);
	arena_fini(&batch.arena);
	schema_fini(&schema);
	schema_fini(&wide);
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

/* In a buffer that is exactly max() long, so that ASan sees a byte too far; and read again. */
static void encode(const struct rec *r)
{
	size_t max = encoder_protobuf.max(&ctx, &batch, r);
	drop_last();
	bytes = malloc(max);
	n_bytes = encoder_protobuf.put(&ctx, &batch, r, bytes);
	assert_true(n_bytes <= max);
	message = proto_oracle_read(oracle, slice_of(bytes, n_bytes));
	assert_non_null(message);
	assert_true(proto_oracle_agrees(message, slice_of(bytes, n_bytes)));
}

static void pair(const char *key, struct val v)
{
	rec_pair(&rb, rec_make_text(&rb, VAL_STR, slice_str(key)), v);
}

static struct val text(enum val_type type, const char *s)
{
	return rec_make_text(&rb, type, slice_str(s));
}

static void has_text(uint32_t number, const char *want)
{
	const ProtobufCBinaryData *d = proto_oracle_get(message, number);
	assert_non_null(d);
	assert_int_equal(d->len, strlen(want));
	assert_memory_equal(d->data, want, d->len);
}

static void has_time(uint32_t number, int64_t seconds, int32_t nanos)
{
	const struct proto_time *t = proto_oracle_get(message, number);
	assert_non_null(t);
	assert_int_equal(t->seconds, seconds);
	assert_int_equal(t->nanos, nanos);
}

static void has_not(uint32_t number)
{
	assert_null(proto_oracle_get(message, number));
}

static void has_int64(uint32_t number, int64_t want)
{
	const int64_t *v = proto_oracle_get(message, number);
	assert_non_null(v);
	assert_int_equal(*v, want);
}

static void what_every_record_has_stands_under_the_low_numbers(void **state)
{
	begin();
	encode(end());
	has_text(PROTO_ID, "00000000deadbeef-c-4711-0");
	has_time(PROTO_TIME, (int64_t)(TIME_NS / NS_PER_S), (int32_t)(TIME_NS % NS_PER_S));
	has_text(PROTO_SOURCE, "syslog");
	has_text(PROTO_STREAM, "syslog");
	has_text(PROTO_SRC, "10.0.0.1:514");
	has_text(PROTO_DST, "10.0.0.9:514");
	for (uint32_t number = PROTO_ERROR; number < PROTO_N_META; number++)
		has_not(number);
	assert_false(scratch.n_more || scratch.n_misfits);
}

static void a_stream_an_error_and_a_cut_are_told(void **state)
{
	begin();
	rb.stream = text(VAL_STR, "shop.users");
	struct rec *r = end();
	r->flags = REC_UNPARSED | REC_CUT;
	r->error = "no such thing";
	encode(r);
	has_text(PROTO_SOURCE, "syslog");
	has_text(PROTO_STREAM, "shop.users");
	has_text(PROTO_ERROR, "no such thing");
	assert_true(*(const protobuf_c_boolean *)proto_oracle_get(message, PROTO_CUT));
}

static void fixed_fields_and_pairs_come_in_the_order_of_numbers(void **state)
{
	int64_t seen = -1500000000;
	double ratio = 0.25;
	begin();
	rec_set_str(&rb, HOST, slice_str("web-1"));
	rec_set(&rb, SEEN, rec_make8(&rb, VAL_TIME, &seen));
	rec_set_i64(&rb, COUNT, -5);
	rec_set(&rb, DATA, text(VAL_JSON, "{\"a\":[1]}"));
	pair("price", text(VAL_NUM, "12.50"));
	pair("raw", text(VAL_BYTES, "\x01\xff"));
	pair("ok", val_of(VAL_FALSE, 0, 0));
	rec_pair(&rb, val_of(VAL_NAME, name_ratio, 0), rec_make8(&rb, VAL_F64, &ratio));
	pair("text", text(VAL_STR, ""));
	encode(end());
	has_text(N_HOST, "web-1");
	has_time(N_SEEN, -2, 500000000);
	has_int64(N_COUNT, -5);
	has_text(N_DATA, "{\"a\":[1]}");
	has_text(N_TEXT, "");
	assert_true(*(const double *)proto_oracle_get(message, N_RATIO) == 0.25);
	assert_int_equal(*(const protobuf_c_boolean *)proto_oracle_get(message, N_OK), 0);
	has_text(N_RAW, "\x01\xff");
	has_text(N_PRICE, "12.50");
}

static void text_takes_every_value_as_it_is_printed(void **state)
{
	int64_t time = TIME_NS, i = -7;
	uint64_t u = UINT64_MAX;
	double f = 1.5;
	const struct {
		struct val v;
		const char *want;
	} cases[] = {
		{val_of(VAL_TRUE, 0, 0), "true"},
		{val_of(VAL_FALSE, 0, 0), "false"},
		{(begin(), rec_make8(&rb, VAL_I64, &i)), "-7"},
		{rec_make8(&rb, VAL_U64, &u), "18446744073709551615"},
		{rec_make8(&rb, VAL_F64, &f), "1.5"},
		{rec_make8(&rb, VAL_TIME, &time), "2026-11-25T04:43:16.123456789Z"},
		{text(VAL_NUM, "1e3"), "1e3"},
		{text(VAL_JSON, "[null]"), "[null]"},
		{text(VAL_JSTR, "plain"), "plain"},
		{text(VAL_JSTR, "a\\u00e9\\n\\\"b"), "a\xc3\xa9\n\"b"},
		{text(VAL_BYTES, "abc"), "YWJj"},
	};
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		batch.n_recs = 0;
		rec_begin(&rb, &batch, &schema);
		pair("text", cases[k].v);
		encode(end());
		has_text(N_TEXT, cases[k].want);
		assert_false(scratch.n_misfits);
	}
}

static void json_takes_every_value_as_json(void **state)
{
	int64_t time = TIME_NS;
	begin();
	rec_set(&rb, DATA, text(VAL_STR, "a\"b\xff"));
	encode(end());
	has_text(N_DATA, "\"a\\\"b\xef\xbf\xbd\"");
	begin();
	rec_set(&rb, DATA, text(VAL_JSTR, "a\\n"));
	encode(end());
	has_text(N_DATA, "\"a\\n\"");
	begin();
	rec_set(&rb, DATA, rec_make8(&rb, VAL_TIME, &time));
	encode(end());
	has_text(N_DATA, "\"2026-11-25T04:43:16.123456789Z\"");
	begin();
	rec_set(&rb, DATA, val_of(VAL_TRUE, 0, 0));
	encode(end());
	has_text(N_DATA, "true");
}

static void whole_numbers_keep_their_value_or_are_left_out(void **state)
{
	const struct {
		const char *text;
		int64_t want;
		bool fits;
	} cases[] = {
		{"0", 0, true},
		{"-1", -1, true},
		{"9223372036854775807", INT64_MAX, true},
		{"-9223372036854775808", INT64_MIN, true},
		{"9223372036854775808", 0, false},
		{"-9223372036854775809", 0, false},
		{"1.0", 0, false},
		{"1e3", 0, false},
	};
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		begin();
		rec_set(&rb, COUNT, text(VAL_NUM, cases[k].text));
		encode(end());
		assert_int_equal(scratch.n_misfits, !cases[k].fits);
		if (cases[k].fits)
			has_int64(N_COUNT, cases[k].want);
		else
			has_not(N_COUNT);
	}
}

static void a_value_of_another_type_is_left_out_and_told(void **state)
{
	static const char *const keys[] = {"count", "seen", "ratio", "ok", "raw", "price"};
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		begin();
		pair(keys[k], text(VAL_STR, "text"));
		pair("text", text(VAL_STR, "kept"));
		encode(end());
		assert_true(scratch.n_misfits);
		has_text(N_TEXT, "kept");
	}
	begin();
	encode(end());
	assert_false(scratch.n_misfits);
}

static void a_field_that_the_schema_does_not_know_is_left_out_and_told(void **state)
{
	begin();
	pair("other", text(VAL_STR, "x"));
	encode(end());
	assert_true(scratch.n_more);
	begin();
	pair("other", val_of(VAL_NULL, 0, 0));
	encode(end());
	assert_false(scratch.n_more);
}

static void of_two_fields_with_one_name_the_last_counts(void **state)
{
	int64_t first = 1000000001, last = 2000000000;
	begin();
	rec_set_str(&rb, HOST, slice_str("first"));
	rec_set(&rb, SEEN, rec_make8(&rb, VAL_TIME, &first));
	pair("host", text(VAL_STR, "last"));
	pair("seen", rec_make8(&rb, VAL_TIME, &last));
	pair("text", text(VAL_STR, "x"));
	pair("text", val_of(VAL_NULL, 0, 0));
	encode(end());
	has_text(N_HOST, "last");
	has_time(N_SEEN, 2, 0);
	has_not(N_TEXT);
}

static void bytes_that_are_not_utf8_are_replaced_and_told(void **state)
{
	begin();
	rec_set_str(&rb, HOST, slice_str("caf\xe9 au lait, and sixteen more \xc3\xa9"));
	pair("text", text(VAL_STR, "fine"));
	encode(end());
	has_text(N_HOST, "caf\xef\xbf\xbd au lait, and sixteen more \xc3\xa9");
	has_text(N_TEXT, "fine");
	assert_true(*(const protobuf_c_boolean *)proto_oracle_get(message, PROTO_INVALID_UTF8));
	begin();
	rec_set_str(&rb, HOST, slice_str("h\xc3\xa9"));
	encode(end());
	has_not(PROTO_INVALID_UTF8);
}

static void a_delimited_message_has_its_length_in_front(void **state)
{
	static char long_text[20001];
	memset(long_text, 'x', sizeof(long_text) - 1);
	static const size_t lens[] = {0, 1, 20, 100, 300, 16200, 16300, 20000};
	for (size_t k = 0; k < sizeof(lens) / sizeof(lens[0]); k++) {
		begin();
		rec_set(&rb, HOST, rec_make_text(&rb, VAL_STR, slice_of(long_text, lens[k])));
		struct rec *r = end();
		encode(r);
		uint8_t *out = malloc(encoder_protobuf.max(&ctx, &batch, r)), len[PROTO_VARINT_MAX];
		shape->delimited = true;
		size_t n = encoder_protobuf.put(&ctx, &batch, r, out);
		shape->delimited = false;
		size_t n_len = (size_t)(proto_put_varint(len, n_bytes) - len);
		assert_int_equal(n, n_len + n_bytes);
		assert_memory_equal(out, len, n_len);
		assert_memory_equal(out + n_len, bytes, n_bytes);
		free(out);
	}
}

static struct rec *random_rec(uint64_t *x, const char *key)
{
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	rec_begin(&rb, &batch, &wide);
	for (unsigned i = 0; i < N_WIDE; i++)
		if (random_next(x) % 4)
			rec_set(&rb, i, random_val(&rb, x));
	if (key)
		pair(key, val_of(VAL_NULL, 0, 0));
	struct rec *r = end();
	r->time_ns = random_next(x) >> random_next(x) % 64;
	return r;
}

/* A pair that says nothing goes behind the fields of the plan, or keeps a record from it. */
static void a_record_is_the_same_by_its_plan_and_field_by_field(void **state)
{
	static const char *const keys[] = {"other", "host"};
	uint64_t x = 88172645463325252ull;
	for (unsigned n = 0; n < 3000; n++) {
		uint64_t again = x, from = x;
		encode(random_rec(&x, NULL));
		uint8_t *planned = bytes;
		size_t n_planned = n_bytes;
		unsigned more = scratch.n_more, misfits = scratch.n_misfits;
		bytes = NULL;
		for (unsigned k = 0; k < 2; k++) {
			proto_scratch_forget(&scratch); /* that pairs were mixed */
			again = from;
			encode(random_rec(&again, keys[k]));
			assert_int_equal(n_bytes, n_planned);
			assert_memory_equal(bytes, planned, n_bytes);
			assert_true(scratch.n_more == more && scratch.n_misfits == misfits);
		}
		free(planned);
	}
}

/* As many as there are in the order of their numbers, and one in front of them. */
static void pairs_behind_the_fields_are_written_behind_them(void **state)
{
	static const char *const keys[] = {"text", "ratio", "ok", "other", "price", "count"};
	for (unsigned n = 1; n <= 6; n++) {
		proto_scratch_forget(&scratch);
		begin();
		rec_set_str(&rb, HOST, slice_str("web-1"));
		for (unsigned i = 0; i < n; i++)
			pair(keys[i], text(i == 2 ? VAL_STR : VAL_NUM, "12"));
		encode(end());
		has_text(N_HOST, "web-1");
		has_text(N_TEXT, "12");
		assert_int_equal(proto_oracle_get(message, N_RATIO) != NULL, n > 1);
		has_not(N_OK);
		assert_int_equal(scratch.n_misfits, n > 2);
		assert_int_equal(scratch.n_more, n > 3);
		assert_int_equal(proto_oracle_get(message, N_PRICE) != NULL, n > 4);
		assert_int_equal(proto_oracle_get(message, N_COUNT) != NULL, n > 5);
	}
}

static void of_two_fields_of_a_schema_with_one_name_the_last_that_is_there_counts(void **state)
{
	static const struct field_def two[] = {{"text", VAL_STR, ""}, {"text", VAL_STR, ""}};
	struct schema twice;
	assert_int_equal(schema_init(&twice, two, 2), 0);
	begin();
	rec_begin(&rb, &batch, &twice);
	rec_set_str(&rb, 0, slice_str("first"));
	encode(end());
	has_text(N_TEXT, "first");
	begin();
	rec_begin(&rb, &batch, &twice);
	rec_set_str(&rb, 0, slice_str("first"));
	rec_set_str(&rb, 1, slice_str("last"));
	encode(end());
	has_text(N_TEXT, "last");
	schema_fini(&twice);
}

/* Where keys stood in the last record is a guess, and no more. */
static void pairs_may_come_in_another_order_than_in_the_record_before(void **state)
{
	static const char *const keys[][3] = {{"text", "host", "other"},
					      {"text", "host", "other"},
					      {"host", "other", "text"},
					      {"hos", "text", "host"},
					      {"other", "texts", "text"}};
	for (size_t k = 0; k < sizeof(keys) / sizeof(keys[0]); k++) {
		begin();
		for (unsigned i = 0; i < 3; i++)
			pair(keys[k][i], text(VAL_STR, keys[k][i]));
		encode(end());
		has_text(N_TEXT, "text");
		if (k < 4)
			has_text(N_HOST, "host");
		else
			has_not(N_HOST);
		assert_true(scratch.n_more);
	}
}

static void times_of_one_second_and_of_others_are_told_apart(void **state)
{
	static const uint64_t times[] = {TIME_NS,
					 TIME_NS + 1,
					 TIME_NS / NS_PER_S * NS_PER_S,
					 TIME_NS / NS_PER_S * NS_PER_S - 1,
					 TIME_NS,
					 TIME_NS + NS_PER_S,
					 0,
					 1,
					 NS_PER_S - 1,
					 INT64_MAX};
	for (size_t k = 0; k < sizeof(times) / sizeof(times[0]); k++) {
		begin();
		struct rec *r = end();
		r->time_ns = times[k];
		encode(r);
		has_time(PROTO_TIME, (int64_t)(times[k] / NS_PER_S),
			 (int32_t)(times[k] % NS_PER_S));
	}
}

/* A shape of the next configuration may stand where one of the last but one stood. */
static void a_scratch_that_forgets_has_no_plan_of_another_shape(void **state)
{
	struct err e;
	const struct slice source = SLICE_LIT("syslog");
	const struct proto_field other[] = {{"host", N_TEXT, PROTO_K_TEXT}};
	struct proto_shape *next, kept = *shape;
	assert_int_equal(proto_shape_create(other, 1, names, &source, 1, false, &next, &e), 0);
	begin();
	rec_set_str(&rb, HOST, slice_str("web-1"));
	struct rec *r = end();
	encode(r);
	has_text(N_HOST, "web-1");
	proto_scratch_forget(&scratch);
	*shape = *next;
	encode(r);
	has_text(N_TEXT, "web-1");
	proto_scratch_forget(&scratch);
	*shape = kept;
	proto_shape_destroy(next);
}

struct long_later {
	struct later later;
	size_t len;
};

static uint8_t *put_long_later(struct later *l, uint8_t *out)
{
	size_t len = ((struct long_later *)l)->len;
	memset(out, '1', len);
	memset(out + len, 0xee, LATER_SLACK);
	return out + len;
}

static void what_is_written_when_it_is_asked_for_is_json(void **state)
{
	static const struct later_kind kind = {.put = put_long_later};
	static const size_t lens[] = {1, 127, 128, 16383, 16384};
	static char want[16385];
	memset(want, '1', sizeof(want) - 1);
	for (size_t k = 0; k < sizeof(lens) / sizeof(lens[0]); k++) {
		begin();
		uint32_t off = arena_take8(&batch.arena, sizeof(struct long_later));
		*(struct long_later *)(batch.arena.base + off) =
			(struct long_later){{&kind}, lens[k]};
		rec_set(&rb, DATA, later_val(off, lens[k]));
		rec_set(&rb, COUNT, later_val(off, lens[k]));
		pair("text", later_val(off, lens[k]));
		encode(end());
		want[lens[k]] = '\0';
		has_text(N_DATA, want);
		has_text(N_TEXT, want);
		has_not(N_COUNT);
		assert_true(scratch.n_misfits);
		want[lens[k]] = '1';
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_every_record_has_stands_under_the_low_numbers),
		cmocka_unit_test(a_stream_an_error_and_a_cut_are_told),
		cmocka_unit_test(fixed_fields_and_pairs_come_in_the_order_of_numbers),
		cmocka_unit_test(text_takes_every_value_as_it_is_printed),
		cmocka_unit_test(json_takes_every_value_as_json),
		cmocka_unit_test(whole_numbers_keep_their_value_or_are_left_out),
		cmocka_unit_test(a_value_of_another_type_is_left_out_and_told),
		cmocka_unit_test(a_field_that_the_schema_does_not_know_is_left_out_and_told),
		cmocka_unit_test(of_two_fields_with_one_name_the_last_counts),
		cmocka_unit_test(bytes_that_are_not_utf8_are_replaced_and_told),
		cmocka_unit_test(a_delimited_message_has_its_length_in_front),
		cmocka_unit_test(a_record_is_the_same_by_its_plan_and_field_by_field),
		cmocka_unit_test(pairs_behind_the_fields_are_written_behind_them),
		cmocka_unit_test(
			of_two_fields_of_a_schema_with_one_name_the_last_that_is_there_counts),
		cmocka_unit_test(pairs_may_come_in_another_order_than_in_the_record_before),
		cmocka_unit_test(times_of_one_second_and_of_others_are_told_apart),
		cmocka_unit_test(a_scratch_that_forgets_has_no_plan_of_another_shape),
		cmocka_unit_test(what_is_written_when_it_is_asked_for_is_json),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
