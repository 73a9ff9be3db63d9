/* load.h - traffic of one kind, made up: the next packet, and the next, without end.
 *
 * In:     a job: the kind, the size of its messages, how many sessions.
 * Out:    whole Ethernet packets with right lengths, sequence numbers and checksums.
 * Owns:   the messages, written once; what is sent is a copy of them behind a header of its own.
 * Runs:   one thread. Nothing is allocated after load_create.
 * Limits: LOAD_PACKET_MAX bytes a packet.
 */
#ifndef SL_PERF_LOAD_H
#define SL_PERF_LOAD_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define LOAD_HEADERS     54 /* Ethernet, IPv4, TCP */
#define LOAD_PACKET_MAX  9014
#define LOAD_SEGMENT_MAX (LOAD_PACKET_MAX - LOAD_HEADERS)

enum load_kind { LOAD_SYSLOG_UDP, LOAD_SYSLOG_TCP, LOAD_HTTP, LOAD_NDJSON, LOAD_BINLOG };
extern const char *const load_kinds[]; /* their names, closed by NULL */

struct load_job {
	const char *name;
	int kind;         /* enum load_kind */
	int64_t bytes;    /* of a message: a line, a body, the texts of a row */
	int64_t messages; /* that differ; then they come again */
	int64_t sessions; /* senders, connections, replicas; their packets come in turns */
	int64_t segment;  /* payload of a TCP packet at most */
	int64_t rows;     /* LOAD_BINLOG: of one event */
};

struct load;

int load_create(const struct load_job *job, struct load **ret_l, struct err *e);
void load_destroy(struct load *l); /* accepts NULL */

/* Every session from its beginning: the packets of load_create again. */
void load_restart(struct load *l);

/* Writes the next packet to @to, which has LOAD_PACKET_MAX bytes; returns its length. Adds the
 * events that end in it to @events.
 */
unsigned load_next(struct load *l, uint8_t *to, uint64_t *events);

/* The length of its longest packet. */
unsigned load_bytes_max(const struct load *l);

/* What the appliance needs to read it: its source, as configuration. */
const char *load_source(enum load_kind kind);

#endif
