#include "parsers/mysql/ddl.h"

#include "dataplane/base/text.h"
#include "parsers/mysql/ddl_priv.h"

/* ---- names of tables ---- */

static bool take_name(struct ddl *d, struct slice *ret)
{
	struct ddl_build *b = d->b;
	size_t len;
	if (!sql_names(&d->s))
		return ddl_fail(d, "a table without a name");
	if (!ddl_utf8(d, b->names + b->names_used, BUILD_NAMES_BYTES - b->names_used, &len) ||
	    len == 0 || len > BUILD_NAME_BYTES)
		return ddl_fail(d, "a name of a table that cannot be read");
	*ret = slice_of(b->names + b->names_used, len);
	b->names_used += (uint32_t)len;
	sql_next(&d->s);
	return true;
}

bool ddl_db_name(struct ddl *d, struct slice *ret)
{
	return take_name(d, ret);
}

bool ddl_table_name(struct ddl *d, struct ddl_name *ret)
{
	ret->db = d->q->db;
	if (!take_name(d, &ret->table))
		return false;
	if (sql_accept_punct(&d->s, '.')) {
		ret->db = ret->table;
		if (!take_name(d, &ret->table))
			return false;
	}
	return ret->db.len > 0 || ddl_fail(d, "a table of no database");
}

/* ---- effects ---- */

bool ddl_known(const struct ddl *d, uint32_t v)
{
	return v != SCHEMA_NONE && schema_block(d->sc, v)->flags & SCHEMA_KNOWN;
}

uint32_t ddl_before(struct ddl *d, const struct ddl_name *n, struct table_key *ret_k)
{
	*ret_k = schema_key(d->sc, d->q->log, n->db, n->table);
	return schema_at(d->sc, ret_k, d->q->place - 1);
}

static void put_done(struct ddl *d, const char *why, bool same)
{
	if (why) {
		ddl_fail(d, why);
		d->sc->stats.no_room++;
	} else if (same) {
		d->repeated = true;
	} else {
		d->changed = true;
	}
}

void ddl_commit(struct ddl *d, const struct table_key *k)
{
	bool same = false;
	const char *why = build_commit(d->sc, k, d->q->place, &same);
	put_done(d, why, same);
}

/* Taking a block may make room by forgetting versions, but not this one. */
void ddl_copy(struct ddl *d, const struct table_key *k, uint32_t from)
{
	struct schema_version *v = &d->sc->versions[from];
	bool same = false, pinned = v->pinned;
	v->pinned = true;
	const char *why = build_copy(d->sc, k, d->q->place, from, &same);
	put_done(d, why, same);
	v->pinned = pinned;
}

void ddl_mark_unknown(struct ddl *d, const struct table_key *k)
{
	d->unknown = true;
	if (schema_mark(d->sc, k, d->q->place, 0))
		d->sc->stats.unknown++;
}

void ddl_mark_gone(struct ddl *d, const struct table_key *k)
{
	if (schema_mark(d->sc, k, d->q->place, SCHEMA_GONE))
		d->changed = true;
}

/* ---- RENAME TABLE ---- */

static bool pair_is(const struct ddl *d, const struct build_pair *p, const struct table_key *k)
{
	return p->hash == k->hash &&
	       (d->sc->ignore_case ? text_ieq(p->name, k->name) && text_ieq(p->db, k->db)
				   : slice_eq(p->name, k->name) && slice_eq(p->db, k->db));
}

static struct build_pair *find_pair(struct ddl *d, const struct table_key *k)
{
	for (uint32_t i = 0; i < d->b->n_pairs; i++)
		if (pair_is(d, &d->b->pairs[i], k))
			return &d->b->pairs[i];
	return NULL;
}

static bool set_pair(struct ddl *d, const struct table_key *k, uint32_t version, bool gone)
{
	struct build_pair *p = find_pair(d, k);
	if (!p) {
		if (d->b->n_pairs == BUILD_PAIRS_MAX)
			return ddl_fail(d, "more tables in one RENAME than there is room for");
		p = &d->b->pairs[d->b->n_pairs++];
	}
	*p = (struct build_pair){
		.db = k->db, .name = k->name, .version = version, .gone = gone, .hash = k->hash};
	return true;
}

static bool rename_one(struct ddl *d)
{
	struct ddl_name from, to;
	struct table_key k, target;
	if (!ddl_table_name(d, &from))
		return false;
	if (sql_accept(&d->s, "wait"))
		sql_next(&d->s);
	else
		sql_accept(&d->s, "nowait");
	if (!sql_accept(&d->s, "to"))
		return ddl_fail(d, "RENAME TABLE that cannot be read");
	if (!ddl_table_name(d, &to))
		return false;
	uint32_t v = ddl_before(d, &from, &k);
	ddl_before(d, &to, &target);
	const struct build_pair *p = find_pair(d, &k);
	if (p)
		v = p->gone ? SCHEMA_NONE : p->version;
	return set_pair(d, &k, SCHEMA_NONE, true) && set_pair(d, &target, v, false);
}

/* All or nothing: the pairs are read first, since a name may be left and taken in one statement. */
static void rename_commit(struct ddl *d)
{
	struct ddl_build *b = d->b;
	for (uint32_t i = 0; i < b->n_pairs; i++)
		if (b->pairs[i].version != SCHEMA_NONE)
			d->sc->versions[b->pairs[i].version].pinned = true;
	for (uint32_t i = 0; i < b->n_pairs; i++) {
		const struct build_pair *p = &b->pairs[i];
		struct table_key k = schema_key(d->sc, d->q->log, p->db, p->name);
		if (p->gone) {
			ddl_mark_gone(d, &k);
			continue;
		}
		const char *before = d->why;
		d->why = NULL;
		if (ddl_known(d, p->version))
			ddl_copy(d, &k, p->version);
		else
			ddl_fail(d, "RENAME of a table that is not known");
		if (d->why)
			ddl_mark_unknown(d, &k);
		if (before)
			d->why = before;
	}
	for (uint32_t i = 0; i < b->n_pairs; i++)
		if (b->pairs[i].version != SCHEMA_NONE)
			d->sc->versions[b->pairs[i].version].pinned = false;
}

/* What could not be read whole: every name in it is unknown from here on. */
static void forget_names(struct ddl *d, struct sql start)
{
	const char *why = d->why;
	d->s = start;
	while (d->s.kind != SQL_END && d->s.kind != SQL_BAD) {
		struct ddl_name n;
		struct table_key k;
		d->b->names_used = 0;
		if (!sql_names(&d->s) || !ddl_table_name(d, &n)) {
			sql_next(&d->s);
			continue;
		}
		ddl_before(d, &n, &k);
		ddl_mark_unknown(d, &k);
	}
	d->why = why;
}

void ddl_rename_tables(struct ddl *d)
{
	if (sql_accept(&d->s, "if"))
		sql_accept(&d->s, "exists");
	struct sql start = d->s;
	d->b->n_pairs = 0;
	do
		if (!rename_one(d)) {
			forget_names(d, start);
			return;
		}
	while (sql_accept_punct(&d->s, ','));
	rename_commit(d);
}

/* ---- DROP ---- */

static void drop_tables(struct ddl *d)
{
	bool failed = d->q->error && d->q->error != 1051; /* 1051: some were not there */
	if (sql_accept(&d->s, "if"))
		sql_accept(&d->s, "exists");
	struct sql start = d->s;
	do {
		struct ddl_name n;
		struct table_key k;
		d->b->names_used = 0;
		if (!ddl_table_name(d, &n)) {
			forget_names(d, start);
			return;
		}
		ddl_before(d, &n, &k);
		if (failed)
			ddl_mark_unknown(d, &k);
		else
			ddl_mark_gone(d, &k);
	} while (sql_accept_punct(&d->s, ','));
}

/* ---- databases ---- */

enum db_verb { DB_CREATE, DB_REPLACE, DB_ALTER, DB_DROP };

static void database(struct ddl *d, enum db_verb verb)
{
	struct slice name = d->q->db;
	struct sql *s = &d->s;
	d->database = true;
	bool if_not_exists = false;
	if (sql_accept(s, "if")) {
		if_not_exists = sql_accept(s, "not");
		sql_accept(s, "exists");
	}
	/* ALTER DATABASE CHARACTER SET x is about the current one. */
	uint8_t cs = MYSQL_CS_UNKNOWN, bytes = 0;
	bool told = false;
	struct sql here = *s;
	bool unnamed = verb == DB_ALTER && (sql_is(s, "default") || sql_is(s, "comment") ||
					    ddl_charset(d, &cs, &bytes, &told));
	*s = here;
	if (!unnamed && !ddl_db_name(d, &name))
		return;
	struct table_key k = schema_key(d->sc, d->q->log, name, slice_of(NULL, 0));
	uint32_t v = schema_at(d->sc, &k, d->q->place - 1);
	bool there = ddl_known(d, v);
	if (verb == DB_CREATE && if_not_exists && there)
		return;
	if (verb == DB_ALTER && there) {
		cs = schema_block(d->sc, v)->charset;
		bytes = schema_block(d->sc, v)->char_bytes_max;
	} else if ((verb == DB_CREATE || verb == DB_REPLACE) && !if_not_exists) {
		cs = mysql_charset_of(d->q->server_charset);
		bytes = schema_char_bytes(d->q->server_charset);
	}
	while (verb != DB_DROP && s->kind != SQL_END && s->kind != SQL_BAD && s->punct != ';')
		if (!ddl_charset(d, &cs, &bytes, &told))
			sql_next(s);
	schema_put_db(d->sc, &k, d->q->place, cs, bytes, verb == DB_DROP || verb == DB_REPLACE);
	d->changed = true;
}

/* ---- CREATE SEQUENCE (MariaDB): a table of one row, of a shape of its own ---- */

static void create_sequence(struct ddl *d)
{
	struct ddl_name n;
	struct table_key k;
	struct ddl_build *b = d->b;
	bool if_not_exists = sql_accept(&d->s, "if");
	if (if_not_exists) {
		sql_accept(&d->s, "not");
		sql_accept(&d->s, "exists");
	}
	if (!ddl_table_name(d, &n))
		return;
	uint32_t before = ddl_before(d, &n, &k);
	if (if_not_exists && ddl_known(d, before))
		return;
	static const struct {
		const char *name;
		uint8_t decl, flags;
	} cols[] = {{"next_not_cached_value", MYSQL_DECL_BIGINT, 0},
		    {"minimum_value", MYSQL_DECL_BIGINT, 0},
		    {"maximum_value", MYSQL_DECL_BIGINT, 0},
		    {"start_value", MYSQL_DECL_BIGINT, 0},
		    {"increment", MYSQL_DECL_BIGINT, 0},
		    {"cache_size", MYSQL_DECL_BIGINT, MYSQL_COL_UNSIGNED},
		    {"cycle_option", MYSQL_DECL_TINYINT, MYSQL_COL_UNSIGNED},
		    {"cycle_count", MYSQL_DECL_BIGINT, 0}};
	build_reset(b);
	for (size_t i = 0; i < sizeof(cols) / sizeof(cols[0]); i++)
		build_fixed(b, cols[i].name, cols[i].decl, cols[i].flags, 0);
	if (sql_is(&d->s, "as"))
		ddl_fail(d, "a sequence of a type of its own");
	else if (!build_order(b))
		ddl_commit(d, &k);
	if (d->why)
		ddl_mark_unknown(d, &k);
}

/* CREATE UNIQUE INDEX x ON t (...): columns stay, but MariaDB may hide one more (schema_fits.c). */
static void create_unique(struct ddl *d)
{
	struct ddl_name n;
	struct table_key k;
	while (d->s.kind != SQL_END && d->s.kind != SQL_BAD && !sql_accept(&d->s, "on"))
		sql_skip(&d->s);
	if (!ddl_table_name(d, &n))
		return;
	uint32_t before = ddl_before(d, &n, &k);
	if (!ddl_known(d, before) || schema_block(d->sc, before)->flags & SCHEMA_UNIQUE)
		return;
	build_reset(d->b);
	if (!build_load(d->b, schema_block(d->sc, before)) || build_order(d->b))
		return;
	d->b->flags |= SCHEMA_UNIQUE;
	ddl_commit(d, &k);
	if (d->why)
		ddl_mark_unknown(d, &k);
}

/* ---- statements ---- */

static bool accept_table(struct sql *s)
{
	return sql_accept(s, "table") || sql_accept(s, "tables");
}

static bool accept_database(struct sql *s)
{
	return sql_accept(s, "database") || sql_accept(s, "schema");
}

/* Temporary tables shadow ours for one session, and have no row events. */
static bool create(struct ddl *d)
{
	struct sql *s = &d->s;
	bool or_replace = sql_accept(s, "or");
	if (or_replace && !sql_accept(s, "replace"))
		return false;
	if (accept_database(s))
		database(d, or_replace ? DB_REPLACE : DB_CREATE);
	else if (sql_accept(s, "sequence"))
		create_sequence(d);
	else if (sql_accept(s, "table"))
		ddl_create_table(d, or_replace);
	else if (sql_is(s, "unique") && sql_next_is(s, "index"))
		create_unique(d);
	else
		return false;
	return true;
}

static bool alter(struct ddl *d)
{
	struct sql *s = &d->s;
	if (accept_database(s)) {
		database(d, DB_ALTER);
		return true;
	}
	sql_accept(s, "online");
	sql_accept(s, "ignore");
	if (!sql_accept(s, "table"))
		return false;
	ddl_alter_table(d);
	return true;
}

static bool drop(struct ddl *d)
{
	struct sql *s = &d->s;
	bool was_index = sql_is(s, "index");
	if (accept_database(s))
		database(d, DB_DROP);
	else if (accept_table(s) || sql_accept(s, "sequence"))
		drop_tables(d);
	else if (sql_accept(s, "index"))
		ddl_drop_index(d);
	else
		return false;
	return d->changed || d->repeated || !was_index;
}

/* MariaDB: SET STATEMENT x=y FOR the statement itself. */
static void skip_set_statement(struct sql *s)
{
	if (!sql_is(s, "set") || !sql_next_is(s, "statement"))
		return;
	while (s->kind != SQL_END && s->kind != SQL_BAD && !sql_accept(s, "for"))
		sql_skip(s);
}

bool ddl_statement(struct ddl *d)
{
	struct sql *s = &d->s;
	skip_set_statement(s);
	if (sql_accept(s, "create"))
		return create(d);
	if (sql_accept(s, "alter"))
		return alter(d);
	if (sql_accept(s, "drop"))
		return drop(d);
	if (sql_accept(s, "rename") && accept_table(s)) {
		ddl_rename_tables(d);
		return true;
	}
	return false;
}

/* A statement that failed half way was logged because something of it had happened. Of a DROP it is
 * known what (see drop_tables).
 */
static bool half_done(struct ddl *d)
{
	struct sql *s = &d->s;
	skip_set_statement(s);
	if (!sql_is(s, "create") && !sql_is(s, "alter") && !sql_is(s, "rename"))
		return ddl_statement(d);
	while (s->kind != SQL_END && s->kind != SQL_BAD && !accept_table(s))
		sql_next(s);
	d->why = "the statement failed at the server";
	d->unknown = true;
	forget_names(d, *s);
	return true;
}

enum mysql_ddl_result mysql_ddl_apply(struct mysql_schema *sc, const struct mysql_ddl *q,
				      const char **ret_why)
{
	struct ddl d = {.sc = sc, .b = sc->build, .q = q};
	sql_init(&d.s, q->sql, mysql_charset_of(q->client_charset), q->sql_mode);
	sql_next(&d.s);
	sc->build->names_used = 0;
	if (ret_why)
		*ret_why = NULL;
	if (!(q->error ? half_done(&d) : ddl_statement(&d)))
		return MYSQL_DDL_NONE;
	if (d.why || d.unknown) {
		if (ret_why)
			*ret_why = d.why;
		return MYSQL_DDL_UNKNOWN;
	}
	if (d.repeated && !d.changed) {
		sc->stats.repeated++;
		return MYSQL_DDL_REPEATED;
	}
	sc->stats.applied += d.changed;
	return MYSQL_DDL_APPLIED;
}

bool mysql_ddl_is(struct slice sql)
{
	struct sql s;
	sql_init(&s, sql, MYSQL_CS_UNKNOWN, 0);
	sql_next(&s);
	skip_set_statement(&s);
	return sql_is(&s, "create") || sql_is(&s, "alter") || sql_is(&s, "drop") ||
	       sql_is(&s, "rename") || sql_is(&s, "truncate");
}
