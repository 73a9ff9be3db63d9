/* generation.h - one configuration, compiled: what a reload exchanges as a whole.
 *
 * In:     struct config; at a reload, the generation that runs.
 * Out:    the pipeline, and the form of each queue's records.
 * Owns:   all of it, and the configuration too when it came with a reload.
 * Runs:   build: main, or a reload's thread. Others: main. Workers read what it points to.
 * Limits: -
 *
 * A dimension that a reload does not change goes on with its rows (kept.h). So does a source with
 * its sessions, and a node with what it remembers.
 */
#ifndef SL_CTL_GENERATION_H
#define SL_CTL_GENERATION_H

#include <stdatomic.h>

#include "ctl/pipeline.h"
#include "ctl/queue_schema.h"
#include "dataplane/worker.h"

struct generation {
	atomic_uint n_refs;      /* a reload's thread takes one too */
	struct config *own_conf; /* NULL: borrowed */
	const struct config *conf;
	struct pipeline *pipeline;
	struct queue_schemas *schemas;
	struct proto_shape **shapes; /* by queue; NULL: of another format */
	struct proto_shape **onlys;  /* by queue; NULL: all fields are written */
	struct queue_form *forms;
	struct shed_source *sheds; /* by source */
	uint16_t *shed_queues;     /* theirs */
	uint16_t *next_nodes;      /* by node of the graph before: the same one here; or NULL */
	uint16_t *next_sources;    /* the same; NULL also when all are where they were */
};

/* @before: the one that runs, at a reload; else NULL. 0, or -errno with a text. What is wrong with
 * schemas goes to @out, a line each. Given back by generation_put.
 */
int generation_build(const struct config *conf, struct generation *before,
		     struct generation **ret_g, FILE *out, struct err *e);

/* The members of a worker's configuration that are a generation's. */
struct worker_conf generation_worker_conf(const struct generation *g);

struct generation *generation_get(struct generation *g);
void generation_put(struct generation *g); /* accepts NULL */

#endif
