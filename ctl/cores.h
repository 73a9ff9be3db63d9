/* cores.h - which core each worker of a run has to itself, and which memory is near it.
 *
 * In:     capture.cores; the cores that this process may use; /sys, or a copy of it for tests.
 * Out:    a core for each worker, or none: then the kernel places them.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: CORES_MAX cores; CONFIG_WORKERS_MAX workers.
 */
#ifndef SL_CTL_CORES_H
#define SL_CTL_CORES_H

#include <sched.h>
#include <stdbool.h>

#include "ctl/config.h"

#define CORES_MAX CPU_SETSIZE

struct cores {
	bool pinned;
	int of_worker[CONFIG_WORKERS_MAX];      /* -1: wherever there is room */
	int node_of_worker[CONFIG_WORKERS_MAX]; /* -1: not known, or there is only one */
	cpu_set_t rest;                         /* for main, sinks and all others */
};

/* @want: "auto", "off", or a list as "2-5,8", a core for each worker, in their order. auto: a core
 * each where two more are left for the others, on the node of what the worker reads, @near
 * (-1: anywhere), and of two threads of a core only one, as far as it goes. -EINVAL with a text.
 */
int cores_choose(const char *want, const cpu_set_t *may, unsigned n_workers, const int *near,
		 const char *root, struct cores *ret_c, struct err *e);

/* For what @c's ports and workers are. */
int cores_of_run(const struct config *c, struct cores *ret_c, struct err *e);

/* "worker 0 on core 2, 1 on core 3", in @out. */
void cores_describe(const struct cores *c, unsigned n_workers, char *out, size_t cap);

/* The node of a core, and that of an interface or a card as capture.ports names it; -1: it is not
 * told, or the machine has only one.
 */
int cores_node(int core, const char *root);
int cores_device_node(const char *device, const char *root);

/* What main allocates from now on comes from @node, where there is room; -1: from anywhere. */
void cores_memory_near(int node);

#endif
