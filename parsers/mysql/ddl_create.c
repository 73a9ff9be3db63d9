#include "parsers/mysql/ddl_priv.h"

/* ---- what stands between columns ---- */

bool ddl_is_key(const struct ddl *d)
{
	const struct sql *s = &d->s;
	if (s->kind != SQL_WORD)
		return false;
	static const char *const words[] = {"primary",    "key",      "index",
					    "unique",     "fulltext", "spatial",
					    "constraint", "foreign",  "check"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (sql_is(s, words[i]))
			return true;
	/* Words that may be names of columns too. */
	return (sql_is(s, "period") && sql_next_is(s, "for")) ||
	       (sql_is(s, "vector") && (sql_next_is(s, "key") || sql_next_is(s, "index")));
}

/* PRIMARY KEY [USING x] (a, b(10) DESC, period WITHOUT OVERLAPS). What cannot be read leaves the
 * key unknown, and the columns as they are.
 */
static void primary_key(struct ddl *d)
{
	struct sql *s = &d->s;
	struct ddl_build *b = d->b;
	const char *why = d->why;
	bool ok = true;
	b->flags &= (uint8_t)~SCHEMA_KEY_UNKNOWN; /* a table has one */
	sql_next(s);
	while (s->kind != SQL_END && s->kind != SQL_BAD && !s->punct)
		sql_next(s);
	if (!sql_accept_punct(s, '(')) {
		b->flags |= SCHEMA_KEY_UNKNOWN;
		return;
	}
	do {
		struct slice name;
		ok = ok && b->n_key < BUILD_KEY_MAX && ddl_column_name(d, &name);
		if (ok && !sql_is(s, "without"))
			b->key[b->n_key++] = name;
		sql_skip_item(s);
	} while (sql_accept_punct(s, ','));
	d->why = why;
	if (!ok || !sql_accept_punct(s, ')'))
		b->flags |= SCHEMA_KEY_UNKNOWN;
}

void ddl_key(struct ddl *d)
{
	if (sql_is(&d->s, "period"))
		d->b->row_columns = true;
	while (d->s.kind != SQL_END && d->s.kind != SQL_BAD && d->s.punct != ',' &&
	       d->s.punct != ')' && d->s.punct != ';') {
		if (sql_is(&d->s, "unique"))
			d->b->flags |= SCHEMA_UNIQUE;
		if (sql_is(&d->s, "primary") && sql_next_is(&d->s, "key"))
			primary_key(d);
		else
			sql_skip(&d->s);
	}
}

/* ---- options ---- */

static bool query_follows(const struct sql *s)
{
	return sql_is(s, "select") || sql_is(s, "as") || sql_is(s, "table") ||
	       sql_is(s, "values") || (sql_is(s, "with") && !sql_next_is(s, "system")) ||
	       (s->punct == '(' && (sql_next_is(s, "select") || sql_next_is(s, "with")));
}

static void option(struct ddl *d)
{
	struct sql *s = &d->s;
	struct ddl_build *b = d->b;
	bool told = false;
	if (ddl_charset(d, &b->charset, &b->char_bytes_max, &told)) {
		if (told)
			b->flags &= (uint8_t)~SCHEMA_CHARSET_GUESSED;
		b->charset_told = b->charset_told || told;
		return;
	}
	if (sql_is(s, "with") && sql_next_is(s, "system")) {
		b->flags |= SCHEMA_SYSTEM_VERSIONED;
		sql_next(s);
	}
	sql_next(s);
	/* The value of an option is no option: ENGINE = x, COMMENT = 'x'. */
	if (sql_accept_punct(s, '='))
		sql_skip(s);
}

bool ddl_options(struct ddl *d, bool alter)
{
	struct sql *s = &d->s;
	while (s->kind != SQL_END && s->kind != SQL_BAD && s->punct != ';') {
		if (alter && s->punct == ',')
			return true;
		if (!alter && query_follows(s))
			return false;
		if (s->punct == ')')
			return ddl_fail(d, "a parenthesis that closes nothing");
		if (s->punct == '(')
			sql_skip(s);
		else
			option(d);
	}
	return s->kind != SQL_BAD || ddl_fail(d, "a quote that does not end");
}

/* ---- defaults ---- */

static void collation_is(struct ddl *d, unsigned collation)
{
	d->b->charset = mysql_charset_of(collation);
	d->b->char_bytes_max = schema_char_bytes(collation);
}

/* What a table gets that does not say: the default of its database. That one is known from the
 * statement that made it, or from the event when it is the current one and not the server's; else
 * the server's is a guess.
 */
static void default_charset(struct ddl *d, struct slice db)
{
	struct ddl_build *b = d->b;
	struct table_key k = schema_key(d->sc, d->q->log, db, slice_of(NULL, 0));
	uint32_t v = schema_at(d->sc, &k, d->q->place - 1);
	if (d->q->db_charset && slice_eq(db, d->q->db)) {
		collation_is(d, d->q->db_charset);
		return;
	}
	if (v != SCHEMA_NONE && schema_block(d->sc, v)->charset != MYSQL_CS_UNKNOWN) {
		b->charset = schema_block(d->sc, v)->charset;
		b->char_bytes_max = schema_block(d->sc, v)->char_bytes_max;
		return;
	}
	if (d->q->server_charset) {
		collation_is(d, d->q->server_charset);
		b->flags |= SCHEMA_CHARSET_GUESSED;
	}
}

/* ---- CREATE TABLE ---- */

static bool column_list(struct ddl *d)
{
	struct build_def *def;
	sql_next(&d->s); /* '(' */
	do {
		if (ddl_is_key(d))
			ddl_key(d);
		else if (!ddl_column(d, &def))
			return false;
	} while (sql_accept_punct(&d->s, ','));
	return sql_accept_punct(&d->s, ')') || ddl_fail(d, "a list of columns that does not end");
}

static bool with_columns(struct ddl *d, const struct ddl_name *n)
{
	struct ddl_build *b = d->b;
	build_reset(b);
	default_charset(d, n->db);
	if (!sql_punct(&d->s, '(') || query_follows(&d->s))
		return ddl_fail(d, "a table made by a SELECT, or without columns");
	if (!column_list(d))
		return false;
	if (!ddl_options(d, false))
		return ddl_fail(d, "a table made by a SELECT");
	if (b->row_columns)
		b->flags &= (uint8_t)~SCHEMA_SYSTEM_VERSIONED;
	build_finish(b);
	const char *why = build_order(b);
	return why ? ddl_fail(d, why) : true;
}

static bool is_like(struct ddl *d)
{
	if (sql_punct(&d->s, '(') && sql_next_is(&d->s, "like"))
		sql_next(&d->s);
	return sql_accept(&d->s, "like");
}

void ddl_create_table(struct ddl *d, bool or_replace)
{
	struct ddl_name n, like;
	struct table_key k, from;
	bool if_not_exists = sql_is(&d->s, "if");
	if (if_not_exists)
		for (int i = 0; i < 3; i++)
			sql_next(&d->s);
	if (!ddl_table_name(d, &n))
		return;
	uint32_t before = ddl_before(d, &n, &k);
	/* The table is there, and the statement did nothing. What is unknown stays it. */
	if (if_not_exists && !or_replace && before != SCHEMA_NONE &&
	    !(schema_block(d->sc, before)->flags & SCHEMA_GONE))
		return;
	if (is_like(d)) {
		uint32_t v = SCHEMA_NONE;
		if (ddl_table_name(d, &like))
			v = ddl_before(d, &like, &from);
		if (ddl_known(d, v))
			ddl_copy(d, &k, v);
		else
			ddl_fail(d, "made like a table that is not known");
	} else if (with_columns(d, &n)) {
		ddl_commit(d, &k);
	}
	if (d->why)
		ddl_mark_unknown(d, &k);
}
