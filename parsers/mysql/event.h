/* event.h - one event of a binary log: its header, its checksum, and the bodies that are no rows.
 *
 * In:     the bytes of an event (after packet header, OK byte and semi-sync prefix), or of a log
 *         file from an event's start on; padded by SL_PAD.
 * Out:    struct mysql_event and friends, whose slices are borrowed from these bytes.
 * Owns:   nothing.
 * Runs:   worker. Nothing here allocates or keeps state.
 * Limits: every fault is one of MYSQL_FAULTS; an event is at most 4 GiB (its own length field).
 *
 * The 19 bytes in front of every event (version 4 logs, MySQL 5.0 and later), all little-endian:
 *
 *     +0 time u32 | +4 type u8 | +5 server id u32 | +9 size u32 | +13 end position u32 | +17 flags
 * u16 +19 post-header (its length by type: format description) | body | CRC-32, where it is on
 */
#ifndef SL_PARSERS_MYSQL_EVENT_H
#define SL_PARSERS_MYSQL_EVENT_H

#include "dataplane/base/slice.h"

/* Why bytes could not be read. A row that could not be is a dead letter with this text. */
#define MYSQL_FAULTS(X)                                                                       \
	X(OK, "no fault")                                                                     \
	X(END, "nothing follows")                                                             \
	X(MORE, "the event is not complete yet")                                              \
	X(HEADER, "an event header that cannot be: size or type")                             \
	X(TYPE, "an event type that is not known")                                            \
	X(VERSION, "a binary log older than version 4 (MySQL 5.0)")                           \
	X(CHECKSUM, "the checksum of the event is wrong")                                     \
	X(ENCRYPTED, "the binary log is encrypted")                                           \
	X(BODY, "the body of the event is shorter than what it announces")                    \
	X(TABLE, "a table map that contradicts itself")                                       \
	X(COLUMNS, "another number of columns than in the table map or the schema")           \
	X(COLUMN_TYPE, "a column type that is not known or not what the schema says")         \
	X(OLD_TEMPORAL, "a temporal column of MariaDB's old format: its width is not told")   \
	X(VALUE, "a column value that is cut or cannot be")                                   \
	X(JSON, "a JSON value that is cut or cannot be")                                      \
	X(DIFF, "a partial JSON update that cannot be read")                                  \
	X(COMPRESSION, "compressed bytes that do not decompress")                             \
	X(ALGORITHM, "compressed with an algorithm that is not known")                        \
	X(TOO_LARGE, "larger when decompressed than the space for it")                        \
	X(BOMB, "a transaction that decompresses to more than payload_bytes_max, or than it " \
		"says")                                                                       \
	X(CUT, "a compressed transaction whose end is missing")                               \
	X(NO_ROOM, "a row longer as text than the space for it")                              \
	X(NO_SLOT, "a table map larger than the space for it")

#define MYSQL_FAULT_ENUM_(name, text) MYSQL_F_##name,
enum mysql_fault { MYSQL_FAULTS(MYSQL_FAULT_ENUM_) MYSQL_N_FAULTS };

/* Static text. */
const char *mysql_fault_text(enum mysql_fault f);

enum mysql_event_type {
	MYSQL_EV_START_V3 = 1,
	MYSQL_EV_QUERY = 2,
	MYSQL_EV_STOP = 3,
	MYSQL_EV_ROTATE = 4,
	MYSQL_EV_INTVAR = 5,
	MYSQL_EV_LOAD = 6,
	MYSQL_EV_SLAVE = 7,
	MYSQL_EV_CREATE_FILE = 8,
	MYSQL_EV_APPEND_BLOCK = 9,
	MYSQL_EV_EXEC_LOAD = 10,
	MYSQL_EV_DELETE_FILE = 11,
	MYSQL_EV_NEW_LOAD = 12,
	MYSQL_EV_RAND = 13,
	MYSQL_EV_USER_VAR = 14,
	MYSQL_EV_FORMAT = 15,
	MYSQL_EV_XID = 16,
	MYSQL_EV_BEGIN_LOAD_QUERY = 17,
	MYSQL_EV_EXECUTE_LOAD_QUERY = 18,
	MYSQL_EV_TABLE_MAP = 19,
	MYSQL_EV_WRITE_ROWS_V0 = 20, /* 5.1.0 to 5.1.15 */
	MYSQL_EV_UPDATE_ROWS_V0 = 21,
	MYSQL_EV_DELETE_ROWS_V0 = 22,
	MYSQL_EV_WRITE_ROWS_V1 = 23,
	MYSQL_EV_UPDATE_ROWS_V1 = 24,
	MYSQL_EV_DELETE_ROWS_V1 = 25,
	MYSQL_EV_INCIDENT = 26,
	MYSQL_EV_HEARTBEAT = 27,
	MYSQL_EV_IGNORABLE = 28,
	MYSQL_EV_ROWS_QUERY = 29,
	MYSQL_EV_WRITE_ROWS_V2 = 30,
	MYSQL_EV_UPDATE_ROWS_V2 = 31,
	MYSQL_EV_DELETE_ROWS_V2 = 32,
	MYSQL_EV_GTID = 33,
	MYSQL_EV_ANONYMOUS_GTID = 34,
	MYSQL_EV_PREVIOUS_GTIDS = 35,
	MYSQL_EV_TRANSACTION_CONTEXT = 36,
	MYSQL_EV_VIEW_CHANGE = 37,
	MYSQL_EV_XA_PREPARE = 38,
	MYSQL_EV_PARTIAL_UPDATE_ROWS = 39,
	MYSQL_EV_TRANSACTION_PAYLOAD = 40,
	MYSQL_EV_HEARTBEAT_V2 = 41,
	MYSQL_EV_GTID_TAGGED = 42,
	/* MariaDB */
	MYSQL_EV_ANNOTATE_ROWS = 160,
	MYSQL_EV_BINLOG_CHECKPOINT = 161,
	MYSQL_EV_MARIA_GTID = 162,
	MYSQL_EV_MARIA_GTID_LIST = 163,
	MYSQL_EV_START_ENCRYPTION = 164,
	MYSQL_EV_QUERY_COMPRESSED = 165,
	MYSQL_EV_WRITE_ROWS_COMPRESSED_V1 = 166,
	MYSQL_EV_UPDATE_ROWS_COMPRESSED_V1 = 167,
	MYSQL_EV_DELETE_ROWS_COMPRESSED_V1 = 168,
	MYSQL_EV_WRITE_ROWS_COMPRESSED_V2 = 169,
	MYSQL_EV_UPDATE_ROWS_COMPRESSED_V2 = 170,
	MYSQL_EV_DELETE_ROWS_COMPRESSED_V2 = 171,
	MYSQL_EV_PARTIAL_ROW_DATA = 172, /* MariaDB 12: a part of a rows event */
};

#define MYSQL_FLAG_IN_USE      0x0001 /* of the format description: the log is open */
#define MYSQL_FLAG_ARTIFICIAL  0x0020 /* made by the dump thread: not in the log */
#define MYSQL_FLAG_IGNORABLE   0x0080
#define MYSQL_EVENT_HEADER_LEN 19
#define MYSQL_CHECKSUM_LEN     4

/* What the format description of a log says of the events behind it. */
struct mysql_format {
	char server_version[51];
	bool mariadb;
	uint8_t n_types;       /* post_len is known for types 1..n_types */
	uint8_t post_len[256]; /* post-header length by type */
	bool checksum;         /* each event ends in a CRC-32 */
	uint32_t version;      /* 80022 for 8.0.22, 101119 for 10.11.19 */
};

struct mysql_event {
	uint32_t time_s, server_id, size, log_pos;
	uint16_t flags;
	uint8_t type;
	bool has_crc;
	struct slice bytes; /* all of it */
	struct slice body;  /* behind the 19 bytes, without the checksum */
};

/* What is assumed before the first format description: that of MySQL 5.6 and later, no checksum. */
void mysql_format_init(struct mysql_format *f);

/* The name of a type, "WRITE_ROWS_V2"; NULL for one that is not known. */
const char *mysql_event_name(uint8_t type);

/* Static text that says that this type is not known. */
const char *mysql_event_unknown(uint8_t type);

/* Reads one event at the start of @s. MORE: ret_ev->size (0: unknown) bytes are needed. The format
 * description itself always finds its own checksum. A type that is not known is no fault here.
 */
enum mysql_fault mysql_event_parse(struct slice s, const struct mysql_format *f,
				   struct mysql_event *ret_ev);

/* The same of an event of which only the first bytes are there, its header at least: `bytes` and
 * `body` are those.
 */
enum mysql_fault mysql_event_parse_front(struct slice s, const struct mysql_format *f,
					 struct mysql_event *ret_ev);

/* True when the event has no checksum or a right one. */
bool mysql_event_sum_ok(const struct mysql_event *ev);

enum mysql_fault mysql_format_parse(const struct mysql_event *ev, struct mysql_format *ret_f);

/* @ret_file: the name of the next log; empty name: VALUE. */
enum mysql_fault mysql_rotate_parse(const struct mysql_event *ev, struct slice *ret_file,
				    uint64_t *ret_pos);

struct mysql_query {
	uint32_t thread_id, exec_s;
	uint16_t error_code;
	uint16_t collation; /* of sql (character_set_client); 0: unknown */
	struct slice db, sql;
};

struct mysql_unpack; /* unpack.h */

/* QUERY, EXECUTE_LOAD_QUERY and QUERY_COMPRESSED. The latter is inflated into @u, which may be NULL
 * for the others; its result lives until the next use of @u.
 */
enum mysql_fault mysql_query_parse(const struct mysql_event *ev, const struct mysql_format *f,
				   struct mysql_unpack *u, struct mysql_query *ret_q);

/* The statement of ROWS_QUERY and ANNOTATE_ROWS. */
enum mysql_fault mysql_rows_query_parse(const struct mysql_event *ev, struct slice *ret_sql);

enum mysql_gtid_kind {
	MYSQL_GTID_NONE, /* ANONYMOUS_GTID */
	MYSQL_GTID_MYSQL,
	MYSQL_GTID_MARIA,
};

/* MariaDB's ALTER in two phases (binlog_alter_two_phase): its statement comes twice. */
enum mysql_alter { MYSQL_ALTER_NONE, MYSQL_ALTER_STARTS, MYSQL_ALTER_ENDS, MYSQL_ALTER_FAILED };

struct mysql_gtid {
	enum mysql_gtid_kind kind;
	uint8_t sid[16]; /* MySQL: uuid, tag ("" without), number */
	char tag[33];
	uint64_t number;               /* MySQL's gno, MariaDB's sequence number */
	uint32_t domain_id, server_id; /* MariaDB */
	enum mysql_alter alter;
	bool standalone;                                  /* MariaDB: no COMMIT follows (DDL) */
	int64_t last_committed, sequence_number;          /* MySQL; -1: not told */
	uint64_t immediate_commit_us, original_commit_us; /* 0: not told */
	uint64_t transaction_len; /* bytes in the log, this event included; 0: not told */
};

/* GTID, ANONYMOUS_GTID, GTID_TAGGED and MARIA_GTID. */
enum mysql_fault mysql_gtid_parse(const struct mysql_event *ev, struct mysql_gtid *ret_g);

#define MYSQL_GTID_TEXT_MAX 96

/* "uuid:5", "uuid:tag:5", "0-1-5", or nothing for NONE; at most MYSQL_GTID_TEXT_MAX bytes,
 * returned. */
size_t mysql_gtid_text(const struct mysql_gtid *g, char *out);

#endif
