/* txn.h - where changes stand in their transactions, and which of them is the last.
 *
 * In:     what begins and ends transactions; the bytes behind an event.
 * Out:    txid and index of a change; whether the event behind it commits.
 * Owns:   nothing; struct mysql_txn is a part of its log.
 * Runs:   worker.
 * Limits: a commit is looked for in the next event only, in MYSQL_AHEAD_BYTES of it.
 *
 *     GTID | BEGIN | map | rows | map | rows, end of statement | XID or COMMIT
 *                                       `-- waits for the type of what follows
 *
 * The last change of a transaction is seen to be the last by the event behind it. So a rows event
 * that ends a statement is read when the next event is there too, and nothing is held back but
 * these bytes, by whoever holds the session's unread ones. Where the end comes later (changes of
 * tables that are not wanted stand between) it is an event of its own.
 */
#ifndef SL_PARSERS_MYSQL_TXN_H
#define SL_PARSERS_MYSQL_TXN_H

#include "parsers/mysql/event.h"

/* The name of a file, a colon, a position; or a GTID. */
#define MYSQL_TXID_MAX    (255 + 1 + 20)
/* A commit is shorter, with all its status variables. */
#define MYSQL_AHEAD_BYTES 2048

struct mysql_txn {
	bool sure;     /* no boundary can have been missed: what is outside of them is on its own */
	bool open;     /* its beginning has been seen, and not its end */
	bool begun;    /* by BEGIN: more than one statement may follow */
	bool marked;   /* its last record so far says that it is the last */
	uint32_t n;    /* records so far */
	size_t id_len; /* 0: not known, its beginning is missing */
	char id[MYSQL_TXID_MAX];
};

/* A transaction begins; its name is @gtid, or else the place. */
void mysql_txn_begin(struct mysql_txn *t, struct slice gtid, struct slice file, uint64_t pos);

/* The transaction is over, and what follows begins anew. */
void mysql_txn_end(struct mysql_txn *t);

/* Bytes are missing: where the next change stands is not known. */
void mysql_txn_lost(struct mysql_txn *t);

/* What a statement does to the transaction that it stands in. */
enum mysql_txn_word {
	MYSQL_WORD_NONE, /* nothing: it is a statement */
	MYSQL_WORD_BEGIN,
	MYSQL_WORD_XA_BEGIN,
	MYSQL_WORD_COMMIT,
	MYSQL_WORD_ROLLBACK,
	MYSQL_WORD_XA_COMMIT, /* of a transaction that was prepared before */
	MYSQL_WORD_XA_ROLLBACK,
	MYSQL_WORD_OTHER, /* savepoints and the like, comments: they change no data */
};

enum mysql_txn_word mysql_txn_word(struct slice sql);

enum mysql_ahead {
	MYSQL_AHEAD_UNKNOWN, /* nothing follows, or not in time */
	MYSQL_AHEAD_MORE,    /* of its bytes must come */
	MYSQL_AHEAD_GOES_ON,
	MYSQL_AHEAD_COMMITS,
};

/* Does the event that begins at @s commit? MORE: when *ret_needed bytes are there. */
enum mysql_ahead mysql_ahead_event(struct slice s, const struct mysql_format *f,
				   size_t *ret_needed);

/* The same of an event in a packet. */
enum mysql_ahead mysql_ahead_packet(struct slice s, const struct mysql_format *f,
				    size_t *ret_needed);

#endif
