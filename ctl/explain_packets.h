/* explain_packets.h - the packets that brought some bytes of a session, and these bytes.
 *
 * In:     capture files, a session's id, a direction, and where in its stream the bytes are, or
 *         when the last of them came.
 * Out:    the bytes as they were on the wire, the packets that brought them, holes beside them.
 * Owns:   what it found.
 * Runs:   main.
 * Limits: SPAN_BYTES_MAX bytes, SPAN_PACKETS_MAX packets.
 *
 * The files are gone through as a worker does, up to flow, and once more for the packets' headers.
 */
#ifndef SL_CTL_EXPLAIN_PACKETS_H
#define SL_CTL_EXPLAIN_PACKETS_H

#include "ctl/config.h"
#include "dataplane/capture/replay.h"
#include "dataplane/flow/flow.h"

#define SPAN_BYTES_MAX   (256u << 10)
#define SPAN_PACKETS_MAX 64
#define SPAN_LAYERS_MAX  160

struct span_packet {
	uint64_t number, time_ns;
	uint64_t from, until; /* of the stream's bytes */
	const char *file;
	uint32_t bytes;               /* on the wire */
	char layers[SPAN_LAYERS_MAX]; /* tags, and what it was inside of; empty: nothing */
};

struct span_gap {
	uint64_t from, until;
	uint8_t reason; /* enum flow_gap */
};

struct span_query {
	uint64_t session;
	unsigned dir;
	bool by_time; /* the bytes up to the packet of @time_ns, and not those from @from on */
	uint64_t from, time_ns;
};

struct span {
	bool seen; /* the session is there */
	struct flow_session session;
	uint8_t *bytes;
	uint64_t from; /* of the stream: where `bytes` begins */
	size_t len;
	uint64_t end; /* of the stream, as far as the files go */
	struct span_packet packets[SPAN_PACKETS_MAX];
	unsigned n_packets;
	struct span_gap gaps[SPAN_PACKETS_MAX];
	unsigned n_gaps;
};

/* 0 or -errno with a text. */
int span_find(const struct config *c, const struct replay_conf *rc, const struct span_query *q,
	      struct span **ret_s, struct err *e);
void span_free(struct span *s); /* accepts NULL */

#endif
