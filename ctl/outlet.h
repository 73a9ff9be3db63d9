/* outlet.h - queues and the sinks that they lead to, from the hand-off on: what a reload keeps, or
 * exchanges, as a whole.
 *
 * In:     batches of the workers, by the outlet's own numbers of queues.
 * Out:    records in stores; rows of the ledger; notices.
 * Owns:   a hand-off, the shippers, the courier where there is one, and a part in the generation
 *         that made it: what it has of a configuration is that one's, to its end.
 * Runs:   create, open: main, or a reload's thread. The rest: main. leave has a thread of its own.
 * Limits: those of the configuration. A courier is not shared: all queues that go by one are in one
 *         outlet; else each sink is one by itself.
 *
 *     created > opened > started > [leaving > ended]
 */
#ifndef SL_CTL_OUTLET_H
#define SL_CTL_OUTLET_H

#include <pthread.h>
#include <stdatomic.h>

#include "ctl/generation.h"
#include "ctl/report.h"
#include "dataplane/sink/courier.h"
#include "dataplane/sink/handoff.h"
#include "dataplane/sink/shipper.h"

struct outlet;
struct topology;

/* What the callbacks of one sink's thread need. */
struct sink_side {
	struct outlet *o;
	unsigned index; /* in the outlet */
	struct shipper *shipper;
	unsigned letters;          /* its place where refused records go: topology_dead.c */
	uint64_t n_settled, n_now; /* records that it was done with, a millisecond ago and now */
	unsigned still_ms;         /* in trouble, and for so long that has not grown */
};

/* Which queues and sinks; by index in the configuration. */
struct outlet_parts {
	uint16_t *queues, *sinks;
	unsigned n_queues, n_sinks;
	bool by_courier;
};

struct outlet {
	struct topology *t;
	struct generation *gen;
	struct outlet_parts of; /* its memory stands behind the outlet */
	struct handoff *handoff;
	struct courier *courier; /* NULL: none, or not before those before it have ended */
	const char **sink_names;
	struct sink_queue *queues;
	struct sink_side *sides;
	struct outlet *next; /* of all that there are, older ones first */
	atomic_bool started;
	bool leaving;      /* before the workers go over to others */
	bool has_left;     /* no worker has it any more */
	bool told;         /* why it does not start */
	unsigned retry_ms; /* until it is started again */
	bool has_thread;
	pthread_t thread;
	atomic_bool ended;
};

/* The hand-off, of batches of @batch_cap bytes, and with @courier the courier. */
int outlet_create(struct topology *t, struct generation *gen, const struct outlet_parts *parts,
		  struct outlet **ret_o, struct err *e);
void outlet_destroy(struct outlet *o); /* accepts NULL and half-built ones */
int outlet_build_courier(struct outlet *o, struct err *e);
int outlet_open(struct outlet *o, struct err *e); /* the sinks */
int outlet_start(struct outlet *o, struct err *e);

/* Once no worker has it: gives away what it has, for a bounded time, and ends; o->ended. */
int outlet_leave(struct outlet *o);

/* Do @gen's @parts say the same as what @o was made of? */
bool outlet_is(const struct outlet *o, const struct generation *gen,
	       const struct outlet_parts *parts);

const struct queue_conf *outlet_queue(const struct outlet *o, unsigned queue);
const struct sink_conf *outlet_sink(const struct outlet *o, unsigned sink);
bool outlet_is_paired(const struct outlet *o, unsigned sink);       /* has a backup, or is one */
bool outlet_shares(const struct outlet *a, const struct outlet *b); /* a name of queue or sink */

/* Records that its sinks are done with; with the shares of each in its side. */
uint64_t outlet_settled(struct outlet *o);
bool outlet_is_done(struct outlet *o); /* with all that was handed over */
void outlet_tell(struct outlet *o);

/* Ends the sinks, then the courier. @drain: what they have is written first. 0 or -EIO. */
int outlet_stop(struct outlet *o, bool drain);

/* The rows of what is behind the hand-off, of one queue; and those of it, summed over workers. */
void outlet_report(const struct outlet *o, unsigned queue, struct report *r);
void outlet_report_handoff(const struct outlet *o, struct report *r);

#endif
