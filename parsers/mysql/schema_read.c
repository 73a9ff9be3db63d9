/* A schema from its text. Contract: schema_text.h. */
#include "parsers/mysql/schema_text.h"

#include "dataplane/base/text.h"
#include "parsers/mysql/ddl_priv.h"

#define UTF8MB4  45 /* a collation of it */
/* Flags of tables that SQL does not tell. */
#define NOTED    (SCHEMA_CHARSET_GUESSED | SCHEMA_UNIQUE | SCHEMA_MAYBE | SCHEMA_KEY_UNKNOWN)
#define TABLE_OF (SCHEMA_KNOWN | SCHEMA_SYSTEM_VERSIONED)
#define COL_ALL  63

static const char first_line[] = "-- sluice mysql schema ";

struct reader {
	struct mysql_schema *sc;
	const uint8_t *at, *end;
	unsigned line;
	struct slice words; /* what is left of a comment's line */
	uint64_t log, place;
	uint64_t n; /* statements */
	bool ended;
	struct mysql_schema_log *logs;
	size_t n_logs;
	struct err *e;
};

static int bad(struct reader *r, const char *what)
{
	return err_set(r->e, -EINVAL, "%s", what);
}

/* ---- lines and words ---- */

static bool next_line(struct reader *r, struct slice *ret)
{
	if (r->at == r->end)
		return false;
	const uint8_t *nl = memchr(r->at, '\n', (size_t)(r->end - r->at));
	const uint8_t *stop = nl ? nl : r->end;
	*ret = slice_of(r->at, (size_t)(stop - r->at));
	if (ret->len && ret->ptr[ret->len - 1] == '\r')
		ret->len--;
	r->at = nl ? nl + 1 : r->end;
	r->line++;
	return true;
}

static struct slice word(struct reader *r)
{
	struct slice *w = &r->words;
	while (w->len && *w->ptr == ' ')
		*w = slice_from(*w, 1);
	size_t n = 0;
	while (n < w->len && w->ptr[n] != ' ')
		n++;
	struct slice s = slice_of(w->ptr, n);
	*w = slice_from(*w, n);
	return s;
}

/* The next word, when it is this one. */
static bool accept(struct reader *r, const char *text)
{
	struct slice before = r->words;
	if (slice_eq(word(r), slice_str(text)))
		return true;
	r->words = before;
	return false;
}

static bool read_hex(struct reader *r, uint64_t *ret)
{
	struct slice s = word(r);
	*ret = 0;
	for (size_t i = 0; i < s.len; i++) {
		int digit = text_hex_digit(s.ptr[i]);
		if (digit < 0)
			return false;
		*ret = *ret << 4 | (unsigned)digit;
	}
	return s.len == 16;
}

static bool read_number(struct reader *r, uint64_t max, uint64_t *ret)
{
	return text_u64(word(r), ret) && *ret <= max;
}

/* FILE:POS */
static bool read_place(struct reader *r, uint64_t *ret)
{
	struct slice s = word(r);
	const uint8_t *colon = memchr(s.ptr, ':', s.len);
	uint64_t file, pos;
	if (!colon)
		return false;
	size_t n = (size_t)(colon - s.ptr);
	if (!text_u64(slice_of(s.ptr, n), &file) || !text_u64(slice_from(s, n + 1), &pos) ||
	    file > 0xffffff || pos > 0xffffffffffull)
		return false;
	*ret = file << 40 | pos;
	return true;
}

/* ---- statements ---- */

/* The statement behind the comment, without its semicolon. */
static int statement(struct reader *r, struct slice *ret)
{
	struct sql s;
	sql_init(&s, slice_of(r->at, (size_t)(r->end - r->at)), MYSQL_CS_UTF8, 0);
	do
		sql_next(&s);
	while (s.kind != SQL_END && s.kind != SQL_BAD && s.punct != ';');
	if (s.punct != ';')
		return bad(r, "a statement that does not end; expected a semicolon");
	*ret = slice_of(r->at, (size_t)(s.text.ptr - r->at));
	r->at = s.text.ptr + 1;
	if (r->at < r->end && *r->at == '\n')
		r->at++;
	r->n++;
	return 0;
}

static void count_lines(struct reader *r, const uint8_t *from)
{
	for (; from < r->at; from++)
		r->line += *from == '\n';
}

static struct mysql_ddl query(const struct reader *r, struct slice sql)
{
	return (struct mysql_ddl){
		.log = r->log, .place = r->place, .sql = sql, .client_charset = UTF8MB4};
}

static void begin(struct reader *r, struct ddl *d, const struct mysql_ddl *q)
{
	*d = (struct ddl){.sc = r->sc, .b = r->sc->build, .q = q};
	sql_init(&d->s, q->sql, MYSQL_CS_UTF8, 0);
	sql_next(&d->s);
	r->sc->build->names_used = 0;
}

/* Table @db.@name of a statement that begins with these two words. */
static bool names_table(struct ddl *d, const char *verb, struct ddl_name *ret)
{
	return sql_accept(&d->s, verb) && sql_accept(&d->s, "table") && ddl_table_name(d, ret);
}

/* N=flags:charbytes[?],... */
static int read_columns(struct reader *r, struct mysql_schema_table *t)
{
	struct slice s = word(r);
	while (s.len) {
		uint64_t v[3] = {0};
		for (unsigned i = 0; i < 3; i++) {
			size_t n = 0;
			while (n < s.len && text_is_digit(s.ptr[n]))
				n++;
			if (!text_u64(slice_of(s.ptr, n), &v[i]))
				return bad(r, "columns: expected N=flags:charbytes");
			s = slice_from(s, n);
			if (i < 2 && (s.len == 0 || s.ptr[0] != (i ? ':' : '=')))
				return bad(r, "columns: expected N=flags:charbytes");
			s = slice_from(s, i < 2 ? 1 : 0);
		}
		if (v[0] == 0 || v[0] > t->n_cols || v[1] > COL_ALL || v[2] > 8)
			return bad(r, "columns: a number that is too large");
		struct mysql_schema_col *c = &t->cols[v[0] - 1];
		c->flags = (uint8_t)v[1] | (c->flags & MYSQL_COL_KEY);
		c->char_bytes_max = (uint8_t)v[2];
		if (s.len && s.ptr[0] == '?') {
			c->charset = MYSQL_CS_UNKNOWN;
			s = slice_from(s, 1);
		}
		if (s.len && s.ptr[0] != ',')
			return bad(r, "columns: expected a comma");
		s = slice_from(s, s.len ? 1 : 0);
	}
	return 0;
}

/* What the comment adds to the table that the statement has made. */
static int annotate(struct reader *r, uint32_t v)
{
	struct mysql_schema_table *t = schema_block(r->sc, v);
	uint64_t flags;
	if (!r->sc->build->charset_told) {
		t->charset = MYSQL_CS_UNKNOWN;
		t->char_bytes_max = 0;
	}
	if (!accept(r, "flags") || !read_number(r, NOTED | TABLE_OF, &flags))
		return bad(r, "@table: expected flags and their number");
	if ((flags & TABLE_OF) != (t->flags & TABLE_OF))
		return bad(r, "@table: flags that are not of this statement");
	t->flags = (uint8_t)flags;
	int rc = accept(r, "columns") ? read_columns(r, t) : 0;
	r->sc->versions[v].truncated = accept(r, "truncated");
	return rc;
}

static int read_table(struct reader *r, struct slice sql)
{
	struct mysql_ddl q = query(r, sql);
	struct ddl d;
	struct ddl_name n;
	const char *why = NULL;
	enum mysql_ddl_result result = MYSQL_DDL_NONE;
	begin(r, &d, &q);
	if (names_table(&d, "create", &n))
		result = mysql_ddl_apply(r->sc, &q, &why);
	if (result == MYSQL_DDL_REPEATED)
		return bad(r, "a table that is there already, at the same place");
	if (result != MYSQL_DDL_APPLIED)
		return bad(r, why ? why : "@table: expected CREATE TABLE `database`.`table` (...)");
	begin(r, &d, &q);
	names_table(&d, "create", &n);
	struct table_key k = schema_key(r->sc, r->log, n.db, n.table);
	uint32_t v = schema_at(r->sc, &k, r->place);
	if (v == SCHEMA_NONE || r->sc->versions[v].from != r->place)
		return bad(r, "@table: a statement that makes no table of this place");
	return annotate(r, v);
}

static int read_mark(struct reader *r, struct slice sql, uint8_t flags)
{
	struct mysql_ddl q = query(r, sql);
	struct ddl d;
	struct ddl_name n;
	begin(r, &d, &q);
	if (!names_table(&d, "drop", &n) || d.s.kind != SQL_END)
		return bad(r, "expected DROP TABLE `database`.`table`");
	struct table_key k = schema_key(r->sc, r->log, n.db, n.table);
	if (!schema_put_empty(r->sc, &k, r->place, flags, accept(r, "truncated")))
		return bad(r, "more tables than there is room for");
	return 0;
}

static int read_database(struct reader *r, struct slice sql)
{
	struct mysql_ddl q = query(r, sql);
	struct ddl d;
	struct slice name;
	uint8_t cs = MYSQL_CS_UNKNOWN, bytes = 0;
	bool told = false;
	uint64_t dropped_at = 0;
	if (accept(r, "dropped") && !read_place(r, &dropped_at))
		return bad(r, "@database: expected FILE:POSITION behind dropped");
	begin(r, &d, &q);
	bool drops = sql_accept(&d.s, "drop");
	bool creates = !drops && sql_accept(&d.s, "create");
	if (creates && sql_accept(&d.s, "or"))
		drops = sql_accept(&d.s, "replace");
	if ((!drops && !creates) || !sql_accept(&d.s, "database") || !ddl_db_name(&d, &name))
		return bad(r, "@database: expected CREATE or DROP DATABASE `database`");
	sql_accept(&d.s, "default");
	ddl_charset(&d, &cs, &bytes, &told);
	if (d.s.kind != SQL_END)
		return bad(r, "@database: expected DEFAULT CHARACTER SET, and nothing else");
	struct table_key k = schema_key(r->sc, r->log, name, slice_of(NULL, 0));
	schema_put_db(r->sc, &k, r->place, cs, bytes, drops);
	uint32_t v = schema_at(r->sc, &k, r->place);
	if (v == SCHEMA_NONE || r->sc->versions[v].from != r->place)
		return bad(r, "more databases than there is room for");
	r->sc->versions[v].dropped_at = dropped_at;
	r->sc->versions[v].truncated = accept(r, "truncated");
	return 0;
}

/* ---- comments ---- */

static int read_log(struct reader *r)
{
	struct mysql_schema_log l = {0};
	uint64_t id;
	if (!read_hex(r, &l.log) || !accept(r, "at") || !read_hex(r, &l.server) ||
	    !accept(r, "server_id") || !read_number(r, UINT32_MAX, &id) || !accept(r, "followed") ||
	    !read_place(r, &l.followed) || l.log == 0)
		return bad(r, "@log: expected @log HEX at HEX server_id N followed FILE:POSITION");
	if (r->n_logs == MYSQL_STATE_LOGS)
		return bad(r, "@log: more logs than there is room for");
	l.server_id = (uint32_t)id;
	r->logs[r->n_logs++] = l;
	return 0;
}

static int read_end(struct reader *r)
{
	uint64_t n;
	if (!read_number(r, UINT64_MAX, &n))
		return bad(r, "@end: expected the number of statements");
	if (n != r->n)
		return err_set(
			r->e, -EINVAL,
			"@end: %llu statements were written, %llu are here: the file is damaged",
			(unsigned long long)n, (unsigned long long)r->n);
	r->ended = true;
	return 0;
}

enum comment { C_DATABASE, C_TABLE, C_GONE, C_UNKNOWN, C_NONE };

static int read_version(struct reader *r, enum comment what)
{
	struct slice sql = {0};
	const uint8_t *from = r->at;
	if (r->log == 0)
		return bad(r, "of which log? expected @in in front of it");
	if (!read_place(r, &r->place) || r->place == 0)
		return bad(r, "expected a place, FILE:POSITION");
	int rc = statement(r, &sql);
	if (rc < 0)
		return rc;
	rc = what == C_DATABASE ? read_database(r, sql)
	     : what == C_TABLE  ? read_table(r, sql)
				: read_mark(r, sql, what == C_GONE ? SCHEMA_GONE : 0);
	if (rc == 0 && word(r).len)
		return bad(r, "more words than are known here");
	if (rc == 0)
		count_lines(r, from);
	return rc;
}

static int read_comment(struct reader *r)
{
	static const char *const words[] = {"@database", "@table", "@gone", "@unknown"};
	if (accept(r, "@log"))
		return read_log(r);
	if (accept(r, "@in"))
		return read_hex(r, &r->log) && r->log
			       ? 0
			       : bad(r, "@in: expected the 16 digits of a log");
	if (accept(r, "@end"))
		return read_end(r);
	for (unsigned i = 0; i < C_NONE; i++)
		if (accept(r, words[i]))
			return read_version(r, i);
	return r->words.len && r->words.ptr[0] == '@' ? bad(r, "a comment @... that is not known")
						      : 0;
}

static int read_line(struct reader *r, struct slice line)
{
	if (line.len == 0)
		return 0;
	if (r->ended)
		return bad(r, "something behind @end");
	if (!slice_starts(line, SLICE_LIT("--")))
		return bad(r, "expected a comment that begins with --");
	r->words = slice_from(line, line.len > 2 ? 3 : 2);
	return read_comment(r);
}

static int read_first(struct reader *r)
{
	struct slice line;
	if (!next_line(r, &line) || !slice_starts(line, slice_str(first_line)))
		return bad(r, "no state of sluice: its first line is not \"-- sluice mysql schema "
			      "1\"; name another file, or move this one away");
	line = slice_from(line, sizeof(first_line) - 1);
	if (!slice_eq(line, SLICE_LIT("1")))
		return err_set(r->e, -EINVAL,
			       "written in form %.*s, which this version of sluice does not read; "
			       "expected form 1",
			       line.len < 20 ? (int)line.len : 20, (const char *)line.ptr);
	return 0;
}

int mysql_schema_read(struct mysql_schema *sc, struct slice text, struct mysql_schema_log *ret_logs,
		      size_t *ret_n_logs, unsigned *ret_line, struct err *e)
{
	struct reader r = {
		.sc = sc, .at = text.ptr, .end = text.ptr + text.len, .logs = ret_logs, .e = e};
	struct slice line;
	int rc = read_first(&r);
	while (rc == 0 && next_line(&r, &line))
		rc = read_line(&r, line);
	if (rc == 0 && !r.ended)
		rc = bad(&r, "it ends before its @end: the file is cut");
	memset(&sc->stats, 0, sizeof(sc->stats));
	*ret_line = r.line ? r.line : 1;
	*ret_n_logs = r.n_logs;
	return rc;
}
