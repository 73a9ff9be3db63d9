/* send.h - sends a load out of a DPDK port at a set rate, on the clock.
 *
 * In:     a load; a port that is started, with one transmit queue.
 * Out:    packets; how many the port took, and how many it refused.
 * Owns:   its packet buffers.
 * Runs:   open and close: main. send: a thread of its own, which spins.
 * Limits: a sender that is held up makes up for late_max packets; what more is due by then is not
 *         sent but counted as late, so that it never becomes a burst that nobody asked for.
 */
#ifndef SL_PERF_SEND_H
#define SL_PERF_SEND_H

#include <stdatomic.h>

#include "perf/loadgen/load.h"

#define SEND_LATE_MAX 256 /* for a card's ring of 1,024 */

#define SEND_QUARTERS 4

struct sender;

struct send_rate {
	double packets_s;        /* 0: as many as go */
	double seconds;          /* 0: until `packets` */
	uint64_t packets;        /* 0: until `seconds` */
	unsigned late_max;       /* with packets_s */
	bool wait;               /* what the port refuses is offered again: it is the clock */
	const atomic_bool *stop; /* NULL: none */
};

struct send_count {
	uint64_t packets; /* that the port took */
	uint64_t bytes;   /* of these, as frames */
	uint64_t events;  /* of all that were offered */
	uint64_t refused; /* that it did not: its ring was full */
	uint64_t late; /* that were due and not offered, since the sender was held up, also at the
			* end of its time */
	double seconds;
	/* Of sender_ring, with rate.seconds: how many packets in it were not read, when it began
	 * and ended, and the least in each quarter of the time.
	 */
	unsigned waiting_first, waiting_last, waiting_least[SEND_QUARTERS];
};

/* @n_mbufs packets of @bytes_max bytes are at most in flight. */
int sender_open(uint16_t port_id, unsigned n_mbufs, unsigned bytes_max, struct sender **ret_s,
		struct err *e);
void sender_close(struct sender *s);

void sender_send(struct sender *s, struct load *l, const struct send_rate *rate,
		 struct send_count *ret_n);

/* A port that gives back what is sent out of it: a ring of @n places, of which a configuration
 * speaks as the device SEND_RING. One at a time.
 */
#define SEND_RING "net_ring_load"
int sender_ring(unsigned n, uint16_t *ret_id, struct err *e);
void sender_ring_free(void); /* behind the end of its port */

/* A device of DPDK's, such as net_ring0 or 0000:3b:00.0, made ready to send on. */
int sender_port(const char *device, uint16_t *ret_id, struct err *e);
void sender_port_close(uint16_t id);

#endif
