/* control.h - what a running sluiced shows of itself, and takes as orders.
 *
 * In:     reports from main, twice a second; questions to the parts that answer any thread.
 * Out:    reply trees for the commands (command.h), which neither format nor wait for a worker.
 * Owns:   the last report, and a minute of totals behind it.
 * Runs:   create, publish, destroy: main. The rest: any thread.
 * Limits: an answer is as old as the last report: half a second, or as old as `age` says when a
 *         worker did not answer.
 */
#ifndef SL_CTL_CONTROL_H
#define SL_CTL_CONTROL_H

#include <jansson.h>
#include <sys/types.h>

#include "ctl/config.h"
#include "ctl/flow_table.h"
#include "ctl/live_tap.h"
#include "ctl/report.h"
#include "dataplane/base/latency.h"

/* An answer that takes a while, or has no end: who asks comes again and again, and never waits. */
struct control_job;

struct control_job_ops {
	/* 0: @reply is whole; -EAGAIN: not yet; another: it has failed, with a text. */
	int (*poll)(struct control_job *j, json_t *reply, struct err *e);
	/* Of a stream, in place of it: at most @cap bytes. 0: there are none now; -1: no more. */
	ssize_t (*read)(struct control_job *j, char *out, size_t cap);
	/* At its end, or when nobody wants it any more. */
	void (*drop)(struct control_job *j);
};

struct control_job {
	const struct control_job_ops *ops;
};

/* A candidate beside what runs. */
struct shadow_query {
	const char *config; /* a file, as sluiced finds it */
	uint64_t for_ns;
	unsigned samples; /* of each queue and kind of difference, of each worker */
};

typedef void latency_fn(void *to, const char *stage, const char *scope,
			const struct latency_sum *s);

/* Answers of the topology; each appends objects to @rows. */
struct control_ops {
	void (*workers)(void *arg, json_t *rows);
	void (*ports)(void *arg, json_t *rows);
	void (*sinks)(void *arg, json_t *rows);
	void (*dims)(void *arg, json_t *rows);
	/* Calls @each for every worker and queue. */
	void (*latency)(void *arg, latency_fn *each, void *to);
	/* Where @queue's records go now; its index in the configuration. */
	const char *(*queue_sink)(void *arg, unsigned queue);
	/* As topology_queue_command. */
	int (*queue_pause)(void *arg, const char *queue, struct err *e);
	int (*queue_resume)(void *arg, const char *queue, struct err *e);
	int (*queue_switch)(void *arg, const char *queue, const char *sink, struct err *e);
	int (*reload)(void *arg, json_t *reply, struct err *e); /* -EBUSY: one is under way */
	void (*reload_state)(void *arg, json_t *reply);
	int (*explain)(void *arg, const char *id, struct control_job **ret_j, struct err *e);
	/* -ENOENT, -EINVAL: its arguments are wrong; another: it cannot be now. */
	int (*tap)(void *arg, const struct tap_query *q, struct control_job **ret_j, struct err *e);
	/* Builds the file @config beside what runs. */
	int (*check)(void *arg, const char *config, struct control_job **ret_j, struct err *e);
	int (*shadow)(void *arg, const struct shadow_query *q, struct control_job **ret_j,
		      struct err *e);
	int (*shadow_stop)(void *arg, struct err *e); /* -ENOENT: there is none */
	void (*shadow_state)(void *arg, json_t *reply);
	int (*flows)(void *arg, const struct flow_query *q, struct control_job **ret_j,
		     struct err *e);
};

struct control;

/* @conf is borrowed until destroy, and so is what @parts works on. NULL when out of memory. */
struct control *control_create(const struct config *conf, const struct control_ops *parts,
			       void *arg);
void control_destroy(struct control *c);

/* @r is moved. */
void control_publish(struct control *c, struct report *r);

/* What runs is exchanged between lock and unlock, by main. Who asks is between enter and leave, and
 * does not enter twice: main, when it waits, is the next.
 */
void control_lock(struct control *c);
void control_unlock(struct control *c);
void control_set_config(struct control *c, const struct config *conf);
void control_enter(struct control *c);
void control_leave(struct control *c);

const struct config *control_config(const struct control *c);
const struct control_ops *control_parts(const struct control *c, void **ret_arg);

/* The last report, never NULL, with its age; to be given back. */
struct report *control_report_get(struct control *c, uint64_t *ret_age_ns);
void control_report_put(struct control *c, struct report *r);

/* One object: state, what is wrong, totals and rates. */
json_t *control_status(struct control *c);

#endif
