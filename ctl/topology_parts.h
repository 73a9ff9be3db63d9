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

#include <limits.h>
#include <stdatomic.h>

#include "ctl/outlet.h"
#include "ctl/topology.h"
#include "dataplane/capture/port.h"
#include "dataplane/capture/rehash.h"
#include "dataplane/worker.h"

struct topology_dead; /* topology_dead.c */

/* Where a queue goes, or a sink is. */
struct way {
	struct outlet *o;
	struct handoff *handoff; /* the outlet's; of a sink unused */
	unsigned index;          /* there */
};

/* All outlets of a configuration. Workers find a queue's hand-off by it. */
struct outlets {
	struct outlet **of; /* new ones are its own until they are taken */
	unsigned n, n_queues, n_sinks;
	struct way *queues, *sinks; /* by index in the configuration */
	struct handoff *letters;    /* NULL: there are no dead letters */
};

/* A receive queue of a port. */
struct topology_queue {
	struct capture *c;
	unsigned port, queue, worker; /* the last: who reads it */
	bool moved;                   /* it is the worker's, or the rehash's, to close */
};

/* One at a time: topology_shadow.c. */
struct shadow_state {
	atomic_bool busy, stop;
	pthread_mutex_t lock; /* of what follows */
	json_t *last;         /* what was told last; NULL: nothing */
};

struct topology {
	struct generation *first;  /* what capture and flow work by: to the end */
	struct generation *gen;    /* the rest, since the last reload */
	const struct config *conf; /* its own */
	struct pipeline *pipeline;
	struct port **ports; /* NULL: a replay */
	atomic_uint *links;  /* of these: enum link_state, as it was last seen */
	unsigned links_ms;   /* since then */
	struct topology_queue *rx;
	unsigned n_rx;
	struct rehash *rehash;      /* NULL: each worker has its queue, and all that comes by it */
	bool is_file;               /* a replay: it has a time of its own, and waits */
	struct outlets *outlets;    /* of conf */
	struct outlet *all;         /* also those that are left; in the order of their making */
	unsigned n_moving;          /* of these, not started yet, or left */
	struct dead_retry *letters; /* that are tried again; NULL: none */
	struct archive_feed *archive; /* that is replayed; NULL: none */
	struct topology_dead *dead;   /* NULL: there are no dead letters */
	size_t batch_cap;             /* of the hand-off */
	struct frame_conf frame;      /* of conf, and room for other sources */
	struct worker **workers;
	unsigned n_workers;
	const struct cores *cores; /* of the workers, in a run */
	struct worker_ask *asks;   /* by worker */
	uint8_t *snapshots;        /* of their counters, two of snapshot_bytes each */
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
	struct shadow_state shadow;
	atomic_uint n_candidates; /* whose threads are not done with them */
	atomic_bool checks;       /* a candidate is built for `check`: one at a time */
	struct report *past;      /* rows of earlier generations */
	struct control *control;  /* NULL: nobody asks while it runs */
	unsigned control_ms;      /* since the last report to it */
	unsigned step_ms;         /* between two looks of main after its parts */
	uint16_t *keepers;        /* sources whose parser keeps something across restarts */
	unsigned n_keepers;
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
void topology_watch_links(struct topology *t); /* each step: looks now and then, tells changes */
void topology_list_workers(void *arg, json_t *rows);
void topology_list_ports(void *arg, json_t *rows);

/* topology_outlets.c. Those of @gen; where one of @before (NULL: none) says the same, it is it. Not
 * opened yet. 0 or -errno with a text.
 */
int topology_make_outlets(struct topology *t, struct generation *gen, const struct outlets *before,
			  struct outlets **ret_outlets, struct err *e);
int topology_build_outlets(struct topology *t, struct err *e); /* the first */
void topology_destroy_outlets(struct topology *t);
int topology_open_outlets(struct outlets *x, const struct outlets *before, struct err *e);
void topology_free_outlets(struct outlets *x); /* but for the outlets; accepts NULL */
/* Those that are in none but @x, which nobody has taken, too. */
void topology_drop_outlets(struct outlets *x, const struct outlets *before);
/* Before the workers go over to @next: what is not there any more is said to be left. */
void topology_mark_outlets(struct topology *t, const struct outlets *next);
/* They have. */
void topology_take_outlets(struct topology *t, struct outlets *next);
/* Each millisecond: starts what can be, ends what has been left. */
void topology_step_outlets(struct topology *t);
/* In the callbacks of a worker; @outlets: struct outlets. */
extern const struct worker_out topology_worker_out;

size_t topology_batch_cap(const struct topology *t); /* bytes of a batch of records */
/* enum lane_mode. */
int topology_spool_mode(const struct topology *t, const struct config *c, unsigned queue);

/* topology_dead.c */
#define TOPOLOGY_LETTERS  "(dead letters)" /* the scope of their rows */
#define TOPOLOGY_NO_PLACE UINT_MAX
static inline bool topology_has_dead(const struct topology *t)
{
	return t->first->conf->dead_letters.dir != NULL && !t->letters;
}
int topology_build_dead(struct topology *t, bool wait, struct err *e);
void topology_destroy_dead(struct topology *t);
struct handoff *topology_letters(const struct topology *t); /* NULL: there are none */
/* A sink's own place where what it refuses goes, of any thread that builds. */
int topology_take_letters_place(struct topology *t, unsigned *ret_place, struct err *e);
void topology_give_letters_place(struct topology *t, unsigned place);
int topology_start_dead(struct topology *t, struct err *e);
bool topology_watch_dead(struct topology *t); /* false: they cannot be written */
int topology_stop_dead(struct topology *t);
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
void topology_letter_of(const struct outlet *o, const struct out_batch *b, uint32_t rec,
			enum sink_fate why, const char *text, struct dead_letter *ret_l);

/* topology_report.c. Of a row of frame's that was added to @r. */
void topology_report_reasons(struct report *r, const char *scope, const struct reasons *why);
/* What the parser of source @s has to tell, which a reload has taken away: to the log, at once. Its
 * pools of all workers.
 */
void topology_tell_left(const struct topology *t, unsigned s, const void *const *pools);
/* The asks before the workers, the snapshots behind them. */
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

/* topology_explain.c */
int topology_explain(void *arg, const char *id, struct control_job **ret_j, struct err *e);

/* topology_tap.c */
/* topology_control.c, of jobs that workers take part in. Gives each worker its errand, and waits
 * for all of them, as long as a turn takes: @first is that of worker 0, the next one @stride bytes
 * behind it. False: some have ended.
 */
bool topology_errands(struct topology *t, struct errand *first, size_t stride);
/* Why a job that began behind @n_reloads is over; NULL: it goes on. */
const char *topology_is_over(const struct topology *t, unsigned n_reloads);
#define TOPOLOGY_NO_WORKERS "the workers do not run: sluiced stops"

#define TOPOLOGY_TAPS_MAX   8
int topology_tap(void *arg, const struct tap_query *q, struct control_job **ret_j, struct err *e);

/* topology.c. Those of the sources that run. */
int topology_list_keepers(struct topology *t, struct err *e);

/* topology_run.c. A replay's dimensions stay as they were loaded. */
int topology_watch_dimensions(struct topology *t);

/* topology_reload.c. Step: each millisecond, by main; true: workers must not be asked now. */
int topology_reload_create(struct topology *t, struct err *e);
void topology_reload_destroy(struct topology *t);
bool topology_reload_step(struct topology *t);
bool topology_reload_takes(const struct topology *t); /* some workers may be past it */
void topology_reload_finish(struct topology *t);
int topology_reload_ask(void *arg, json_t *reply, struct err *e);
void topology_reload_show(void *arg, json_t *reply);

/* topology_check.c */
int topology_check(void *arg, const char *config, struct control_job **ret_j, struct err *e);

/* topology_shadow.c */
int topology_shadow(void *arg, const struct shadow_query *q, struct control_job **ret_j,
		    struct err *e);
int topology_shadow_stop(void *arg, struct err *e);
void topology_shadow_show(void *arg, json_t *reply);

#endif
