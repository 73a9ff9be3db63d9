#include "parsers/mysql/txn.h"

#include "dataplane/base/text.h"
#include "parsers/mysql/proto.h"
#include "parsers/mysql/wire.h"

void mysql_txn_begin(struct mysql_txn *t, struct slice gtid, struct slice file, uint64_t pos)
{
	*t = (struct mysql_txn){.sure = true, .open = true};
	if (gtid.len) {
		memcpy(t->id, gtid.ptr, gtid.len);
		t->id_len = gtid.len;
		return;
	}
	memcpy(t->id, file.ptr, file.len);
	t->id[file.len] = ':';
	t->id_len = file.len + 1;
	t->id_len += text_put_u64(t->id + t->id_len, pos);
}

void mysql_txn_end(struct mysql_txn *t)
{
	t->open = t->begun = t->marked = false;
	t->sure = true;
	t->n = 0;
	t->id_len = 0;
}

void mysql_txn_lost(struct mysql_txn *t)
{
	mysql_txn_end(t);
	t->sure = false;
}

/* --- Statements ------------------------------------------------------------------------------- */

static bool starts_word(struct slice sql, const char *word)
{
	size_t n = strlen(word);
	return sql.len >= n && text_ieq(slice_of(sql.ptr, n), slice_str(word)) &&
	       (sql.len == n || sql.ptr[n] <= ' ' || sql.ptr[n] == ';');
}

/* Behind the first word of @sql and the blanks there. */
static struct slice behind_word(struct slice sql)
{
	while (sql.len && sql.ptr[0] > ' ')
		sql = slice_from(sql, 1);
	while (sql.len && sql.ptr[0] <= ' ')
		sql = slice_from(sql, 1);
	return sql;
}

static enum mysql_txn_word xa_word(struct slice rest)
{
	if (starts_word(rest, "start") || starts_word(rest, "begin"))
		return MYSQL_WORD_XA_BEGIN;
	if (starts_word(rest, "commit"))
		return MYSQL_WORD_XA_COMMIT;
	return starts_word(rest, "rollback") ? MYSQL_WORD_XA_ROLLBACK : MYSQL_WORD_OTHER;
}

enum mysql_txn_word mysql_txn_word(struct slice sql)
{
	static const char *const others[] = {"savepoint", "release",  "set",    "flush",
					     "analyze",   "optimize", "repair", "grant",
					     "revoke",    "use",      NULL};
	while (sql.len && (sql.ptr[0] <= ' ' || sql.ptr[0] == '/'))
		sql = slice_from(sql, 1);
	if (sql.len == 0 || sql.ptr[0] == '#')
		return MYSQL_WORD_OTHER;
	if (starts_word(sql, "begin") || starts_word(sql, "start"))
		return MYSQL_WORD_BEGIN;
	if (starts_word(sql, "commit"))
		return MYSQL_WORD_COMMIT;
	if (starts_word(sql, "rollback"))
		return starts_word(behind_word(sql), "to") ? MYSQL_WORD_OTHER : MYSQL_WORD_ROLLBACK;
	if (starts_word(sql, "xa"))
		return xa_word(behind_word(sql));
	for (unsigned i = 0; others[i]; i++)
		if (starts_word(sql, others[i]))
			return MYSQL_WORD_OTHER;
	return MYSQL_WORD_NONE;
}

/* --- What follows ----------------------------------------------------------------------------- */

enum mysql_ahead mysql_ahead_event(struct slice s, const struct mysql_format *f, size_t *ret_needed)
{
	struct mysql_event ev;
	struct mysql_query q;
	*ret_needed = MYSQL_EVENT_HEADER_LEN;
	if (s.len < MYSQL_EVENT_HEADER_LEN)
		return MYSQL_AHEAD_MORE;
	if (s.ptr[4] == MYSQL_EV_XID)
		return MYSQL_AHEAD_COMMITS;
	*ret_needed = wire_le32(s.ptr + 9);
	if (s.ptr[4] != MYSQL_EV_QUERY || *ret_needed > MYSQL_AHEAD_BYTES)
		return MYSQL_AHEAD_GOES_ON;
	enum mysql_fault fault = mysql_event_parse(s, f, &ev);
	if (fault == MYSQL_F_MORE)
		return MYSQL_AHEAD_MORE;
	if (fault != MYSQL_F_OK || mysql_query_parse(&ev, f, NULL, &q) != MYSQL_F_OK)
		return MYSQL_AHEAD_GOES_ON;
	return mysql_txn_word(q.sql) == MYSQL_WORD_COMMIT ? MYSQL_AHEAD_COMMITS
							  : MYSQL_AHEAD_GOES_ON;
}

enum mysql_ahead mysql_ahead_packet(struct slice s, const struct mysql_format *f,
				    size_t *ret_needed)
{
	struct slice event;
	*ret_needed = MYSQL_PACKET_HEADER;
	if (s.len < MYSQL_PACKET_HEADER)
		return MYSQL_AHEAD_MORE;
	size_t len = wire_le24(s.ptr);
	*ret_needed = MYSQL_PACKET_HEADER + len;
	if (len > MYSQL_AHEAD_BYTES)
		return MYSQL_AHEAD_GOES_ON;
	if (s.len < *ret_needed)
		return MYSQL_AHEAD_MORE;
	if (!mysql_packet_event(slice_of(s.ptr + MYSQL_PACKET_HEADER, len), &event))
		return MYSQL_AHEAD_UNKNOWN;
	size_t needed;
	return mysql_ahead_event(event, f, &needed);
}
