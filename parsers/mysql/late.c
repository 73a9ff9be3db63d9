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
	uint32_t text[2];      /* enum text, by side */
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
	if (late->frame->len[side] == 0)
		return false;
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

/* The images of an op, by side. */
static bool has_side(const struct mysql_event_ctx *ev, enum mysql_side side)
{
	return ev->rows.op != (side == MYSQL_BEFORE ? MYSQL_OP_WRITE : MYSQL_OP_DELETE);
}

static uint32_t place_of(enum mysql_side side)
{
	return (uint32_t)(offsetof(struct mysql_late, sides) + side * sizeof(struct later));
}

static bool waits(const struct mysql_event_ctx *ev, enum mysql_side side)
{
	return ev->table->room && ev->table->n_columns && ev->rows.whole[side];
}

void mysql_late_begin(struct mysql_event_ctx *ev)
{
	struct val op = val_of(VAL_STR, 0, 1), stream = val_of(VAL_STR, 1, ev->head_len - 1),
		   null = val_of(VAL_NULL, 0, 0),
		   source = later_val(offsetof(struct mysql_late, source), mysql_source_max(ev));
	ev->op_word = val_word(&op);
	ev->stream_word = ev->head_len > 1 ? val_word(&stream) : 0;
	ev->source_word = val_word(&source);
	ev->now = false;
	for (unsigned side = 0; side < 2; side++) {
		struct val image = later_val(place_of(side), ev->table->room);
		bool has = has_side(ev, side);
		ev->image_word[side] = val_word(has ? &image : &null);
		ev->image_place[side] = has ? UINT64_MAX : 0;
		ev->now |= has && !waits(ev, side);
	}
}

/* The field of one image, of an event that has some to be read now. NULL, or why it cannot be.
 * @off: of @late.
 */
static const char *set_image(struct rec_builder *rb, struct mysql_late *late, uint32_t off,
			     enum mysql_side side)
{
	const struct mysql_frame_ctx *frame = late->frame;
	uint32_t len = frame->len[side];
	if (len == 0 || waits(frame->event, side)) {
		struct val v = later_val(off + place_of(side), frame->event->table->room);
		rec_set(rb, side == MYSQL_BEFORE ? CHANGE_BEFORE : CHANGE_AFTER,
			len ? val_of_word(val_word(&v) + ((uint64_t)len << 32))
			    : val_of(VAL_NULL, 0, 0));
		return NULL;
	}
	struct mysql_row row = {
		.bytes = slice_of(late->images, (size_t)frame->len[0] + frame->len[1]),
		.len = {frame->len[0], frame->len[1]},
	};
	bool invalid = false;
	const char *why = mysql_image_now(rb, frame->event, &row, side, &invalid);
	late->text[side] = invalid ? TEXT_INVALID : TEXT_VALID;
	return why;
}

static __attribute__((noinline)) const char *set_images(struct rec_builder *rb,
							struct mysql_late *late, uint32_t off)
{
	const char *why = set_image(rb, late, off, MYSQL_BEFORE);
	return why ? why : set_image(rb, late, off, MYSQL_AFTER);
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
	*late = (struct mysql_late){
		.sides = {{&before_kind}, {&after_kind}},
		.source = {&source_kind},
		.frame = frame,
		.images = images.ptr,
	};
	rb->later = true;
	struct val *v = rb->fixed;
	uint64_t head = frame->head_off;
	if (ev->stream_word)
		rb->stream = val_of_word(ev->stream_word + head);
	v[CHANGE_OP] = val_of_word(ev->op_word + head);
	v[CHANGE_SOURCE] = val_of_word(ev->source_word + off);
	if (ev->now)
		return set_images(rb, late, off);
	v[CHANGE_BEFORE] =
		val_of_word(ev->image_word[MYSQL_BEFORE] + (off & ev->image_place[MYSQL_BEFORE]) +
			    ((uint64_t)frame->len[MYSQL_BEFORE] << 32));
	v[CHANGE_AFTER] =
		val_of_word(ev->image_word[MYSQL_AFTER] + (off & ev->image_place[MYSQL_AFTER]) +
			    ((uint64_t)frame->len[MYSQL_AFTER] << 32));
	return NULL;
}
