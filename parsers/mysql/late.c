#include "parsers/mysql/late.h"

#include "dataplane/base/text.h"
#include "dataplane/rec/later.h"
#include "parsers/mysql/row_plan.h"

/* --- Field source ----------------------------------------------------------------------------- */

static inline uint8_t *put_lit(uint8_t *o, const char *text)
{
	size_t len = strlen(text);
	memcpy(o, text, len);
	return o + len;
}

static inline uint8_t *put_number(uint8_t *o, const char *key, uint64_t v)
{
	o = put_lit(o, key);
	return o + text_put_u64_loose((char *)o, v);
}

/* The statement behind a change; what the option asked for. */
static uint8_t *put_cause(uint8_t *o, const struct mysql_cause *c)
{
	bool invalid = false;
	if (c->len == 0)
		return o;
	o = put_lit(o, ",\"query\":\"");
	o += json_text_put(o, c->text, c->len, &invalid);
	return put_lit(o, c->cut ? "\",\"query_cut\":true" : "\"");
}

void mysql_late_begin(struct mysql_event_ctx *ev)
{
	struct val op = val_of(VAL_STR, 0, 1), stream = val_of(VAL_STR, 1, ev->head_len - 1),
		   source = later_val(0, mysql_source_max(ev)),
		   image = later_val(0, ev->table->room);
	ev->op_word = val_word(&op);
	ev->stream_word = ev->head_len > 1 ? val_word(&stream) : 0;
	ev->source_word = val_word(&source);
	for (unsigned side = 0; side < 2; side++)
		ev->image_word[side] =
			ev->rows.whole[side] && ev->table->room ? val_word(&image) : 0;
}

size_t mysql_source_max(const struct mysql_event_ctx *ev)
{
	return ev->source_len + JSON_TEXT_FACTOR * ev->cause.len + 192;
}

uint8_t *mysql_source_put(const struct mysql_frame_ctx *frame, bool invalid, uint8_t *o)
{
	const struct mysql_event_ctx *ev = frame->event;
	memcpy(o, ev->source, ev->source_len);
	o += ev->source_len;
	if (ev->in_txn)
		o = put_number(o, ",\"tx_index\":", frame->tx_index);
	if (frame->last)
		o = put_lit(o, ",\"last\":true");
	o = put_cause(o, &ev->cause);
	o = put_number(o, ",\"row\":", frame->idx);
	if (invalid)
		o = put_lit(o, ",\"invalid_text\":true");
	*o++ = '}';
	return o;
}

/* --- Later ------------------------------------------------------------------------------------ */

enum text { TEXT_UNSEEN, TEXT_VALID, TEXT_INVALID };

/* In the arena of the batch. */
struct mysql_late {
	struct later sides[2], source; /* what values point to */
	const struct mysql_frame_ctx *frame;
	const uint8_t *images; /* frame->len bytes, before first */
	uint8_t text[2];       /* enum text, by side */
};

static inline struct slice image_of(const struct mysql_late *late, int side)
{
	const uint32_t *len = late->frame->len;
	return slice_of(late->images + (side == MYSQL_AFTER ? len[MYSQL_BEFORE] : 0), len[side]);
}

static uint8_t *put_image(struct mysql_late *late, enum mysql_side side, uint8_t *o)
{
	const struct mysql_table *t = late->frame->event->table;
	bool invalid = false, guessed = false;
	uint8_t *end = row_plan_text(t, image_of(late, side), o, &invalid, &guessed);
	late->text[side] = invalid ? TEXT_INVALID : TEXT_VALID;
	*o = '{'; /* in place of the first comma; there is a column */
	*end++ = '}';
	return end;
}

/* Which columns have the names that are asked for. */
static uint64_t columns_of(const struct mysql_table *t, struct later_pick *pick)
{
	if (pick->of == t && pick->stamp == t->serial && t->serial)
		return pick->members;
	uint64_t columns = 0;
	for (unsigned i = 0; i < t->n_columns; i++)
		for (unsigned k = 0; k < pick->n; k++) {
			struct slice name = {t->columns[i].name, t->columns[i].name_len};
			columns |= (uint64_t)slice_eq(name, pick->keys[k]) << i;
		}
	pick->of = t;
	pick->stamp = t->serial;
	return pick->members = columns;
}

static uint8_t *put_some(struct mysql_late *late, enum mysql_side side, struct later_pick *pick,
			 uint8_t *o)
{
	const struct mysql_table *t = late->frame->event->table;
	if (t->n_columns > 64)
		return put_image(late, side, o);
	uint8_t *end = row_plan_some(t, image_of(late, side), columns_of(t, pick), o);
	if (end == o)
		end++;
	*o = '{';
	*end++ = '}';
	return end;
}

static inline struct mysql_late *late_of(struct later *l, enum mysql_side side)
{
	return (struct mysql_late *)((uint8_t *)(l - side) - offsetof(struct mysql_late, sides));
}

static uint8_t *put_before(struct later *l, uint8_t *o)
{
	return put_image(late_of(l, MYSQL_BEFORE), MYSQL_BEFORE, o);
}

static uint8_t *put_after(struct later *l, uint8_t *o)
{
	return put_image(late_of(l, MYSQL_AFTER), MYSQL_AFTER, o);
}

static uint8_t *put_some_before(struct later *l, struct later_pick *pick, uint8_t *o)
{
	return put_some(late_of(l, MYSQL_BEFORE), MYSQL_BEFORE, pick, o);
}

static uint8_t *put_some_after(struct later *l, struct later_pick *pick, uint8_t *o)
{
	return put_some(late_of(l, MYSQL_AFTER), MYSQL_AFTER, pick, o);
}

static bool is_invalid(struct mysql_late *late, int side)
{
	const struct mysql_table *t = late->frame->event->table;
	if (late->text[side] == TEXT_UNSEEN)
		late->text[side] =
			row_plan_valid(t, image_of(late, side)) ? TEXT_VALID : TEXT_INVALID;
	return late->text[side] == TEXT_INVALID;
}

static uint8_t *put_source(struct later *l, uint8_t *o)
{
	struct mysql_late *late =
		(struct mysql_late *)((uint8_t *)l - offsetof(struct mysql_late, source));
	bool before = is_invalid(late, MYSQL_BEFORE), after = is_invalid(late, MYSQL_AFTER);
	return mysql_source_put(late->frame, before || after, o);
}

static uint8_t *put_name(uint8_t *o, const char *key, struct slice name)
{
	bool invalid = false;
	o = put_lit(o, key);
	if (name.len == 0)
		return put_lit(o, "null");
	*o++ = '"';
	o += json_text_put(o, name.ptr, name.len, &invalid);
	*o++ = '"';
	return o;
}

/* What filters ask for. */
static uint8_t *put_some_source(struct later *l, struct later_pick *pick, uint8_t *o)
{
	const struct mysql_late *late =
		(struct mysql_late *)((uint8_t *)l - offsetof(struct mysql_late, source));
	const struct mysql_table *t = late->frame->event->table;
	for (unsigned i = 0; i < pick->n; i++)
		if (!slice_eq(pick->keys[i], SLICE_LIT("db")) &&
		    !slice_eq(pick->keys[i], SLICE_LIT("table")))
			return put_source(l, o);
	o = put_name(o, "{\"db\":", t->db);
	o = put_name(o, ",\"table\":", t->name);
	*o++ = '}';
	return o;
}

static const struct later_kind before_kind = {put_before, put_some_before},
			       after_kind = {put_after, put_some_after},
			       source_kind = {put_source, put_some_source};

/* --- Records ---------------------------------------------------------------------------------- */

/* The field of an image that cannot be read later. */
static __attribute__((noinline)) const char *
read_image(struct rec_builder *rb, struct mysql_late *late, enum mysql_side side)
{
	const struct mysql_frame_ctx *frame = late->frame;
	struct mysql_row row = {
		.bytes = slice_of(late->images, (size_t)frame->len[0] + frame->len[1]),
		.len = {frame->len[0], frame->len[1]},
	};
	bool invalid = false;
	const char *why = mysql_image_now(rb, frame->event, &row, side, &invalid);
	late->text[side] = invalid ? TEXT_INVALID : TEXT_VALID;
	return why;
}

/* The field of one image. NULL, or why it cannot be read. @off: of @late. */
static inline const char *set_image(struct rec_builder *rb, struct mysql_late *late, uint32_t off,
				    const struct mysql_frame_ctx *frame, enum mysql_side side)
{
	unsigned field = side == MYSQL_BEFORE ? CHANGE_BEFORE : CHANGE_AFTER;
	uint64_t len = frame->len[side], word = frame->event->image_word[side];
	if (len == 0) {
		late->text[side] = TEXT_VALID;
		rec_set(rb, field, val_of(VAL_NULL, 0, 0));
		return NULL;
	}
	if (!word)
		return read_image(rb, late, side);
	late->text[side] = TEXT_UNSEEN;
	off += offsetof(struct mysql_late, sides) + side * sizeof(late->sides[0]);
	rec_set(rb, field, val_of_word(word + off + (len << 32)));
	return NULL;
}

const char *mysql_late_row(const struct mysql_frame_ctx *frame, struct slice images,
			   struct rec_builder *rb)
{
	const struct mysql_event_ctx *ev = frame->event;
	struct arena *a = &rb->b->arena;
	uint32_t off = arena_take8(a, sizeof(struct mysql_late));
	if (!off) {
		rb->full = true;
		return NULL;
	}
	struct mysql_late *late = (struct mysql_late *)(a->base + off);
	late->sides[MYSQL_BEFORE].kind = &before_kind;
	late->sides[MYSQL_AFTER].kind = &after_kind;
	late->source.kind = &source_kind;
	late->frame = frame;
	late->images = images.ptr;
	rb->later = true;
	if (ev->stream_word)
		rb->stream = val_of_word(ev->stream_word + frame->head_off);
	rec_set(rb, CHANGE_OP, val_of_word(ev->op_word + frame->head_off));
	rec_set(rb, CHANGE_SOURCE,
		val_of_word(ev->source_word + off + offsetof(struct mysql_late, source)));
	const char *why = set_image(rb, late, off, frame, MYSQL_BEFORE);
	return why ? why : set_image(rb, late, off, frame, MYSQL_AFTER);
}
