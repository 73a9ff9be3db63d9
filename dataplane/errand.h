/* errand.h - what a worker does for other threads between two turns, a small piece a turn.
 *
 * In:     errands of any thread: each a function, called turn after turn until it says that it has
 *         done its work.
 * Out:    their ends.
 * Owns:   nothing: an errand is its giver's, who keeps it until it has ended.
 * Runs:   open, step, close: the worker. give, state, wait: any other thread.
 * Limits: a piece is to take no longer than a turn does; it may not allocate.
 */
#ifndef SL_ERRAND_H
#define SL_ERRAND_H

#include <stdatomic.h>
#include <stdbool.h>

struct worker;

enum errand_state {
	ERRAND_WAITS,
	ERRAND_DONE,
	ERRAND_LOST, /* the worker does not run: nothing was done, or not all of it */
};

struct errand {
	/* True: it is done. */
	bool (*piece)(void *arg, struct worker *w);
	void *arg;
	atomic_int state; /* enum errand_state; not to be touched while it waits */
	struct errand *next;
};

struct errands {
	struct errand *_Atomic given; /* the last one first */
	struct errand *mine;          /* of the worker */
	atomic_bool open;
};

void errands_open(struct errands *es);
void errands_close(struct errands *es);

/* For errands_step, when there may be something. */
void errands_run(struct errands *es, struct worker *w);

/* Two loads, as long as nobody wants anything. */
static inline bool errands_wait(const struct errands *es)
{
	return es->mine || atomic_load_explicit(&es->given, memory_order_relaxed);
}

/* Once a turn. */
static inline void errands_step(struct errands *es, struct worker *w)
{
	if (__builtin_expect(errands_wait(es), 0))
		errands_run(es, w);
}

/* @er is borrowed until its state is another than ERRAND_WAITS, which may be at once. */
void errands_give(struct errands *es, struct errand *er);

/* Until it has ended; for as long as a turn may take. Not for the worker. */
void errand_wait(const struct errand *er);

static inline enum errand_state errand_state(const struct errand *er)
{
	return (enum errand_state)atomic_load_explicit(&er->state, memory_order_acquire);
}

#endif
