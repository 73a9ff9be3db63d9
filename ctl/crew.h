/* crew.h - the threads that workers run in: lcores of DPDK's where EAL has started, beside ports;
 * else, in a replay, plain ones, so that it needs no EAL.
 *
 * In:     how many workers; what each does.
 * Out:    threads in which it is done.
 * Owns:   the plain threads, until crew_wait.
 * Runs:   main. @fn: the worker's thread.
 * Limits: beside EAL, as many workers as it was started with.
 */
#ifndef SL_CTL_CREW_H
#define SL_CTL_CREW_H

struct crew;

/* @fn(@arg, i) begins in a thread of its own for each i below @n. Returns how many have begun: less
 * than @n where the machine has no more threads. *ret_crew is set always.
 */
unsigned crew_start(unsigned n, void (*fn)(void *arg, unsigned i), void *arg,
		    struct crew **ret_crew);

/* Until all of them have come back; frees it. NULL is fine. */
void crew_wait(struct crew *c);

#endif
