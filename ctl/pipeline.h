/* pipeline.h - what a configuration says of records, compiled: formats, rules, schemas, routes.
 *
 * In:     struct config.
 * Out:    the tables that frame, extract, match and the encoder work from.
 * Owns:   all of them; the configuration must outlive it. Immutable once built.
 * Runs:   build and destroy: main. Every worker reads it.
 * Limits: -
 */
#ifndef SL_CTL_PIPELINE_H
#define SL_CTL_PIPELINE_H

#include "ctl/config.h"
#include "ctl/kept.h"
#include "dataplane/extract/extract.h"
#include "dataplane/extract/grok.h"
#include "dataplane/frame/frame.h"
#include "dataplane/graph/graph.h"
#include "dataplane/match/rules.h"
#include "dataplane/sink/encode.h"

struct pipeline {
	const struct config *conf;
	const struct pipeline *before; /* of a reload, until it is built; else NULL */
	struct names *names;
	struct grok *grok;
	struct frame_source *frame_sources; /* by index of conf->sources, and so on */
	struct extract_source *extract_sources;
	struct rules *rules; /* of all sources; NULL: none */
	struct rule_def *rule_defs;
	struct slice *source_json, *source_only;
	struct encode_ctx encode;
	struct kept_source **kept_sources; /* by index of conf->sources; NULL: nothing goes on */
	struct kept_dim **kept_dims;       /* by index of conf->dimensions, and so on */
	struct dim **dims;
	bool *dims_lent; /* those that an earlier pipeline had loaded */
	struct graph_plan graph;
	struct graph_plan trial_graph; /* the same nodes; its queues are the origins, by index */
	struct err_list notes;         /* what is not wrong, but worth to be known */
	const struct slice *source_names;
	struct pipeline_graph *built; /* what these three point to */
};

/* 0, -ENOMEM, or -EINVAL with a text that names the file and the place. */
int pipeline_build(const struct config *conf, struct pipeline **ret_p, struct err *e);

/* As it, beside @before, which runs: it shares the dimensions that have not changed, and what the
 * parsers of sources that go on keep.
 */
int pipeline_rebuild(const struct config *conf, const struct pipeline *before,
		     struct pipeline **ret_p, struct err *e);
void pipeline_destroy(struct pipeline *p);

/* The part of it that makes p->graph, of the sources' schemas and the configuration's nodes. */
int pipeline_graph_build(struct pipeline *p, struct err *e);
/* What is known of the records of queue @q. */
const struct op_schema *pipeline_queue_schema(const struct pipeline *p, unsigned q);
void pipeline_graph_destroy(struct pipeline *p);

/* What is known of the records of several of them together. @ret_fields is the caller's, for
 * mem_free. 0 or -ENOMEM.
 */
int pipeline_merge(const struct pipeline *p, const unsigned *origins, size_t n_origins,
		   struct op_field **ret_fields, struct op_schema *ret_s);

/* What is known of the records of an origin, by index of conf->origins. */
const struct op_schema *pipeline_schema(const struct pipeline *p, unsigned origin);

#endif
