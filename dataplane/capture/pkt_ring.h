/* pkt_ring.h - packets from one worker to another: their bytes, one behind the other.
 *
 * In:     struct pkt_raw, copied: what a driver or the kernel lends is given back at once.
 * Out:    struct pkt_raw that point into the ring, borrowed until pkt_ring_give_back.
 * Owns:   its bytes.
 * Runs:   create, destroy: main. put, publish: the one worker that fills it. next to give_back: the
 *         one that empties it. The counts: any thread.
 * Limits: the bytes it was made with; a packet that finds no room is counted, and not waited for.
 *
 *     | 32 bytes | packet, to a multiple of 32 | 32 bytes | packet ... |   skip to the start |
 */
#ifndef SL_CAPTURE_PKT_RING_H
#define SL_CAPTURE_PKT_RING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "dataplane/base/err.h"
#include "dataplane/capture/pkt.h"

/* Any packet fits it: the largest is one block of kernel.c. */
#define PKT_RING_BYTES_MIN (1u << 20)

/* A line of the cache for each side, and a pair for what passes between: cores fetch two at once.
 */
struct pkt_ring {
	/* line 1, 2: the worker that fills it */
	_Alignas(128) uint64_t at;
	uint64_t given_back_seen;
	uint64_t n_put, n_full;
	/* line 3, 4: what it tells */
	_Alignas(128) _Atomic uint64_t put;
	_Atomic uint64_t told_put, told_full; /* packets */
	/* line 5, 6: the worker that empties it */
	_Alignas(128) uint64_t from;
	uint64_t put_seen;
	uint64_t n_taken;
	/* line 7, 8: what it tells */
	_Alignas(128) _Atomic uint64_t given_back;
	/* line 9: the same for both */
	_Alignas(128) uint8_t *bytes;
	uint64_t mask;
};

/* @bytes: at least PKT_RING_BYTES_MIN, raised to a power of two. -ENOMEM with a text. */
int pkt_ring_init(struct pkt_ring *r, size_t bytes, struct err *e);
void pkt_ring_fini(struct pkt_ring *r);

/* False: there is no room for it, which is counted. */
bool pkt_ring_put(struct pkt_ring *r, const struct pkt_raw *p);
/* What was put since the last call can be taken. */
void pkt_ring_publish(struct pkt_ring *r);

/* The packet that comes next. False: there is none now. */
bool pkt_ring_peek(struct pkt_ring *r, struct pkt_raw *ret_p);
/* It is taken, and stays readable until pkt_ring_give_back. */
void pkt_ring_next(struct pkt_ring *r, const struct pkt_raw *p);
void pkt_ring_give_back(struct pkt_ring *r);

/* More than half of it is filled: for the worker that empties it. */
bool pkt_ring_is_filling(struct pkt_ring *r);

/* Takes memory for it, on the node of the core that calls: the worker that empties it, first. */
void pkt_ring_settle_here(struct pkt_ring *r);

#endif
