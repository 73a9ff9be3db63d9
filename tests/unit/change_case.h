/* change_case.h - a row change as the parser of MySQL hands it on, made by hand, through an
 * encoder.
 *
 *     case_columns((struct change_column[]){...}, n);      with case_column()
 *     case_row('u', "{\"id\":1}", "{\"id\":2}");           before and after; NULL: none
 *     assert_string_equal(case_encode(&encoder_canal), "...");
 */
#ifndef SL_TESTS_CHANGE_CASE_H
#define SL_TESTS_CHANGE_CASE_H

#include "tests/unit/unit.h"

#include <jansson.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/encode.h"

/* 2026-11-25T04:43:16.123456789Z */
#define CASE_TIME_NS 1795581796123456789ull
#define CASE_IDENTITY                            \
	"\"_id\":\"00000000deadbeef-s-4711-0\"," \
	"\"_time\":\"2026-11-25T04:43:16.123456789Z\""
#define CASE_PLACE                                                                  \
	"{\"db\":\"shop\",\"table\":\"t\",\"server_id\":7,\"file\":\"bin.000003\"," \
	"\"pos\":4711,\"gtid\":\"0-7-12\",\"ts_ms\":1795581795000,"                 \
	"\"txid\":\"0-7-12\",\"tx_index\":2,\"last\":true,\"row\":0}"

static const struct field_def case_fields[CHANGE_N_FIELDS] = {
	{"op", VAL_STR, ""},      {"db", VAL_STR, ""},     {"sql", VAL_STR, ""},
	{"before", VAL_JSON, ""}, {"after", VAL_JSON, ""}, {"source", VAL_JSON, ""},
};

static struct schema case_schema;
static struct batch case_batch;
static struct rec_builder case_rb;
static struct encode_ctx case_ctx;
static struct slice case_source;
static struct change case_change;
static char *case_line;

static void case_column_at(const void *of, unsigned i, struct change_column *ret)
{
	*ret = ((const struct change_column *)of)[i];
}

/* @key: `,"name":` in a buffer that is long enough to be read in steps of 16. */
static inline struct change_column case_column(const char *key, enum change_type type)
{
	static char keys[64][64];
	static unsigned next;
	char *copy = keys[next++ % 64];
	snprintf(copy, 64, "%s", key);
	return (struct change_column){.key = slice_str(copy), .type = (uint8_t)type};
}

static inline void case_columns(const struct change_column *cols, unsigned n)
{
	case_change = (struct change){.kind = CHANGE_ROW,
				      .n_columns = n,
				      .db = SLICE_LIT("shop"),
				      .table = SLICE_LIT("t"),
				      .of = cols,
				      .column = case_column_at};
}

static int case_set_up(void **state)
{
	case_source = slice_str(mem_strdup("\"_source\":\"orders\","));
	case_ctx = (struct encode_ctx){.source_json = &case_source, .source_only = &case_source};
	if (schema_init(&case_schema, case_fields, CHANGE_N_FIELDS) < 0 ||
	    arena_init(&case_batch.arena, 64u << 20) < 0)
		return -1;
	case_columns(NULL, 0);
	return 0;
}

static int case_tear_down(void **state)
{
	free(case_line);
	case_line = NULL;
	arena_fini(&case_batch.arena);
	schema_fini(&case_schema);
	mem_free((void *)case_source.ptr);
	return 0;
}

static inline struct rec *case_end(void)
{
	struct rec *r = rec_end(&case_rb);
	assert_non_null(r);
	r->time_ns = CASE_TIME_NS;
	r->session_id = 0xdeadbeef;
	r->stream_off = 4711;
	r->dir = 1;
	return r;
}

static inline void case_set(enum change_field i, enum val_type type, const char *text)
{
	rec_set(&case_rb, i,
		text ? rec_make_text(&case_rb, type, slice_str(text)) : val_of(VAL_NULL, 0, 0));
}

static inline struct rec *case_row_at(char op, const char *before, const char *after,
				      const char *place)
{
	arena_reset(&case_batch.arena);
	case_batch.n_recs = 0;
	rec_begin(&case_rb, &case_batch, &case_schema);
	case_rb.change = &case_change;
	case_set(CHANGE_OP, VAL_STR, (char[]){op, 0});
	case_set(CHANGE_BEFORE, VAL_JSON, before);
	case_set(CHANGE_AFTER, VAL_JSON, after);
	case_set(CHANGE_SOURCE, VAL_JSON, place);
	return case_end();
}

static inline struct rec *case_row(char op, const char *before, const char *after)
{
	return case_row_at(op, before, after, CASE_PLACE);
}

static inline struct rec *case_ddl(const char *db, const char *sql)
{
	case_columns(NULL, 0);
	case_change.kind = CHANGE_DDL;
	struct rec *r = case_row('d', NULL, NULL);
	case_batch.n_recs = 0;
	rec_begin(&case_rb, &case_batch, &case_schema);
	case_rb.change = &case_change;
	case_set(CHANGE_OP, VAL_STR, "ddl");
	if (db)
		case_set(CHANGE_DB, VAL_STR, db);
	case_set(CHANGE_SQL, VAL_STR, sql);
	rec_set(&case_rb, CHANGE_SOURCE, r->vals[CHANGE_SOURCE]);
	return case_end();
}

/* In a buffer that is exactly max() long, so that ASan sees a byte too far. */
static inline const char *case_encode(const struct encoder *e, const struct rec *r)
{
	size_t max = e->max(&case_ctx, &case_batch, r);
	free(case_line);
	case_line = malloc(max);
	size_t len = e->put(&case_ctx, &case_batch, r, (uint8_t *)case_line);
	assert_true(len < max);
	assert_int_equal(case_line[len - 1], '\n');
	case_line[len] = 0;
	return case_line;
}

/* The text of one column of an insert, as the encoder writes it inside of the object at @key. */
static inline const char *case_value(const struct encoder *e, struct change_column col,
				     const char *value, const char *key)
{
	static char found[4096];
	char row[4096];
	snprintf(row, sizeof(row), "{\"v\":%s}", value);
	col.key = SLICE_LIT(",\"v\":\0\0\0\0\0\0\0\0\0\0\0");
	col.key.len = 5;
	case_columns(&col, 1);
	const char *line = case_encode(e, case_row('c', NULL, row));
	json_error_t error;
	json_t *j = json_loads(
		line, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &error);
	if (!j)
		fail_msg("%s: %s", error.text, line);
	json_decref(j);
	const char *start = strstr(line, key);
	assert_non_null(start);
	start += strlen(key);
	const char *end = strstr(start, e == &encoder_canal ? "}]" : "},");
	assert_non_null(end);
	snprintf(found, sizeof(found), "%.*s", (int)(end - start), start);
	return found;
}

#endif
