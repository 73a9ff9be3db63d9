/* eal.h - starts DPDK's environment for ports, on whatever machine this is.
 *
 * In:     the number of workers, and the ports.
 * Out:    lcores 1..n_workers to launch workers on; the caller is the main lcore.
 * Owns:   EAL, until eal_stop.
 * Runs:   main.
 * Limits: once a process.
 */
#ifndef SL_CTL_EAL_H
#define SL_CTL_EAL_H

#include <stddef.h>

#include "ctl/cores.h"
#include "dataplane/base/err.h"

struct eal_conf {
	unsigned n_workers;
	const struct cores *cores;  /* of the workers; NULL: all float */
	const char *const *devices; /* the ports: no other card of the machine is touched */
	size_t n_devices;
	const char *const *extra; /* more arguments of EAL's own */
	size_t n_extra;
};

/* Hugepages are used when the machine has free ones, else plain memory, and *ret_note then says
 * what that costs and how to mend it (static text, else NULL). -EINVAL with what EAL lacked, in
 * plain words.
 */
int eal_start(const struct eal_conf *conf, const char **ret_note, struct err *e);
void eal_stop(void);

/* Runs @fn once in each thread of EAL's but main: the lcores, which must be idle, and the one that
 * waits for interrupts. -ETIMEDOUT: that one did not answer within a second.
 */
int eal_each_thread(void (*fn)(void));

#endif
