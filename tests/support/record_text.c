#include "tests/support/record_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "dataplane/base/civil.h"
#include "tests/support/conf_default.h"

#define ARENA_BYTES (16u << 20)

void record_text_init(struct record_text *t, const struct parser *parser)
{
	*t = (struct record_text){.parser = parser};
	uint16_t n = 0;
	while (parser->fields[n].name)
		n++;
	t->conf = calloc(1, parser->conf_size + 1);
	t->rb = calloc(1, sizeof(*t->rb));
	if (!t->conf || !t->rb || schema_init(&t->schema, parser->fields, n) < 0 ||
	    arena_init(&t->batch.arena, ARENA_BYTES) < 0) {
		fprintf(stderr, "no memory for a record\n");
		abort();
	}
	conf_default(&t->mem, parser->opts, t->conf);
}

static void forget(struct record_text *t)
{
	for (unsigned i = 0; i < t->n_texts; i++)
		free(t->texts[i]);
	t->n_texts = 0;
	t->rec = NULL;
}

void record_text_fini(struct record_text *t)
{
	forget(t);
	free(t->conf);
	memlist_fini(&t->mem);
	free(t->rb);
	schema_fini(&t->schema);
	arena_fini(&t->batch.arena);
}

/* What extract does with a frame that is not what it should be. */
static void set_whole(struct record_text *t, struct slice body)
{
	rec_begin(t->rb, &t->batch, &t->schema);
	for (unsigned i = 0; i < t->schema.n_fields; i++)
		if (strcmp(t->schema.fields[i].name, "message") == 0)
			rec_set(t->rb, i, rec_ref(t->rb, VAL_STR, body));
}

void record_text_read(struct record_text *t, const void *bytes, size_t len)
{
	forget(t);
	arena_reset(&t->batch.arena);
	t->batch.n_recs = 0;
	uint32_t off = arena_copy(&t->batch.arena, bytes, len);
	struct frame f = {.time_ns = t->time_ns, .body_kind = BODY_PARSER};
	f.bytes = f.body = arena_slice(&t->batch.arena, off, len);
	rec_begin(t->rb, &t->batch, &t->schema);
	t->error = t->parser->extract(t->conf, &f, t->rb);
	if (t->error)
		set_whole(t, f.body);
	t->rec = rec_end(t->rb);
	if (!t->rec)
		abort();
}

static const char *text_of(struct record_text *t, struct val v)
{
	const uint8_t *p = t->batch.arena.base + v.off;
	char text[40];
	int64_t n = 0;
	if (v.type == VAL_ABSENT || v.type == VAL_NULL)
		return NULL;
	struct slice s = slice_of(p, v.len);
	if (v.type == VAL_TIME || v.type == VAL_I64) {
		memcpy(&n, p, 8);
		size_t len = v.type == VAL_TIME
				     ? civil_put_rfc3339(text, n)
				     : (size_t)snprintf(text, sizeof(text), "%lld", (long long)n);
		s = slice_of(text, len);
	}
	char *copy = malloc(s.len + 1);
	if (!copy || t->n_texts == sizeof(t->texts) / sizeof(t->texts[0]))
		abort();
	memcpy(copy, s.ptr, s.len);
	copy[s.len] = 0;
	t->texts[t->n_texts++] = copy;
	return copy;
}

const char *record_text_get(struct record_text *t, const char *name)
{
	for (unsigned i = 0; i < t->schema.n_fields; i++)
		if (strcmp(t->schema.fields[i].name, name) == 0)
			return text_of(t, t->rec->vals[i]);
	struct val *pairs = rec_pairs(t->rec);
	for (unsigned i = 0; i < t->rec->n_pairs; i++) {
		const char *key = text_of(t, pairs[2 * i]);
		if (key && strcmp(key, name) == 0)
			return text_of(t, pairs[2 * i + 1]);
	}
	return NULL;
}
