/* script.h - what one session says, piece by piece: once, then in a circle.
 *
 * In:     messages, from the kinds of load.h.
 * Out:    pieces: payloads of packets with their direction, flags and sums.
 * Owns:   the bytes and the pieces.
 * Runs:   main.
 * Limits: SCRIPT_BYTES_MAX.
 */
#ifndef SL_PERF_SCRIPT_H
#define SL_PERF_SCRIPT_H

#include "perf/loadgen/load.h"

#define SCRIPT_BYTES_MAX (256u << 20)

struct piece {
	uint32_t off; /* of the payload in the script's bytes */
	uint16_t len;
	uint16_t sum;    /* of the payload, as checksums go, not inverted */
	uint16_t events; /* that end here */
	uint8_t dir;     /* 0: the client says it */
	uint8_t flags;   /* TCP */
};

struct script {
	uint8_t *bytes;
	size_t len, cap;
	struct piece *pieces;
	unsigned n, n_cap;
	unsigned n_open; /* of n: said once; the rest comes again and again */
	unsigned segment;
	bool udp;
	uint16_t port; /* of the server */
};

int script_create(const struct load_job *job, struct script *ret_s, struct err *e);
void script_fini(struct script *s);

/* For the kinds. One packet. */
void script_piece(struct script *s, unsigned dir, unsigned flags, const void *p, size_t len,
		  unsigned events);
/* Messages of a direction, cut into segments wherever they are full. */
struct cutter {
	struct script *s;
	unsigned dir, len, events;
	uint8_t buf[LOAD_SEGMENT_MAX];
};
void cutter_put(struct cutter *c, const void *p, size_t len, unsigned events);
void cutter_end(struct cutter *c); /* what is left becomes a packet */

/* The three packets of a handshake. */
void script_handshake(struct script *s);

/* binlog.c: a primary that sends its log to a replica. */
void script_binlog(struct script *s, const struct load_job *job);

#endif
