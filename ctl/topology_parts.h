/* topology_parts.h - what a topology is made of, for the files topology*.c alone.
 *
 * In:     as topology.h.
 * Out:    as topology.h.
 * Owns:   what topology_destroy frees.
 * Runs:   main, but for what says otherwise.
 * Limits: as topology.h.
 */
#ifndef SL_CTL_TOPOLOGY_PARTS_H
#define SL_CTL_TOPOLOGY_PARTS_H

#include <stdatomic.h>

#include "ctl/generation.h"
#include "ctl/topology.h"
#include "dataplane/capture/port.h"
#include "dataplane/capture/rehash.h"
#include "dataplane/sink/courier.h"
#include "dataplane/sink/handoff.h"
#include "dataplane/sink/shipper.h"
#include "dataplane/worker.h"

struct topology;
struct topology_dead; /* topology_dead.c */

/* What the callbacks of one sink's thread need. */
struct sink_side {
	struct topology *t;
	unsigned index;
	struct shipper *shipper;
	uint64_t n_settled, n_now; /* records that it was done with, a millisecond ago and now */
	unsigned still_ms;         /* in trouble, and for so long that has not grown */
};

/* A receive queue of a port. */
struct topology_queue {
	struct capture *c;
	unsigned port, queue, worker; /* the last: who reads it */
	bool moved;                   /* it is the worker's, or the rehash's, to close */
};

struct topology {
	struct generation *first;  /* what capture, flow and frame work by: to the end */
	struct generation *gen;    /* the rest, since the last reload */
	const struct config *conf; /* its own */
	struct pipeline *pipeline;
	struct port **ports; /* NULL: a replay */
	struct topology_queue *rx;
	unsigned n_rx;
	struct rehash *rehash; /* NULL: each worker has its queue, and all that comes by it */
	struct handoff *handoff;
	const char **sink_names;
	struct courier *courier; /* NULL: no queue has a spool or a backup */
	struct sink_side *sinks;
	struct sink_queue *queues;
	struct dead_retry *letters;   /* that are tried again; NULL: none */
	struct archive_feed *archive; /* that is replayed; NULL: none */
	struct topology_dead *dead;   /* NULL: there are no dead letters */
	size_t batch_cap;             /* of the hand-off */
	struct worker **workers;
	unsigned n_workers;
	struct worker_ask *asks; /* by worker */
	uint8_t *snapshots;      /* of their counters, two of snapshot_bytes each */
	size_t snapshot_bytes;
	struct dim_watch *watch; /* NULL: the dimensions stay as they are */
	int stdin_copy;          /* -1: none */
	char stdin_path[32];
	const char **paths;
	bool sink_failed;          /* of a replay, which ended by it */
	atomic_bool stop, give_up; /* finish; and without waiting for the sinks */
	atomic_uint n_running;
	uint64_t watchdog_ms, fed_ns, answered_ns;
	struct reload *reload;
	unsigned n_reloads; /* that were gone over to; changed as control_lock says */
	atomic_uint n_taps;
	struct report *past;     /* rows of earlier generations */
	struct control *control; /* NULL: nobody asks while it runs */
	unsigned control_ms;     /* since the last report to it */
	struct err keep_trouble; /* what a parser's keeper said last: told once */
};

/* topology.c. @source is moved. */
int topology_build_worker(struct topology *t, unsigned i, struct capture *source, bool live,
			  struct err *e);

/* topology_ports.c. Opened with all rights of the process, which becomes run_as then; started, with
 * a worker for each queue, when the rest is built, and what rights are left are given up.
 */
int topology_open_ports(struct topology *t, struct err *e);
int topology_start_ports(struct topology *t, struct err *e);
void topology_close_ports(struct topology *t);
void topology_list_workers(void *arg, json_t *rows);
void topology_list_ports(void *arg, json_t *rows);

/* topology_sinks.c, in the order of building. 0 or -errno with a text. */
int topology_build_handoff(struct topology *t, bool wait, struct err *e);
size_t topology_batch_cap(const struct topology *t); /* bytes of a batch of records */
int topology_build_sinks(struct topology *t, struct err *e);

/* topology_dead.c: letters go through a queue behind the configuration's, in the hand-off. */
#define TOPOLOGY_DEAD_TAKER(t) ((unsigned)(t)->conf->n_sinks + 1)
static inline bool topology_has_dead(const struct topology *t)
{
	return t->conf->dead_letters.dir != NULL && !t->letters;
}
int topology_build_dead(struct topology *t, bool wait, struct err *e);
void topology_destroy_dead(struct topology *t);
int topology_start_dead(struct topology *t, struct err *e);
bool topology_watch_dead(struct topology *t, FILE *out); /* false: they cannot be written */
int topology_stop_dead(struct topology *t, FILE *out);
const char *topology_queue_name(const struct topology *t, unsigned q);
void topology_report_dead(const struct topology *t, struct report *r);

/* Letters in place of a capture: what of them fails again becomes no new letter. */
void topology_feed(struct topology *t, struct worker_conf *wc);
bool topology_refused_again(void *arg, const struct out_batch *b, uint32_t rec, enum sink_fate why,
			    const char *text);

/* A worker's letter; @arg: the topology. */
void topology_bury(void *arg, unsigned worker, const struct dead_letter *l);
/* A sink's; @arg: its struct sink_side. In its thread. */
bool topology_bury_refused(void *arg, const struct out_batch *b, uint32_t rec, enum sink_fate why,
			   const char *text);
void topology_letter_of(const struct topology *t, const struct out_batch *b, uint32_t rec,
			enum sink_fate why, const char *text, struct dead_letter *ret_l);

/* topology_courier.c. Builds it for the queues that want one, before the hand-off: @is_file: a
 * replay.
 */
int topology_build_courier(struct topology *t, bool is_file, struct err *e);
bool topology_couriers(const struct topology *t, unsigned queue); /* does @queue go by it? */
bool topology_is_paired(const struct topology *t, unsigned sink); /* has a backup, or is one */
/* What it has to tell. */
void topology_tell_courier(struct topology *t, FILE *out);

/* topology_report.c. The asks before the workers, the snapshots behind them. */
int topology_build_asks(struct topology *t, struct err *e);
int topology_build_snapshots(struct topology *t, struct err *e);
/* Asks each worker for a snapshot that has none to make yet; it answers between two turns. */
void topology_ask(struct topology *t);
bool topology_answered(const struct topology *t);
/* In place of a worker that does not run (any more), or by itself at its end. */
void topology_answer_for(struct topology *t, unsigned worker);

/* topology_control.c */
void topology_publish(struct topology *t);

/* topology_flows.c */
int topology_flows(void *arg, const struct flow_query *q, struct control_job **ret_j,
		   struct err *e);

/* topology_tap.c */
#define TOPOLOGY_TAPS_MAX 8
int topology_tap(void *arg, const struct tap_query *q, struct control_job **ret_j, struct err *e);

/* topology_run.c. A replay's dimensions stay as they were loaded. */
int topology_watch_dimensions(struct topology *t, FILE *out);

/* topology_reload.c. Step: each millisecond, by main; true: workers must not be asked now. */
int topology_reload_create(struct topology *t, struct err *e);
void topology_reload_destroy(struct topology *t);
bool topology_reload_step(struct topology *t, FILE *out);
void topology_reload_finish(struct topology *t, FILE *out);
int topology_reload_ask(void *arg, json_t *reply, struct err *e);
void topology_reload_show(void *arg, json_t *reply);

#endif
