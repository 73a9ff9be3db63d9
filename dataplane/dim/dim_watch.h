/* dim_watch.h - keeps dimensions up to date while sluice runs: a thread for each.
 *
 * In:     dimensions, at their intervals.
 * Out:    their tables, exchanged or changed; a line for people where that fails.
 * Owns:   its threads; the dimensions are borrowed.
 * Runs:   start, stop: main. The tell function: any of the threads.
 * Limits: what dim_refresh takes, stop waits for.
 */
#ifndef SL_DIM_DIM_WATCH_H
#define SL_DIM_DIM_WATCH_H

#include "dataplane/dim/dim.h"

/* A failure is told when it begins, and that it is over: not each time it is met. */
typedef void dim_watch_tell(void *arg, const char *text);

struct dim_watch;

int dim_watch_start(struct dim *const *dims, unsigned n, dim_watch_tell *tell, void *arg,
		    struct dim_watch **ret_w, struct err *e);
void dim_watch_stop(struct dim_watch *w); /* accepts NULL */

#endif
