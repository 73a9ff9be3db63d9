/* dead_retry.h - dead letters that are tried again: which ones, their frames, what became of them.
 *
 * In:     a folder of letters and what is chosen of it; today's configuration.
 * Out:    frames for a worker, records for queues; at the end marks beside the letters.
 * Owns:   the folder's lock against other retries; one outcome a letter.
 * Runs:   open, finish, close: main. The feed: the worker. dead_retry_failed: any thread.
 * Limits: memory for each letter that is chosen.
 *
 * A letter is marked as retried when all that was made of it has been written, and not before: what
 * is cut short is tried again, and comes with the same _id.
 */
#ifndef SL_CTL_DEAD_RETRY_H
#define SL_CTL_DEAD_RETRY_H

#include <stdio.h>

#include "ctl/config.h"
#include "dataplane/sink/dead_letter_store.h"

/* What of a folder; NULL: whatever it is. */
struct dead_choice {
	const char *reason, *source, *rule;
	const char *const *ids; /* numbers of letters, or `_id` */
	size_t n_ids;           /* 0: all that were not retried */
};

/* Is it one of those? */
bool dead_choice_has(const struct dead_choice *c, uint64_t seq, enum dead_state state,
		     const struct dead_letter *l);

struct dead_retry;

/* Reads the folder once and keeps others from retrying. 0, or -errno with a text. */
int dead_retry_open(const char *dir, const struct dead_choice *choice, const struct config *conf,
		    struct dead_retry **ret_d, struct err *e);
void dead_retry_close(struct dead_retry *d);
size_t dead_retry_n(const struct dead_retry *d); /* letters that were chosen */

/* What the worker's path gives to the feed. */
struct dead_retry_path {
	/* Puts an encoded record into a queue. False: there was no room, and it is counted. */
	bool (*put)(void *arg, unsigned queue, const struct dead_letter *l);
	/* What the worker has lost so far, by its ledger. */
	uint64_t (*lost)(void *arg);
	void *arg;
};
void dead_retry_path(struct dead_retry *d, const struct dead_retry_path *path);

/* struct worker_feed; @arg: the struct dead_retry. */
bool dead_retry_next(void *arg, struct batch *b, struct frame *ret_f, struct slice *ret_ground);

/* What was made of a letter has failed again: @l is the letter that it would be now. */
void dead_retry_failed(struct dead_retry *d, const struct dead_letter *l);

/* When all has ended. @whole: nothing is lost but what the worker's ledger shows; @lost: all that
 * the ledger shows. Marks the letters and tells of them. Returns how many did not go through, or
 * -errno.
 */
int64_t dead_retry_finish(struct dead_retry *d, bool whole, uint64_t lost, FILE *out,
			  struct err *e);

#endif
