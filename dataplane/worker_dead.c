/* Records that could not be worked on, with the bytes that they were made of. */
#include "dataplane/sink/out_hops.h"
#include "dataplane/worker_parts.h"

/* The frame that @r was made of: they stand in the arena in their order. NULL: it is not of this
 * burst, or none (a group).
 */
static const struct frame *frame_of(const struct worker *w, const struct rec *r)
{
	const uint8_t *at = w->batch.arena.base + r->frame_off;
	unsigned lo = 0, hi = w->n_frames;
	while (lo < hi) {
		unsigned mid = (lo + hi) / 2;
		if (w->frames[mid].bytes.ptr < at)
			lo = mid + 1;
		else
			hi = mid;
	}
	const struct frame *f = &w->frames[lo];
	return lo < w->n_frames && r->frame_len && f->bytes.ptr == at ? f : NULL;
}

/* The record as JSON, where the frame's bytes alone do not say what it is. */
static struct slice detail_of(struct worker *w, struct batch *b, const struct rec *r)
{
	const struct parser *p = w->conf.frame_sources[r->source].parser;
	uint32_t off = 0;
	size_t max = encode_json_max(&w->encode, b, r);
	if (p->changes || r->frame_len == 0)
		off = arena_take(&b->arena, max);
	if (!off)
		return (struct slice){0};
	size_t len = encode_json(&w->encode, b, r, b->arena.base + off);
	return slice_of(b->arena.base + off, len - 1); /* without the line's end */
}

/* What its parser needs to read @f again. */
static struct slice ground_of(struct worker *w, struct batch *b, const struct frame *f)
{
	const struct parser *p = f ? w->conf.frame_sources[f->source].parser : NULL;
	if (!p || !p->ground || f->body_kind == BODY_RECORD)
		return (struct slice){0};
	uint8_t *out = b->arena.base + b->arena.used;
	const void *pool = frame_pool(w->frame, f->source);
	size_t len = p->ground(pool, f, out, arena_left(&b->arena));
	b->arena.used += len;
	return slice_of(out, len);
}

static void bury(struct worker *w, struct batch *b, const struct rec *r, enum dead_stage stage,
		 const char *rule, const char *why, struct slice about)
{
	struct dead_letter l;
	uint8_t id[OUT_ID_MAX];
	size_t used = b->arena.used;
	const struct frame *f = about.len ? NULL : frame_of(w, r);
	dead_letter_of(&l, b, r, f);
	l.text[DEAD_GROUND] = ground_of(w, b, f);
	if (about.len)
		dead_letter_recall(&l, about);
	l.stage = (uint8_t)stage;
	l.text[DEAD_REASON] = slice_str(why);
	l.text[DEAD_RULE] = slice_str(rule);
	l.text[DEAD_SOURCE] = w->conf.source_names[r->source];
	l.text[DEAD_ID] = slice_of(id, encode_id(r, id));
	l.text[DEAD_DETAIL] = detail_of(w, b, r);
	w->conf.out.dead(w->conf.out.dead_arg, w->conf.index, &l);
	b->arena.used = used;
}

/* The graph could not work on it. */
static void bury_node(void *arg, unsigned node, struct batch *b, const struct rec *r,
		      const char *why, struct slice about)
{
	struct worker *w = arg;
	bury(w, b, r, DEAD_NODE, w->conf.graph->nodes[node].name, why, about);
}

/* It waits in a node, and its frame does not. */
static struct slice about_rec(void *arg, struct batch *b, const struct rec *r)
{
	const struct frame *f = frame_of(arg, r);
	return f ? dead_letter_about(b, f, ground_of(arg, b, f)) : (struct slice){0};
}

const struct graph_dead worker_graph_dead = {.bury = bury_node, .about = about_rec};

void worker_bury_unread(struct worker *w, struct batch *b)
{
	for (unsigned i = 0; i < b->n_recs; i++) {
		const struct rec *r = b->recs[i];
		if (!(r->flags & w->conf.dead_flags))
			continue;
		const char *parser = w->conf.frame_sources[r->source].parser->name;
		extract_dead(w->extract, r);
		bury(w, b, r, DEAD_EXTRACT, parser, r->error ? r->error : "no format fits",
		     (struct slice){0});
		b->recs[i] = NULL;
	}
}
