#include "tests/unit/unit.h"

#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/rec/names.h"
#include "dataplane/sink/encode_json_parts.h"
#include "dataplane/sink/out_batch.h"

#define TIME_NS   1795581796123456789ull
#define N_FIELDS  12
#define N_SOURCES 2

static const struct field_def fields[N_FIELDS] = {
	{"a", VAL_STR, ""},          {"facility", VAL_STR, ""}, {"hostname", VAL_STR, ""},
	{"timestamp", VAL_TIME, ""}, {"procid", VAL_STR, ""},   {"structured_data", VAL_JSON, ""},
	{"n", VAL_I64, ""},          {"x", VAL_F64, ""},        {"is", VAL_TRUE, ""},
	{"bytes", VAL_BYTES, ""},    {"q\"uote", VAL_STR, ""},  {"message", VAL_STR, ""},
};
static const struct field_def long_field[] = {
	{"a field whose name is longer than any key that is copied whole", VAL_STR, ""}};

static struct schema schema, other, long_schema;
static struct batch batch;
static struct rec_builder rb;
static struct slice source_json[N_SOURCES], source_only[N_SOURCES];
static struct names *names;
static uint32_t ids[4]; /* of short names, and a long one */
static struct out_batch to;
static uint8_t *line;
static uint64_t seed;

static uint32_t some(uint32_t below)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % below;
}

static int set_up(void **state)
{
	static const char second[] = "\"_source\":\"a source whose name is rather long\","
				     "\"_stream\":\"a source whose name is rather long\",";
	source_json[0] = slice_str(mem_strdup("\"_source\":\"s\",\"_stream\":\"s\","));
	source_json[1] = slice_str(mem_strdup(second));
	source_only[0] = source_only[1] = source_json[0];
	static char long_name[600];
	const char *const texts[] = {
		"_rules", "a \"name\" that takes more than one step of 64 bytes, as few do", "x",
		memset(long_name, 'n', sizeof(long_name) - 1)};
	names = names_create();
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(names_add(names, slice_str(texts[i]), &ids[i]), 0);
	memset(&to, 0, sizeof(to));
	line = malloc(8u << 20);
	seed = 1;
	return schema_init(&schema, fields, N_FIELDS) || schema_init(&other, fields, 2) ||
	       schema_init(&long_schema, long_field, 1) || arena_init(&batch.arena, 1u << 20) ||
	       out_batch_init(&to, 16u << 20) || !line;
}

static int tear_down(void **state)
{
	out_batch_fini(&to);
	arena_fini(&batch.arena);
	schema_fini(&schema);
	schema_fini(&other);
	schema_fini(&long_schema);
	for (unsigned i = 0; i < N_SOURCES; i++)
		mem_free((void *)source_json[i].ptr);
	names_destroy(names);
	free(line);
	return 0;
}

static struct encode_ctx fresh(void)
{
	return (struct encode_ctx){
		.names = names, .source_json = source_json, .source_only = source_only};
}

static void clear(void)
{
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	to.len = to.n_recs = 0;
}

/* Mostly clean, of any length around the steps that it is copied in. */
static void set_some_text(unsigned field)
{
	static const char odd[] = "\"\\\n\x01\x7f\x80\xc3\xa9\xff ";
	uint8_t text[200];
	size_t len = some(4) ? some(36) : some(sizeof(text));
	bool clean = some(4);
	for (size_t i = 0; i < len; i++)
		text[i] = (uint8_t)(clean || some(20) ? 'a' + (int)some(26) : odd[some(10)]);
	rec_set_str(&rb, field, slice_of(text, len));
}

static void add_some_pair(void)
{
	struct val v = rec_make_text(&rb, VAL_JSON, SLICE_LIT("[\"a\",\"b\"]"));
	static const char text[] = "r17 \"and\" more of it";
	if (some(3))
		v = rec_make_text(&rb, VAL_STR, slice_of(text, some(sizeof(text))));
	else if (some(3) == 0)
		v = (struct val){0};
	rec_pair(&rb, val_of(VAL_NAME, ids[some(3)], 0), v);
}

/* Some have their text behind them. */
static void set_some_time(unsigned field, int64_t ns)
{
	char made[VAL_TIME_BYTES + 32];
	size_t len = VAL_TIME_BYTES;
	memcpy(made, &ns, sizeof(ns));
	if (some(2))
		len += civil_put_rfc3339(made + VAL_TIME_BYTES, ns);
	rec_set(&rb, field, rec_make_text(&rb, VAL_TIME, slice_of(made, len)));
}

static void set_some_value(unsigned field)
{
	int64_t n = (int64_t)((uint64_t)some(1u << 30) * some(1u << 30)) - 7;
	double x = (double)n / 1000;
	switch (some(10)) {
	case 0:
		return;
	case 1:
		rec_set(&rb, field, val_of(VAL_NULL, 0, 0));
		return;
	case 2:
		set_some_time(field, (int64_t)TIME_NS + (some(2) ? n : n / 1000 * 1000));
		return;
	case 3:
		rec_set_i64(&rb, field, n);
		return;
	case 4:
		rec_set(&rb, field, rec_make8(&rb, VAL_F64, &x));
		return;
	case 5:
		rec_set(&rb, field, rec_make_text(&rb, VAL_JSON, SLICE_LIT("{\"k\":[1]}")));
		return;
	default:
		set_some_text(field);
	}
}

static struct rec *end(void)
{
	static const char origin[] = "\"_src\":\"10.0.0.1:514\",\"_dst\":\"10.0.0.9:514\"";
	static const char v6[] = "\"_src\":\"[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:51444\","
				 "\"_dst\":\"[2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff0]:514\"";
	const char *text = some(2) ? origin : v6;
	uint16_t len = some(8) ? (uint16_t)strlen(text) : 0;
	uint32_t off = arena_copy(&batch.arena, text, strlen(text));
	struct rec *r = rec_end(&rb);
	assert_non_null(r);
	r->time_ns = TIME_NS + (some(8) ? some(1000) : some(1u << 30) * 1000003ull);
	r->session_id = (uint64_t)some(1u << 30) << 34 ^ some(1u << 30);
	r->stream_off = some(3) ? some(1u << (1 + some(30))) : (uint64_t)some(1u << 30) << some(34);
	r->idx = some(5) ? 0 : some(1u << (1 + some(30)));
	r->dir = some(2);
	r->origin_off = off;
	r->origin_len = len;
	return r;
}

static struct rec *some_record_with(unsigned n_pairs)
{
	rec_begin(&rb, &batch, &schema);
	for (unsigned i = 0; i < N_FIELDS; i++)
		set_some_value(i);
	for (; n_pairs > 0; n_pairs--)
		add_some_pair();
	return end();
}

static struct rec *some_record(void)
{
	return some_record_with(0);
}

/* What encode_json makes of record @i is what stands in the batch. */
static void check_line(struct encode_ctx *ctx, unsigned i)
{
	size_t len = encode_json(ctx, &batch, batch.recs[i], line);
	size_t from = i ? to.ends[i - 1] : 0;
	assert_int_equal(to.ends[i] - from, len);
	assert_memory_equal(to.buf + from, line, len);
}

static void lines_of_a_burst_are_those_of_its_records(void **state)
{
	for (unsigned round = 0; round < 400; round++) {
		struct encode_ctx one = fresh(), all = fresh();
		unsigned n = 1 + some(40), source = some(N_SOURCES);
		clear();
		for (unsigned i = 0; i < n; i++)
			some_record_with(some(4))->source = (uint16_t)source;
		assert_int_equal(encode_json_burst(&all, &batch, batch.recs, n, &to), n);
		assert_int_equal(to.n_recs, n);
		assert_int_equal(to.len, to.ends[n - 1]);
		assert_int_equal(to.first_ns, batch.recs[0]->time_ns);
		assert_int_equal(to.last_ns, batch.recs[n - 1]->time_ns);
		for (unsigned i = 0; i < n; i++)
			check_line(&one, i);
	}
}

static void a_burst_ends_in_front_of_a_record_that_is_not_alike(void **state)
{
	struct encode_ctx ctx = fresh();
	for (unsigned kind = 0; kind < 8; kind++) {
		clear();
		some_record();
		some_record();
		struct rec *r = some_record();
		r->flags = kind < 5 ? (uint8_t)(1 << kind) : 0;
		r->source = kind == 5;
		if (kind == 6)
			r->stream = val_of(VAL_STR, r->origin_off, 5);
		if (kind == 7)
			r->schema = &other;
		assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 3, &to), 2);
		assert_int_equal(to.n_recs, 2);
		to.len = to.n_recs = 0;
		unsigned alone = kind == 5 || kind == 7; /* then it begins a burst of its own */
		assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs + 2, 1, &to), alone);
		assert_int_equal(to.n_recs, alone);
	}
	for (unsigned kind = 0; kind < 2; kind++) {
		clear();
		some_record_with(2);
		rec_begin(&rb, &batch, &schema);
		rec_pair(&rb,
			 kind ? val_of(VAL_NAME, ids[3], 0)
			      : rec_make_text(&rb, VAL_STR, SLICE_LIT("of the sender")),
			 val_of(VAL_NULL, 0, 0));
		end();
		assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 2, &to), 1);
		assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs + 1, 1, &to), 0);
		assert_int_equal(to.n_recs, 1);
	}
}

static void a_name_that_is_too_long_to_be_copied_whole_is_no_burst(void **state)
{
	struct encode_ctx ctx = fresh();
	clear();
	rec_begin(&rb, &batch, &long_schema);
	set_some_text(0);
	end();
	assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 1, &to), 0);
}

static void a_burst_ends_where_a_line_might_not_fit(void **state)
{
	struct encode_ctx ctx = fresh();
	size_t cap = to.cap, records = 0;
	clear();
	for (unsigned i = 0; i < 20; i++)
		some_record();
	size_t max = encode_json_max_like(&ctx, &batch, batch.recs[0]);
	for (unsigned i = 0; i < 20; i++)
		assert_true(encode_json_max(&ctx, &batch, batch.recs[i]) <= max);
	to.cap = max - 1;
	assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 20, &to), 0);
	for (to.cap = max; to.cap < max + 8192; to.cap += 100) {
		to.len = to.n_recs = 0;
		unsigned n = encode_json_burst(&ctx, &batch, batch.recs, 20, &to);
		assert_true(n > 0 && n >= records);
		size_t before = n > 1 ? to.ends[n - 2] : 0;
		assert_true(before + max <= to.cap && (n == 20 || to.len + max > to.cap));
		records = n;
	}
	to.cap = cap;
	to.n_recs = OUT_BATCH_RECS_MAX - 3;
	assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 20, &to), 3);
	assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 20, &to), 0);
	/* Pairs want more. */
	clear();
	some_record_with(3);
	some_record();
	max = encode_json_max_like(&ctx, &batch, batch.recs[0]);
	size_t pair_max = encode_json_pair_max_like(&batch) + 512; /* its name */
	assert_true(encode_json_max(&ctx, &batch, batch.recs[0]) <= max + 3 * pair_max);
	to.cap = max + 3 * pair_max - 1;
	assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 2, &to), 0);
	to.cap++;
	assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 2, &to), 2);
	to.cap = cap;
	clear();
	for (unsigned i = 0; i < 20; i++)
		some_record();
	to.n_recs = 1;
	to.len = OUT_BATCH_BYTES - 1;
	assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 20, &to), 1);
	assert_int_equal(encode_json_burst(&ctx, &batch, batch.recs, 20, &to), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lines_of_a_burst_are_those_of_its_records),
		TEST(a_burst_ends_in_front_of_a_record_that_is_not_alike),
		TEST(a_name_that_is_too_long_to_be_copied_whole_is_no_burst),
		TEST(a_burst_ends_where_a_line_might_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
