/* The JSON reader on any bytes: what it hands on must be valid by itself, the strict check, the
 * reader that mends and the short way must agree, and no two keys of a record are the same.
 */
#include "dataplane/extract/json.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 16384

static struct json *json;
static struct keys *keys;
static struct batch batch;
static struct rec_builder rb;
static const struct schema no_fields;

static struct slice copy(const void *p, size_t len)
{
	uint32_t off = arena_copy(&batch.arena, p, len);
	must(off != 0);
	return arena_slice(&batch.arena, off, len);
}

/* A value as a text of its own. */
static void check_value(struct val v)
{
	uint8_t text[4 * TEXT_MAX];
	struct slice s = arena_slice(&batch.arena, v.off, v.len);
	must(v.type == VAL_TRUE || v.type == VAL_FALSE || v.type == VAL_NULL ||
	     v.off + v.len <= batch.arena.used);
	if (v.type == VAL_JSON || v.type == VAL_NUM) {
		must(!memchr(s.ptr, '\n', s.len) && !memchr(s.ptr, '\r', s.len));
		must(json_check(json, s) == NULL);
	} else if (v.type == VAL_JSTR) {
		text[0] = '"';
		memcpy(text + 1, s.ptr, s.len);
		text[s.len + 1] = '"';
		must(json_check(json, copy(text, s.len + 2)) == NULL);
		must(json_unescape(text, s) <= s.len);
	}
}

/* The pairs at hand are those that the tokens give, text for text. */
static void check_by_tokens(struct slice text)
{
	static struct val pairs[2 * REC_PAIRS_MAX];
	unsigned n = rb.n_pairs;
	bool repaired = true;
	memcpy(pairs, rb.pairs, 2 * n * sizeof(*pairs));
	rb.n_pairs = 0;
	must(json_pairs_by_tokens(json, text, &rb, &repaired) == NULL && !repaired);
	must(rb.n_pairs == n);
	for (unsigned i = 0; i < 2 * n; i++) {
		struct val a = pairs[i], b = rb.pairs[i];
		must(a.type == b.type && slice_eq(arena_slice(&batch.arena, a.off, a.len),
						  arena_slice(&batch.arena, b.off, b.len)));
	}
}

static bool same_key(unsigned a, unsigned b)
{
	struct val x = rb.pairs[2 * a], y = rb.pairs[2 * b];
	return slice_eq(arena_slice(&batch.arena, x.off, x.len),
			arena_slice(&batch.arena, y.off, y.len));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	bool repaired = false;
	if (!json) {
		struct names *names = names_create();
		json = json_create(4 * TEXT_MAX);
		keys = keys_create(names);
		must(json && keys && arena_init(&batch.arena, 64 << 20) == 0);
	}
	if (len > TEXT_MAX)
		return 0;
	arena_reset(&batch.arena);
	rec_begin(&rb, &batch, &no_fields);
	struct slice text = copy(p, len);
	const char *strict = json_check(json, text);
	const char *err = json_pairs(json, text, &rb, &repaired);
	must(!rb.full);
	must(strict || (!err && !repaired));
	must(!err || rb.n_pairs == 0);
	if (json_keys_id(json))
		check_by_tokens(text);
	for (unsigned i = 0; i < rb.n_pairs; i++) {
		check_value(rb.pairs[2 * i]);
		check_value(rb.pairs[2 * i + 1]);
	}
	keys_unique(keys, &rb);
	for (unsigned i = 0; i < rb.n_pairs && i < 64; i++)
		for (unsigned k = 0; k < i; k++)
			must(!same_key(i, k));
	return 0;
}
