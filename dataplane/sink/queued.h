/* queued.h - what the sinks that answer QUEUED keep of each batch until it is reported.
 *
 * In:     batches from write(); what becomes of their records.
 * Out:    reports, and notices for the user, one by one.
 * Owns:   the lists; a batch until its report. The memory of the flights is the sink's.
 * Runs:   the sink's thread; init: main.
 * Limits: as many batches at once as init was given; QUEUED_NOTICES_MAX notices that wait.
 */
#ifndef SL_SINK_QUEUED_H
#define SL_SINK_QUEUED_H

#include "dataplane/sink/sink.h"

#define QUEUED_NOTICES_MAX 8

/* A batch under way; the first member of the sink's own struct for it. */
struct queued {
	struct queued *next; /* of those that are free or settled */
	uint32_t n_left;     /* records that are not settled */
	struct sink_report report;
	uint8_t fates[OUT_BATCH_RECS_MAX];
};

struct queued_lists {
	struct queued *free, *settled, **settled_end;
	unsigned n_flying;
	struct err notices[QUEUED_NOTICES_MAX];
	unsigned n_notices;
};

/* @first: an array of @n structs of @size bytes that begin with a struct queued; borrowed. */
void queued_init(struct queued_lists *l, void *first, size_t n, size_t size);

/* Takes @b over; NULL: nothing is free. */
struct queued *queued_begin(struct queued_lists *l, const struct out_batch *b);

/* All records of @q are settled, and it is in no list of the sink's any more. */
void queued_end(struct queued_lists *l, struct queued *q);

void queued_tell(struct queued_lists *l, const char *text);

/* sink_ops.report. */
bool queued_report(struct queued_lists *l, struct sink_report *ret);

#endif
