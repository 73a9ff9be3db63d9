#include "parsers/mysql/event.h"

#include "parsers/mysql/crc.h"
#include "parsers/mysql/unpack.h"
#include "parsers/mysql/wire.h"

#define MYSQL_FAULT_TEXT_(name, text) text,

const char *mysql_fault_text(enum mysql_fault f)
{
	static const char *const texts[] = {MYSQL_FAULTS(MYSQL_FAULT_TEXT_)};
	return (unsigned)f < MYSQL_N_FAULTS ? texts[f] : "an unknown fault";
}

const char *mysql_event_name(uint8_t type)
{
	static const char *const names[256] = {
		[MYSQL_EV_START_V3] = "START_V3",
		[MYSQL_EV_QUERY] = "QUERY",
		[MYSQL_EV_STOP] = "STOP",
		[MYSQL_EV_ROTATE] = "ROTATE",
		[MYSQL_EV_INTVAR] = "INTVAR",
		[MYSQL_EV_LOAD] = "LOAD",
		[MYSQL_EV_SLAVE] = "SLAVE",
		[MYSQL_EV_CREATE_FILE] = "CREATE_FILE",
		[MYSQL_EV_APPEND_BLOCK] = "APPEND_BLOCK",
		[MYSQL_EV_EXEC_LOAD] = "EXEC_LOAD",
		[MYSQL_EV_DELETE_FILE] = "DELETE_FILE",
		[MYSQL_EV_NEW_LOAD] = "NEW_LOAD",
		[MYSQL_EV_RAND] = "RAND",
		[MYSQL_EV_USER_VAR] = "USER_VAR",
		[MYSQL_EV_FORMAT] = "FORMAT_DESCRIPTION",
		[MYSQL_EV_XID] = "XID",
		[MYSQL_EV_BEGIN_LOAD_QUERY] = "BEGIN_LOAD_QUERY",
		[MYSQL_EV_EXECUTE_LOAD_QUERY] = "EXECUTE_LOAD_QUERY",
		[MYSQL_EV_TABLE_MAP] = "TABLE_MAP",
		[MYSQL_EV_WRITE_ROWS_V0] = "WRITE_ROWS_V0",
		[MYSQL_EV_UPDATE_ROWS_V0] = "UPDATE_ROWS_V0",
		[MYSQL_EV_DELETE_ROWS_V0] = "DELETE_ROWS_V0",
		[MYSQL_EV_WRITE_ROWS_V1] = "WRITE_ROWS_V1",
		[MYSQL_EV_UPDATE_ROWS_V1] = "UPDATE_ROWS_V1",
		[MYSQL_EV_DELETE_ROWS_V1] = "DELETE_ROWS_V1",
		[MYSQL_EV_INCIDENT] = "INCIDENT",
		[MYSQL_EV_HEARTBEAT] = "HEARTBEAT",
		[MYSQL_EV_IGNORABLE] = "IGNORABLE",
		[MYSQL_EV_ROWS_QUERY] = "ROWS_QUERY",
		[MYSQL_EV_WRITE_ROWS_V2] = "WRITE_ROWS_V2",
		[MYSQL_EV_UPDATE_ROWS_V2] = "UPDATE_ROWS_V2",
		[MYSQL_EV_DELETE_ROWS_V2] = "DELETE_ROWS_V2",
		[MYSQL_EV_GTID] = "GTID",
		[MYSQL_EV_ANONYMOUS_GTID] = "ANONYMOUS_GTID",
		[MYSQL_EV_PREVIOUS_GTIDS] = "PREVIOUS_GTIDS",
		[MYSQL_EV_TRANSACTION_CONTEXT] = "TRANSACTION_CONTEXT",
		[MYSQL_EV_VIEW_CHANGE] = "VIEW_CHANGE",
		[MYSQL_EV_XA_PREPARE] = "XA_PREPARE",
		[MYSQL_EV_PARTIAL_UPDATE_ROWS] = "PARTIAL_UPDATE_ROWS",
		[MYSQL_EV_TRANSACTION_PAYLOAD] = "TRANSACTION_PAYLOAD",
		[MYSQL_EV_HEARTBEAT_V2] = "HEARTBEAT_V2",
		[MYSQL_EV_GTID_TAGGED] = "GTID_TAGGED",
		[MYSQL_EV_ANNOTATE_ROWS] = "ANNOTATE_ROWS",
		[MYSQL_EV_BINLOG_CHECKPOINT] = "BINLOG_CHECKPOINT",
		[MYSQL_EV_MARIA_GTID] = "MARIADB_GTID",
		[MYSQL_EV_MARIA_GTID_LIST] = "MARIADB_GTID_LIST",
		[MYSQL_EV_START_ENCRYPTION] = "START_ENCRYPTION",
		[MYSQL_EV_QUERY_COMPRESSED] = "QUERY_COMPRESSED",
		[MYSQL_EV_WRITE_ROWS_COMPRESSED_V1] = "WRITE_ROWS_COMPRESSED_V1",
		[MYSQL_EV_UPDATE_ROWS_COMPRESSED_V1] = "UPDATE_ROWS_COMPRESSED_V1",
		[MYSQL_EV_DELETE_ROWS_COMPRESSED_V1] = "DELETE_ROWS_COMPRESSED_V1",
		[MYSQL_EV_WRITE_ROWS_COMPRESSED_V2] = "WRITE_ROWS_COMPRESSED_V2",
		[MYSQL_EV_UPDATE_ROWS_COMPRESSED_V2] = "UPDATE_ROWS_COMPRESSED_V2",
		[MYSQL_EV_DELETE_ROWS_COMPRESSED_V2] = "DELETE_ROWS_COMPRESSED_V2",
		[MYSQL_EV_PARTIAL_ROW_DATA] = "PARTIAL_ROW_DATA",
	};
	return names[type];
}

#define UNKNOWN(n) "event type " #n ", which is not known"
#define UNKNOWN_TEN(n)                                                                            \
	UNKNOWN(n##0), UNKNOWN(n##1), UNKNOWN(n##2), UNKNOWN(n##3), UNKNOWN(n##4), UNKNOWN(n##5), \
		UNKNOWN(n##6), UNKNOWN(n##7), UNKNOWN(n##8), UNKNOWN(n##9)

const char *mysql_event_unknown(uint8_t type)
{
	static const char *const texts[260] = {
		UNKNOWN_TEN(),   UNKNOWN_TEN(1),  UNKNOWN_TEN(2),  UNKNOWN_TEN(3),  UNKNOWN_TEN(4),
		UNKNOWN_TEN(5),  UNKNOWN_TEN(6),  UNKNOWN_TEN(7),  UNKNOWN_TEN(8),  UNKNOWN_TEN(9),
		UNKNOWN_TEN(10), UNKNOWN_TEN(11), UNKNOWN_TEN(12), UNKNOWN_TEN(13), UNKNOWN_TEN(14),
		UNKNOWN_TEN(15), UNKNOWN_TEN(16), UNKNOWN_TEN(17), UNKNOWN_TEN(18), UNKNOWN_TEN(19),
		UNKNOWN_TEN(20), UNKNOWN_TEN(21), UNKNOWN_TEN(22), UNKNOWN_TEN(23), UNKNOWN_TEN(24),
		UNKNOWN_TEN(25),
	};
	return texts[type];
}

void mysql_format_init(struct mysql_format *f)
{
	static const uint8_t lens[] = {56, 13, 0,  8,  0,  18, 0, 4,  4,  4, 4,  18, 0, 0,
				       95, 0,  4,  26, 8,  0,  0, 0,  8,  8, 8,  2,  0, 0,
				       0,  10, 10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0};
	memset(f, 0, sizeof(*f));
	f->n_types = sizeof(lens);
	memcpy(f->post_len + 1, lens, sizeof(lens));
	f->post_len[MYSQL_EV_QUERY_COMPRESSED] = 13;
	for (int t = MYSQL_EV_WRITE_ROWS_COMPRESSED_V1; t <= MYSQL_EV_DELETE_ROWS_COMPRESSED_V1;
	     t++)
		f->post_len[t] = 8;
	for (int t = MYSQL_EV_WRITE_ROWS_COMPRESSED_V2; t <= MYSQL_EV_DELETE_ROWS_COMPRESSED_V2;
	     t++)
		f->post_len[t] = 10;
}

/* "8.0.22-log" becomes 80022; what is no number counts as 0. */
static uint32_t version_number(const char *s)
{
	uint32_t part[3] = {0};
	for (int i = 0; i < 3; i++) {
		while (*s >= '0' && *s <= '9' && part[i] < 100)
			part[i] = part[i] * 10 + (uint32_t)(*s++ - '0');
		if (*s != '.')
			break;
		s++;
	}
	return part[0] * 10000 + part[1] * 100 + part[2];
}

/*  Body of the format description: log version u16 | server version, 50 bytes, NUL-padded | time
 * u32 | header length u8 | a post-header length for each type | checksum algorithm u8. The last
 * one, and four bytes of checksum whatever it says, are there from MySQL 5.6.1 and MariaDB 5.3 on.
 */
#define FORMAT_FIXED_LEN 57

static bool is_mariadb(const char *server_version)
{
	return strcasestr(server_version, "mariadb") != NULL;
}

static bool format_has_sum(const uint8_t *body, size_t len)
{
	char v[51] = {0};
	if (len < FORMAT_FIXED_LEN + 5)
		return false;
	memcpy(v, body + 2, 50);
	return version_number(v) >= (is_mariadb(v) ? 50300u : 50601u);
}

static void read_header(const uint8_t *p, struct mysql_event *ev)
{
	ev->time_s = wire_le32(p);
	ev->type = p[4];
	ev->server_id = wire_le32(p + 5);
	ev->size = wire_le32(p + 9);
	ev->log_pos = wire_le32(p + 13);
	ev->flags = wire_le16(p + 17);
}

enum mysql_fault mysql_event_parse_front(struct slice s, const struct mysql_format *f,
					 struct mysql_event *ret_ev)
{
	memset(ret_ev, 0, sizeof(*ret_ev));
	read_header(s.ptr, ret_ev);
	if (ret_ev->type == 0 || ret_ev->size < s.len)
		return MYSQL_F_HEADER;
	ret_ev->has_crc = f->checksum;
	ret_ev->bytes = s;
	ret_ev->body = slice_from(s, MYSQL_EVENT_HEADER_LEN);
	return MYSQL_F_OK;
}

enum mysql_fault mysql_event_parse(struct slice s, const struct mysql_format *f,
				   struct mysql_event *ret_ev)
{
	struct mysql_event *ev = ret_ev;
	memset(ev, 0, sizeof(*ev));
	if (s.len < MYSQL_EVENT_HEADER_LEN)
		return MYSQL_F_MORE;
	const uint8_t *p = s.ptr;
	read_header(p, ev);
	if (ev->type == MYSQL_EV_START_V3)
		return MYSQL_F_VERSION;
	if (ev->type == 0 || ev->size < MYSQL_EVENT_HEADER_LEN)
		return MYSQL_F_HEADER;
	if (ev->size > s.len)
		return MYSQL_F_MORE;
	ev->bytes = (struct slice){p, ev->size};
	ev->body = (struct slice){p + MYSQL_EVENT_HEADER_LEN, ev->size - MYSQL_EVENT_HEADER_LEN};
	if (ev->type == MYSQL_EV_FORMAT) {
		bool has_sum = format_has_sum(ev->body.ptr, ev->body.len);
		ev->has_crc = has_sum && ev->body.ptr[ev->body.len - 5] == 1;
		ev->body.len -= has_sum ? MYSQL_CHECKSUM_LEN : 0;
		return MYSQL_F_OK;
	}
	if (f->checksum) {
		if (ev->body.len < MYSQL_CHECKSUM_LEN)
			return MYSQL_F_HEADER;
		ev->has_crc = true;
		ev->body.len -= MYSQL_CHECKSUM_LEN;
	}
	return MYSQL_F_OK;
}

bool mysql_event_sum_ok(const struct mysql_event *ev)
{
	if (!ev->has_crc)
		return true;
	const uint8_t *p = ev->bytes.ptr;
	size_t len = ev->bytes.len - MYSQL_CHECKSUM_LEN;
	/* A log that is open has a flag set in its first event that the checksum was made without.
	 */
	uint8_t flags = p[17];
	if (ev->type == MYSQL_EV_FORMAT)
		flags &= (uint8_t)~MYSQL_FLAG_IN_USE;
	uint32_t crc;
	if (flags != p[17]) {
		crc = mysql_crc32(0, p, 17);
		crc = mysql_crc32(crc, &flags, 1);
		crc = mysql_crc32(crc, p + 18, len - 18);
	} else {
		crc = mysql_crc32(0, p, len);
	}
	return crc == wire_le32(p + len);
}

enum mysql_fault mysql_format_parse(const struct mysql_event *ev, struct mysql_format *ret_f)
{
	struct slice b = ev->body;
	if (b.len < FORMAT_FIXED_LEN)
		return MYSQL_F_BODY;
	if (wire_le16(b.ptr) != 4 || b.ptr[56] < MYSQL_EVENT_HEADER_LEN)
		return MYSQL_F_VERSION;
	struct mysql_format f;
	memset(&f, 0, sizeof(f));
	memcpy(f.server_version, b.ptr + 2, 50);
	f.version = version_number(f.server_version);
	f.mariadb = is_mariadb(f.server_version);
	bool has_sum = format_has_sum(b.ptr, b.len + MYSQL_CHECKSUM_LEN);
	size_t n = b.len - FORMAT_FIXED_LEN - (has_sum ? 1 : 0);
	f.n_types = (uint8_t)(n < 255 ? n : 255);
	memcpy(f.post_len + 1, b.ptr + FORMAT_FIXED_LEN, f.n_types);
	f.checksum = has_sum && b.ptr[b.len - 1] == 1;
	*ret_f = f;
	return MYSQL_F_OK;
}

enum mysql_fault mysql_rotate_parse(const struct mysql_event *ev, struct slice *ret_file,
				    uint64_t *ret_pos)
{
	struct wire w = wire_of(ev->body);
	uint64_t pos = wire_int(&w, 8);
	if (w.bad)
		return MYSQL_F_BODY;
	struct slice file = wire_take(&w, wire_left(&w));
	if (file.len == 0 || file.len > 511)
		return MYSQL_F_VALUE;
	*ret_file = file;
	*ret_pos = pos;
	return MYSQL_F_OK;
}

enum mysql_fault mysql_rows_query_parse(const struct mysql_event *ev, struct slice *ret_sql)
{
	/* ROWS_QUERY begins with a length of one byte, which is wrong for longer ones: ignored. */
	size_t skip = ev->type == MYSQL_EV_ROWS_QUERY ? 1 : 0;
	if (ev->body.len < skip)
		return MYSQL_F_BODY;
	*ret_sql = slice_from(ev->body, skip);
	return MYSQL_F_OK;
}

/* Status variables of a query come as { code u8, value } with a length by code; what is not known
 * ends the list. Returns the character set of the client, or 0.
 */
static uint16_t status_collation(struct slice vars)
{
	static const uint8_t fixed[256] = {
		[0] = 4,  [1] = 8,  [3] = 4,  [7] = 2,  [8] = 2,  [9] = 8,   [10] = 4,  [13] = 3,
		[16] = 1, [17] = 8, [18] = 2, [19] = 1, [20] = 1, [128] = 3, [129] = 8, [130] = 2};
	struct wire w = wire_of(vars);
	while (wire_left(&w)) {
		uint8_t code = (uint8_t)wire_int(&w, 1);
		if (code == 4)
			return (uint16_t)wire_int(&w, 2);
		if (fixed[code]) {
			wire_take(&w, fixed[code]);
		} else if (code == 2) { /* catalog with NUL */
			wire_take(&w, wire_int(&w, 1) + 1);
		} else if (code == 5 || code == 6) { /* time zone, catalog */
			wire_take(&w, wire_int(&w, 1));
		} else if (code == 11) { /* invoker: user, host */
			wire_take(&w, wire_int(&w, 1));
			wire_take(&w, wire_int(&w, 1));
		} else {
			return 0;
		}
	}
	return 0;
}

enum mysql_fault mysql_query_parse(const struct mysql_event *ev, const struct mysql_format *f,
				   struct mysql_unpack *u, struct mysql_query *ret_q)
{
	struct mysql_query q = {0};
	struct wire w = wire_of(ev->body);
	struct wire head = wire_of(wire_take(&w, f->post_len[ev->type]));
	q.thread_id = (uint32_t)wire_int(&head, 4);
	q.exec_s = (uint32_t)wire_int(&head, 4);
	unsigned db_len = (unsigned)wire_int(&head, 1);
	q.error_code = (uint16_t)wire_int(&head, 2);
	unsigned status_len = wire_left(&head) >= 2 ? (unsigned)wire_int(&head, 2) : 0;
	if (w.bad || head.bad)
		return MYSQL_F_BODY;
	q.collation = status_collation(wire_take(&w, status_len));
	q.db = wire_take(&w, db_len);
	wire_take(&w, 1);
	if (w.bad)
		return MYSQL_F_BODY;
	q.sql = wire_take(&w, wire_left(&w));
	if (ev->type == MYSQL_EV_QUERY_COMPRESSED) {
		enum mysql_fault fault =
			u ? mysql_unpack_event(u, q.sql, &q.sql) : MYSQL_F_COMPRESSION;
		if (fault)
			return fault;
	}
	*ret_q = q;
	return MYSQL_F_OK;
}
