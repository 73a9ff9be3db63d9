/* sink.h - where encoded records leave: the interface of sink_<name>.c.
 *
 * In:     struct out_batch: whole records, encoded, of one queue.
 * Out:    acknowledged, to be sent again, or rejected.
 * Owns:   a batch is borrowed by write() until it answers DONE, or until its ack.
 * Runs:   one sink thread per sink, with all signals blocked; open: main, before the thread starts.
 * Limits: named by each sink.
 */
#ifndef SL_SINK_SINK_H
#define SL_SINK_SINK_H

#include "dataplane/base/err.h"
#include "dataplane/base/option.h"
#include "dataplane/base/slice.h"
#include "dataplane/sink/out_batch.h"

enum sink_answer {
	SINK_DONE,   /* written: the records are the sink's now */
	SINK_QUEUED, /* taken; poll() will acknowledge */
	SINK_BUSY,   /* not now: err says why; the same batch is offered again, or none any more */
	SINK_REJECT, /* this batch can never be written: dead letter */
	SINK_FATAL,  /* the sink cannot be used any more: err has the text */
};

struct sink_ops {
	const char *name;
	const char *summary;
	const struct opt *opts; /* closed by OPT_END */
	size_t conf_size, state_size;
	/* 0, with a notice for the user in e->text or nothing; or -errno. @state is zeroed, @conf
	 * lives until close. */
	int (*open)(void *state, const void *conf, struct err *e);
	enum sink_answer (*write)(void *state, const struct out_batch *b, struct err *e);
	/* Called between batches, when idle and at least every 100 ms: rotation by time, acks. */
	enum sink_answer (*poll)(void *state, struct err *e);
	int (*flush)(void *state, struct err *e); /* everything written reaches its place */
	int (*close)(void *state, struct err *e); /* flush, then free; accepts half-open state */
};

extern const struct sink_ops *const sinks[]; /* sinks.c, closed by NULL */

#endif
