/* chain.h - what passes between a server and a replica, over all their sessions: is each event the
 * one behind the last, and how old is it?
 *
 * In:     events that have a place in their log, holes, GTIDs, acknowledgements.
 * Out:    counters, also of events by their type; breaks with both their ends, delays.
 * Owns:   struct mysql_chains, a part of the pool.
 * Runs:   worker; telling: main, when the workers have ended.
 * Limits: MYSQL_CHAINS pairs of server and replica (the one quiet for longest is forgotten),
 *         MYSQL_BREAKS breaks told one by one, the first ones; all are counted.
 *
 *     bin.1:4 ---- bin.1:900 | bin.1:900 ---- bin.1:2000        one session, the next: no break
 *                      bin.1:700 ---- bin.1:2000                700 to 900 are repeated
 *                               bin.1:1500 ----                 900 to 1500 never passed by
 */
#ifndef SL_PARSERS_MYSQL_CHAIN_H
#define SL_PARSERS_MYSQL_CHAIN_H

#include "dataplane/base/ledger.h"
#include "parsers/mysql/event.h"

#define MYSQL_CHAINS      64
#define MYSQL_BREAKS      64
#define MYSQL_CHAIN_GTIDS 16   /* domains or uuids of one chain whose numbers are followed */
#define MYSQL_CHAIN_ACKS  1024 /* commits that wait for the replica's acknowledgement */
#define MYSQL_DELAY_STEPS 8
#define MYSQL_CHAIN_FILE  255

#define MYSQL_CHAIN_COLS(X)                                                                    \
	X(IN, events_in, "events with a place in their log")                                   \
	X(OUT, in_order, "each behind the one before")                                         \
	X(OUT, behind_break, "behind a break, or behind what a server left out")               \
	X(POLICY, repeated, "sent again, behind a reconnect: their records have the same _id") \
	X(MISSED, between,                                                                     \
	  "breaks between sessions of a replica: a part of the log passed by "                 \
	  "nowhere")                                                                           \
	X(INFO, holes, "breaks where bytes of the capture are missing (gap_bytes)")            \
	X(INFO, jumps, "breaks where none are: the server has sent it so")                     \
	X(INFO, left_out, "places where a MariaDB server left events out (annotations)")       \
	X(INFO, gtid_gaps, "GTIDs whose number is not the next of their domain or server")     \
	X(INFO, checksums, "events whose checksum is wrong")                                   \
	X(INFO, not_kept, "DDL that found no room on its way to the file of option state")

#define MYSQL_CHAIN_COL(kind, name, help) MYSQL_CHAIN_##name,
enum { MYSQL_CHAIN_COLS(MYSQL_CHAIN_COL) MYSQL_CHAIN_N_COLS };
extern const struct ledger_table mysql_chain_ledger;

struct mysql_place {
	uint64_t pos;
	size_t file_len, gtid_len;
	char file[MYSQL_CHAIN_FILE];
	char gtid[MYSQL_GTID_TEXT_MAX];
};

enum mysql_break_kind {
	MYSQL_BREAK_HOLE,
	MYSQL_BREAK_BETWEEN,
	MYSQL_BREAK_JUMP,
	MYSQL_BREAK_GTID,
	MYSQL_BREAK_CHECKSUM,
	MYSQL_BREAK_KINDS,
};

struct mysql_pair {
	uint8_t server[16], replica[16];
	uint16_t server_port;
	uint16_t file_port;  /* not 0: no replica, but a log file that is told by this number */
	uint32_t replica_id; /* its server id; 0: not known */
};

struct mysql_break {
	uint64_t time_ns;
	enum mysql_break_kind kind;
	struct mysql_pair pair;
	struct mysql_place from, to;
};

struct mysql_delay {
	uint64_t skipped; /* commits whose acknowledgement cannot be told, or is waited for too long
			   */
	uint64_t n, early, min_ns, max_ns, sum_ns; /* early: the stamp lies behind the packet */
	uint64_t steps[MYSQL_DELAY_STEPS];         /* below 100 us, 1 ms, 10 ms, ... 100 s, all */
};

struct mysql_count {
	uint8_t name[52]; /* of the uuid with its tag, or of the domain */
	uint64_t last;
};

/* A commit whose acknowledgement is waited for: the replica's own, of a place in the log, or that
 * of TCP, of a place in the session.
 */
struct mysql_pending {
	uint64_t commit_ns;
	uint64_t pos;   /* in the file, or in the session */
	uint64_t file;  /* hash of its name; of TCP: 0 */
	uint32_t owner; /* of the session */
};

struct mysql_chain {
	struct mysql_pair pair;
	uint64_t used;     /* 0: free */
	uint32_t session;  /* the owner whose event was the last */
	uint32_t waits;    /* index of a break whose far GTID is still to come, and 1 */
	uint32_t log_time; /* when the file was begun */
	bool hole;         /* bytes are missing in front of the next event */
	bool stopped;      /* the last event ended its file */
	bool repeats;      /* the last event had passed by before */
	bool fine;         /* commit stamps have microseconds */
	bool mariadb;
	bool turned; /* a new file in a new session: a GTID will tell if all of the old one came */
	struct mysql_place turned_at;
	struct mysql_place at; /* the end of the last event, the farthest */
	unsigned n_counts, n_pending, next_pending;
	struct mysql_count counts[MYSQL_CHAIN_GTIDS];
	struct mysql_pending pending[MYSQL_CHAIN_ACKS];
	struct mysql_delay wire, ack, tcp_ack;
};

struct mysql_chains {
	uint64_t row[MYSQL_CHAIN_N_COLS];
	uint64_t types[256]; /* events of each type, also those inside of others */
	uint64_t calls;
	unsigned n_breaks;
	struct mysql_break breaks[MYSQL_BREAKS];
	struct mysql_chain items[MYSQL_CHAINS];
};

/* The chain of @pair, maybe a new one. *io_hint: where it was the last time. */
struct mysql_chain *mysql_chain_of(struct mysql_chains *cs, const struct mysql_pair *pair,
				   uint16_t *io_hint);

/* One event in its log. */
struct mysql_link {
	uint32_t owner;    /* of the session */
	uint32_t log_time; /* when the file was begun; 0: not known */
	struct slice file;
	uint64_t pos, end;
	uint64_t time_ns; /* of the packet */
	uint8_t type;
	bool mariadb;
	bool sum_wrong;
	uint64_t end_off, acked; /* of struct mysql_seen */
};

void mysql_chain_event(struct mysql_chains *cs, struct mysql_chain *c, const struct mysql_link *l);

/* The server says that its log goes on at @l->end: a rotation, or a heartbeat. */
void mysql_chain_moved(struct mysql_chain *c, const struct mysql_link *l);

/* The GTID in event @l, which mysql_chain_event has seen. */
void mysql_chain_gtid(struct mysql_chains *cs, struct mysql_chain *c, const struct mysql_gtid *g,
		      struct slice text, const struct mysql_link *l);

/* A transaction ended with @l; it was committed at @commit_ns. @fine: exact, not to the second. */
void mysql_chain_commit(struct mysql_chain *c, const struct mysql_link *l, uint64_t commit_ns,
			bool fine);

/* The replica's host has the bytes of session @owner before @off. */
void mysql_chain_tcp_ack(struct mysql_chain *c, uint32_t owner, uint64_t off, uint64_t time_ns);

/* The replica has everything up to there. */
void mysql_chain_ack(struct mysql_chain *c, struct slice file, uint64_t pos, uint64_t time_ns);

/* What several pools have seen, as one JSON object. At most @cap bytes, returned; 0: no room. */
size_t mysql_chains_tell(const struct mysql_chains *const *all, unsigned n, char *out, size_t cap);

#endif
