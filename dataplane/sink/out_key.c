#include "dataplane/sink/out_key.h"

#include <errno.h>

#include "dataplane/base/mem.h"
#include "dataplane/graph/column.h"
#include "dataplane/graph/json_path.h"
#include "dataplane/rec/later.h"

struct out_key {
	struct column column;
	struct vec text; /* of one row */
};

int out_key_create(const char *name, struct names *names, const struct slice *source_names,
		   struct out_key **ret_k)
{
	struct out_key *k = mem_alloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	int rc = column_init(&k->column, name, names, source_names);
	if (rc == 0)
		rc = vec_init(&k->text, SQL_TEXT);
	if (rc < 0)
		out_key_destroy(k);
	else
		*ret_k = k;
	return rc;
}

void out_key_destroy(struct out_key *k)
{
	if (!k)
		return;
	vec_fini(&k->text);
	mem_free(k);
}

/* A column in one image of a row; VAL_ABSENT when the image has none. */
static struct val in_image(const struct out_key *k, struct batch *b, const struct rec *r,
			   enum change_field image)
{
	struct val v = later_settle(&b->arena, r->vals[image]);
	struct slice s;
	if (v.type != VAL_JSON ||
	    !json_at_key(arena_slice(&b->arena, v.off, v.len), k->column.name, &s))
		return (struct val){0};
	uint32_t off = (uint32_t)(s.ptr - b->arena.base);
	if (s.ptr[0] == '"')
		return val_of(VAL_JSTR, off + 1, s.len - 2);
	if (s.ptr[0] == 'n')
		return (struct val){0};
	return val_of(VAL_JSON, off, s.len);
}

struct slice out_key_of(struct out_key *k, struct batch *b, struct rec *r)
{
	if (r->change && r->change->kind == CHANGE_ROW) {
		struct val v = in_image(k, b, r, CHANGE_AFTER);
		if (v.type == VAL_ABSENT)
			v = in_image(k, b, r, CHANGE_BEFORE);
		vec_put(&k->text, 0, v, &b->arena);
	} else {
		column_fill(&k->column, b, &r, 1, &k->text);
	}
	return k->text.state[0] == VEC_VALUE ? k->text.s[0] : (struct slice){0};
}
