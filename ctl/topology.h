/* topology.h - a configuration turned into running parts: sources, workers, sinks.
 *
 * In:     struct config, and what to read: capture files or the configured ports. EAL is up.
 * Out:    records in the sinks; a ledger.
 * Owns:   everything it builds.
 * Runs:   main; topology_stop also from a signal handler.
 * Limits: TOPOLOGY_WORKERS_MAX workers.
 */
#ifndef SL_CTL_TOPOLOGY_H
#define SL_CTL_TOPOLOGY_H

#include "ctl/archive_feed.h"
#include "ctl/config.h"
#include "ctl/control.h"
#include "ctl/cores.h"
#include "ctl/dead_retry.h"
#include "ctl/report.h"
#include "dataplane/capture/replay.h"

#define TOPOLOGY_WORKERS_MAX CONFIG_WORKERS_MAX

struct topology_input {
	const struct replay_conf *replay; /* NULL: memory, else the ports of the configuration */
	struct slice memory;              /* the bytes of a capture file, borrowed */
	struct dead_retry *letters;       /* in place of files, by one worker; else NULL */
	struct archive_feed *archive;     /* the same */
	unsigned n_workers;
	const struct cores *cores; /* of the workers of a run; borrowed. NULL: they float */
};

struct topology;

/* Builds everything and opens the inputs and sinks; nothing runs yet. 0 or -errno with a text. */
int topology_build(const struct config *conf, const struct topology_input *in,
		   struct topology **ret_t, struct err *e);
void topology_destroy(struct topology *t);

/* One line for each port: what it is and can. */
void topology_describe(const struct topology *t);

/* Runs until the input ends or topology_stop. @progress: lines about what is going on are drawn on
 * standard error, which is a terminal. Returns 0, or -EIO when a file or a sink broke: the texts
 * have been written to @out.
 */
int topology_run(struct topology *t, bool progress, FILE *out);

/* Asks the workers to finish: what they hold goes out, to sinks that take it. Called again: no
 * waiting for sinks that are busy. Safe in a signal handler.
 */
void topology_stop(struct topology *t);

/* Reads the configuration's file again, and goes over to what it says when all of it is well. Safe
 * in a signal handler.
 */
void topology_reload(struct topology *t);

/* Any thread. Pauses or resumes what leaves a queue, or sends it to the sink of that name, its own
 * or its backup (NULL: as its health says). 0, -ENOENT: no such queue, or -EINVAL; with a text.
 */
enum topology_queue_order { TOPOLOGY_PAUSE, TOPOLOGY_RESUME, TOPOLOGY_SWITCH };
int topology_queue_command(struct topology *t, const char *queue, enum topology_queue_order order,
			   const char *sink, struct err *e);

/* The rows, as the workers last told them: at their end, all. */
/* Letters that were written, once it has run. */
uint64_t topology_n_dead(const struct topology *t);

void topology_report(const struct topology *t, struct report *r);

/* What parsers tell of their sessions; after the end of the workers. */
void topology_tell(const struct topology *t, struct report *r);

/* Answers about struct topology; @c gets a report twice a second while it runs. */
extern const struct control_ops topology_control_ops;
void topology_control(struct topology *t, struct control *c);

#endif
