/* log.h - a binary log being read: events in, frames of row changes and statements out.
 *
 * In:     events of a session (or file), in order.
 * Out:    one frame a row change, DDL or statement, with what extract needs in `aux`.
 * Owns:   struct mysql_pool has the logs of all sessions, their tables, and the frames' contexts.
 * Runs:   create and destroy: main; the rest: worker.
 * Limits: MYSQL_LOGS sessions that replicate; the one that was quiet for longest is forgotten, and
 *         goes on as behind a hole.
 */
#ifndef SL_PARSERS_MYSQL_LOG_H
#define SL_PARSERS_MYSQL_LOG_H

#include "dataplane/frame/parser.h"
#include "parsers/mysql/chain.h"
#include "parsers/mysql/conf.h"
#include "parsers/mysql/row.h"
#include "parsers/mysql/schema.h"
#include "parsers/mysql/stream.h"
#include "parsers/mysql/tables.h"
#include "parsers/mysql/txn.h"

#define MYSQL_LOGS           256
#define MYSQL_FILE_NAME_MAX  255
#define MYSQL_NAME_MAX       255
/* Beyond it a row is left out: what batches hold is sized by it (struct parser). */
#define MYSQL_ROW_BYTES_MAX  (32u << 20)
#define MYSQL_UNPACKED_BYTES (256u << 20) /* one event or value that MariaDB has compressed */
/* Texts with every byte escaped, and numbers. */
#define MYSQL_SOURCE_MAX     (6 * (2 * MYSQL_NAME_MAX + MYSQL_FILE_NAME_MAX + MYSQL_TXID_MAX) + 512)
/* So much of a statement is kept for the changes that it made. */
#define MYSQL_QUERY_MAX      4096

/* The statement behind the rows that follow. */
struct mysql_cause {
	bool cut;
	size_t len; /* 0: none */
	uint8_t text[MYSQL_QUERY_MAX];
};

struct mysql_log {
	uint32_t owner; /* 0: free */
	uint64_t used;  /* when, in calls */
	struct mysql_format format;
	bool has_format; /* the log's own description was seen */
	bool no_sums;    /* the replica refused them: the server takes them off */
	bool sums_known; /* format.checksum is more than an assumption */
	bool unsure;     /* behind a hole, in which tables may have been changed */
	bool pos_known;  /* the next event begins at pos */
	char file[MYSQL_FILE_NAME_MAX + 1];
	size_t file_len;               /* 0: not known */
	uint64_t pos;                  /* where the next event begins in the file */
	uint64_t off;                  /* and in the session: behind the last one */
	uint64_t first_off, first_pos; /* both, of the first event of this file; 0: not known */
	bool hole;                     /* there is a hole between that and the next event */
	uint32_t server_id;            /* of the server whose log it is; 0: not known */
	uint32_t file_time; /* of the file's format description: when it was begun; 0: not known */
	uint64_t identity;  /* of server and file; 0: not known */
	uint64_t server;    /* which server it is: a hash of its address */
	uint64_t kept_log;  /* as state.h numbers it: `kept` is that number and 1; 0: not asked */
	int kept;
	char gtid[MYSQL_GTID_TEXT_MAX];
	size_t gtid_len;
	struct mysql_txn txn;
	bool undone; /* the statement to come has only begun, or has failed (ALTER in two phases) */
	uint32_t pieces, piece; /* owner of the stream of a rows event in pieces; the last one */
	bool paired;            /* pair is set */
	bool behind_hole;       /* the chain is to be told */
	bool over;              /* a transaction ended with the event at hand */
	uint16_t chain;         /* where the chain of pair is, most likely */
	struct mysql_pair pair;
	uint64_t commit_us; /* of the transaction at hand, by its GTID; 0: not told */
	struct mysql_cause cause;

	/* The event at hand, when its frames did not all fit. */
	uint64_t serial;         /* 0: none */
	uint64_t inner;          /* bytes of its inner events that are done with */
	uint32_t rows;           /* of the event at hand, or inside it, that have gone out */
	uint32_t idx;            /* of the next row: in the event, inner events and all */
	const char *lost_inside; /* something of it is lost, and why */
};

/* What a rows event needs to be read again. */
struct mysql_dead_event {
	bool sum, begun, commits; /* it has a checksum; of its transaction, as the last row asks */
	uint8_t post_len;
	uint32_t rows; /* that have gone out */
};

/* What the frames of one event have in common. */
struct mysql_event_ctx {
	const struct mysql_decoder *decoder;
	const struct mysql_table *table; /* NULL: no row */
	const struct mysql_known *known; /* of rows, also of a dead letter; else NULL */
	struct slice name;               /* of the table, of a dead letter */
	size_t raw_bytes;                /* of its event; 0: it is none */
	struct mysql_dead_event dead;    /* of a dead letter */
	struct mysql_rows rows;          /* `data` is not for extract */
	struct change change;            /* for encoders */
	uint8_t charset;                 /* of a statement: enum mysql_charset */
	bool in_txn;                     /* its transaction is known: rows have an index there */
	const char *op;                  /* of the end of a transaction */
	uint64_t last_frame;             /* number of the last frame that points here, and 1 */
	size_t source_len;
	uint8_t source[MYSQL_SOURCE_MAX]; /* of record field source: all but the row's number */
	size_t db_len;
	uint8_t db[MYSQL_NAME_MAX + 1];
	size_t head_len; /* what the records of all rows have: the letter of op, `db.table` */
	uint8_t head[1 + 2 * MYSQL_NAME_MAX + 1];
	/* Values of its rows as words (val.h), to which their place is added, and to an image's its
	 * length; of an image that the op does not have, null, image_place has no bit set.
	 */
	uint64_t op_word, stream_word, source_word, image_word[2], image_place[2];
	bool now; /* an image has to be read at once */
	struct mysql_cause cause;
};

/* `aux` of a frame. */
struct mysql_frame_ctx {
	const struct mysql_event_ctx *event;
	uint32_t len[2];   /* of the images */
	uint32_t idx;      /* in the event */
	uint32_t tx_index; /* in the transaction */
	uint32_t head_off; /* of a row: event->head, in the arena */
	bool last;         /* of the transaction */
};

struct mysql_pool;

/* The log that @owner reads, or a new one. *io_slot: where it was the last time, and is now. */
struct mysql_log *mysql_log_of(struct mysql_pool *p, uint32_t owner, uint16_t *io_slot);

/* A hole in the session of @owner, which goes on as @next: its table maps are of before, and
 * whether the file is the same will be seen.
 */
void mysql_log_hole(struct mysql_pool *p, uint32_t owner, uint32_t next);

/* The same log when it is there still, else NULL. */
struct mysql_log *mysql_log_peek(struct mysql_pool *p, uint32_t owner, uint16_t slot);

/* The file and position that the replica asks for. */
void mysql_log_at(struct mysql_log *log, struct slice file, uint64_t pos);

enum mysql_outcome {
	MYSQL_READ,   /* done with */
	MYSQL_FULL,   /* the burst is full: call again with the same event */
	MYSQL_PASSED, /* rows of a table that is not wanted */
	MYSQL_LOST,   /* *ret_why says what is the matter with it */
	MYSQL_MORE,   /* more of its bytes are needed, where it comes in parts */
};

/* Bytes of an event that does not have to be there whole, behind those that came before. */
struct mysql_part {
	struct slice bytes;
	size_t taken; /* so many of them were taken: all, but when the burst is full */
	bool begins;  /* with its header: MYSQL_PAYLOAD_HEAD bytes at least, or all */
	bool ends;    /* nothing follows, be it whole or not */
};

/* How an event came. */
struct mysql_seen {
	uint64_t off; /* where it (or its packet) begins in the session; 0: not to be compared */
	uint64_t time_ns;       /* when it was there to its end */
	uint64_t end_off;       /* TCP's acknowledgement of the bytes before counts; 0: none does */
	uint64_t acked;         /* as in the session: up to there it has come already */
	enum mysql_ahead ahead; /* what is behind it; asked for when mysql_log_waits */
	struct mysql_part *part; /* not NULL: a part of it */
};

/* Is the event behind this one needed to read it? */
bool mysql_log_waits(const struct mysql_log *log, struct slice event);

/* Must an event not be there whole to be read? */
bool mysql_log_takes_parts(uint8_t type);

/* Reads one whole event, or a part of one (@event is not asked for then), and puts its frames. */
enum mysql_outcome mysql_log_event(struct mysql_pool *p, struct mysql_log *log, struct slice event,
				   const struct mysql_seen *seen, struct frame_out *out,
				   const char **ret_why);

/* again.c: struct parser's, of dead letters. */
size_t mysql_ground(const void *pool, const struct frame *f, uint8_t *out, size_t cap);
void mysql_again(void *pool, const struct frame *f, struct slice ground, uint32_t *io_done,
		 struct frame_out *out);

/* record.c */
void mysql_dead(const struct frame *f, struct rec_builder *rb);
const char *mysql_extract(const void *conf, const struct frame *f, struct rec_builder *rb);
extern const struct field_def mysql_fields[];

#endif
