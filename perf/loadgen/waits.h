/* waits.h - how long the threads of a trial wanted their cores and did not have them.
 *
 * In:     /proc of this process, and of the machine.
 * Out:    nanoseconds, since the threads began.
 * Owns:   -
 * Runs:   the generator's thread, which is known by that.
 * Limits: a thread that waits now has its time counted when it is on its core again.
 */
#ifndef SL_PERF_WAITS_H
#define SL_PERF_WAITS_H

#include <stdint.h>

struct waits {
	uint64_t worker_ns, sink_ns, generator_ns;
	uint64_t stolen_ns; /* by the host, of all cores of this machine; to 10 ms */
};

void waits_read(struct waits *ret);

/* @from is what was read before. */
struct waits waits_since(const struct waits *from);

#endif
