/* frame_out.h - what stands behind frame_put: a burst of frames being filled.
 *
 * In:     struct frame_desc of a parser.
 * Out:    struct frame in `frames`, its bytes in the arena of `batch`.
 * Owns:   scratch memory; batch and frames belong to the caller.
 * Runs:   worker.
 * Limits: `cap` frames a burst, FRAME_BURST_BYTES of arena (one frame may be larger).
 */
#ifndef SL_FRAME_FRAME_OUT_H
#define SL_FRAME_FRAME_OUT_H

#include "dataplane/frame/parser.h"

/* A burst ends when its frames pass this: they and their records stay inside L2. */
#define FRAME_BURST_BYTES (128u << 10)

struct frame_out {
	struct batch *batch;
	struct frame *frames;
	unsigned n, cap;
	struct arena scratch; /* reset before each call of parse */
	size_t bytes_max;     /* of the source at hand; frame_out_init sets it to scratch_max */

	/* Stamped on every frame; set by frame for the session at hand. */
	uint64_t time_ns, session_id;
	uint32_t session;
	uint16_t source;
	uint8_t dir;
	bool cut;            /* the datagram at hand was cut short */
	struct slice origin; /* text, copied into the arena once a burst and session */
	uint32_t origin_off; /* 0: not copied yet */
	bool full;           /* frame_put has refused */
	struct frame like;   /* of a frame_run */

	struct slice laid;     /* bytes that stand in the arena already: of parse_in.data */
	const uint8_t *ahead;  /* bytes that are to be laid soon; or NULL */
	enum line_way way;     /* how their ends are found */
	struct line_ends ends; /* of what is laid */
};

/* @scratch_max: the most that frame_scratch gives in one call of parse. 0 or -ENOMEM. */
int frame_out_init(struct frame_out *o, size_t scratch_max);
void frame_out_fini(struct frame_out *o);

/* Where the frames that follow come from. @text is padded, and stays as it is while the burst does.
 */
static inline void frame_out_origin(struct frame_out *o, struct slice text)
{
	if (text.ptr == o->origin.ptr)
		return;
	o->origin = text;
	o->origin_off = 0;
}

/* Is there room for a frame that takes @len bytes of the arena, beside its origin? */
static inline bool frame_out_room(const struct frame_out *o, size_t len)
{
	const struct arena *a = &o->batch->arena;
	if (o->n == o->cap || (o->n > 0 && a->used + len > FRAME_BURST_BYTES))
		return false;
	return len + o->origin.len + SL_PAD <= arena_left(a);
}

/* The origin stands in the arena from here on; there is room, also for whole steps of what is
 * padded.
 */
static inline void frame_out_place_origin(struct frame_out *o)
{
	if (o->origin_off || !o->origin.len)
		return;
	struct arena *a = &o->batch->arena;
	uint8_t *to = a->base + a->used;
	o->origin_off = (uint32_t)a->used;
	a->used += o->origin.len;
	for (size_t i = 0; i < o->origin.len; i += SL_PAD)
		memcpy(to + i, o->origin.ptr + i, SL_PAD);
}

/* A frame of BODY_PARSER whose @bytes, which are all body, stand in the arena; there is room. Time,
 * offset, session (both of its members), source, direction and `cut` are the caller's to set. Each
 * member by itself: to clear all of it first would take longer.
 */
static inline struct frame *frame_out_add(struct frame_out *o, struct slice bytes)
{
	struct frame *f = &o->frames[o->n++];
	f->bytes = bytes;
	f->body = bytes;
	f->meta = (struct val){0};
	f->meta_name = NULL;
	f->unparsed = NULL;
	f->aux = NULL;
	f->idx = 0;
	f->origin_off = o->origin_off;
	f->origin_len = (uint16_t)o->origin.len;
	f->body_kind = BODY_PARSER;
	return f;
}

/* The same of a copy of @bytes; NULL: the burst is full. */
static inline struct frame *frame_out_whole(struct frame_out *o, struct slice bytes)
{
	if (!frame_out_room(o, bytes.len))
		return NULL;
	frame_out_place_origin(o);
	struct arena *a = &o->batch->arena;
	bytes.ptr = memcpy(a->base + a->used, bytes.ptr, bytes.len);
	a->used += bytes.len;
	return frame_out_add(o, bytes);
}

/* Lays @head and @tail side by side into the arena, where frames of them then
 * stay; whose frames they are must be set. They are returned as they stand there, and their line
 * ends are o->ends; NULL: the burst is full.
 */
struct slice frame_out_lay(struct frame_out *o, const struct parser *p, struct slice head,
			   struct slice tail);

/* The parser has read what was laid; what is behind the first @consumed bytes is given back. */
void frame_out_laid(struct frame_out *o, size_t consumed);

/* Begins a burst into @b and @frames[0..cap-1]. */
void frame_out_begin(struct frame_out *o, struct batch *b, struct frame *frames, unsigned cap);

#endif
