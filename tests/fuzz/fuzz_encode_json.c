/* fuzz_encode_json.c - whatever bytes a sender puts into keys and values, the line is valid JSON.
 *
 * In:     the input is read as a list of values: type, length, bytes; the first come as fixed
 *         fields, the others as pairs.
 * Out:    aborts when jansson cannot read the line, or the bound was none.
 * Owns:   its batch, made once.
 * Runs:   main.
 * Limits: -
 */
#include <jansson.h>
#include <stdio.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/encode.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/fuzz_value.h"

static const struct field_def fields[] = {
	{"first", VAL_STR, ""}, {"second", VAL_STR, ""}, {"third", VAL_STR, ""}};

static struct schema schema;
static struct batch batch;
static struct rec_builder rb;
static struct slice source;
static struct names *names;

static void make_once(void)
{
	if (names)
		return;
	names = names_create();
	source = slice_str(mem_strdup("\"_source\":\"s\",\"_stream\":\"s\","));
	if (!names || !source.ptr || schema_init(&schema, fields, 3) < 0 ||
	    arena_init(&batch.arena, 64u << 20) < 0)
		abort();
}

/* Valid JSON that jansson cannot hold: 64 bits without a sign, a NUL in a key. */
static bool beyond_jansson(const json_error_t *error)
{
	enum json_error_code code = json_error_code(error);
	return code == json_error_numeric_overflow || code == json_error_null_byte_in_key;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	make_once();
	if (len > 1u << 20)
		return 0;
	struct slice s = {p, len};
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	rec_begin(&rb, &batch, &schema);
	for (unsigned n = 0; s.len > 0; n++) {
		if (n < schema.n_fields) {
			rec_set(&rb, n, fuzz_take_val(&rb, &s));
			continue;
		}
		struct val key = rec_make_text(&rb, VAL_STR, (struct slice){s.ptr, s.len % 16});
		rec_pair(&rb, key, fuzz_take_val(&rb, &s));
	}
	struct rec *r = rec_end(&rb);
	if (!r)
		abort();
	r->flags = len & (REC_UNPARSED | REC_CUT);
	r->error = "why";
	struct encode_ctx ctx = {.names = names, .source_json = &source, .source_only = &source};
	size_t max = encode_json_max(&ctx, &batch, r);
	uint8_t *out = malloc(max);
	size_t n = out ? encode_json(&ctx, &batch, r, out) : 0;
	json_error_t error = {0};
	json_t *j = n > 0 && n <= max && out[n - 1] == '\n' && !memchr(out, '\n', n - 1)
			    ? json_loadb((char *)out, n, JSON_ALLOW_NUL, &error)
			    : NULL;
	if (!j && !beyond_jansson(&error)) {
		fprintf(stderr, "%.*s", (int)n, (char *)out);
		abort();
	}
	json_decref(j);
	free(out);
	return 0;
}
