#include "format_files.h"

#include "dataplane/base/mem.h"
#include "dataplane/extract/extract.h"
#include "dataplane/extract/select.h"

/* A parser whose frames are "host rest", or that refuses "bad". */
static const char *word_extract(const void *conf, const struct frame *f, struct rec_builder *rb)
{
	const uint8_t *blank = memchr(f->body.ptr, ' ', f->body.len);
	if (!blank)
		return "word: no blank";
	size_t len = (size_t)(blank - f->body.ptr);
	rec_set(rb, 0, rec_ref(rb, VAL_STR, slice_of(f->body.ptr, len)));
	rec_set(rb, 1, rec_ref(rb, VAL_STR, slice_from(f->body, len + 1)));
	return NULL;
}

static const struct field_def word_fields[] = {
	{.name = "host", .type = VAL_STR},
	{.name = "message", .type = VAL_STR},
	{.name = NULL},
};

static const struct parser word = {.name = "word", .fields = word_fields, .extract = word_extract};
static const struct parser lines = {.name = "lines"};

enum { LINES, WORD, N_SOURCES };

struct stage {
	struct extract_source sources[N_SOURCES];
	struct extract *x;
	struct pairs *pairs;
	uint64_t told; /* frames that rows have been compared with */
};

static int setup(void **state)
{
	static struct stage st;
	struct err e;
	st = (struct stage){0};
	st.pairs = pairs_create(1 << 20);
	st.sources[LINES] =
		(struct extract_source){.parser = &lines, .message_field = -1, .format_field = -1};
	st.sources[WORD] =
		(struct extract_source){.parser = &word, .message_field = 1, .format_field = 1};
	schema_init(&st.sources[WORD].schema, word_fields, 2);
	*state = &st;
	return extract_create(st.sources, N_SOURCES, 1 << 20, st.pairs->names, &st.x, &e);
}

static int teardown(void **state)
{
	struct stage *st = *state;
	extract_destroy(st->x);
	schema_fini(&st->sources[WORD].schema);
	pairs_destroy(st->pairs);
	return 0;
}

static struct frame frame_of(struct stage *st, unsigned source, unsigned kind, const char *body)
{
	struct slice s = pairs_copy(st->pairs, body, strlen(body));
	return (struct frame){
		.bytes = s, .body = s, .source = (uint16_t)source, .body_kind = (uint8_t)kind};
}

static void expect_balance(struct stage *st)
{
	for (unsigned i = 0; i < N_SOURCES; i++)
		assert_int_equal(ledger_imbalance(&extract_ledger, extract_row(st->x, i)), 0);
}

/* One frame to one record. */
static struct rec *one(struct stage *st, const struct frame *f)
{
	assert_int_equal(extract_records(st->x, f, 0, 1, NULL, &st->pairs->b), 1);
	assert_true(st->pairs->b.n_recs >= 1);
	expect_balance(st);
	return st->pairs->b.recs[st->pairs->b.n_recs - 1];
}

static const char *pairs_for(struct stage *st, unsigned kind, const char *body)
{
	pairs_reset(st->pairs, NULL);
	struct frame f = frame_of(st, LINES, kind, body);
	return pairs_of(st->pairs, one(st, &f));
}

static void text_becomes_the_message(void **state)
{
	struct stage *st = *state;
	assert_string_equal(pairs_for(st, BODY_TEXT, "{x} \xff"), "message='{x} \xff'");
	assert_string_equal(pairs_for(st, BODY_AUTO, "plain"), "message='plain'");
	assert_string_equal(pairs_for(st, BODY_TEXT, ""), "message=''");
	assert_string_equal(pairs_for(st, BODY_NONE, "x"), "");
}

static void json_becomes_pairs_and_the_last_of_one_key_wins(void **state)
{
	struct stage *st = *state;
	assert_string_equal(pairs_for(st, BODY_JSON, "{\"a\":1,\"b\":2,\"\\u0061\":3,\"_id\":4}"),
			    "\"a\"=3; \"b\"=2; \"__id\"=4");
	assert_string_equal(pairs_for(st, BODY_AUTO, " \t{\"a\":1}"), "\"a\"=1");
	assert_string_equal(pairs_for(st, BODY_JSON, "[1]"), "\"value\"=[1]");
}

/* Senders repeat their keys, and what was found out about them holds for one kind of source only.
 */
static void the_same_keys_again_are_fixed_fields_of_one_source_and_pairs_of_another(void **state)
{
	struct stage *st = *state;
	for (unsigned i = 0; i < 8; i++) {
		unsigned source = i & 2 ? WORD : LINES;
		pairs_reset(st->pairs, NULL);
		struct frame f = frame_of(st, source, BODY_JSON, "{\"host\":\"h\",\"k\":1}");
		struct rec *r = one(st, &f);
		assert_string_equal(pairs_of(st->pairs, r),
				    source == WORD ? "\"k\"=1" : "\"host\"=\"h\"; \"k\"=1");
	}
	for (unsigned i = 0; i < 4; i++)
		assert_string_equal(pairs_for(st, BODY_JSON, "{\"a\":1,\"b\":2,\"a\":3}"),
				    "\"a\"=3; \"b\"=2");
}

/* A number stays a pair beside the field of text that has its name, so no pair less tells of it. */
static void a_text_goes_into_its_fixed_field_behind_a_number_of_the_same_keys(void **state)
{
	struct stage *st = *state;
	for (unsigned i = 0; i < 6; i++) {
		pairs_reset(st->pairs, NULL);
		struct frame f =
			frame_of(st, WORD, BODY_JSON,
				 i % 2 ? "{\"k\":1,\"host\":\"h\"}" : "{\"k\":1,\"host\":2}");
		struct rec *r = one(st, &f);
		assert_string_equal(pairs_of(st->pairs, r),
				    i % 2 ? "\"k\"=1" : "\"k\"=1; \"host\"=2");
	}
}

static void json_behind_a_byte_order_mark_is_json(void **state)
{
	assert_string_equal(pairs_for(*state, BODY_AUTO, "\xef\xbb\xbf{\"a\":1}"), "\"a\"=1");
}

static void json_with_bytes_that_are_not_utf8_says_so(void **state)
{
	struct stage *st = *state;
	const uint64_t *row = extract_row(st->x, LINES);
	uint64_t before = row[EXTRACT_repaired];
	assert_string_equal(pairs_for(st, BODY_JSON, "{\"a\":\"\xe9\"}"),
			    "\"a\"=\"\xef\xbf\xbd\"; _invalid_utf8=true");
	assert_int_equal(row[EXTRACT_repaired], before + 1);
}

static void json_that_is_none_goes_out_as_text_with_the_reason(void **state)
{
	struct stage *st = *state;
	pairs_reset(st->pairs, NULL);
	struct frame f = frame_of(st, LINES, BODY_JSON, "{\"a\":1,\"b\":tru}");
	const uint64_t *row = extract_row(st->x, LINES);
	uint64_t before = row[EXTRACT_unparsed];
	struct rec *r = one(st, &f);
	assert_string_equal(pairs_of(st->pairs, r), "message='{\"a\":1,\"b\":tru}'");
	assert_int_equal(r->flags, REC_UNPARSED);
	assert_string_equal(r->error, "json: a value was expected");
	assert_int_equal(row[EXTRACT_unparsed], before + 1);
}

static void a_form_becomes_pairs(void **state)
{
	assert_string_equal(pairs_for(*state, BODY_FORM, "t=15&uid=a%20b&t=16"),
			    "'t'=[\"15\",\"16\"]; 'uid'='a b'");
}

static void a_parser_fills_its_fields(void **state)
{
	struct stage *st = *state;
	pairs_reset(st->pairs, NULL);
	struct frame f = frame_of(st, WORD, BODY_PARSER, "web-1 it works");
	struct rec *r = one(st, &f);
	assert_int_equal(r->vals[0].len, 5);
	assert_int_equal(r->vals[1].len, 8);
	assert_int_equal(r->n_pairs, 0);
	assert_null(r->error);
}

static void what_a_parser_refuses_goes_out_as_its_message(void **state)
{
	struct stage *st = *state;
	pairs_reset(st->pairs, NULL);
	struct frame f = frame_of(st, WORD, BODY_PARSER, "bad");
	struct rec *r = one(st, &f);
	assert_int_equal(r->vals[0].type, VAL_ABSENT);
	assert_int_equal(r->vals[1].len, 3);
	assert_string_equal(r->error, "word: no blank");
	f = frame_of(st, WORD, BODY_TEXT, "");
	f.bytes = pairs_copy(st->pairs, "12 raw", 6);
	f.unparsed = "of the parser";
	r = one(st, &f);
	assert_int_equal(r->vals[1].len, 6);
	assert_string_equal(r->error, "of the parser");
}

static void identity_comes_from_the_frame(void **state)
{
	struct stage *st = *state;
	pairs_reset(st->pairs, NULL);
	struct frame f = frame_of(st, LINES, BODY_TEXT, "x");
	f.time_ns = 1;
	f.session_id = 2;
	f.stream_off = 3;
	f.idx = 4;
	f.origin_off = 5;
	f.origin_len = 6;
	f.dir = 1;
	f.cut = true;
	struct rec *r = one(st, &f);
	assert_int_equal(r->time_ns, 1);
	assert_int_equal(r->session_id, 2);
	assert_int_equal(r->stream_off, 3);
	assert_int_equal(r->idx, 4);
	assert_int_equal(r->origin_off, 5);
	assert_int_equal(r->origin_len, 6);
	assert_int_equal(r->dir, 1);
	assert_int_equal(r->flags, REC_CUT);
	assert_int_equal(r->frame_off, f.bytes.ptr - st->pairs->b.arena.base);
	assert_int_equal(r->frame_len, 1);
}

static void meta_and_rules_stand_in_front(void **state)
{
	struct stage *st = *state;
	static const struct slice names[] = {SLICE_LIT("\"slow\""), SLICE_LIT("\"er\\\"r\"")};
	static const struct rule_hit items[] = {{0, 1}, {1, 0}, {1, 1}};
	const struct rule_hits hits = {.items = items, .n = 3, .names = names};
	pairs_reset(st->pairs, NULL);
	struct frame f[3];
	for (unsigned i = 0; i < 3; i++)
		f[i] = frame_of(st, LINES, BODY_AUTO, "{\"a\":1}");
	struct slice meta = pairs_copy(st->pairs, "{\"method\":\"GET\"}", 16);
	f[1].meta = rec_ref(&st->pairs->rb, VAL_JSON, meta);
	f[1].meta_name = "_http";
	/* As after a full batch: from the second frame on. */
	assert_int_equal(extract_records(st->x, f, 1, 3, &hits, &st->pairs->b), 3);
	assert_int_equal(st->pairs->b.n_recs, 2);
	assert_string_equal(
		pairs_of(st->pairs, st->pairs->b.recs[0]),
		"\"_http\"={\"method\":\"GET\"}; _rules=[\"slow\",\"er\\\"r\"]; \"a\"=1");
	assert_string_equal(pairs_of(st->pairs, st->pairs->b.recs[1]), "\"a\"=1");
	expect_balance(st);
}

static void a_full_batch_takes_fewer_frames_and_none_is_lost(void **state)
{
	struct stage *st = *state;
	struct frame f[BATCH_RECS_MAX + 10];
	pairs_reset(st->pairs, NULL);
	for (unsigned i = 0; i < BATCH_RECS_MAX + 10; i++)
		f[i] = frame_of(st, LINES, BODY_TEXT, "x");
	unsigned n = BATCH_RECS_MAX + 10;
	unsigned at = extract_records(st->x, f, 0, n, NULL, &st->pairs->b);
	assert_int_equal(at, BATCH_RECS_MAX);
	expect_balance(st);
	size_t used = st->pairs->b.arena.used;
	assert_int_equal(extract_records(st->x, f, at, n, NULL, &st->pairs->b), at);
	assert_int_equal(st->pairs->b.arena.used, used);
	st->pairs->b.n_recs = 0;
	assert_int_equal(extract_records(st->x, f, at, n, NULL, &st->pairs->b), n);
	assert_int_equal(st->pairs->b.n_recs, 10);
	expect_balance(st);
}

static void a_record_that_no_batch_holds_goes_out_without_its_fields(void **state)
{
	struct stage *st = *state;
	struct arena *a = &st->pairs->b.arena;
	const uint64_t *row = extract_row(st->x, LINES);
	uint64_t no_room = row[EXTRACT_no_room];
	pairs_reset(st->pairs, NULL);
	struct frame f =
		frame_of(st, LINES, BODY_AUTO, "{\"o\":[\n1],\"p\":[\n2],\"q\":1,\"r\":2}");
	a->used = a->cap - 112;
	struct rec *r = one(st, &f);
	assert_string_equal(r->error, "record: its fields do not fit in a batch");
	assert_int_equal(r->n_pairs, 1);
	/* And when there is no room for even that, the ledger says so. */
	st->pairs->b.n_recs = 0;
	assert_int_equal(extract_records(st->x, &f, 0, 1, NULL, &st->pairs->b), 1);
	assert_int_equal(st->pairs->b.n_recs, 0);
	assert_int_equal(row[EXTRACT_no_room], no_room + 1);
	expect_balance(st);
}

/* ---- formats ---- */

static const struct format_def ab = {
	.name = "ab", .kind = FORMAT_GROK, .pattern = "a=%{INT:a:int} b=%{NOTSPACE:b}"};
static const struct format_def greeting = {.name = "greeting",
					   .kind = FORMAT_GROK,
					   .pattern = "hello %{NOTSPACE:host} %{DATA:message}"};
static const struct format_def json_line = {.name = "json_line", .kind = FORMAT_JSON};

/* A stage of its own whose two sources have these formats. */
static struct extract *with_formats(struct stage *st, struct extract_source *sources,
				    const struct format_def *const *defs, unsigned n,
				    struct format_set **ret_fs)
{
	struct grok *lib = patterns_load(NULL);
	struct extract *x;
	struct err e;
	if (format_set_create(defs, n, lib, st->pairs->names, ret_fs, &e) < 0)
		fail_msg("%s", e.text);
	grok_destroy(lib);
	memcpy(sources, st->sources, sizeof(st->sources));
	for (unsigned i = 0; i < N_SOURCES; i++)
		sources[i].formats = *ret_fs;
	assert_int_equal(extract_create(sources, N_SOURCES, 1 << 20, st->pairs->names, &x, &e), 0);
	return x;
}

static void a_format_takes_the_place_of_the_text(void **state)
{
	struct stage *st = *state, with = *st;
	struct extract_source sources[N_SOURCES];
	const struct format_def *defs[] = {&ab};
	struct format_set *fs;
	with.x = with_formats(st, sources, defs, 1, &fs);
	assert_string_equal(pairs_for(&with, BODY_TEXT, "a=1 b=x"), "a=i64 1; b='x'");
	assert_string_equal(pairs_for(&with, BODY_AUTO, "a=1 b="),
			    "_format=null; message='a=1 b='");
	assert_string_equal(pairs_for(&with, BODY_AUTO, "{\"m\":\"a=1 b=x\"}"),
			    "\"m\"=\"a=1 b=x\"");
	const uint64_t *row = extract_row(with.x, LINES);
	assert_int_equal(row[EXTRACT_formatted], 1);
	assert_int_equal(row[EXTRACT_no_format], 1);
	assert_int_equal(row[EXTRACT_parsed], 3);
	sources[LINES].keep_message = true;
	assert_string_equal(pairs_for(&with, BODY_TEXT, "a=1 b=x"),
			    "message='a=1 b=x'; a=i64 1; b='x'");
	extract_destroy(with.x);
	format_set_destroy(fs);
}

static void the_first_format_that_fits_is_taken_and_named(void **state)
{
	struct stage *st = *state, with = *st;
	struct extract_source sources[N_SOURCES];
	const struct format_def *defs[] = {&ab, &greeting, &json_line};
	struct format_set *fs;
	with.x = with_formats(st, sources, defs, 3, &fs);
	assert_string_equal(pairs_for(&with, BODY_TEXT, "a=1 b=x"), "_format='ab'; a=i64 1; b='x'");
	assert_string_equal(pairs_for(&with, BODY_TEXT, "hello web-1 how are you"),
			    "_format='greeting'; host='web-1'; message='how are you'");
	assert_string_equal(pairs_for(&with, BODY_TEXT, "{\"k\":1,\"k\":2}"),
			    "_format='json_line'; \"k\"=2");
	assert_string_equal(pairs_for(&with, BODY_TEXT, "bye"), "_format=null; message='bye'");
	extract_destroy(with.x);
	format_set_destroy(fs);
}

static void many_formats_are_narrowed_and_the_first_that_fits_is_taken(void **state)
{
	struct stage *st = *state, with = *st;
	struct extract_source sources[N_SOURCES];
	static const struct format_def alpha = {
		.name = "alpha", .kind = FORMAT_REGEX, .pattern = "alpha (?=x)(?<v>.*)"};
	static const struct format_def beta = {
		.name = "beta", .kind = FORMAT_REGEX, .pattern = "b(?<v>\\w+?)(?<w>\\w?)"};
	static const struct format_def beta_too = {
		.name = "beta_too", .kind = FORMAT_REGEX, .pattern = "b(?<v>\\w+?)(?<w>\\w*) z"};
	static const struct format_def any = {
		.name = "any", .kind = FORMAT_REGEX, .pattern = "(?<v>\\w+)(?<w>\\w)"};
	const struct format_def *defs[] = {&alpha, &beta, &beta_too, &any, &greeting};
	struct format_set *fs;
	with.x = with_formats(st, sources, defs, 5, &fs);
	assert_true(select_scans(fs->select));
	assert_string_equal(pairs_for(&with, BODY_TEXT, "alpha x1"), "_format='alpha'; v='x1'");
	assert_string_equal(pairs_for(&with, BODY_TEXT, "bcd z"),
			    "_format='beta_too'; v='c'; w='d'");
	assert_string_equal(pairs_for(&with, BODY_TEXT, "xyz"), "_format='any'; v='xy'; w='z'");
	assert_string_equal(pairs_for(&with, BODY_TEXT, "hello a b"),
			    "_format='greeting'; host='a'; message='b'");
	assert_string_equal(pairs_for(&with, BODY_TEXT, ""), "_format=null; message=''");
	extract_destroy(with.x);
	format_set_destroy(fs);
}

static void a_format_reads_the_field_of_a_parser_and_its_fields_win(void **state)
{
	struct stage *st = *state, with = *st;
	struct extract_source sources[N_SOURCES];
	const struct format_def *defs[] = {&greeting, &json_line};
	struct format_set *fs;
	with.x = with_formats(st, sources, defs, 2, &fs);
	pairs_reset(st->pairs, NULL);
	/* Both names are fixed fields of the parser, of text as well. */
	struct frame f = frame_of(st, WORD, BODY_PARSER, "web-1 hello db-1 it works");
	struct rec *r = one(&with, &f);
	assert_string_equal(pairs_of(st->pairs, r), "_format='greeting'");
	assert_int_equal(r->vals[0].len, strlen("db-1"));
	assert_int_equal(r->vals[1].len, strlen("it works"));
	f = frame_of(st, WORD, BODY_PARSER, "web-1 {\"x\":1}");
	r = one(&with, &f);
	assert_string_equal(pairs_of(st->pairs, r), "_format='json_line'; \"x\"=1");
	assert_int_equal(r->vals[0].len, strlen("web-1"));
	assert_int_equal(r->vals[1].type, VAL_ABSENT);
	f = frame_of(st, WORD, BODY_PARSER, "web-1 other");
	r = one(&with, &f);
	assert_string_equal(pairs_of(st->pairs, r), "_format=null");
	assert_int_equal(r->vals[1].len, strlen("other"));
	extract_destroy(with.x);
	format_set_destroy(fs);
}

static void no_record_takes_memory_once_extract_is_built(void **state)
{
	struct stage *st = *state, with = *st;
	struct extract_source sources[N_SOURCES];
	static const struct format_def look = {
		.name = "look", .kind = FORMAT_REGEX, .pattern = "look (?=x)(?<v>.*)"};
	const struct format_def *defs[] = {&look, &ab, &json_line};
	struct format_set *fs;
	with.x = with_formats(st, sources, defs, 3, &fs);
	/* A sealed thread that allocates is ended by mem_alloc. */
	mem_seal(true);
	pairs_for(&with, BODY_TEXT, "look x");
	pairs_for(&with, BODY_TEXT, "a=1 b=2");
	pairs_for(&with, BODY_TEXT, "{\"a\":[1,\n2]}");
	pairs_for(&with, BODY_AUTO, "{\"a\":\"\xe9\",\"a\":2}");
	pairs_for(&with, BODY_FORM, "a=1&a=2");
	mem_seal(false);
	extract_destroy(with.x);
	format_set_destroy(fs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_becomes_the_message),
		cmocka_unit_test(json_becomes_pairs_and_the_last_of_one_key_wins),
		cmocka_unit_test(
			the_same_keys_again_are_fixed_fields_of_one_source_and_pairs_of_another),
		cmocka_unit_test(a_text_goes_into_its_fixed_field_behind_a_number_of_the_same_keys),
		cmocka_unit_test(json_behind_a_byte_order_mark_is_json),
		cmocka_unit_test(json_with_bytes_that_are_not_utf8_says_so),
		cmocka_unit_test(json_that_is_none_goes_out_as_text_with_the_reason),
		cmocka_unit_test(a_form_becomes_pairs),
		cmocka_unit_test(a_parser_fills_its_fields),
		cmocka_unit_test(what_a_parser_refuses_goes_out_as_its_message),
		cmocka_unit_test(identity_comes_from_the_frame),
		cmocka_unit_test(meta_and_rules_stand_in_front),
		cmocka_unit_test(a_full_batch_takes_fewer_frames_and_none_is_lost),
		cmocka_unit_test(a_record_that_no_batch_holds_goes_out_without_its_fields),
		cmocka_unit_test(a_format_takes_the_place_of_the_text),
		cmocka_unit_test(the_first_format_that_fits_is_taken_and_named),
		cmocka_unit_test(many_formats_are_narrowed_and_the_first_that_fits_is_taken),
		cmocka_unit_test(no_record_takes_memory_once_extract_is_built),
		cmocka_unit_test(a_format_reads_the_field_of_a_parser_and_its_fields_win),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
