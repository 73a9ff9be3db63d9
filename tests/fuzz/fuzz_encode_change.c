/* fuzz_encode_change.c - whatever a row holds, each format of row changes is valid JSON.
 *
 * In:     op and shape, then columns: type, kind of value, flags, length, bytes; by the flags a
 * column is in the image before, after or both. Values are valid JSON, but not always what a column
 *         of that type has. What is left is the text of a statement.
 * Out:    aborts when jansson cannot read a line, or the bound was none.
 * Owns:   its batch, made once.
 * Runs:   main.
 * Limits: COLUMNS_MAX columns.
 */
#include <jansson.h>

#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"
#include "dataplane/sink/encode.h"
#include "tests/fuzz/fuzz.h"

#define COLUMNS_MAX 64
#define TEXT_MAX    (1u << 16)

static const struct field_def fields[CHANGE_N_FIELDS] = {
	{"op", VAL_STR, ""},      {"db", VAL_STR, ""},     {"sql", VAL_STR, ""},
	{"before", VAL_JSON, ""}, {"after", VAL_JSON, ""}, {"source", VAL_JSON, ""},
};

static struct schema schema;
static struct batch batch;
static struct rec_builder rb;
static struct slice source;
static struct names *names;
static struct change_column columns[COLUMNS_MAX];
static uint8_t keys[COLUMNS_MAX][16 + SL_PAD];
static struct slice label = SLICE_LIT("it's");

static void make_once(void)
{
	if (names)
		return;
	names = names_create();
	source = slice_str(mem_strdup("\"_source\":\"s\","));
	if (!names || !source.ptr || schema_init(&schema, fields, CHANGE_N_FIELDS) < 0 ||
	    arena_init(&batch.arena, 64u << 20) < 0)
		abort();
}

static void column_at(const void *of, unsigned i, struct change_column *ret)
{
	*ret = columns[i];
}

/* An image being written. */
struct image {
	size_t len;
	uint8_t text[TEXT_MAX];
};

static void add(struct image *im, const void *p, size_t len)
{
	memcpy(im->text + im->len, p, len);
	im->len += len;
}

static void add_str(struct image *im, const char *s)
{
	add(im, s, strlen(s));
}

static void add_string(struct image *im, struct slice bytes)
{
	bool invalid = false;
	add_str(im, "\"");
	im->len += json_text_put(im->text + im->len, bytes.ptr, bytes.len, &invalid);
	add_str(im, "\"");
}

static void add_base64(struct image *im, struct slice bytes)
{
	add_str(im, "\"");
	im->len += json_base64_put(im->text + im->len, bytes.ptr, bytes.len);
	add_str(im, "\"");
}

static void add_value(struct image *im, unsigned kind, struct slice bytes)
{
	static const char *const plain[] = {"null", "true",      "0",    "18446744073709551615",
					    "-1.5", "\"12.50\"", "\"\"", "\"0000-00-00 00:00:00Z\"",
					    "[]",   "{}"};
	switch (kind % 16) {
	case 0:
	case 1:
		add_string(im, bytes);
		break;
	case 2:
		add_base64(im, bytes);
		break;
	case 3:
	case 4:
		add_str(im, "{\"srid\":4326,\"wkb\":");
		add_base64(im, bytes);
		add_str(im, "}");
		break;
	case 5:
		add_str(im, "[{\"k\":");
		add_string(im, bytes);
		add_str(im, "},null]");
		break;
	default:
		add_str(im, plain[kind % 16 - 6]);
	}
}

/* The next column off the front of the input, into the images. */
static void take_column(unsigned i, struct slice *io_s, struct image *images)
{
	struct slice s = *io_s;
	unsigned flags = s.ptr[2];
	struct slice bytes = slice_from(s, 4);
	bytes.len = bytes.len < s.ptr[3] ? bytes.len : s.ptr[3];
	int n = snprintf((char *)keys[i], 16, ",\"c%u\":", i);
	columns[i] = (struct change_column){
		.key = {keys[i], (size_t)n},
		.type = s.ptr[0] % CHANGE_N_TYPES,
		.is_unsigned = flags & 4,
		.in_key = flags & 8,
		.decimals = flags >> 5,
		.length = flags >> 4,
		.labels = &label,
		.n_labels = flags & 16 ? 1 : 0,
	};
	for (unsigned side = 0; side < 2; side++) {
		if (!(flags & (1u << side)))
			continue;
		add(&images[side], keys[i], (size_t)n);
		add_value(&images[side], s.ptr[1] + (flags & 32 ? side : 0), bytes);
	}
	*io_s = slice_from(s, 4 + bytes.len);
}

static struct val image_val(struct image *im, bool there)
{
	if (!there)
		return val_of(VAL_NULL, 0, 0);
	if (im->len == 0)
		add_str(im, "{");
	im->text[0] = '{';
	add_str(im, "}");
	return rec_make_text(&rb, VAL_JSON, slice_of(im->text, im->len));
}

static void check(const struct encoder *e, struct encode_ctx *ctx, const struct rec *r)
{
	size_t max = e->max(ctx, &batch, r);
	uint8_t *out = malloc(max);
	size_t n = out ? e->put(ctx, &batch, r, out) : 0;
	json_error_t error = {0};
	bool line = n > 0 && n <= max && out[n - 1] == '\n' && !memchr(out, '\n', n - 1);
	json_t *j =
		line ? json_loadb((char *)out, n, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error)
		     : NULL;
	if (!j) {
		fprintf(stderr, "%s: %s: %.*s", e->name, error.text, (int)n, (char *)out);
		abort();
	}
	json_decref(j);
	free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static struct image images[2];
	static const char *const ops[] = {"c", "u", "d"};
	make_once();
	if (len < 2 || len > 8192)
		return 0;
	unsigned op = p[0] % 3, shape = p[1], n = 0;
	struct slice s = {p + 2, len - 2};
	images[0].len = images[1].len = 0;
	while (s.len >= 4 && n < COLUMNS_MAX && n < (shape & 63))
		take_column(n++, &s, images);
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	rec_begin(&rb, &batch, &schema);
	struct change change = {.kind = shape & 128 ? CHANGE_DDL : CHANGE_ROW,
				.n_columns = n,
				.db = SLICE_LIT("d\"b"),
				.table = s,
				.column = column_at};
	rb.change = &change;
	rec_set_str(&rb, CHANGE_OP, slice_str(ops[op]));
	if (shape & 64)
		rec_set_str(&rb, CHANGE_DB, s);
	rec_set_str(&rb, CHANGE_SQL, s);
	rec_set(&rb, CHANGE_BEFORE, image_val(&images[0], op != 0));
	rec_set(&rb, CHANGE_AFTER, image_val(&images[1], op != 2));
	rec_set(&rb, CHANGE_SOURCE,
		rec_make_text(&rb, VAL_JSON,
			      SLICE_LIT("{\"db\":\"d\",\"file\":\"f\",\"pos\":4,\"ts_ms\":1000,"
					"\"txid\":\"1-2-3\",\"tx_index\":0,\"row\":0}")));
	struct rec *r = rec_end(&rb);
	if (!r)
		abort();
	struct encode_ctx ctx = {.names = names, .source_json = &source, .source_only = &source};
	for (unsigned i = 0; encoders[i]; i++)
		if (encoders[i]->changes_only)
			check(encoders[i], &ctx, r);
	return 0;
}
