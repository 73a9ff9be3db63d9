#include "dataplane/extract/extract.h"

#include "dataplane/base/mem.h"
#include "dataplane/extract/form.h"
#include "dataplane/extract/json.h"

LEDGER_DEFINE(extract, "extract", "frames", EXTRACT_COLS);

struct extract {
	const struct extract_source *sources;
	unsigned n_sources;
	uint64_t (*rows)[EXTRACT_N_COLS]; /* one a source */
	struct json *json;
	struct form *form;
	struct keys *keys;
	struct val key_message, key_rules, key_repaired;
	struct rec_builder rb;
};

/* What one frame became, besides its fields. */
struct outcome {
	const char *why; /* not NULL: unparsed */
	bool repaired;
};

static int add_name(struct names *names, const char *text, struct val *ret_key, struct err *e)
{
	uint32_t id;
	int r = names_add(names, slice_str(text), &id);
	if (r < 0)
		return err_set(e, r, "no room for the field name %s", text);
	*ret_key = val_of(VAL_NAME, id, 0);
	return 0;
}

int extract_create(const struct extract_source *sources, unsigned n_sources, size_t body_bytes_max,
		   struct names *names, struct extract **ret_x, struct err *e)
{
	struct extract *x = mem_alloc(sizeof(*x));
	int r;
	if (!x)
		return err_set(e, -ENOMEM, "out of memory for extract");
	x->sources = sources;
	x->n_sources = n_sources;
	x->rows = mem_alloc(n_sources * sizeof(x->rows[0]));
	x->json = json_create(body_bytes_max);
	x->form = form_create();
	x->keys = keys_create(names);
	if (!x->rows || !x->json || !x->form || !x->keys) {
		r = err_set(e, -ENOMEM, "out of memory for extract");
		goto out;
	}
	r = add_name(names, "message", &x->key_message, e);
	if (r == 0)
		r = add_name(names, "_rules", &x->key_rules, e);
	if (r == 0)
		r = add_name(names, "_invalid_utf8", &x->key_repaired, e);
out:
	if (r < 0)
		extract_destroy(x);
	else
		*ret_x = x;
	return r;
}

void extract_destroy(struct extract *x)
{
	if (!x)
		return;
	keys_destroy(x->keys);
	form_destroy(x->form);
	json_destroy(x->json);
	mem_free(x->rows);
	mem_free(x);
}

static void set_message(struct extract *x, const struct extract_source *src, struct slice text)
{
	struct val v = rec_ref(&x->rb, VAL_STR, text);
	if (src->message_field >= 0)
		rec_set(&x->rb, (unsigned)src->message_field, v);
	else
		rec_pair(&x->rb, x->key_message, v);
}

/* `_rules`: the names of frame @i's rules. @io_hit is the first hit of this frame or a later one.
 */
static void add_rules(struct extract *x, const struct rule_hits *hits, unsigned i, unsigned *io_hit)
{
	unsigned at = *io_hit, from = at;
	size_t len = 1;
	for (; at < hits->n && hits->items[at].frame == i; at++)
		len += hits->names[hits->items[at].rule].len + 1;
	if (at == from)
		return;
	*io_hit = at;
	uint32_t off = arena_take(&x->rb.b->arena, len);
	if (!off) {
		x->rb.full = true;
		return;
	}
	uint8_t *o = x->rb.b->arena.base + off;
	for (unsigned h = from; h < at; h++) {
		struct slice name = hits->names[hits->items[h].rule];
		*o++ = h == from ? '[' : ',';
		memcpy(o, name.ptr, name.len);
		o += name.len;
	}
	*o = ']';
	rec_pair(&x->rb, x->key_rules, val_of(VAL_JSON, off, len));
}

static void begin(struct extract *x, const struct frame *f, struct batch *b)
{
	rec_begin(&x->rb, b, &x->sources[f->source].schema);
	if (f->meta.type != VAL_ABSENT) {
		struct slice name = slice_str(f->meta_name);
		rec_pair(&x->rb, rec_make_text(&x->rb, VAL_JSTR, name), f->meta);
	}
}

static bool begins_object(struct slice body)
{
	if (slice_starts(body, SLICE_LIT("\xef\xbb\xbf")))
		body = slice_from(body, 3);
	while (body.len && (*body.ptr == ' ' || *body.ptr == '\t'))
		body = slice_from(body, 1);
	return body.len && *body.ptr == '{';
}

static const char *read_body(struct extract *x, const struct frame *f, struct outcome *o)
{
	const struct extract_source *src = &x->sources[f->source];
	unsigned kind = f->body_kind;
	if (kind == BODY_AUTO)
		kind = begins_object(f->body) ? BODY_JSON : BODY_TEXT;
	switch (kind) {
	case BODY_PARSER:
		return src->parser->extract(src->parser_conf, f, &x->rb);
	case BODY_JSON:
		return json_pairs(x->json, f->body, &x->rb, &o->repaired);
	case BODY_FORM:
		form_pairs(x->form, x->keys, f->body, &x->rb);
		return NULL;
	case BODY_TEXT:
		set_message(x, src, f->body);
		return NULL;
	default:
		return NULL;
	}
}

/* Only these have keys that the sender chose, which may come twice. */
static bool needs_unique(const struct frame *f)
{
	return f->body_kind == BODY_JSON || f->body_kind == BODY_AUTO || f->body_kind == BODY_FORM;
}

static struct rec *end(struct extract *x, const struct frame *f, const struct outcome *o)
{
	struct batch *b = x->rb.b;
	struct rec *r = rec_end(&x->rb);
	if (!r)
		return NULL;
	r->time_ns = f->time_ns;
	r->session_id = f->session_id;
	r->stream_off = f->stream_off;
	r->idx = f->idx;
	r->frame_off = (uint32_t)(f->bytes.ptr - b->arena.base);
	r->frame_len = (uint32_t)f->bytes.len;
	r->origin_off = f->origin_off;
	r->origin_len = f->origin_len;
	r->source = f->source;
	r->dir = f->dir;
	r->flags = (uint8_t)((o->why ? REC_UNPARSED : 0) | (f->cut ? REC_CUT : 0));
	r->error = o->why;
	return r;
}

/* The frame as text: all that is left of it when its fields cannot be had. */
static void set_raw(struct extract *x, const struct frame *f)
{
	set_message(x, &x->sources[f->source], f->body.len ? f->body : f->bytes);
}

/* NULL when the batch is full: then the arena is as it was. */
static struct rec *make(struct extract *x, const struct frame *f, unsigned i,
			const struct rule_hits *hits, unsigned *io_hit, struct batch *b,
			struct outcome *o)
{
	size_t used = b->arena.used;
	unsigned hit = *io_hit;
	begin(x, f, b);
	if (hits)
		add_rules(x, hits, i, &hit);
	unsigned n_ours = x->rb.n_pairs;
	o->why = f->unparsed ? f->unparsed : read_body(x, f, o);
	if (o->why) {
		x->rb.n_pairs = n_ours;
		memset(x->rb.fixed, 0, x->rb.schema->n_fields * sizeof(x->rb.fixed[0]));
		set_raw(x, f);
	} else {
		if (o->repaired)
			rec_pair(&x->rb, x->key_repaired, val_of(VAL_TRUE, 0, 0));
		if (needs_unique(f))
			x->rb.n_pairs_lost += keys_unique(x->keys, &x->rb);
	}
	struct rec *r = end(x, f, o);
	if (r)
		*io_hit = hit;
	else
		b->arena.used = used;
	return r;
}

/* The same for a frame whose record an empty batch does not hold: without its fields. */
static struct rec *make_small(struct extract *x, const struct frame *f, struct batch *b,
			      struct outcome *o)
{
	*o = (struct outcome){.why = "record: its fields do not fit in a batch"};
	rec_begin(&x->rb, b, &x->sources[f->source].schema);
	set_raw(x, f);
	return end(x, f, o);
}

static void count(uint64_t *row, const struct rec_builder *rb, const struct outcome *o)
{
	row[o->why ? EXTRACT_unparsed : EXTRACT_parsed]++;
	row[EXTRACT_repaired] += o->repaired;
	row[EXTRACT_fields_lost] += rb->n_pairs_lost;
}

unsigned extract_records(struct extract *x, const struct frame *frames, unsigned first, unsigned n,
			 const struct rule_hits *hits, struct batch *b)
{
	bool was_empty = b->n_recs == 0;
	unsigned i, hit = 0;
	while (hits && hit < hits->n && hits->items[hit].frame < first)
		hit++;
	for (i = first; i < n; i++) {
		const struct frame *f = &frames[i];
		struct outcome o = {0};
		assert(f->source < x->n_sources);
		struct rec *r = make(x, f, i, hits, &hit, b, &o);
		if (!r && (i > first || !was_empty))
			break;
		if (!r)
			r = make_small(x, f, b, &o);
		uint64_t *row = x->rows[f->source];
		row[EXTRACT_frames_in]++;
		if (r)
			count(row, &x->rb, &o);
		else
			row[EXTRACT_no_room]++;
	}
	return i;
}

const uint64_t *extract_row(const struct extract *x, unsigned source)
{
	return x->rows[source];
}
