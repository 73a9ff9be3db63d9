/* queue_schema.h - the schemas of all queues: inferred from the graph, beside their files.
 *
 * In:     a built pipeline, the files under schema_dir.
 * Out:    a schema for each queue, with numbers; what may not change, as errors.
 * Owns:   all of it, until queue_schemas_destroy; names are the pipeline's.
 * Runs:   main.
 * Limits: PROTO_FIELDS_MAX fields a queue.
 */
#ifndef SL_CTL_QUEUE_SCHEMA_H
#define SL_CTL_QUEUE_SCHEMA_H

#include "ctl/pipeline.h"
#include "ctl/schema_file.h"
#include "dataplane/sink/proto_shape.h"

/* `compatibility` of a queue: what a change of its schema must leave as it was. */
enum compatibility {
	COMPATIBILITY_NONE,
	COMPATIBILITY_BACKWARD, /* who knows the new schema reads the old records */
	COMPATIBILITY_FORWARD,  /* who knows the old schema reads the new records */
	COMPATIBILITY_FULL,
};

extern const char *const compatibility_names[];

struct queue_schema {
	struct schema_file old; /* version 0: there is no file */
	struct schema_file now; /* old with one more version, when it differs */
	bool differs;
};

struct queue_schemas {
	struct memlist mem;
	struct queue_schema *items; /* by queue */
	size_t n;
};

/* 0; -EINVAL when @errs tells what is wrong; -ENOMEM. @errs may hold warnings also after success.
 * @writing: only what would keep the schemas from being written is told.
 */
int queue_schemas_create(const struct pipeline *p, const struct config_files *files, bool writing,
			 struct queue_schemas **ret_s, struct err_list *errs);
void queue_schemas_destroy(struct queue_schemas *s); /* accepts NULL */

/* The fields of a schema in a message. */
enum proto_kind queue_schema_kind(enum sql_type t);

/* The shape of queue @q's messages, for a queue of format protobuf. 0, or -ENOMEM with a text. */
int queue_schema_shape(const struct queue_schemas *s, const struct pipeline *p, unsigned q,
		       struct proto_shape **ret_shape, struct err *e);

/* The set of the fields that queue @q names; NULL when it names none. 0, or -ENOMEM with a text. */
int queue_schema_only(const struct pipeline *p, unsigned q, struct proto_shape **ret_only,
		      struct err *e);

/* The .proto file of a queue. 0 or -ENOMEM. */
int queue_schema_proto(struct queue_schemas *s, unsigned q, FILE *out);

#endif
