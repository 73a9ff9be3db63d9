/* Query strings of any bytes: values lie in the arena, arrays are valid JSON where the bytes are
 * text, and no key comes twice.
 */
#include "dataplane/extract/form.h"
#include "dataplane/extract/json.h"
#include "tests/fuzz/fuzz.h"

static struct form *form;
static struct keys *keys;
static struct json *json;
static struct batch batch;
static struct rec_builder rb;
static const struct schema no_fields;

static struct slice text_of(struct val v)
{
	must(v.off + v.len <= batch.arena.used);
	return arena_slice(&batch.arena, v.off, v.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (!form) {
		form = form_create();
		keys = keys_create(names_create());
		json = json_create(1 << 20);
		must(form && keys && json && arena_init(&batch.arena, 8 << 20) == 0);
	}
	if (len > 16384)
		return 0;
	arena_reset(&batch.arena);
	rec_begin(&rb, &batch, &no_fields);
	uint32_t off = arena_copy(&batch.arena, p, len);
	form_pairs(form, keys, arena_slice(&batch.arena, off, len), &rb);
	must(!rb.full);
	for (unsigned i = 0; i < rb.n_pairs; i++) {
		struct slice key = text_of(rb.pairs[2 * i]);
		must(key.len == 0 || *key.ptr != '_' || (key.len > 1 && key.ptr[1] == '_') ||
		     key.len == 1);
		if (rb.pairs[2 * i + 1].type == VAL_JSON)
			must(json_check(json, text_of(rb.pairs[2 * i + 1])) == NULL);
		for (unsigned k = 0; k < i && i < 64; k++)
			must(!slice_eq(key, text_of(rb.pairs[2 * k])));
	}
	return 0;
}
