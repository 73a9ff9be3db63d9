#include "dataplane/frame/frame_out.h"

int frame_out_init(struct frame_out *o, size_t scratch_max)
{
	*o = (struct frame_out){.bytes_max = scratch_max};
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

bool frame_put(struct frame_out *o, const struct frame_desc *d)
{
	if (!frame_out_room(o, d->bytes.len + d->meta.len)) {
		o->full = true;
		return false;
	}
	struct arena *a = &o->batch->arena;
	frame_out_place_origin(o);
	uint32_t off = arena_copy(a, d->bytes.ptr, d->bytes.len);
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
	struct frame *f = frame_out_whole(o, bytes);
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

struct frame_run frame_run_begin(struct frame_out *o, const struct frame_desc *d)
{
	fill(o, d, &o->like);
	return (struct frame_run){o->frames + o->n, o->frames + o->cap, &o->like};
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
