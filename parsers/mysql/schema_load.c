/* A schema dump: statements one after the other, as `mysqldump --no-data` and mariadb-dump write
 * them. Contracts: schema.h.
 */
#include "parsers/mysql/ddl_priv.h"

/* A dump, as far as it has been read. */
struct dump {
	struct mysql_schema *sc;
	struct mysql_ddl q; /* current database and charset; its place counts statements */
	struct sql s;
	struct slice delimiter; /* of DELIMITER; empty: the semicolon */
	uint8_t db[1024];
	const uint8_t *counted; /* lines before it are in `line` */
	uint32_t line;
};

static void count_lines(struct dump *u, const uint8_t *to)
{
	while (u->counted < to) {
		const uint8_t *nl = memchr(u->counted, '\n', (size_t)(to - u->counted));
		if (!nl)
			break;
		u->line++;
		u->counted = nl + 1;
	}
	u->counted = to;
}

/* USE x */
static void use(struct dump *u)
{
	if (!sql_names(&u->s) || u->s.text.len > sizeof(u->db))
		return;
	u->q.db = slice_of(u->db, sql_unquote(&u->s, u->db));
}

/* SET NAMES x; SET SQL_MODE='...ANSI...' */
static void set(struct dump *u)
{
	uint8_t text[1024];
	enum mysql_charset cs;
	uint8_t bytes;
	if (sql_accept(&u->s, "names") && (sql_names(&u->s) || sql_text(&u->s))) {
		if (schema_charset_named(u->s.text, &cs, &bytes))
			u->s.charset = cs;
		return;
	}
	while (u->s.kind != SQL_END && u->s.punct != ';') {
		if (sql_is(&u->s, "sql_mode") && sql_next_punct(&u->s, '=')) {
			sql_next(&u->s);
			sql_next(&u->s);
			if (!sql_text(&u->s) || u->s.text.len > sizeof(text))
				continue;
			size_t len = sql_unquote(&u->s, text);
			u->s.ansi = memmem(text, len, "ANSI", 4) != NULL;
			u->s.escapes = !memmem(text, len, "NO_BACKSLASH_ESCAPES", 20);
		}
		sql_next(&u->s);
	}
}

/* DELIMITER ;; is a line of the client: what follows up to the same again is one statement, with
 * semicolons inside. Routines and triggers are all that dumps have there.
 */
static void delimiter(struct dump *u)
{
	const uint8_t *p = u->s.text.ptr + u->s.text.len, *end = u->s.end;
	const uint8_t *nl = memchr(p, '\n', (size_t)(end - p));
	const uint8_t *stop = nl ? nl : end;
	while (p < stop && *p <= ' ')
		p++;
	while (stop > p && stop[-1] <= ' ')
		stop--;
	u->delimiter = slice_of(p, (size_t)(stop - p));
	if (u->delimiter.len == 1 && *p == ';')
		u->delimiter.len = 0;
	u->s.at = nl ? nl + 1 : end;
	u->s.executed = false;
}

/* To behind the end of the statement. */
static void pass_statement(struct dump *u)
{
	struct sql *s = &u->s;
	if (u->delimiter.len) {
		const uint8_t *p = memmem(s->text.ptr, (size_t)(s->end - s->text.ptr),
					  u->delimiter.ptr, u->delimiter.len);
		s->at = p ? p + u->delimiter.len : s->end;
		s->executed = false;
		sql_next(s);
		return;
	}
	while (s->kind != SQL_END && s->kind != SQL_BAD && s->punct != ';')
		sql_next(s);
	sql_next(s);
}

/* One statement; the token is its first. False: nothing of it is about tables. */
static bool statement(struct dump *u, const char **ret_why, bool *ret_table)
{
	struct sql *s = &u->s;
	struct ddl d = {.sc = u->sc, .b = u->sc->build, .q = &u->q};
	*ret_table = false;
	*ret_why = NULL;
	u->sc->build->names_used = 0;
	d.s = *s;
	u->q.place++;
	bool creates = sql_is(s, "create");
	if (!creates && !sql_is(s, "alter") && !sql_is(s, "drop") && !sql_is(s, "rename"))
		return false;
	if (!ddl_statement(&d))
		return false;
	*ret_why = d.why;
	*ret_table = creates && (d.changed || d.unknown) && !d.database;
	return true;
}

static void client_line(struct dump *u)
{
	if (sql_accept(&u->s, "use"))
		use(u);
	else if (sql_accept(&u->s, "set"))
		set(u);
}

int mysql_schema_load(struct mysql_schema *sc, struct slice dump, struct mysql_schema_loaded *ret,
		      struct err *e)
{
	struct mysql_schema_loaded loaded = {0};
	struct dump u = {.sc = sc, .counted = dump.ptr, .line = 1};
	sql_init(&u.s, dump, MYSQL_CS_UTF8, 0);
	sql_next(&u.s);
	while (u.s.kind != SQL_END && u.s.kind != SQL_BAD) {
		const char *why;
		bool table;
		const uint8_t *start = u.s.text.ptr;
		if (sql_is(&u.s, "delimiter")) {
			delimiter(&u);
			sql_next(&u.s);
			continue;
		}
		if (!statement(&u, &why, &table))
			client_line(&u);
		loaded.tables += table && !why;
		loaded.unknown += table && why;
		if (why && !loaded.why) {
			count_lines(&u, start);
			loaded.why = why;
			loaded.line = u.line;
		}
		pass_statement(&u);
	}
	memset(&sc->stats, 0, sizeof(sc->stats));
	if (loaded.tables == 0)
		return err_set(e, -EINVAL, "no table in the schema%s%s", loaded.why ? ": " : "",
			       loaded.why ? loaded.why : "");
	*ret = loaded;
	return 0;
}
