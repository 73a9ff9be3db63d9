#include "dataplane/extract/extract.h"

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/extract/form.h"
#include "dataplane/extract/json.h"
#include "dataplane/extract/own.h"
#include "dataplane/extract/select.h"

LEDGER_DEFINE(extract, "extract", "frames", EXTRACT_COLS);

/* What extract works out about a source when it is built. */
struct source {
	parser_extract *extract; /* of its parser */
	const void *conf;        /* the same */
	const struct schema *schema;
	uint64_t *row;   /* of the ledger */
	bool *may_clash; /* by format: its fields may have the name of a fixed field */
	bool sets_all;   /* its parser does */
	bool formatted;  /* it has formats */
};

struct extract {
	const struct extract_source *sources;
	struct source *derived; /* one a source */
	unsigned n_sources;
	uint64_t (*rows)[EXTRACT_N_COLS]; /* one a source */
	struct json *json;
	struct form *form;
	struct keys *keys;
	struct format_scratch *formats;
	struct select_scratch *select;
	struct val key_message, key_rules, key_format, key_repaired;
	/* Objects of these keys had no repeats, nor names of these fixed fields. */
	uint64_t clean_keys;
	const struct field_def *clean_fields;
	struct rec_builder rb;
};

/* What one frame became, besides its fields. */
struct outcome {
	const char *why; /* not NULL: unparsed */
	bool repaired;
	bool formatted, no_format;
	bool may_repeat; /* two fields may have one name */
	uint64_t keys;   /* not 0: json_keys_id of all that is not ours */
	unsigned n_ours; /* pairs in front that are not of the frame's text */
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

static bool derive(struct extract *x, const struct names *names)
{
	for (unsigned i = 0; i < x->n_sources; i++) {
		const struct extract_source *src = &x->sources[i];
		const struct parser *p = src->parser;
		x->derived[i] = (struct source){
			.extract = p->extract_here ? p->extract_here() : p->extract,
			.conf = src->parser_conf,
			.schema = &src->schema,
			.row = x->rows[i],
			.sets_all = p->sets_all,
			.formatted = src->formats != NULL,
		};
		if (!src->formats)
			continue;
		bool *may = mem_alloc(src->formats->n_formats * sizeof(*may));
		x->derived[i].may_clash = may;
		for (unsigned k = 0; k < src->formats->n_formats; k++) {
			if (!may)
				return false;
			const struct format *f = src->formats->formats[k];
			bool clash = format_has_sender_keys(f);
			for (unsigned j = 0; j < src->schema.n_fields; j++) {
				struct slice name = slice_str(src->schema.fields[j].name);
				clash = clash || format_may_have(f, names, name);
			}
			may[k] = clash;
		}
	}
	return true;
}

/* One scratch for the formats of all sources, and one for what narrows them. */
static bool create_scratch(struct extract *x, size_t body_bytes_max)
{
	unsigned n = 0, n_sets = 0;
	for (unsigned i = 0; i < x->n_sources; i++)
		n += x->sources[i].formats ? x->sources[i].formats->n_formats : 0;
	const struct format **all = mem_alloc((n + 1) * sizeof(const struct format *));
	const struct select **sets = mem_alloc((x->n_sources + 1) * sizeof(const struct select *));
	n = 0;
	for (unsigned i = 0; all && sets && i < x->n_sources; i++) {
		const struct format_set *fs = x->sources[i].formats;
		for (unsigned k = 0; fs && k < fs->n_formats; k++)
			all[n++] = fs->formats[k];
		sets[n_sets++] = fs ? fs->select : NULL;
	}
	if (all && sets) {
		x->formats = format_scratch_create(all, n, body_bytes_max);
		x->select = select_scratch_create(sets, n_sets);
	}
	mem_free(all);
	mem_free(sets);
	return x->formats && x->select;
}

static int add_names(struct extract *x, struct names *names, struct err *e)
{
	int r = add_name(names, "message", &x->key_message, e);
	if (r == 0)
		r = add_name(names, "_rules", &x->key_rules, e);
	if (r == 0)
		r = add_name(names, "_format", &x->key_format, e);
	if (r == 0)
		r = add_name(names, "_invalid_utf8", &x->key_repaired, e);
	return r;
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
	x->derived = mem_alloc(n_sources * sizeof(x->derived[0]));
	x->json = json_create(body_bytes_max);
	x->form = form_create();
	x->keys = keys_create(names);
	if (!x->rows || !x->derived || !x->json || !x->form || !x->keys ||
	    !create_scratch(x, body_bytes_max) || !derive(x, names)) {
		r = err_set(e, -ENOMEM, "out of memory for extract");
		goto out;
	}
	r = add_names(x, names, e);
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
	for (unsigned i = 0; x->derived && i < x->n_sources; i++)
		mem_free(x->derived[i].may_clash);
	select_scratch_destroy(x->select);
	format_scratch_destroy(x->formats);
	keys_destroy(x->keys);
	form_destroy(x->form);
	json_destroy(x->json);
	mem_free(x->derived);
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
	if (f->body_kind == BODY_RECORD)
		x->rb.stream = f->meta;
	else if (f->meta.type != VAL_ABSENT) {
		struct slice name = slice_str(f->meta_name);
		rec_pair(&x->rb, rec_make_text(&x->rb, VAL_JSTR, name), f->meta);
	}
}

static bool begins_object(struct slice body)
{
	if (slice_starts(body, SLICE_LIT("\xef\xbb\xbf")))
		body = slice_from(body, 3);
	body = text_trim_front(body);
	return body.len && *body.ptr == '{';
}

/* ---- formats ---- */

static void add_format(struct extract *x, const struct format *f)
{
	struct val v = val_of(VAL_NULL, 0, 0);
	if (f)
		v = rec_make_text(&x->rb, VAL_STR, format_name(f));
	rec_pair(&x->rb, x->key_format, v);
}

/* Adds the fields of the first format that fits, and which one it is. False when none does. */
static bool apply_formats(struct extract *x, const struct frame *f, struct slice text,
			  struct outcome *o)
{
	const struct format_set *fs = x->sources[f->source].formats;
	struct rec_builder *rb = &x->rb;
	unsigned n_pairs = rb->n_pairs, n;
	const uint16_t *may = select_formats(fs->select, x->select, text, &n);
	for (unsigned k = 0; k < n; k++) {
		const struct format *format = fs->formats[may[k]];
		if (fs->n_formats > 1)
			add_format(x, format);
		if (format_extract(format, x->formats, text, (int64_t)f->time_ns, rb)) {
			o->formatted = true;
			o->may_repeat = o->may_repeat || n_pairs > o->n_ours ||
					x->derived[f->source].may_clash[may[k]];
			return true;
		}
		rb->n_pairs = n_pairs;
	}
	add_format(x, NULL);
	o->no_format = true;
	return false;
}

/* A line: what a format makes of it, or the message, or both. */
static void read_line(struct extract *x, const struct frame *f, struct outcome *o)
{
	const struct extract_source *src = &x->sources[f->source];
	bool keep = !src->formats || src->keep_message;
	if (keep)
		set_message(x, src, f->body);
	if (src->formats && !apply_formats(x, f, f->body, o) && !keep)
		set_message(x, src, f->body);
}

/* The plain text of fixed field @i; false when it is not there, or no text. */
static bool field_text(struct extract *x, unsigned i, struct slice *ret_text)
{
	struct val v = x->rb.fixed[i];
	struct slice text = arena_slice(&x->rb.b->arena, v.off, v.len);
	if (v.type == VAL_JSTR && memchr(text.ptr, '\\', text.len)) {
		uint32_t off = arena_take(&x->rb.b->arena, text.len);
		x->rb.full = x->rb.full || !off;
		if (!off)
			return false;
		uint8_t *plain = x->rb.b->arena.base + off;
		text = slice_of(plain, json_unescape(plain, text));
	}
	*ret_text = text;
	return v.type == VAL_STR || v.type == VAL_JSTR;
}

/* The parser's field that formats (there are some) read: their fields take its place. */
static void read_field(struct extract *x, const struct frame *f, struct outcome *o)
{
	const struct extract_source *src = &x->sources[f->source];
	int i = src->format_field >= 0 ? src->format_field : src->message_field;
	struct slice text;
	if (i < 0 || !field_text(x, (unsigned)i, &text))
		return;
	if (apply_formats(x, f, text, o) && !src->keep_message)
		x->rb.fixed[i] = (struct val){0};
}

/* ---- records ---- */

static const char *read_body(struct extract *x, const struct frame *f, struct outcome *o)
{
	const struct extract_source *src = &x->sources[f->source];
	unsigned kind = f->body_kind;
	const char *why = NULL;
	if (kind == BODY_AUTO)
		kind = begins_object(f->body) ? BODY_JSON : BODY_TEXT;
	switch (kind) {
	case BODY_PARSER:
		why = x->derived[f->source].extract(src->parser_conf, f, &x->rb);
		if (!why && src->formats)
			read_field(x, f, o);
		break;
	case BODY_JSON:
		o->may_repeat = true;
		why = json_pairs(x->json, f->body, &x->rb, &o->repaired);
		o->keys = json_keys_id(x->json);
		break;
	case BODY_RECORD:
		o->may_repeat = true;
		why = json_pairs(x->json, f->body, &x->rb, &o->repaired);
		own_fields(&x->rb, o->n_ours);
		break;
	case BODY_FORM:
		o->may_repeat = x->rb.schema->n_fields > 0;
		form_pairs(x->form, x->keys, f->body, &x->rb);
		break;
	case BODY_TEXT:
		read_line(x, f, o);
		break;
	}
	return why;
}

/* What a record has of its frame. */
static inline void identify(struct rec *r, const struct frame *f, const struct batch *b)
{
	memcpy(r, f, REC_ID_BYTES);
	r->frame_off = (uint32_t)(f->bytes.ptr - b->arena.base);
	r->frame_len = (uint32_t)f->bytes.len;
	r->origin_len = f->origin_len;
	r->source = f->source;
	r->dir = f->dir;
	r->hops = 0;
}

static inline __attribute__((always_inline)) struct rec *
end(struct extract *x, const struct frame *f, const struct outcome *o)
{
	struct rec *r = rec_lay(&x->rb);
	if (!r)
		return NULL;
	identify(r, f, x->rb.b);
	r->flags |= (uint8_t)((o->why ? REC_UNPARSED : 0) | (f->cut ? REC_CUT : 0) |
			      (o->no_format ? REC_NO_FORMAT : 0));
	r->error = o->why;
	return r;
}

/* The frame as text, or as its parser has it: all that is left when its fields cannot be had. */
static void set_raw(struct extract *x, const struct frame *f)
{
	const struct parser *p = x->sources[f->source].parser;
	x->rb.change = NULL;
	if (p->dead &&
	    f->body_kind != BODY_RECORD) { /* which is JSON, and no frame of its parser */
		p->dead(f, &x->rb);
		return;
	}
	set_message(x, &x->sources[f->source], f->body.len ? f->body : f->bytes);
}

/* Nothing is left of a record that did not fit. */
static void give_back(struct extract *x, size_t used)
{
	x->rb.b->arena.used = used;
	format_counts_take(x->formats);
}

/* Of two fields with one name one stays. Names of ours are unlike those of senders. */
static void make_unique(struct extract *x, const struct outcome *o)
{
	struct rec_builder *rb = &x->rb;
	const struct field_def *fields = rb->schema->fields;
	if (o->keys && o->keys == x->clean_keys && fields == x->clean_fields)
		return;
	rb->n_pairs_lost += keys_unique(x->keys, rb);
	if (o->keys && !rb->full && keys_were_clean(x->keys)) {
		x->clean_keys = o->keys;
		x->clean_fields = fields;
	}
}

/* NULL when the batch is full: then the arena is as it was. */
static __attribute__((noinline)) struct rec *make(struct extract *x, const struct frame *f,
						  unsigned i, const struct rule_hits *hits,
						  unsigned *io_hit, struct batch *b,
						  struct outcome *o)
{
	size_t used = b->arena.used;
	unsigned hit = *io_hit;
	begin(x, f, b);
	if (hits && f->body_kind != BODY_RECORD) /* such a frame comes alone, and has its own */
		add_rules(x, hits, i, &hit);
	o->n_ours = x->rb.n_pairs;
	o->why = f->unparsed ? f->unparsed : read_body(x, f, o);
	if (o->why) {
		x->rb.n_pairs = o->n_ours;
		memset(x->rb.fixed, 0, x->rb.schema->n_fields * sizeof(x->rb.fixed[0]));
		set_raw(x, f);
	} else {
		if (o->repaired)
			rec_pair(&x->rb, x->key_repaired, val_of(VAL_TRUE, 0, 0));
		if (o->may_repeat)
			make_unique(x, o);
	}
	struct rec *r = end(x, f, o);
	if (r)
		*io_hit = hit;
	else
		give_back(x, used);
	return r;
}

/* The straight way of most frames: whole, read by their parser, and no format takes a field of
 * theirs apart. NULL: it is no such frame, or a record that has more to tell, or the batch is full:
 * then it is for make() to say, and all is as it was.
 */
static inline struct rec *make_plain(struct extract *x, const struct source *src,
				     const struct frame *f, struct batch *b)
{
	struct rec_builder *rb = &x->rb;
	size_t used = b->arena.used;
	if (f->body_kind != BODY_PARSER || f->cut || f->unparsed || val_word(&f->meta) ||
	    src->formatted || b->n_recs == BATCH_RECS_MAX)
		return NULL;
	if (src->sets_all)
		rec_open(rb, b, src->schema);
	else
		rec_begin(rb, b, src->schema);
	const char *why = src->extract(src->conf, f, rb);
	struct rec *r = NULL;
	if (!why && !rec_has_more(rb))
		r = rec_lay_plain(rb);
	else if (!why && !rb->n_pairs_lost)
		r = rec_lay(rb);
	if (!r) {
		b->arena.used = used;
		return NULL;
	}
	identify(r, f, b);
	r->error = NULL;
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

/* What only some records have to tell. */
static void count_rest(struct extract *x, const struct frame *f, uint64_t *row,
		       const struct outcome *o)
{
	struct format_counts c = format_counts_take(x->formats);
	row[EXTRACT_cut] += f->cut;
	row[EXTRACT_repaired] += o->repaired;
	row[EXTRACT_formatted] += o->formatted;
	row[EXTRACT_no_format] += o->no_format;
	/* Seldom; to add both in any case waits for their two stores to be in the cache. */
	if (c.not_converted | c.too_costly) {
		row[EXTRACT_not_converted] += c.not_converted;
		row[EXTRACT_too_costly] += c.too_costly;
	}
	row[EXTRACT_fields_lost] += x->rb.n_pairs_lost;
}

static inline void count(struct extract *x, const struct frame *f, uint64_t *row,
			 const struct outcome *o)
{
	row[o->why ? EXTRACT_unparsed : EXTRACT_parsed]++;
	if (f->cut || o->repaired || o->formatted || o->no_format || x->rb.n_pairs_lost)
		count_rest(x, f, row, o);
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
		assert(f->source < x->n_sources);
		const struct source *src = &x->derived[f->source];
		uint64_t *row = src->row;
		bool is_hit = hits && hit < hits->n && hits->items[hit].frame == i;
		if (!is_hit && make_plain(x, src, f, b)) {
			row[EXTRACT_frames_in]++;
			row[EXTRACT_parsed]++;
			continue;
		}
		struct outcome o = {0};
		struct rec *r = make(x, f, i, hits, &hit, b, &o);
		if (!r && (i > first || !was_empty))
			break;
		if (!r)
			r = make_small(x, f, b, &o);
		row[EXTRACT_frames_in]++;
		if (r)
			count(x, f, row, &o);
		else
			row[EXTRACT_no_room]++;
	}
	return i;
}

void extract_dead(struct extract *x, const struct rec *r)
{
	uint64_t *row = x->rows[r->source];
	row[r->flags & REC_UNPARSED ? EXTRACT_unparsed : EXTRACT_parsed]--;
	row[EXTRACT_dead_letters]++;
}

void extract_shed(struct extract *x, unsigned source)
{
	x->rows[source][EXTRACT_frames_in]++;
	x->rows[source][EXTRACT_shed]++;
}

const uint64_t *extract_row(const struct extract *x, unsigned source)
{
	return x->rows[source];
}
