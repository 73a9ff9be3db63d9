#include "dataplane/base/text.h"
#include "parsers/mysql/ddl_priv.h"

static bool ascii(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] >= 0x80)
			return false;
	return true;
}

static bool accept_exists(struct sql *s, bool not )
{
	if (!sql_is(s, "if") || !sql_next_is(s, not ? "not" : "exists"))
		return false;
	for (int i = not ? 3 : 2; i > 0; i--)
		sql_next(s);
	return true;
}

/* The servers fold case in all alphabets, build_find in ASCII only: what it does not find among
 * names outside of ASCII, it cannot deny.
 */
static bool cannot_deny(const struct ddl *d, struct slice name)
{
	return d->b->beyond_ascii && !ascii(name);
}

/* A column that was there before the statement. BUILD_NONE with d->why when the statement does not
 * fit, BUILD_NONE without when there is none and IF EXISTS allows it.
 */
static uint16_t old_column(struct ddl *d, struct slice name, bool if_exists)
{
	uint16_t at = build_find(d->b, name);
	if (at == BUILD_NONE) {
		if (!if_exists || cannot_deny(d, name))
			ddl_fail(d, "a column that is not there");
		return BUILD_NONE;
	}
	if (d->b->defs[at].dropped || d->b->defs[at].becomes != BUILD_NONE) {
		ddl_fail(d, "a column that is changed twice");
		return BUILD_NONE;
	}
	return at;
}

/* FIRST, AFTER x behind a definition. */
static bool where(struct ddl *d, struct build_def *def)
{
	if (sql_accept(&d->s, "first"))
		def->where = BUILD_FIRST;
	else if (sql_accept(&d->s, "after")) {
		def->where = BUILD_AFTER;
		return ddl_column_name(d, &def->after);
	}
	return true;
}

/* One addition: a definition, or a key. */
static bool add_one(struct ddl *d, bool if_not_exists)
{
	struct build_def *def;
	if (ddl_is_key(d)) {
		ddl_key(d);
		return true;
	}
	if (!ddl_column(d, &def) || !where(d, def))
		return false;
	if (!if_not_exists)
		return true;
	struct slice name = build_name(d->b, (uint16_t)(def - d->b->defs));
	d->b->conditional = true;
	if (build_find(d->b, name) != BUILD_NONE)
		def->skipped = true;
	else if (cannot_deny(d, name))
		return ddl_fail(d, "IF NOT EXISTS of a name outside ASCII");
	return true;
}

static void to_end(struct ddl *d)
{
	while (d->s.kind != SQL_END && d->s.kind != SQL_BAD && d->s.punct != ';')
		sql_skip(&d->s);
}

static bool add(struct ddl *d)
{
	struct sql *s = &d->s;
	if (sql_is(s, "partition")) {
		to_end(d);
		return true;
	}
	if (sql_is(s, "system") && sql_next_is(s, "versioning")) {
		d->b->flags |= SCHEMA_SYSTEM_VERSIONED;
		sql_skip_item(s);
		return true;
	}
	sql_accept(s, "column");
	bool if_not_exists = accept_exists(s, true);
	if (!sql_accept_punct(s, '('))
		return add_one(d, if_not_exists);
	do
		if (!add_one(d, if_not_exists))
			return false;
	while (sql_accept_punct(s, ','));
	return sql_accept_punct(s, ')') || ddl_fail(d, "a list of columns that does not end");
}

/* Is the token the name of the primary key, as an index? */
static bool names_primary(struct ddl *d)
{
	uint8_t name[16];
	size_t len;
	return sql_names(&d->s) && ddl_utf8(d, name, sizeof(name), &len) &&
	       text_ieq(slice_of(name, len), SLICE_LIT("primary"));
}

/* PRIMARY KEY; INDEX, KEY or CONSTRAINT `PRIMARY`; or another one. */
static void drop_key(struct ddl *d)
{
	struct sql *s = &d->s;
	bool primary = sql_is(s, "primary");
	if (!primary) {
		sql_next(s);
		accept_exists(s, false);
		primary = names_primary(d);
	}
	if (primary)
		build_drop_key(d->b);
	sql_skip_item(s);
}

static bool drop(struct ddl *d)
{
	struct sql *s = &d->s;
	struct slice name;
	if (sql_is(s, "partition")) {
		to_end(d);
		return true;
	}
	if (sql_is(s, "system") && sql_next_is(s, "versioning")) {
		d->b->flags &= (uint8_t)~SCHEMA_SYSTEM_VERSIONED;
		sql_skip_item(s);
		return true;
	}
	if (ddl_is_key(d)) {
		drop_key(d);
		return true;
	}
	sql_accept(s, "column");
	bool if_exists = accept_exists(s, false);
	if (!ddl_column_name(d, &name))
		return false;
	uint16_t at = old_column(d, name, if_exists);
	if (at != BUILD_NONE)
		d->b->defs[at].dropped = true;
	sql_skip_item(s); /* RESTRICT, CASCADE */
	return d->why == NULL;
}

/* MODIFY [COLUMN] x ..., CHANGE [COLUMN] old x ... */
static bool change(struct ddl *d, bool named)
{
	struct sql *s = &d->s;
	struct slice name;
	struct build_def *def;
	sql_accept(s, "column");
	bool if_exists = accept_exists(s, false);
	if (named && !ddl_column_name(d, &name))
		return false;
	if (!ddl_column(d, &def) || !where(d, def))
		return false;
	uint16_t at_def = (uint16_t)(def - d->b->defs);
	if (!named)
		name = build_name(d->b, at_def);
	uint16_t at = old_column(d, name, if_exists);
	d->b->conditional = d->b->conditional || if_exists;
	if (at != BUILD_NONE)
		d->b->defs[at].becomes = at_def;
	else
		def->skipped = true;
	return d->why == NULL;
}

/* RENAME COLUMN a TO b: the same definition under another name. */
static bool rename_column(struct ddl *d)
{
	struct ddl_build *b = d->b;
	struct slice name, to;
	bool if_exists = accept_exists(&d->s, false);
	if (!ddl_column_name(d, &name))
		return false;
	if (!sql_accept(&d->s, "to") || !ddl_column_name(d, &to))
		return ddl_fail(d, "RENAME COLUMN that cannot be read");
	uint16_t at = old_column(d, name, if_exists);
	if (at == BUILD_NONE)
		return d->why == NULL;
	struct build_def *def = build_def(b);
	if (!def)
		return ddl_fail(d, "more columns than a table can have");
	def->col = b->defs[at].col;
	def->col.flags &= (uint8_t)~MYSQL_COL_KEY; /* build_order knows whether it stays */
	def->col.name_off = (uint32_t)(to.ptr - b->text);
	def->col.name_len = (uint16_t)to.len;
	b->defs[at].becomes = (uint16_t)(def - b->defs);
	return true;
}

/* The new name of the table has been read by ddl_alter_table. */
static bool rename_clause(struct ddl *d)
{
	if (sql_accept(&d->s, "column"))
		return rename_column(d);
	sql_skip_item(&d->s);
	return true;
}

static bool has_charset(const struct mysql_schema_col *c)
{
	/* JSON: in MariaDB it is a LONGTEXT, and in MySQL the charset is of no use. */
	return c->charset != MYSQL_CS_BINARY &&
	       (c->decl == MYSQL_DECL_CHAR || c->decl == MYSQL_DECL_VARCHAR ||
		c->decl == MYSQL_DECL_ENUM || c->decl == MYSQL_DECL_SET ||
		c->decl == MYSQL_DECL_JSON ||
		(c->decl >= MYSQL_DECL_TINYTEXT && c->decl <= MYSQL_DECL_LONGTEXT));
}

/* CONVERT TO CHARACTER SET changes all text columns, those of this statement too, whatever they
 * say; and the TEXT types grow where they have to.
 */
static void convert_all(struct ddl_build *b)
{
	for (uint32_t i = 0; i < b->n_defs && b->converts; i++) {
		struct mysql_schema_col *c = &b->defs[i].col;
		if (!has_charset(c))
			continue;
		c->charset = b->charset;
		c->char_bytes_max = b->char_bytes_max;
		c->flags |= MYSQL_COL_WIDENED;
		c->flags &= (uint8_t) ~(BUILD_COL_FROM_TABLE | MYSQL_COL_CHARSET_GUESSED);
	}
}

static bool convert(struct ddl *d)
{
	struct ddl_build *b = d->b;
	bool told = false;
	if (!sql_accept(&d->s, "to")) {
		to_end(d); /* CONVERT PARTITION, CONVERT TABLE: alone in their statement */
		return true;
	}
	uint8_t cs = MYSQL_CS_UNKNOWN, bytes = 0;
	bool to_default = false, more = true;
	while (more) {
		to_default = to_default || sql_next_is(&d->s, "default");
		more = ddl_charset(d, &cs, &bytes, &told);
	}
	if (!told && !to_default)
		return ddl_fail(d, "CONVERT TO a charset that cannot be read");
	b->converts = true;
	b->charset = cs;
	b->char_bytes_max = bytes;
	b->flags &= (uint8_t)~SCHEMA_CHARSET_GUESSED;
	sql_skip_item(&d->s);
	return true;
}

static bool clause(struct ddl *d)
{
	struct sql *s = &d->s;
	if (sql_accept(s, "add"))
		return add(d);
	if (sql_accept(s, "drop"))
		return drop(d);
	if (sql_accept(s, "modify"))
		return change(d, false);
	if (sql_accept(s, "change"))
		return change(d, true);
	if (sql_accept(s, "rename"))
		return rename_clause(d);
	if (sql_accept(s, "convert"))
		return convert(d);
	if (sql_is(s, "alter")) { /* defaults, visibility */
		sql_skip_item(s);
		return true;
	}
	return ddl_options(d, true);
}

/* MariaDB compares what is conditional with the other clauses too, in ways of its own. */
static bool conditions_clash(struct ddl_build *b)
{
	if (!b->conditional)
		return false;
	build_index_clear(b);
	for (uint32_t i = b->n_old; i < b->n_defs; i++)
		if (!build_index(b, (uint16_t)i))
			return true;
	return false;
}

bool ddl_alter_clauses(struct ddl *d)
{
	struct sql *s = &d->s;
	struct ddl_build *b = d->b;
	build_index_clear(b);
	for (uint32_t i = 0; i < b->n_old; i++) {
		build_index(b, (uint16_t)i);
		b->beyond_ascii = b->beyond_ascii || !ascii(build_name(b, (uint16_t)i));
	}
	do {
		if (!clause(d))
			return false;
		/* Options may follow a clause without a comma. */
		if (s->kind != SQL_END && s->punct != ',' && s->punct != ';' &&
		    !ddl_options(d, true))
			return false;
	} while (sql_accept_punct(s, ','));
	if (s->kind != SQL_END && s->punct != ';')
		return ddl_fail(d, "ALTER TABLE that does not end where it should");
	if (b->converts && b->charset_told)
		return ddl_fail(d, "CONVERT TO a charset, and another default");
	if (conditions_clash(b))
		return ddl_fail(d, "IF EXISTS about a column that another clause names");
	if (b->row_columns)
		b->flags &= (uint8_t)~SCHEMA_SYSTEM_VERSIONED;
	convert_all(b);
	build_finish(b);
	const char *why = build_order(b);
	return why ? ddl_fail(d, why) : true;
}

/* ---- the statement ---- */

/* Passes over the clauses: where does RENAME [TO] say that the table goes? */
static bool find_rename(struct ddl *d, struct ddl_name *ret)
{
	struct sql start = d->s;
	struct sql *s = &d->s;
	bool clause_starts = true, found = false;
	while (s->kind != SQL_END && s->kind != SQL_BAD && s->punct != ';' && !found) {
		if (clause_starts && sql_is(s, "rename") && !sql_next_is(s, "column") &&
		    !sql_next_is(s, "index") && !sql_next_is(s, "key")) {
			sql_next(s);
			if (!sql_accept(s, "to") && !sql_accept(s, "as"))
				sql_accept_punct(s, '=');
			found = ddl_table_name(d, ret);
			if (!found)
				break;
		}
		clause_starts = s->punct == ',';
		sql_skip(s);
	}
	d->s = start;
	return found;
}

/* MariaDB: a partition becomes a table, or a table a partition. */
static void convert_partition(struct ddl *d, uint32_t before)
{
	struct ddl_name n;
	struct table_key k;
	struct sql start = d->s;
	struct sql *s = &d->s;
	bool from_table = false;
	if (!sql_accept(s, "convert") || sql_is(s, "to"))
		goto out;
	from_table = sql_accept(s, "table");
	while (!from_table && s->kind != SQL_END && s->kind != SQL_BAD)
		if (sql_accept(s, "table"))
			break;
		else
			sql_skip(s);
	if (!sql_names(s) || !ddl_table_name(d, &n))
		goto out;
	ddl_before(d, &n, &k);
	if (from_table)
		ddl_mark_gone(d, &k);
	else if (ddl_known(d, before))
		ddl_copy(d, &k, before);
	else
		ddl_mark_unknown(d, &k);
out:
	d->s = start;
}

void ddl_drop_index(struct ddl *d)
{
	struct ddl_name n;
	struct table_key k;
	accept_exists(&d->s, false);
	if (d->q->error || !names_primary(d))
		return;
	sql_next(&d->s);
	if (!sql_accept(&d->s, "on") || !ddl_table_name(d, &n))
		return;
	uint32_t before = ddl_before(d, &n, &k);
	build_reset(d->b);
	if (!ddl_known(d, before) || !build_load(d->b, schema_block(d->sc, before)))
		return;
	build_drop_key(d->b);
	if (!build_order(d->b))
		ddl_commit(d, &k);
}

void ddl_alter_table(struct ddl *d)
{
	struct ddl_name n, to;
	struct table_key k, target;
	accept_exists(&d->s, false);
	if (!ddl_table_name(d, &n))
		return;
	if (sql_accept(&d->s, "wait"))
		sql_next(&d->s);
	else
		sql_accept(&d->s, "nowait");
	uint32_t before = ddl_before(d, &n, &k);
	bool moves = find_rename(d, &to);
	target = k;
	if (moves)
		ddl_before(d, &to, &target);
	convert_partition(d, before);
	build_reset(d->b);
	if (!ddl_known(d, before))
		ddl_fail(d, "ALTER of a table that is not known");
	else if (!build_load(d->b, schema_block(d->sc, before)))
		ddl_fail(d, "more columns than there is room for");
	else if (ddl_alter_clauses(d))
		ddl_commit(d, &target);
	if (d->why)
		ddl_mark_unknown(d, &target);
	if (moves && target.hash != k.hash)
		ddl_mark_gone(d, &k);
}
