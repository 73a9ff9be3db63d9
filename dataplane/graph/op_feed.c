#include "dataplane/graph/op_feed.h"

#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/dim/dim.h"
#include "dataplane/extract/json.h"
#include "dataplane/graph/op_parts.h"
#include "dataplane/rec/later.h"

#define FEED_COLS(X)                                                                \
	X(IN, records_in, "records of the source")                                  \
	X(OUT, changes, "changes of rows that are in the dimension")                \
	X(POLICY, others, "records of other tables, and no changes of rows")        \
	X(POLICY, rolled_back, "changes of rows that did not happen")               \
	X(LOSS, unreadable, "changes of rows without the key, or of another shape") \
	X(IN_FLIGHT, pending, "changes that wait for the end of their transaction") \
	X(INFO, transactions, "transactions that changed rows")                     \
	X(INFO, unended, "transactions of which changes were made before an end was seen")
#define FEED_COL(kind, name, help) FEED_##name,
enum { FEED_COLS(FEED_COL) FEED_N_COLS };
LEDGER_DEFINE(feed, "feed", "records", FEED_COLS);

struct feed_plan {
	struct op_plan base;
	struct dim *dim;
	struct slice db, table;
};

/* A change that waits: its head, the key, and for each field that is given its text.
 *
 *     | bytes | key_len | deletes | len of field 0 .. n-1 | key | texts |
 */
#define LEN_NULL   UINT32_MAX
#define LEN_ABSENT (UINT32_MAX - 1)

struct pending {
	uint32_t bytes, key_len;
	uint32_t deletes;
	uint32_t lens[];
};

struct feed {
	struct dim_change *change;
	struct json *json;
	struct rec_builder rb;
	unsigned n_fields;
	struct slice *values; /* of the row at hand, by field */
	bool *given;
	uint8_t *buffer; /* the changes of a transaction */
	size_t used;
	uint64_t n_pending;
	uint64_t session_id; /* whose it is */
};

/* ---- the transaction ---- */

static void apply_one(struct feed *s, struct dim_load *l, const struct pending *c)
{
	const uint8_t *at = (const uint8_t *)(c->lens + s->n_fields);
	struct slice key = slice_of(at, c->key_len);
	if (c->deletes) {
		dim_load_del(l, key);
		return;
	}
	at += c->key_len;
	for (unsigned i = 0; i < s->n_fields; i++) {
		bool text = c->lens[i] < LEN_ABSENT;
		s->given[i] = c->lens[i] != LEN_ABSENT;
		s->values[i] = text ? slice_of(at, c->lens[i]) : (struct slice){0};
		at += text ? c->lens[i] : 0;
	}
	dim_load_merge(l, key, s->values, s->given);
}

static void apply(struct feed *s, uint64_t *row)
{
	if (s->used) {
		struct dim_load *l = dim_change_begin(s->change);
		for (size_t at = 0; at < s->used;) {
			const struct pending *c = (const struct pending *)(s->buffer + at);
			apply_one(s, l, c);
			at += c->bytes;
		}
		dim_change_end(s->change);
		row[FEED_transactions]++;
	}
	row[FEED_changes] += s->n_pending;
	row[FEED_pending] -= s->n_pending;
	s->n_pending = 0;
	s->used = 0;
}

/* A log has only what has happened, so a transaction without an end is made as far as it was seen.
 */
static void apply_unended(struct feed *s, uint64_t *row)
{
	row[FEED_unended] += s->n_pending > 0;
	apply(s, row);
}

static void forget(struct feed *s, uint64_t *row)
{
	row[FEED_rolled_back] += s->n_pending;
	row[FEED_pending] -= s->n_pending;
	s->n_pending = 0;
	s->used = 0;
}

static bool keep(struct feed *s, uint64_t *row, struct slice key, bool deletes)
{
	size_t bytes = sizeof(struct pending) + s->n_fields * sizeof(uint32_t) + key.len;
	for (unsigned i = 0; i < s->n_fields && !deletes; i++)
		bytes += s->given[i] ? s->values[i].len : 0;
	bytes = (bytes + 7) & ~(size_t)7;
	if (bytes > FEED_BYTES_MAX)
		return false;
	if (bytes > FEED_BYTES_MAX - s->used)
		apply_unended(s, row);
	struct pending *c = (struct pending *)(s->buffer + s->used);
	*c = (struct pending){(uint32_t)bytes, (uint32_t)key.len, deletes};
	uint8_t *at = (uint8_t *)(c->lens + s->n_fields);
	memcpy(at, key.ptr, key.len);
	at += key.len;
	for (unsigned i = 0; i < s->n_fields && !deletes; i++) {
		struct slice v = s->values[i];
		c->lens[i] = !s->given[i] ? LEN_ABSENT : v.ptr ? (uint32_t)v.len : LEN_NULL;
		if (s->given[i] && v.len)
			memcpy(at, v.ptr, v.len);
		at += s->given[i] ? v.len : 0;
	}
	s->used += bytes;
	return true;
}

/* ---- a record ---- */

static struct slice text_of(const struct batch *b, struct val v)
{
	return arena_slice(&b->arena, v.off, v.len);
}

/* The members of an object; they are pairs of s->rb then. */
static bool open_object(struct feed *s, struct batch *b, const struct rec *r, unsigned field)
{
	static const struct schema no_fields;
	bool repaired;
	struct val v = later_settle(&b->arena, r->vals[field]);
	rec_begin(&s->rb, b, &no_fields);
	return v.type == VAL_JSON && !json_pairs(s->json, text_of(b, v), &s->rb, &repaired) &&
	       !s->rb.full;
}

static const struct val *find_member(const struct feed *s, const struct batch *b, const char *name)
{
	struct slice want = slice_str(name);
	for (unsigned i = 0; i < s->rb.n_pairs; i++)
		if (slice_eq(text_of(b, s->rb.pairs[2 * i]), want))
			return &s->rb.pairs[2 * i + 1];
	return NULL;
}

/* A column's value as the text that types are read from; ptr is NULL where it is null. */
static struct slice member_text(struct feed *s, struct batch *b, const struct val *v)
{
	if (v->type == VAL_TRUE || v->type == VAL_FALSE)
		return v->type == VAL_TRUE ? SLICE_LIT("true") : SLICE_LIT("false");
	if (v->type == VAL_NULL || v->type == VAL_ABSENT)
		return (struct slice){0};
	struct slice text = text_of(b, *v);
	if (v->type != VAL_JSTR || !memchr(text.ptr, '\\', text.len))
		return text;
	uint32_t off = arena_take(&b->arena, text.len);
	s->rb.full |= !off;
	return off ? arena_slice(&b->arena, off, json_unescape(b->arena.base + off, text)) : text;
}

static struct slice key_of(const struct feed_plan *p, struct feed *s, struct batch *b)
{
	const struct val *v = find_member(s, b, dim_spec_of(p->dim)->key);
	return v ? member_text(s, b, v) : (struct slice){0};
}

static void read_fields(const struct feed_plan *p, struct feed *s, struct batch *b)
{
	const struct dim_spec *spec = dim_spec_of(p->dim);
	for (unsigned i = 0; i < s->n_fields; i++) {
		const struct val *v = find_member(s, b, spec->fields[i].name);
		s->given[i] = v != NULL;
		s->values[i] = v ? member_text(s, b, v) : (struct slice){0};
	}
}

/* An update may have another key than before, and an image of what has changed only. */
static bool keep_change(const struct feed_plan *p, struct feed *s, struct batch *b,
			const struct rec *r, uint64_t *row)
{
	struct slice before = {0}, after = {0};
	bool has_before = open_object(s, b, r, CHANGE_BEFORE);
	if (has_before)
		before = key_of(p, s, b);
	bool has_after = open_object(s, b, r, CHANGE_AFTER);
	if (has_after) {
		after = key_of(p, s, b);
		after = after.ptr ? after : before;
		read_fields(p, s, b);
	}
	struct slice key = has_after ? after : before;
	if (!key.ptr || s->rb.full)
		return false;
	if (has_after && before.ptr && !slice_eq(before, after) && !keep(s, row, before, true))
		return false;
	return keep(s, row, key, !has_after);
}

static bool is_last(struct feed *s, struct batch *b, const struct rec *r)
{
	if (!open_object(s, b, r, CHANGE_SOURCE))
		return false;
	const struct val *v = find_member(s, b, "last");
	return v && v->type == VAL_TRUE;
}

static bool is_first(struct feed *s, struct batch *b, const struct rec *r)
{
	if (!open_object(s, b, r, CHANGE_SOURCE))
		return false;
	const struct val *v = find_member(s, b, "tx_index");
	return v && slice_eq(text_of(b, *v), SLICE_LIT("0"));
}

static void take(const struct feed_plan *p, struct feed *s, struct batch *b, const struct rec *r,
		 uint64_t *row)
{
	const struct change *c = r->change;
	row[FEED_records_in]++;
	if (!c) {
		row[FEED_others]++;
		return;
	}
	if (s->n_pending && (r->session_id != s->session_id || is_first(s, b, r)))
		apply_unended(s, row);
	s->session_id = r->session_id;
	if (c->kind == CHANGE_ROW && slice_eq(c->db, p->db) && slice_eq(c->table, p->table)) {
		bool kept = keep_change(p, s, b, r, row);
		row[kept ? FEED_pending : FEED_unreadable]++;
		s->n_pending += kept;
	} else {
		row[FEED_others]++;
	}
	if (c->kind == CHANGE_END &&
	    slice_eq(text_of(b, r->vals[CHANGE_OP]), SLICE_LIT("rollback")))
		forget(s, row);
	else if (c->kind == CHANGE_END || is_last(s, b, r))
		apply(s, row);
}

static void feed_run(const struct op_plan *plan, void *state, struct op_run *x,
		     struct rec *const *recs, unsigned n)
{
	struct batch *b = op_batch(x);
	for (unsigned i = 0; i < n; i++) {
		size_t mark = b->arena.used;
		take((const struct feed_plan *)plan, state, b, recs[i], op_row(x));
		b->arena.used = mark;
	}
}

static void feed_finish(const struct op_plan *plan, void *state, struct op_run *x)
{
	apply_unended(state, op_row(x));
}

/* ---- life ---- */

int op_feed_build(struct dim *d, struct op_plan **ret_p, struct err *e)
{
	const struct dim_spec *spec = dim_spec_of(d);
	const char *table;
	spec->kind->source(spec->conf, &table);
	const char *dot = strchr(table, '.');
	if (!dot || dot == table || !dot[1])
		return err_set(e, -EINVAL, "table \"%s\"; expected DB.TABLE", table);
	struct feed_plan *p = mem_alloc(sizeof(*p));
	if (!p)
		return err_set(e, -ENOMEM, "out of memory");
	p->dim = d;
	p->db = slice_of(table, (size_t)(dot - table));
	p->table = slice_str(dot + 1);
	*ret_p = &p->base;
	return 0;
}

static void feed_discard(void *state)
{
	struct feed *s = state;
	dim_change_destroy(s->change);
	json_destroy(s->json);
	mem_unmap(s->buffer, FEED_BYTES_MAX);
	mem_free(s->values);
	mem_free(s->given);
	mem_free(s);
}

static int feed_create(const struct op_plan *plan, void **ret_state, struct err *e)
{
	const struct feed_plan *p = (const struct feed_plan *)plan;
	struct feed *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "out of memory");
	s->n_fields = dim_spec_of(p->dim)->n_fields;
	s->json = json_create(DIM_ROW_BYTES_MAX);
	s->values = mem_alloc((s->n_fields + 1) * sizeof(*s->values));
	s->given = mem_alloc(s->n_fields + 1);
	s->buffer = mem_map(FEED_BYTES_MAX);
	int rc = s->json && s->values && s->given && s->buffer
			 ? dim_change_create(p->dim, &s->change, e)
			 : err_set(e, -ENOMEM, "out of memory");
	if (rc < 0)
		feed_discard(s);
	else
		*ret_state = s;
	return rc;
}

const struct op op_feed = {
	.name = "feed",
	.summary = "Changes of a table into a dimension",
	.ledger = &feed_ledger,
	.destroy = op_plan_free,
	.create = feed_create,
	.discard = feed_discard,
	.run = feed_run,
	.finish = feed_finish,
};
