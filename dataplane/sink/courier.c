#include "dataplane/sink/courier.h"

#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/confine.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/batch_ring.h"
#include "dataplane/sink/cut_file.h"

#define NS_PER_MS     1000000ull
#define IDLE_NS_MIN   (NS_PER_MS / 16)
#define IDLE_NS_MAX   NS_PER_MS
#define LOOK_EVERY_NS NS_PER_MS          /* at the sinks */
#define TICK_EVERY_NS (100 * NS_PER_MS)  /* of the spools */
#define SLOW_AFTER_NS (1000 * NS_PER_MS) /* in trouble for so long, a sink is slow */
#define TOLD_AFTER_NS (1000 * NS_PER_MS) /* in use for so long, a spool is told of */
#define BEGAN_NS      (5000 * NS_PER_MS) /* behind a cut the places of its new side are known */
#define TAKE_MAX      64                 /* batches of one queue before the next has its turn, */
#define TURN_NS_MAX   (20 * NS_PER_MS)   /* or what was done in this time, by a disk that is slow */
#define OWN_MAX       64   /* batches of a queue that are read from its spool and not settled: a */
#define OWN_MIN       4    /* sink that answers late takes them all the same; fewer of each */
#define OWN_TOTAL     4096 /* where there are many queues */
#define NOTICES_MAX   32
#define NOT_HEEDED    "it is stopping, and takes no commands"

struct lane_place {
	struct courier *c;
	const char *name;
	unsigned queue, sinks[2]; /* primary, backup; the same where there is none */
	struct lane *lane;
	bool has_spool;
	struct spool *spool;                           /* NULL: none, or closed */
	struct out_batch *own;                         /* n_own of the courier */
	char trouble[sizeof(((struct err *)0)->text)]; /* that was told of */
	uint64_t spooling_ns;                          /* since when; 0: nothing is in the spool */
	bool spooling_told;
	uint64_t began_ns; /* when the last cut was; 0: where the new side began is written down */
	uint64_t began_at; /* the number of its first record */

	atomic_bool asked; /* a command is to be heeded; it changes under the lock, too */
	/* Under the courier's lock. */
	uint64_t row[LANE_N_COLS], spool_row[SPOOL_N_COLS];
	unsigned side;
	enum lane_command command;
	unsigned command_side;
	int command_rc;
	struct err command_err;
};

struct sink_rings {
	struct shipper *shipper;
	struct batch_ring *to, *from; /* NULL: no queue leads there */
	enum lane_sink state;
	uint64_t trouble_ns; /* since when; 0: it is not in trouble */
};

struct courier {
	struct courier_spec spec;
	struct lane_place *places;
	struct lane_place **by_queue; /* NULL: not here */
	unsigned n_by_queue;
	unsigned n_own;
	struct sink_rings *sinks;
	struct cut_file *cuts; /* NULL: there is no directory for one */
	bool started;
	pthread_t thread;
	uint64_t now_ns, looked_ns, ticked_ns, published_ns;

	atomic_uint question, answer; /* 1: is it idle? and: a turn that began since found it so */
	atomic_bool stop_reading, finish, finished, stop;

	pthread_mutex_t lock; /* of what follows, and of each lane_place's part */
	pthread_cond_t heeded;
	bool heeds; /* commands: from its start until nothing is sent any more */
	struct err notices[NOTICES_MAX];
	unsigned n_notices;
	int rc; /* what was lost at the end */
	struct err result;
};

/* ---- what users are told ---- */

/* The last place is taken over by what comes later. */
static void add_notice(struct courier *c, const char *text)
{
	pthread_mutex_lock(&c->lock);
	if (c->n_notices < NOTICES_MAX)
		c->n_notices++;
	err_set(&c->notices[c->n_notices - 1], 0, "%s", text);
	pthread_mutex_unlock(&c->lock);
}

bool courier_notice(struct courier *c, struct err *e)
{
	pthread_mutex_lock(&c->lock);
	bool any = c->n_notices > 0;
	if (any) {
		*e = c->notices[0];
		memmove(c->notices, c->notices + 1, --c->n_notices * sizeof(*e));
	}
	pthread_mutex_unlock(&c->lock);
	return any;
}

static void __attribute__((format(printf, 2, 3))) tell(struct lane_place *p, const char *fmt, ...)
{
	struct err e;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(e.text, sizeof(e.text), fmt, ap);
	va_end(ap);
	err_prefix(&e, 0, "queue %s: ", p->name);
	add_notice(p->c, e.text);
}

/* A spool that fails is told of once for each text, and one that is in use once. */
static void tell_changes(struct lane_place *p)
{
	struct err e = {0};
	if (!p->spool)
		return;
	bool trouble = lane_trouble(p->lane, &e);
	if (trouble && strcmp(e.text, p->trouble) != 0)
		tell(p, "spool: %s", e.text);
	snprintf(p->trouble, sizeof(p->trouble), "%s", e.text);
	if (!spool_unread(p->spool)) {
		if (p->spooling_told)
			tell(p, "the spool is drained");
		p->spooling_told = false;
		p->spooling_ns = 0;
		return;
	}
	if (p->spooling_ns == 0)
		p->spooling_ns = p->c->now_ns;
	if (p->spooling_told || p->c->now_ns - p->spooling_ns < TOLD_AFTER_NS)
		return;
	p->spooling_told = true;
	if (lane_paused(p->lane))
		tell(p, "records go to the spool: it is paused");
	else
		tell(p, "records go to the spool: sink %s does not take them as fast as they come",
		     p->c->spec.sink_names[p->sinks[lane_side(p->lane)]]);
}

/* ---- what the lanes ask for ---- */

static void send_batch(void *ctx, unsigned side, struct out_batch *b)
{
	const struct lane_place *p = ctx;
	/* It has room for every batch of every lane. */
	batch_ring_put(p->c->sinks[p->sinks[side]].to, b, NULL);
}

static void recall_batches(void *ctx, unsigned side)
{
	const struct lane_place *p = ctx;
	shipper_recall(p->c->sinks[p->sinks[side]].shipper);
}

static void give_batch_back(void *ctx, struct out_batch *b)
{
	const struct lane_place *p = ctx;
	p->c->spec.give_back(p->c->spec.ctx, b);
}

/* @l, with the places of the queue's records on @side. */
static void write_places(struct lane_place *p, unsigned side, struct cut_line *l)
{
	struct sink_place places[SINK_PLACES_MAX];
	struct err e;
	l->queue = p->name;
	l->places = places;
	l->n_places = shipper_places(p->c->sinks[p->sinks[side]].shipper, p->queue, places);
	if (p->c->cuts && cut_file_add(p->c->cuts, l, &e) < 0)
		tell(p, "%s", e.text);
}

static void write_cut(void *ctx, const struct lane_cut *cut)
{
	struct lane_place *p = ctx;
	const char *from = p->c->spec.sink_names[p->sinks[cut->from]];
	const char *to = p->c->spec.sink_names[p->sinks[cut->to]];
	tell(p,
	     "records go to sink %s now, not to %s: %s; those below number %" PRIu64
	     " are written there",
	     to, from, cut->why, cut->acked);
	write_places(
		p, cut->from,
		&(struct cut_line){.from = from, .to = to, .acked = cut->acked, .why = cut->why});
	shipper_mark(p->c->sinks[p->sinks[cut->to]].shipper, p->queue);
	p->began_ns = p->c->now_ns;
	p->began_at = cut->acked;
}

static void write_begin(struct lane_place *p)
{
	unsigned side = lane_side(p->lane);
	if (p->began_ns == 0)
		return;
	p->began_ns = 0;
	write_places(p, side,
		     &(struct cut_line){.to = p->c->spec.sink_names[p->sinks[side]],
					.acked = p->began_at});
}

static int store_append(void *spool, const struct out_batch *b, uint64_t seq, struct err *e)
{
	return spool_append(spool, b, seq, e);
}

static int store_read(void *spool, struct out_batch *into, uint64_t *ret_seq, struct err *e)
{
	return spool_read(spool, into, ret_seq, e);
}

static void store_rewind(void *spool, uint64_t seq)
{
	spool_rewind(spool, seq);
}

static void store_ack(void *spool, uint64_t seq)
{
	spool_ack(spool, seq);
}

static void tell_notice(void *ctx, const char *text)
{
	tell(ctx, "spool: %s", text);
}

/* ---- the thread ---- */

static bool take_settled(struct courier *c)
{
	bool any = false;
	for (unsigned i = 0; i < c->spec.n_sinks; i++) {
		struct shipper_outcome o;
		struct out_batch *b;
		while (c->sinks[i].from && (b = batch_ring_get(c->sinks[i].from, &o))) {
			lane_settled(c->by_queue[b->queue]->lane, b, &o);
			any = true;
		}
	}
	return any;
}

static void look_at_sinks(struct courier *c)
{
	if (c->now_ns - c->looked_ns < LOOK_EVERY_NS)
		return;
	c->looked_ns = c->now_ns;
	for (unsigned i = 0; i < c->spec.n_sinks; i++) {
		struct sink_rings *s = &c->sinks[i];
		if (!s->shipper)
			continue;
		if (!shipper_trouble(s->shipper, NULL))
			s->trouble_ns = 0;
		else if (s->trouble_ns == 0)
			s->trouble_ns = c->now_ns;
		bool slow = s->trouble_ns && c->now_ns - s->trouble_ns >= SLOW_AFTER_NS;
		s->state = shipper_failed(s->shipper) ? LANE_GONE : slow ? LANE_SLOW : LANE_TAKES;
	}
}

static void heed_command(struct courier *c, struct lane_place *p)
{
	if (!atomic_load_explicit(&p->asked, memory_order_relaxed))
		return;
	pthread_mutex_lock(&c->lock);
	p->command_err.text[0] = '\0';
	p->command_rc = lane_command(p->lane, p->command, p->command_side, &p->command_err);
	p->asked = false;
	pthread_cond_broadcast(&c->heeded);
	pthread_mutex_unlock(&c->lock);
}

static bool turn_lane(struct courier *c, struct lane_place *p, bool *ret_idle)
{
	const enum lane_sink states[2] = {c->sinks[p->sinks[0]].state, c->sinks[p->sinks[1]].state};
	struct out_batch *b = NULL;
	bool done = false;
	heed_command(c, p);
	for (unsigned i = 0; i < TAKE_MAX && lane_wants(p->lane) &&
			     (b = c->spec.take(c->spec.ctx, p->queue)) != NULL;
	     i++) {
		lane_offer(p->lane, b);
		done = true;
		if (clock_mono_ns() - c->now_ns >= TURN_NS_MAX)
			break;
	}
	*ret_idle &= !b && lane_wants(p->lane);
	done |= lane_turn(p->lane, c->now_ns, states);
	*ret_idle &= lane_idle(p->lane);
	if (c->now_ns - p->began_ns >= BEGAN_NS)
		write_begin(p);
	tell_changes(p);
	return done;
}

static void tick_spools(struct courier *c)
{
	struct err e;
	if (c->now_ns - c->ticked_ns < TICK_EVERY_NS)
		return;
	c->ticked_ns = c->now_ns;
	for (unsigned i = 0; i < c->spec.n_queues; i++) {
		struct lane_place *p = &c->places[i];
		e.text[0] = '\0';
		if (p->spool && (spool_tick(p->spool, clock_wall_ns(), &e) < 0 || e.text[0]))
			tell(p, "spool: %s", e.text);
	}
}

static void publish(struct courier *c)
{
	c->published_ns = c->now_ns;
	pthread_mutex_lock(&c->lock);
	for (unsigned i = 0; i < c->spec.n_queues; i++) {
		struct lane_place *p = &c->places[i];
		memcpy(p->row, lane_row(p->lane), sizeof(p->row));
		p->side = lane_side(p->lane);
		if (p->spool)
			spool_row(p->spool, p->spool_row);
	}
	pthread_mutex_unlock(&c->lock);
}

/* No command comes any more, and those that have come are not waited for. */
static void refuse_commands(struct courier *c)
{
	pthread_mutex_lock(&c->lock);
	c->heeds = false;
	for (unsigned i = 0; i < c->spec.n_queues; i++) {
		struct lane_place *p = &c->places[i];
		if (p->asked)
			p->command_rc = err_set(&p->command_err, -ESHUTDOWN, NOT_HEEDED);
		p->asked = false;
	}
	pthread_cond_broadcast(&c->heeded);
	pthread_mutex_unlock(&c->lock);
}

/* Nothing is sent from now on; what flies comes back, and is waited for. A command that lets a lane
 * go on would send to sinks that take nothing any more.
 */
static void finish_lanes(struct courier *c)
{
	refuse_commands(c);
	for (unsigned i = 0; i < c->spec.n_queues; i++)
		lane_command(c->places[i].lane, LANE_PAUSE, 0, NULL);
	atomic_store_explicit(&c->finished, true, memory_order_release);
}

static bool turn(struct courier *c)
{
	unsigned question = atomic_load_explicit(&c->question, memory_order_acquire);
	bool idle = true, done;
	c->now_ns = clock_mono_ns();
	if (atomic_load_explicit(&c->finish, memory_order_acquire) && !c->finished)
		finish_lanes(c);
	if (atomic_load_explicit(&c->stop_reading, memory_order_acquire))
		for (unsigned i = 0; i < c->spec.n_queues; i++)
			lane_stop_reading(c->places[i].lane);
	done = take_settled(c);
	look_at_sinks(c);
	for (unsigned i = 0; i < c->spec.n_queues; i++)
		done |= turn_lane(c, &c->places[i], &idle);
	tick_spools(c);
	if (done || c->now_ns - c->published_ns >= TICK_EVERY_NS)
		publish(c);
	if (idle)
		atomic_store_explicit(&c->answer, question, memory_order_release);
	return done;
}

static bool any_flies(const struct courier *c)
{
	for (unsigned i = 0; i < c->spec.n_queues; i++)
		if (lane_flying(c->places[i].lane))
			return true;
	return false;
}

/* What is left in the hand-off is taken too: it may not fit into memory, but into the spool. */
static void close_lane(struct courier *c, struct lane_place *p)
{
	struct err e = {0};
	struct out_batch *b;
	do {
		while (lane_wants(p->lane) && (b = c->spec.take(c->spec.ctx, p->queue)))
			lane_offer(p->lane, b);
		if (lane_close(p->lane, &e) < 0)
			tell(p, "spool: %s", e.text);
	} while ((b = c->spec.take(c->spec.ctx, p->queue)) && (lane_offer(p->lane, b), true));
	write_begin(p);
	uint64_t lost = lane_row(p->lane)[LANE_given_up];
	if (lost && c->rc == 0)
		c->rc = err_set(&c->result, -EIO,
				"queue %s: %" PRIu64
				" records are lost: they were not written before the stop%s%s",
				p->name, lost, p->spool ? ", and the spool did not take them" : "",
				p->spool ? "" : ", and there is no spool");
	if (!p->spool)
		return;
	uint64_t held = spool_held(p->spool);
	if (held)
		tell(p, "%" PRIu64 " records are in the spool, for the next start", held);
}

static void close_spool(struct courier *c, struct lane_place *p)
{
	struct err e = {0};
	if (p->spool && spool_close(p->spool, &e) < 0 && c->rc == 0)
		c->rc = err_set(&c->result, -EIO, "%s", e.text);
	p->spool = NULL;
}

static void *run(void *arg)
{
	struct courier *c = arg;
	uint64_t idle_ns = IDLE_NS_MIN;
	confine_thread();
	for (;;) {
		/* Before the look at the rings: what came before the stop is seen. */
		bool stopping = atomic_load_explicit(&c->stop, memory_order_acquire);
		if (turn(c)) {
			idle_ns = IDLE_NS_MIN;
			continue;
		}
		if (stopping && !any_flies(c))
			break;
		nanosleep(&(struct timespec){.tv_nsec = (long)idle_ns}, NULL);
		if (idle_ns < IDLE_NS_MAX)
			idle_ns *= 2;
	}
	for (unsigned i = 0; i < c->spec.n_queues; i++)
		close_lane(c, &c->places[i]);
	c->ticked_ns = 0;
	tick_spools(c);
	publish(c);
	for (unsigned i = 0; i < c->spec.n_queues; i++)
		close_spool(c, &c->places[i]);
	return NULL;
}

/* ---- the sinks' threads ---- */

struct out_batch *courier_take(struct courier *c, unsigned sink)
{
	return c->sinks[sink].to ? batch_ring_get(c->sinks[sink].to, NULL) : NULL;
}

void courier_settle(struct courier *c, unsigned sink, struct out_batch *b,
		    const struct shipper_outcome *o)
{
	batch_ring_put(c->sinks[sink].from, b, o);
}

/* ---- any thread ---- */

static struct lane_place *place_of(const struct courier *c, unsigned queue)
{
	return queue < c->n_by_queue ? c->by_queue[queue] : NULL;
}

bool courier_has(const struct courier *c, unsigned queue)
{
	return place_of(c, queue) != NULL;
}

bool courier_feeds(const struct courier *c, unsigned sink)
{
	return c->sinks[sink].to != NULL;
}

int courier_command(struct courier *c, unsigned queue, enum lane_command command, unsigned side,
		    struct err *e)
{
	struct lane_place *p = place_of(c, queue);
	if (!p)
		return err_set(e, -ENOENT, "this queue has no spool and no backup");
	pthread_mutex_lock(&c->lock);
	while (p->asked) /* by another */
		pthread_cond_wait(&c->heeded, &c->lock);
	if (!c->heeds) {
		pthread_mutex_unlock(&c->lock);
		return err_set(e, -ESHUTDOWN, "queue %s: %s", p->name, NOT_HEEDED);
	}
	p->command = command;
	p->command_side = side;
	p->asked = true;
	while (p->asked)
		pthread_cond_wait(&c->heeded, &c->lock);
	int rc = p->command_rc;
	if (rc < 0)
		err_set(e, rc, "queue %s: %s", p->name, p->command_err.text);
	pthread_mutex_unlock(&c->lock);
	return rc;
}

unsigned courier_sink(struct courier *c, unsigned queue)
{
	struct lane_place *p = place_of(c, queue);
	pthread_mutex_lock(&c->lock);
	unsigned sink = p->sinks[p->side];
	pthread_mutex_unlock(&c->lock);
	return sink;
}

bool courier_row(struct courier *c, unsigned queue, uint64_t ret_row[LANE_N_COLS])
{
	struct lane_place *p = place_of(c, queue);
	if (!p)
		return false;
	pthread_mutex_lock(&c->lock);
	memcpy(ret_row, p->row, sizeof(p->row));
	pthread_mutex_unlock(&c->lock);
	return true;
}

bool courier_spool_row(struct courier *c, unsigned queue, uint64_t ret_row[SPOOL_N_COLS])
{
	struct lane_place *p = place_of(c, queue);
	if (!p || !p->has_spool)
		return false;
	pthread_mutex_lock(&c->lock);
	memcpy(ret_row, p->spool_row, sizeof(p->spool_row));
	pthread_mutex_unlock(&c->lock);
	return true;
}

bool courier_idle(struct courier *c)
{
	if (atomic_load(&c->question) == 0) {
		atomic_store(&c->question, 1);
		return false;
	}
	return atomic_load(&c->answer) != 0;
}

/* ---- main ---- */

static int open_spool(struct courier *c, struct lane_place *p, struct err *e)
{
	int rc = spool_open(c->spec.spool, p->name, c->spec.io, clock_wall_ns(), &p->spool, e);
	if (rc < 0)
		return rc;
	const struct spool_found *found = spool_found(p->spool);
	if (found->notice.text[0])
		tell(p, "spool: %s", found->notice.text);
	p->spooling_told = found->recs > 0;
	if (found->recs)
		tell(p, "%" PRIu64 " records of an earlier run are in the spool, and go first",
		     found->recs);
	return 0;
}

static int make_own(struct courier *c, struct lane_place *p, bool marks, struct err *e)
{
	size_t cap = c->spec.batch_cap;
	if (cap < spool_found(p->spool)->batch_bytes)
		cap = spool_found(p->spool)->batch_bytes;
	p->own = mem_alloc(c->n_own * sizeof(*p->own));
	for (unsigned i = 0; i < c->n_own; i++) {
		struct out_batch *b = &p->own[i];
		if (!p->own || out_batch_init(b, cap) < 0)
			return err_set(e, -ENOMEM, "no memory for what is read from spools");
		out_batch_rare(b);
		b->queue = (uint16_t)p->queue;
		if (marks)
			out_batch_init_marks(b);
	}
	return 0;
}

static unsigned window_of(const struct courier *c, int mode)
{
	/* Half of them stay with the worker, so that it can go on. */
	return mode == LANE_OFF ? c->spec.worker_batches : c->spec.worker_batches / 2;
}

static int make_place(struct courier *c, const struct courier_queue *q, struct lane_place *p,
		      struct err *e)
{
	bool has_spool = q->mode != LANE_OFF;
	*p = (struct lane_place){
		.c = c, .name = q->name, .queue = q->queue, .has_spool = has_spool};
	p->sinks[0] = p->sinks[1] = q->sink;
	if (q->backup != COURIER_NO_SINK)
		p->sinks[1] = q->backup;
	int rc = has_spool ? open_spool(c, p, e) : 0;
	if (rc == 0 && has_spool)
		rc = make_own(c, p, q->marks, e);
	if (rc < 0)
		return rc;
	const struct lane_conf conf = {
		.mode = (enum lane_mode)q->mode,
		.n_workers = c->spec.n_workers,
		.window = window_of(c, q->mode),
		.has_backup = q->backup != COURIER_NO_SINK,
		.by_health = q->by_health,
		.switch_after_ns = q->switch_after_ns,
		.return_after_ns = q->return_after_ns,
		.store = {p->spool, store_append, store_read, store_rewind, store_ack},
		.unread = has_spool && spool_found(p->spool)->recs > 0,
		.next_seq = has_spool ? spool_found(p->spool)->next_seq : 0,
		.own = p->own,
		.n_own = has_spool ? c->n_own : 0,
		.send = send_batch,
		.recall = recall_batches,
		.give_back = give_batch_back,
		.cut = write_cut,
		.notice = tell_notice,
		.ctx = p,
	};
	return lane_create(&conf, &p->lane, e);
}

static int make_rings(struct courier *c, struct err *e)
{
	unsigned n = 0;
	for (unsigned i = 0; i < c->spec.n_queues; i++)
		n += c->spec.n_workers * (c->spec.worker_batches + 1) + c->n_own + 1;
	for (unsigned i = 0; i < c->spec.n_queues; i++)
		for (unsigned k = 0; k < 2; k++) {
			struct sink_rings *s = &c->sinks[c->places[i].sinks[k]];
			if (s->to)
				continue;
			s->to = batch_ring_create(n);
			s->from = batch_ring_create(n);
			if (!s->to || !s->from)
				return err_set(e, -ENOMEM, "no memory for the courier");
		}
	return 0;
}

int courier_create(const struct courier_spec *spec, struct courier **ret_c, struct err *e)
{
	struct courier *c = mem_alloc(sizeof(*c));
	if (!c)
		return err_set(e, -ENOMEM, "no memory for the courier");
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->heeded, NULL);
	c->spec = *spec;
	c->n_own = OWN_TOTAL / (spec->n_queues + 1);
	c->n_own = c->n_own < OWN_MIN ? OWN_MIN : c->n_own > OWN_MAX ? OWN_MAX : c->n_own;
	for (unsigned i = 0; i < spec->n_queues; i++)
		if (c->n_by_queue <= spec->queues[i].queue)
			c->n_by_queue = spec->queues[i].queue + 1;
	c->places = mem_alloc((spec->n_queues + 1) * sizeof(*c->places));
	c->by_queue = mem_alloc((c->n_by_queue + 1) * sizeof(*c->by_queue));
	c->sinks = mem_alloc((spec->n_sinks + 1) * sizeof(*c->sinks));
	int rc = c->places && c->by_queue && c->sinks
			 ? 0
			 : err_set(e, -ENOMEM, "no memory for the courier");
	if (rc == 0 && spec->spool)
		rc = cut_file_open(spec->spool->dir, spec->io, &c->cuts, e);
	for (unsigned i = 0; rc == 0 && i < spec->n_queues; i++) {
		c->by_queue[spec->queues[i].queue] = &c->places[i];
		rc = make_place(c, &spec->queues[i], &c->places[i], e);
	}
	if (rc == 0)
		rc = make_rings(c, e);
	if (rc < 0) {
		courier_destroy(c);
		return rc;
	}
	publish(c);
	*ret_c = c;
	return 0;
}

void courier_destroy(struct courier *c)
{
	if (!c)
		return;
	if (c->started)
		courier_stop(c, NULL);
	for (unsigned i = 0; c->places && i < c->spec.n_queues; i++) {
		struct lane_place *p = &c->places[i];
		if (p->spool)
			spool_close(p->spool, NULL);
		lane_destroy(p->lane);
		for (unsigned k = 0; p->own && k < c->n_own; k++)
			out_batch_fini(&p->own[k]);
		mem_free(p->own);
	}
	for (unsigned i = 0; c->sinks && i < c->spec.n_sinks; i++) {
		batch_ring_destroy(c->sinks[i].to);
		batch_ring_destroy(c->sinks[i].from);
	}
	cut_file_close(c->cuts);
	pthread_cond_destroy(&c->heeded);
	pthread_mutex_destroy(&c->lock);
	mem_free(c->sinks);
	mem_free(c->by_queue);
	mem_free(c->places);
	mem_free(c);
}

void courier_attach(struct courier *c, unsigned sink, struct shipper *s)
{
	c->sinks[sink].shipper = s;
}

int courier_start(struct courier *c, struct err *e)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, -rc, "cannot start the courier's thread: %s", strerror(rc));
	c->started = true;
	pthread_mutex_lock(&c->lock);
	c->heeds = true;
	pthread_mutex_unlock(&c->lock);
	pthread_setname_np(c->thread, "courier");
	return 0;
}

void courier_stop_reading(struct courier *c)
{
	atomic_store(&c->stop_reading, true);
}

void courier_finish(struct courier *c)
{
	atomic_store_explicit(&c->finish, true, memory_order_release);
	while (c->started && !atomic_load_explicit(&c->finished, memory_order_acquire))
		nanosleep(&(struct timespec){.tv_nsec = IDLE_NS_MIN}, NULL);
}

int courier_stop(struct courier *c, struct err *e)
{
	if (!c->started)
		return 0;
	courier_finish(c);
	atomic_store_explicit(&c->stop, true, memory_order_release);
	pthread_join(c->thread, NULL);
	c->started = false;
	return c->rc < 0 ? err_set(e, c->rc, "%s", c->result.text) : 0;
}
