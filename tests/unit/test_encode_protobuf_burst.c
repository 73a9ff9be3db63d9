#include "tests/unit/unit.h"

#include "dataplane/base/civil.h"
#include "dataplane/sink/encode_protobuf_parts.h"
#include "dataplane/sink/out_batch.h"
#include "tests/unit/random_val.h"

#define TIME_NS   1795581796123456789ull
#define N_FIELDS  11
#define N_SOURCES 3
#define N_RECS    20

/* One that the shape does not have, keys of one to three bytes, and no order of numbers. */
static const struct field_def fields[N_FIELDS] = {
	{"text", VAL_STR, ""},    {"time", VAL_TIME, ""},  {"other", VAL_STR, ""},
	{"number", VAL_I64, ""},  {"ok", VAL_TRUE, ""},    {"host", VAL_STR, ""},
	{"bytes", VAL_BYTES, ""}, {"data", VAL_JSON, ""},  {"message", VAL_STR, ""},
	{"digits", VAL_NUM, ""},  {"_format", VAL_STR, ""}};
static const struct field_def two[] = {{"text", VAL_STR, ""}, {"text", VAL_STR, ""}};

static const struct proto_field places[] = {
	{"host", 16, PROTO_K_TEXT},      {"text", 17, PROTO_K_TEXT},
	{"message", 18, PROTO_K_TEXT},   {"time", 19, PROTO_K_TIME},
	{"number", 20, PROTO_K_INT64},   {"ok", 21, PROTO_K_BOOL},
	{"bytes", 22, PROTO_K_BYTES},    {"data", 3000, PROTO_K_JSON},
	{"digits", 3001, PROTO_K_NUMBER}};
#define N_PLACES (sizeof(places) / sizeof(places[0]))

static struct schema schema, twice;
static struct batch batch;
static struct rec_builder rb;
static struct proto_shape *shapes[2]; /* bare, and behind their lengths */
static struct proto_scratch *scratch;
static struct names *names;
static struct slice source_json[N_SOURCES];
static struct encode_ctx ctx;
static struct out_batch to;
static uint8_t *message;
static uint64_t seed;

static unsigned some(unsigned below)
{
	return (unsigned)(random_next(&seed) % below);
}

static int set_up(void **state)
{
	static const struct slice sources[] = {
		SLICE_LIT("s"), SLICE_LIT("fills 32 bytes"),
		SLICE_LIT("a source whose name is rather long, as some are")};
	struct err e;
	seed = 88172645463325252ull;
	names = names_create();
	scratch = proto_scratch_create();
	message = malloc(8u << 20);
	for (unsigned i = 0; i < N_SOURCES; i++)
		source_json[i] =
			SLICE_LIT("\"_source\":\"as long as the longer one, and longer\","
				  "\"_stream\":\"as long as the longer one, and longer\",");
	for (unsigned i = 0; i < 2; i++)
		if (proto_shape_create(places, N_PLACES, names, sources, N_SOURCES, i == 1,
				       &shapes[i], &e) < 0)
			return -1;
	ctx = (struct encode_ctx){.names = names,
				  .source_json = source_json,
				  .source_only = source_json,
				  .proto = scratch};
	memset(&to, 0, sizeof(to));
	return schema_init(&schema, fields, N_FIELDS) || schema_init(&twice, two, 2) ||
	       arena_init(&batch.arena, 1u << 20) || out_batch_init(&to, 16u << 20) || !message ||
	       !scratch;
}

static int tear_down(void **state)
{
	out_batch_fini(&to);
	arena_fini(&batch.arena);
	schema_fini(&schema);
	schema_fini(&twice);
	proto_scratch_destroy(scratch);
	proto_shape_destroy(shapes[0]);
	proto_shape_destroy(shapes[1]);
	names_destroy(names);
	free(message);
	return 0;
}

static void clear(void)
{
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	to.len = to.n_recs = 0;
}

/* Some of the second before, some of others, and few that no word of five bytes says. */
static uint64_t some_time(void)
{
	switch (some(8)) {
	case 0:
		return TIME_NS / NS_PER_S * NS_PER_S + some(3) * (uint64_t)NS_PER_S;
	case 1:
		return random_next(&seed) >> some(64);
	default:
		return TIME_NS + some(1u << 30);
	}
}

static uint32_t origins[3]; /* of this batch, and none */
static uint16_t origin_lens[3];

static void make_origins(void)
{
	static const char *const texts[] = {
		"\"_src\":\"10.0.0.1:514\",\"_dst\":\"10.0.0.9:514\"",
		"\"_src\":\"[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:51444\","
		"\"_dst\":\"[2001:db8:aaaa:bbbb:cccc:dddd:eeee:fff0]:514\""};
	for (unsigned i = 0; i < 2; i++) {
		origins[i] = arena_copy(&batch.arena, texts[i], strlen(texts[i]));
		origin_lens[i] = (uint16_t)strlen(texts[i]);
	}
	origins[2] = origins[some(2)];
}

static struct rec *end(void)
{
	struct rec *r = rec_end(&rb);
	unsigned origin = some(8) ? some(2) : 2;
	assert_non_null(r);
	r->time_ns = some_time();
	r->session_id = random_next(&seed);
	r->stream_off = random_next(&seed) >> some(64);
	r->idx = some(5) ? 0 : some(1u << 30);
	r->dir = some(2);
	r->origin_off = origins[origin]; /* means nothing where the length is 0 */
	r->origin_len = origin_lens[origin];
	return r;
}

static struct rec *some_record(void)
{
	bool some_are_odd = some(2);
	rec_begin(&rb, &batch, &schema);
	for (unsigned i = 0; i < N_FIELDS; i++)
		if (some(8))
			rec_set(&rb, i,
				some_are_odd ? random_val(&rb, &seed)
					     : rec_make_text(&rb, VAL_STR, SLICE_LIT("short")));
	return end();
}

static void make_records(unsigned n)
{
	clear();
	make_origins();
	for (unsigned i = 0; i < n; i++)
		some_record();
	batch.recs[0]->time_ns = TIME_NS;
}

static unsigned burst(unsigned from, unsigned n)
{
	return encode_protobuf_burst(&ctx, &batch, batch.recs + from, n, &to);
}

static void messages_of_a_burst_are_those_of_its_records(void **state)
{
	for (unsigned round = 0; round < 400; round++) {
		unsigned n_more = 0, n_misfits = 0, n = 1 + some(40), source = some(N_SOURCES);
		ctx.shape = shapes[round % 2];
		make_records(n);
		for (unsigned i = 0; i < n; i++)
			batch.recs[i]->source = (uint16_t)source;
		assert_int_equal(burst(0, n), n);
		assert_int_equal(to.n_recs, n);
		assert_int_equal(to.len, to.ends[n - 1]);
		assert_int_equal(to.first_ns, batch.recs[0]->time_ns);
		assert_int_equal(to.last_ns, batch.recs[n - 1]->time_ns);
		unsigned told_more = scratch->n_more, told_misfits = scratch->n_misfits;
		for (unsigned i = 0; i < n; i++) {
			size_t from = i ? to.ends[i - 1] : 0;
			size_t len = encoder_protobuf.put(&ctx, &batch, batch.recs[i], message);
			assert_int_equal(to.ends[i] - from, len);
			assert_memory_equal(to.buf + from, message, len);
			n_more += scratch->n_more;
			n_misfits += scratch->n_misfits;
		}
		assert_int_equal(told_more, n_more);
		assert_int_equal(told_misfits, n_misfits);
	}
}

/* The last of each length, and the first of the next one. */
static void numbers_of_every_length_are_those_of_the_record_alone(void **state)
{
	ctx.shape = shapes[1];
	for (unsigned bits = 0; bits < 64; bits++)
		for (int less = 0; less < 2; less++) {
			clear();
			make_origins();
			rec_begin(&rb, &batch, &schema);
			rec_set_i64(&rb, 3, (int64_t)((1ull << bits) - (uint64_t)less));
			end()->time_ns = TIME_NS;
			assert_int_equal(burst(0, 1), 1);
			size_t len = encoder_protobuf.put(&ctx, &batch, batch.recs[0], message);
			assert_int_equal(to.len, len);
			assert_memory_equal(to.buf, message, len);
		}
}

static void a_burst_ends_in_front_of_a_record_that_is_not_alike(void **state)
{
	ctx.shape = shapes[0];
	for (unsigned kind = 0; kind < 9; kind++) {
		make_records(3);
		struct rec *r = batch.recs[2];
		r->flags = kind < 5 ? (uint8_t)(1 << kind) : 0;
		r->source = kind == 5;
		if (kind == 6)
			r->stream = val_of(VAL_STR, origins[0], 5);
		if (kind == 7)
			r->schema = &twice;
		r->n_pairs = kind == 8;
		assert_int_equal(burst(0, 3), 2);
		assert_int_equal(to.n_recs, 2);
		r->time_ns = TIME_NS;
		assert_int_equal(burst(2, 1), kind == 5); /* which begins one of its own */
	}
}

static void what_has_no_plan_or_a_time_of_few_bytes_is_no_burst(void **state)
{
	ctx.shape = shapes[0];
	make_records(1);
	batch.recs[0]->time_ns = 1;
	assert_int_equal(burst(0, 1), 0);
	batch.recs[0]->time_ns = UINT64_MAX;
	assert_int_equal(burst(0, 1), 0);
	clear();
	rec_begin(&rb, &batch, &twice);
	rec_set_str(&rb, 0, SLICE_LIT("a"));
	end()->time_ns = TIME_NS;
	assert_int_equal(burst(0, 1), 0);
	assert_int_equal(to.n_recs, 0);
}

static void a_burst_ends_where_a_message_might_not_fit(void **state)
{
	size_t cap = to.cap, n_before = 0;
	ctx.shape = shapes[1];
	make_records(N_RECS);
	size_t max = encode_protobuf_max_like(&ctx, &batch, batch.recs[0]);
	for (unsigned i = 0; i < N_RECS; i++)
		assert_true(encoder_protobuf.max(&ctx, &batch, batch.recs[i]) <= max);
	to.cap = max - 1;
	assert_int_equal(burst(0, N_RECS), 0);
	for (to.cap = max; to.cap < max + 8192; to.cap += 100) {
		to.len = to.n_recs = 0;
		unsigned n = burst(0, N_RECS);
		assert_true(n > 0 && n >= n_before);
		size_t before = n > 1 ? to.ends[n - 2] : 0;
		assert_true(before + max <= to.cap && (n == N_RECS || to.len + max > to.cap));
		n_before = n;
	}
	to.cap = cap;
	to.n_recs = OUT_BATCH_RECS_MAX - 3;
	assert_int_equal(burst(0, N_RECS), 3);
	assert_int_equal(burst(0, N_RECS), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(messages_of_a_burst_are_those_of_its_records),
		TEST(numbers_of_every_length_are_those_of_the_record_alone),
		TEST(a_burst_ends_in_front_of_a_record_that_is_not_alike),
		TEST(what_has_no_plan_or_a_time_of_few_bytes_is_no_burst),
		TEST(a_burst_ends_where_a_message_might_not_fit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
