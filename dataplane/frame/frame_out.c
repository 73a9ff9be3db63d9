#include "dataplane/frame/frame_out.h"

int frame_out_init(struct frame_out *o, size_t scratch_max)
{
	*o = (struct frame_out){.bytes_max = scratch_max, .way = line_ends_way()};
	return arena_init(&o->scratch, scratch_max + 8);
}

void frame_out_fini(struct frame_out *o)
{
	arena_fini(&o->scratch);
}

void frame_out_begin(struct frame_out *o, struct batch *b, struct frame *frames, unsigned cap)
{
	o->batch = b;
	o->frames = frames;
	o->n = 0;
	o->cap = cap;
	o->origin_off = 0;
	o->full = false;
	o->laid = (struct slice){0};
}

uint8_t *frame_scratch(struct frame_out *out, size_t len)
{
	uint32_t off = arena_take8(&out->scratch, len + SL_PAD);
	return off ? out->scratch.base + off : NULL;
}

size_t frame_scratch_max(const struct frame_out *out)
{
	return out->scratch.cap - 8;
}

size_t frame_bytes_max(const struct frame_out *out)
{
	return out->bytes_max;
}

void frame_out_laid(struct frame_out *o, size_t consumed)
{
	struct arena *a = &o->batch->arena;
	size_t at = (size_t)(o->laid.ptr - a->base);
	if (a->used == at + o->laid.len) /* else something stands behind it */
		a->used = at + consumed;
	o->laid = (struct slice){0};
}

static inline bool is_laid(const struct frame_out *o, struct slice bytes)
{
	return (size_t)(bytes.ptr - o->laid.ptr) < o->laid.len;
}

/* All but bytes, body, idx, aux and where the origin stands. Each field by itself: to clear all of
 * it first would take longer.
 */
static inline void fill(const struct frame_out *o, const struct frame_desc *d, struct frame *f)
{
	f->time_ns = d->time_ns ? d->time_ns : o->time_ns;
	f->stream_off = d->stream_off;
	f->session_id = d->identity ? d->identity : o->session_id;
	f->meta = (struct val){0};
	f->meta_name = d->meta_name;
	f->unparsed = d->unparsed;
	f->session = o->session;
	f->origin_len = (uint16_t)o->origin.len;
	f->source = o->source;
	f->body_kind = d->body_kind;
	f->dir = d->identity ? 1 : o->dir; /* a part of _id: the same from wire and file */
	f->cut = d->cut || o->cut;
}

/* Behind the head, at which only half a frame waits, stores go to whole lines of the cache. A burst
 * of what is laid ends so early that its bytes, its frames and their records stay inside L1.
 */
#define LINE_BYTES 64
#define LAID_BYTES (8u << 10)

/* What frames of it have in common is written first: when it is read, it would have to wait for
 * the stores of all that was copied.
 */
struct slice frame_out_lay(struct frame_out *o, const struct parser *p, struct slice head,
			   struct slice tail)
{
	const struct frame_desc like = {.body_kind = p->lays_down};
	struct arena *a = &o->batch->arena;
	size_t len = head.len + tail.len;
	if ((o->n > 0 && a->used + len > LAID_BYTES) || !frame_out_room(o, len + LINE_BYTES))
		return (struct slice){0};
	frame_out_place_origin(o);
	fill(o, &like, &o->like);
	o->like.origin_off = o->origin_off;
	uint8_t *at = a->base + a->used;
	at += -(uintptr_t)(at + head.len) % LINE_BYTES;
	line_ends_begin(&o->ends, at);
	if (head.len)
		line_ends_copy(&o->ends, o->way, at, head.ptr, head.len, head.ptr);
	line_ends_copy(&o->ends, o->way, at + head.len, tail.ptr, tail.len,
		       o->ahead ? o->ahead : tail.ptr);
	a->used = (size_t)(at - a->base) + len;
	return o->laid = slice_of(at, len);
}

bool frame_put(struct frame_out *o, const struct frame_desc *d)
{
	bool laid = is_laid(o, d->bytes);
	if (!frame_out_room(o, (laid ? 0 : d->bytes.len) + d->meta.len)) {
		o->full = true;
		return false;
	}
	struct arena *a = &o->batch->arena;
	frame_out_place_origin(o);
	uint32_t off = laid ? (uint32_t)(d->bytes.ptr - a->base)
			    : arena_copy(a, d->bytes.ptr, d->bytes.len);
	size_t body_at = d->body.len ? (size_t)(d->body.ptr - d->bytes.ptr) : 0;
	struct frame *f = &o->frames[o->n++];
	fill(o, d, f);
	f->origin_off = o->origin_off;
	f->bytes = arena_slice(a, off, d->bytes.len);
	f->body = arena_slice(a, off + (uint32_t)body_at, d->body.len);
	f->aux = d->aux;
	f->idx = d->idx;
	if (d->meta.len)
		f->meta = val_of(VAL_JSON, arena_copy(a, d->meta.ptr, d->meta.len), d->meta.len);
	return true;
}

bool frame_put_whole(struct frame_out *o, struct slice bytes, uint64_t stream_off, bool cut)
{
	struct frame *f = !is_laid(o, bytes) ? frame_out_whole(o, bytes)
			  : o->n < o->cap    ? frame_out_add(o, bytes)
					     : NULL;
	if (!f) {
		o->full = true;
		return false;
	}
	f->time_ns = o->time_ns;
	f->stream_off = stream_off;
	f->session_id = o->session_id;
	f->session = o->session;
	f->source = o->source;
	f->dir = o->dir;
	f->cut = cut || o->cut;
	return true;
}

struct frame_run frame_lines_begin(const struct frame_out *o)
{
	return (struct frame_run){o->frames + o->n, o->frames + o->cap, &o->like};
}

struct frame_run frame_run_begin(struct frame_out *o, const struct frame_desc *d)
{
	fill(o, d, &o->like);
	return frame_lines_begin(o);
}

void frame_run_end(struct frame_out *o, const struct frame *next, bool full)
{
	o->n = (unsigned)(next - o->frames);
	o->full |= full;
}

bool frame_block(struct frame_out *o, const struct frame *next, struct slice head,
		 struct slice bytes, size_t least, struct frame_block *ret_b)
{
	frame_run_end(o, next, false);
	size_t len = bytes.len < FRAME_BLOCK_BYTES ? bytes.len : FRAME_BLOCK_BYTES;
	len = len < least ? least : len;
	if (!frame_out_room(o, head.len + len))
		return false;
	struct arena *a = &o->batch->arena;
	frame_out_place_origin(o);
	o->like.origin_off = o->origin_off;
	ret_b->head_off = arena_copy(a, head.ptr, head.len);
	ret_b->from = bytes.ptr;
	ret_b->at = a->base + arena_copy(a, bytes.ptr, len);
	ret_b->len = len;
	return true;
}
