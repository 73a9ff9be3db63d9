/* kernel_drops.h - what the kernel's packet sockets of this process have dropped.
 *
 * In:     the name of an interface whose sockets are open (DPDK's af_packet driver opened them, and
 *         does not tell what they lose).
 * Out:    packets that came while their rings were full.
 * Owns:   nothing: the sockets are the driver's.
 * Runs:   find: main, while no other thread opens or closes files. read: one worker.
 * Limits: KERNEL_DROPS_SOCKETS_MAX sockets, one a queue.
 */
#ifndef SL_CAPTURE_KERNEL_DROPS_H
#define SL_CAPTURE_KERNEL_DROPS_H

#include <stdint.h>

#define KERNEL_DROPS_SOCKETS_MAX 64

struct kernel_drops {
	int fds[KERNEL_DROPS_SOCKETS_MAX];
	unsigned n;
	uint64_t packets; /* until the last read: the kernel begins anew at each */
};

/* Finds them among the open files. */
void kernel_drops_find(struct kernel_drops *d, const char *iface);

/* All that was dropped since the sockets were opened. */
uint64_t kernel_drops_read(struct kernel_drops *d);

#endif
