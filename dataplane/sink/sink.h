/* sink.h - where encoded records leave: the interface of sink_<name>.c.
 *
 * In:     struct out_batch: whole records, encoded, of one queue.
 * Out:    acknowledged, to be sent again, or rejected.
 * Owns:   a batch is borrowed by write() until it answers DONE, or until its report.
 * Runs:   one sink thread per sink, with all signals blocked; the first open, and its queues: main,
 *         before the thread starts.
 * Limits: named by each sink.
 */
#ifndef SL_SINK_SINK_H
#define SL_SINK_SINK_H

#include <stdbool.h>

#include "dataplane/base/err.h"
#include "dataplane/base/option.h"
#include "dataplane/base/slice.h"
#include "dataplane/sink/out_batch.h"

enum sink_answer {
	SINK_DONE,   /* written: the records are the sink's now */
	SINK_QUEUED, /* taken; report() will say what became of it */
	SINK_BUSY,   /* not now: err says why; the same batch is offered again, or none any more */
	SINK_REJECT, /* this batch can never be written: dead letter */
	SINK_FATAL,  /* the sink cannot be used any more: err has the text */
};

/* What became of a record of a batch that was QUEUED. */
enum sink_fate {
	SINK_WRITTEN,
	SINK_TOO_LARGE, /* the store takes none of this size */
	SINK_REJECTED,  /* the store refuses this record */
	SINK_NO_TOPIC,  /* where it should go does not exist, or must not be written to */
	SINK_TIMED_OUT, /* not acknowledged within the time that the user set */
	SINK_FAILED,    /* given up */
	SINK_N_FATES,
};

/* A batch is settled, and the sink does not look at it any more; or, with @b NULL, something that
 * the user should know.
 */
struct sink_report {
	struct out_batch *b;
	uint32_t recs[SINK_N_FATES]; /* n_recs of the batch, in all */
	const uint8_t *fates; /* by record, enum sink_fate, until the next report; NULL: not told */
	uint64_t bytes_written;
	struct err why; /* of the first that was not written; else empty */
};

/* The first and the last record of a partition that are written, by the store's own count. */
struct sink_place {
	int32_t partition;
	int64_t first, last;
};

#define SINK_PLACES_MAX 256 /* of a queue, that are told */

/* A queue that leads to the sink. Borrowed until close. */
struct sink_queue {
	const char *name;          /* project/name */
	unsigned sink;             /* which one it leads to: shipper_spec.index */
	unsigned backup;           /* and which one in its place; the same: none */
	const char *topic;         /* where its records go */
	unsigned partitions;       /* of a topic that is made; 0: as the store has it */
	unsigned pack;             /* records in one message, at most */
	bool headers;              /* messages carry the id of the record */
	bool binary;               /* records are no lines: nothing stands behind one */
	struct opt_map properties; /* of the topic, by the names of the client's library */
	bool succeeds;             /* made by a reload: the sink before it may still write */
	struct recent *recent;     /* takes where records are; NULL: nobody wants to know */
};

/* Keys of a queue that mean something to a sink with topics. */
enum sink_takes {
	SINK_TAKES_KEY = 1,
	SINK_TAKES_PARTITIONS = 2,
	SINK_TAKES_PACK = 4,
	SINK_TAKES_HEADERS = 8,
	SINK_TAKES_BINARY = 16, /* formats whose records are no lines */
	SINK_TAKES_PROPERTIES = 32,
};

struct sink_ops {
	const char *name;
	const char *summary;
	const struct opt *opts; /* closed by OPT_END */
	size_t conf_size, state_size;
	unsigned takes;         /* enum sink_takes */
	unsigned holds;         /* batches that it may keep QUEUED until more come */
	const char *topic_also; /* in the name of a topic, beside letters, digits, "._-"; or NULL */
	/* 0, with a notice for the user in e->text or nothing; or -errno. @state is zeroed, @conf
	 * lives until close. */
	int (*open)(void *state, const void *conf, struct err *e);
	/* NULL: the sink has no topics. Called once for each queue that leads here, after open; as
	 * open. */
	int (*queue)(void *state, unsigned queue, const struct sink_queue *q, struct err *e);
	enum sink_answer (*write)(void *state, const struct out_batch *b, struct err *e);
	/* NULL: the sink never answers QUEUED. What happened since the last call; false: nothing
	 * more. */
	bool (*report)(void *state, struct sink_report *ret);
	/* Of a sink with reports: what is not written yet is given up at once; reports follow. */
	void (*give_up)(void *state);
	/* Called between batches, when idle and at least every 100 ms: rotation by time, acks. */
	enum sink_answer (*poll)(void *state, struct err *e);
	/* NULL: the store has no such places. Where the queue's records are, by partition, in
	 * order: their number, at most @max, in @ret. @mark: what was before is forgotten first.
	 */
	unsigned (*places)(void *state, unsigned queue, bool mark, struct sink_place *ret,
			   unsigned max);
	/* NULL: an open sink is taken for well. Would it take records? Asked of one that has none,
	 * in whose place another one is: DONE, or BUSY with a text. It waits a second at most.
	 */
	enum sink_answer (*probe)(void *state, struct err *e);
	int (*flush)(void *state, struct err *e); /* everything written reaches its place */
	int (*close)(void *state, struct err *e); /* flush, then free; accepts half-open state */
};

extern const struct sink_ops *const sinks[]; /* sinks.c, closed by NULL */

#endif
