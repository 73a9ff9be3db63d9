/* The end of the path: a record is written once, in its queue's format, into the open batch. */
#include <assert.h>

#include "dataplane/rec/later.h"
#include "dataplane/sink/out_batch.h"
#include "dataplane/sink/out_hops.h"
#include "dataplane/worker_parts.h"

/* What goes beside a record, for a sink that has messages with keys. */
static void queue_mark(struct worker *w, unsigned queue, struct batch *b, struct rec *r)
{
	uint8_t text[OUT_ID_MAX];
	const struct worker_out *out = &w->conf.out;
	struct slice key = {0}, id = {0};
	if (w->keys[queue])
		key = out_key_of(w->keys[queue], b, r);
	if (w->conf.forms[queue].ids)
		id = slice_of(text, out_hops_put_id(r, text));
	out->mark(out->arg, w->conf.index, queue, key, id);
}

/* The record as a queue's encoder takes it; NULL: the arena does not hold it. */
static const struct rec *queue_rec(struct worker *w, const struct queue_form *form, struct batch *b,
				   struct rec *r)
{
	struct rec *kept = form->only ? proto_shape_keep(form->only, w->encode.proto, b, r) : r;
	return form->encoder->later ? kept : rec_settled(b, kept);
}

/* What the messages that were written last do not have of their records. */
static inline void tell_narrowed(const struct worker *w, unsigned queue)
{
	const struct worker_out *out = &w->conf.out;
	const struct proto_scratch *x = w->encode.proto;
	if (w->encode.shape && (x->n_more || x->n_misfits))
		out->narrowed(out->arg, w->conf.index, queue, x->n_more, x->n_misfits);
}

/* Puts one record into one queue, in that queue's format. */
static void queue_put(struct worker *w, unsigned queue, struct batch *b, struct rec *r)
{
	const struct worker_out *out = &w->conf.out;
	const struct queue_form *form = &w->conf.forms[queue];
	enum encode_fit fit = encode_fit(form->encoder, r);
	if (form->hops_max && r->hops >= form->hops_max)
		fit = ENCODE_TOO_FAR;
	if (fit != ENCODE_FITS && !(fit == ENCODE_DDL && form->ddl)) {
		out->leave_out(out->arg, w->conf.index, queue, fit);
		return;
	}
	const struct rec *out_rec = queue_rec(w, form, b, r);
	w->encode.shape = form->shape;
	size_t max = out_rec ? form->encoder->max(&w->encode, b, out_rec) : SIZE_MAX;
	uint8_t *room = out->room(out->arg, w->conf.index, queue, max);
	if (!room)
		return;
	size_t len = form->encoder->put(&w->encode, b, out_rec, room);
	if (form->marks)
		queue_mark(w, queue, b, r);
	out->commit(out->arg, w->conf.index, queue, len, r->time_ns);
	tell_narrowed(w, queue);
}

static bool is_plain(const struct queue_form *f)
{
	return !f->marks && !f->only && !f->encoder->changes_only;
}

/* The first of the @n records in @to, which has room for it, and those behind it that go along.
 * Returns their number. @r: the first one, as the encoder takes it; @max: what it may take.
 */
static unsigned put_some(struct worker *w, const struct encoder *encoder, struct batch *b,
			 struct rec *const *recs, unsigned n, const struct rec *r, size_t max,
			 struct out_batch *to)
{
	unsigned n_put =
		encoder->put_burst && n > 1 ? encoder->put_burst(&w->encode, b, recs, n, to) : 0;
	if (n_put)
		return n_put;
	size_t len = encoder->put(&w->encode, b, r, to->buf + to->len);
	assert(len <= max);
	out_batch_add(to, len, r->time_ns);
	return 1;
}

/* The same for a queue that takes all records as they are: as many at a time as its open batch
 * holds.
 */
static void queue_put_plain(struct worker *w, unsigned queue, struct batch *b,
			    struct rec *const *recs, unsigned n)
{
	const struct worker_out *out = &w->conf.out;
	const struct encoder *encoder = w->conf.forms[queue].encoder;
	struct out_batch *to = NULL;
	size_t mark = b->arena.used;
	unsigned n_added = 0, n_more;
	w->encode.shape = w->conf.forms[queue].shape;
	for (unsigned i = 0; i < n; i += n_more) {
		b->arena.used = mark; /* what was written for the record before alone */
		const struct rec *r = encoder->later ? recs[i] : rec_settled(b, recs[i]);
		size_t max = r ? encoder->max(&w->encode, b, r) : SIZE_MAX;
		n_more = 1;
		if (!to || !out_batch_holds(to, max)) {
			if (n_added)
				out->added(out->arg, w->conf.index, queue, n_added);
			n_added = 0;
			to = out->open(out->arg, w->conf.index, queue, max);
		}
		if (!to)
			continue;
		n_more = put_some(w, encoder, b, recs + i, n - i, r, max, to);
		n_added += n_more;
		tell_narrowed(w, queue);
	}
	b->arena.used = mark;
	if (n_added)
		out->added(out->arg, w->conf.index, queue, n_added);
}

void worker_put(void *arg, unsigned queue, struct batch *b, struct rec *const *recs, unsigned n)
{
	const struct worker *w = arg;
	size_t mark = b->arena.used;
	if (w->conf.out.open && is_plain(&w->conf.forms[queue])) {
		queue_put_plain(arg, queue, b, recs, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		queue_put(arg, queue, b, recs[i]);
		b->arena.used = mark; /* what was written for this record alone */
	}
}

void worker_count_hops(const struct worker *w, struct batch *b)
{
	for (unsigned i = 0; w->counts_hops && i < b->n_recs; i++)
		if (b->recs[i])
			b->recs[i]->hops = out_hops_of(b, b->recs[i]) & 127;
}

/* From so many queues on the places that their records are written to are in no near cache. To ask
 * for those of a burst at once takes the time of one, and for each by itself that of all.
 */
#define SOON_QUEUES_MIN 64

void worker_foresee(const struct worker *w, const struct batch *b)
{
	const struct worker_out *out = &w->conf.out;
	const struct graph_origin *origins = graph_plan(w->graph)->origins;
	uint16_t queues[BATCH_RECS_MAX];
	unsigned n = 0;
	if (!out->soon || w->conf.n_queues < SOON_QUEUES_MIN)
		return;
	for (unsigned i = 0; i < b->n_recs; i++) {
		const struct graph_origin *o = b->recs[i] ? &origins[b->recs[i]->source] : NULL;
		if (o && o->n_queues && (n == 0 || queues[n - 1] != o->queues[0]))
			queues[n++] = o->queues[0];
	}
	out->soon(out->arg, w->conf.index, queues, n);
}
