/* candidate.h - a configuration that is built beside the one that runs, by a thread of its own.
 *
 * In:     the path of a file; the generation that runs.
 * Out:    another generation, or what is wrong; what of it only a restart changes.
 * Owns:   the thread; a part in the generation that runs; what it built, until taken.
 * Runs:   any thread but a worker.
 * Limits: -
 */
#ifndef SL_CTL_CANDIDATE_H
#define SL_CTL_CANDIDATE_H

#include "ctl/generation.h"

struct candidate;

/* Reads and builds @path as a reload beside @runs would. With @out: what is wrong, a line each.
 * *ret_restarts: how many of these only tell what needs a restart. 0, with *ret_g, or -errno.
 */
int candidate_load(const char *path, struct generation *runs, struct generation **ret_g,
		   unsigned *ret_restarts, FILE *out);

/* *io_n_alive counts it until nothing of it is left. @then (NULL: nothing) is called by its thread
 * when it is well, before it is said to be built.
 */
int candidate_begin(const char *path, struct generation *runs, atomic_uint *io_n_alive,
		    void (*then)(void *arg, const struct candidate *c), void *arg,
		    struct candidate **ret_c, struct err *e);
/* Returns at once: when it has been built, its thread calls @last (NULL: nothing) and frees it. */
void candidate_drop(struct candidate *c, void (*last)(void *arg), void *arg);

/* False: it is not built yet. */
bool candidate_is_built(const struct candidate *c);
/* Once it is built. NULL: something is wrong with it. */
struct generation *candidate_generation(const struct candidate *c);
const char *candidate_text(const struct candidate *c);
unsigned candidate_restarts(const struct candidate *c);

#endif
