/* lone.h - a worker that runs by itself over capture files, its records as lines of JSON.
 *
 * In:     a pipeline, a graph of it with queues of the caller's, capture files.
 * Out:    each record that comes to a queue, to a function.
 * Owns:   the worker and the room for one record.
 * Runs:   main; the function too.
 * Limits: what is larger than the room is left out, and counted.
 */
#ifndef SL_CTL_LONE_H
#define SL_CTL_LONE_H

#include <stdio.h>

#include "ctl/pipeline.h"
#include "dataplane/capture/replay.h"
#include "dataplane/worker.h"

/* @line: the record, its newline included, borrowed until it returns. False: no more. */
typedef bool lone_line(void *arg, unsigned queue, struct slice line);

/* A record is at most its frame with every byte escaped, and its keys; see topology_outlets.c. */
#define LONE_ROOM(frame_bytes_max) (32 * (frame_bytes_max) + (17u << 20))

struct lone;

/* @plan and @p are borrowed. 0 or -errno with a text. */
int lone_create(const struct pipeline *p, const struct graph_plan *plan, unsigned n_queues,
		const struct replay_conf *rc, lone_line *line, void *arg, struct lone **ret_l,
		struct err *e);
void lone_destroy(struct lone *l); /* accepts NULL */

/* To the end of the files. False, with lines on @out: they broke somewhere, or records were larger
 * than the room.
 */
bool lone_run(struct lone *l, FILE *out);

const struct worker *lone_worker(const struct lone *l);

#endif
