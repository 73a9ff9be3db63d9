/* pairs.h - shows the pairs of a record, or of one being built, as text that a test can compare. */
#ifndef SL_TESTS_UNIT_PAIRS_H
#define SL_TESTS_UNIT_PAIRS_H

#include "tests/unit/unit.h"

#include <inttypes.h>

#include "dataplane/rec/rec.h"

/* A batch, a builder in it, and the text of the last look. */
struct pairs {
	struct batch b;
	struct rec_builder rb;
	struct names *names;
	char text[1 << 16];
};

static const struct schema pairs_no_fields = {0};

static inline struct pairs *pairs_create(size_t arena_bytes)
{
	struct pairs *p = calloc(1, sizeof(*p));
	assert_non_null(p);
	assert_int_equal(arena_init(&p->b.arena, arena_bytes), 0);
	arena_reset(&p->b.arena);
	p->names = names_create();
	assert_non_null(p->names);
	rec_begin(&p->rb, &p->b, &pairs_no_fields);
	return p;
}

static inline void pairs_destroy(struct pairs *p)
{
	names_destroy(p->names);
	arena_fini(&p->b.arena);
	free(p);
}

/* Begins anew: an empty arena, no records, no pairs. */
static inline void pairs_reset(struct pairs *p, const struct schema *schema)
{
	arena_reset(&p->b.arena);
	p->b.n_recs = 0;
	rec_begin(&p->rb, &p->b, schema ? schema : &pairs_no_fields);
}

/* A copy of @len bytes in the arena, as a frame's body is. */
static inline struct slice pairs_copy(struct pairs *p, const void *text, size_t len)
{
	uint32_t off = arena_copy(&p->b.arena, text, len);
	assert_int_not_equal(off, 0);
	return arena_slice(&p->b.arena, off, len);
}

static inline size_t pairs_put(const struct pairs *p, struct val v, char *out, size_t cap)
{
	const uint8_t *at = p->b.arena.base + v.off;
	int64_t i64;
	double f64;
	switch (v.type) {
	case VAL_ABSENT:
		return (size_t)snprintf(out, cap, "absent");
	case VAL_NULL:
		return (size_t)snprintf(out, cap, "null");
	case VAL_FALSE:
		return (size_t)snprintf(out, cap, "false");
	case VAL_TRUE:
		return (size_t)snprintf(out, cap, "true");
	case VAL_I64:
		memcpy(&i64, at, 8);
		return (size_t)snprintf(out, cap, "i64 %" PRId64, i64);
	case VAL_TIME:
		memcpy(&i64, at, 8);
		return (size_t)snprintf(out, cap, "time %" PRId64, i64);
	case VAL_F64:
		memcpy(&f64, at, 8);
		return (size_t)snprintf(out, cap, "f64 %.17g", f64);
	case VAL_NAME:
		return (size_t)snprintf(out, cap, "%.*s", (int)names_text(p->names, v.off).len,
					(const char *)names_text(p->names, v.off).ptr);
	case VAL_JSTR:
		return (size_t)snprintf(out, cap, "\"%.*s\"", (int)v.len, (const char *)at);
	case VAL_STR:
		return (size_t)snprintf(out, cap, "'%.*s'", (int)v.len, (const char *)at);
	default:
		return (size_t)snprintf(out, cap, "%.*s", (int)v.len, (const char *)at);
	}
}

static inline const char *pairs_list(struct pairs *p, const struct val *pairs, unsigned n)
{
	size_t at = 0;
	p->text[0] = 0;
	for (unsigned i = 0; i < 2 * n; i++) {
		if (i)
			at += (size_t)snprintf(p->text + at, sizeof(p->text) - at,
					       i % 2 ? "=" : "; ");
		at += pairs_put(p, pairs[i], p->text + at, sizeof(p->text) - at);
		assert_true(at < sizeof(p->text) - 64);
	}
	return p->text;
}

/* `key=value; key=value` with 'text', "json text", i64 1, null... */
static inline const char *pairs_built(struct pairs *p)
{
	return pairs_list(p, p->rb.pairs, p->rb.n_pairs);
}

static inline const char *pairs_of(struct pairs *p, struct rec *r)
{
	return pairs_list(p, rec_pairs(r), r->n_pairs);
}

/* The path of a shared input, or NULL after saying that it is not there. With CI=true that fails.
 */
static inline FILE *pairs_open_shared(const char *name)
{
	const char *shared = getenv("SL_SHARED"), *root = getenv("SL_SOURCE_ROOT");
	char path[4096];
	if (shared)
		snprintf(path, sizeof(path), "%s/%s", shared, name);
	else
		snprintf(path, sizeof(path), "%s/../shared/%s", root ? root : ".", name);
	FILE *f = fopen(path, "r");
	const char *ci = getenv("CI");
	if (!f && ci && strcmp(ci, "true") == 0)
		fail_msg("%s is not there", path);
	if (!f)
		print_message("skipped: %s is not there\n", path);
	return f;
}

/* Before anything is made that a skip would leave behind. */
static inline void pairs_need_shared(const char *name)
{
	FILE *f = pairs_open_shared(name);
	if (!f)
		skip();
	fclose(f);
}

#endif
