/* ddl_rig.h - a schema that reads statements one after the other, and tells its tables as text. */
#ifndef SL_TESTS_DDL_RIG_H
#define SL_TESTS_DDL_RIG_H

#include "dataplane/base/mem.h"
#include "parsers/mysql/ddl.h"
#include "tests/unit/unit.h"

struct ddl_rig {
	struct mysql_schema *sc;
	struct mysql_ddl q;
	const char *why;
	char text[1 << 16];
};

static inline void rig_start_with(struct ddl_rig *r, struct mysql_schema_conf conf)
{
	struct err e;
	memset(r, 0, sizeof(*r));
	conf.charsets = &mysql_charsets;
	assert_int_equal(mysql_schema_create(&conf, &r->sc, &e), 0);
	r->q = (struct mysql_ddl){
		.log = 1, .place = 1000, .db = SLICE_LIT("d"), .server_charset = 45};
}

static inline void rig_start(struct ddl_rig *r)
{
	rig_start_with(r, (struct mysql_schema_conf){0});
}

static inline void rig_stop(struct ddl_rig *r)
{
	mysql_schema_destroy(r->sc);
}

/* A copy of exactly its length: reading beyond it is an error that ASan sees. */
static inline enum mysql_ddl_result rig_apply(struct ddl_rig *r, struct slice sql)
{
	uint8_t *copy = malloc(sql.len ? sql.len : 1);
	memcpy(copy, sql.ptr, sql.len);
	r->q.sql = slice_of(copy, sql.len);
	mem_seal(true);
	enum mysql_ddl_result result = mysql_ddl_apply(r->sc, &r->q, &r->why);
	mem_seal(false);
	free(copy);
	return result;
}

/* The next statement of the log, at place 1100, 1200, ... */
static inline enum mysql_ddl_result rig_run(struct ddl_rig *r, const char *sql)
{
	r->q.place += 100;
	return rig_apply(r, slice_str(sql));
}

static inline void rig_ok(struct ddl_rig *r, const char *sql)
{
	enum mysql_ddl_result result = rig_run(r, sql);
	if (result != MYSQL_DDL_APPLIED)
		fail_msg("%s: %d, %s", sql, result, r->why ? r->why : "-");
}

static const char *const rig_types[MYSQL_N_DECL] = {
	"?",        "tinyint",    "smallint", "mediumint", "int",     "bigint",
	"decimal",  "float",      "double",   "bit",       "date",    "time",
	"datetime", "timestamp",  "year",     "char",      "varchar", "tinytext",
	"text",     "mediumtext", "longtext", "enum",      "set",     "json",
	"geometry", "vector",     "uuid",     "inet4",     "inet6",
};

/* name type(length[,decimals]) [unsigned] [charset[?]] [{label,label}], ... */
static inline const char *rig_tell(struct ddl_rig *r, const struct mysql_schema_table *t)
{
	char *o = r->text, *end = o + sizeof(r->text);
	if (!t)
		return "unknown";
	*o = 0;
	for (uint32_t i = 0; i < t->n_cols; i++) {
		const struct mysql_schema_col *c = &t->cols[i];
		struct slice name = mysql_schema_name(t, i);
		o += snprintf(o, (size_t)(end - o), "%s%.*s %s", i ? ", " : "", (int)name.len,
			      (const char *)name.ptr, rig_types[c->decl]);
		if (c->length && c->decl == MYSQL_DECL_DECIMAL)
			o += snprintf(o, (size_t)(end - o), "(%u,%u)", c->length, c->decimals);
		else if (c->decl == MYSQL_DECL_CHAR || c->decl == MYSQL_DECL_VARCHAR ||
			 c->decl == MYSQL_DECL_BIT)
			o += snprintf(o, (size_t)(end - o), "(%u)", c->length);
		else if (c->decimals && c->decl != MYSQL_DECL_FLOAT && c->decl != MYSQL_DECL_DOUBLE)
			o += snprintf(o, (size_t)(end - o), "(%u)", c->decimals);
		if (c->flags & MYSQL_COL_UNSIGNED)
			o += snprintf(o, (size_t)(end - o), " unsigned");
		if (c->charset)
			o += snprintf(o, (size_t)(end - o), " %s%s",
				      c->charset == MYSQL_CS_UTF8 && c->char_bytes_max == 3
					      ? "utf8mb3"
					      : mysql_charset_name(c->charset),
				      c->flags & MYSQL_COL_CHARSET_GUESSED ? "?" : "");
		for (uint32_t l = 0; l < c->n_labels; l++) {
			struct slice s = mysql_schema_label(t, i, l);
			o += snprintf(o, (size_t)(end - o), "%s%.*s%s", l ? "," : " {", (int)s.len,
				      (const char *)s.ptr, l + 1u == c->n_labels ? "}" : "");
		}
	}
	return r->text;
}

/* The table as the newest place of the log has it. */
static inline const char *rig_table(struct ddl_rig *r, const char *db, const char *table)
{
	return rig_tell(
		r, mysql_schema_find(r->sc, r->q.log, r->q.place, slice_str(db), slice_str(table)));
}

/* Its names only. */
static inline const char *rig_names_at(struct ddl_rig *r, uint64_t place, const char *table)
{
	const struct mysql_schema_table *t =
		mysql_schema_find(r->sc, r->q.log, place, SLICE_LIT("d"), slice_str(table));
	if (!t)
		return "unknown";
	char *o = r->text;
	for (uint32_t i = 0; i < t->n_cols; i++) {
		struct slice name = mysql_schema_name(t, i);
		o += sprintf(o, "%s%.*s", i ? " " : "", (int)name.len, (const char *)name.ptr);
	}
	return r->text;
}

static inline const char *rig_names(struct ddl_rig *r, const char *table)
{
	return rig_names_at(r, r->q.place, table);
}

#endif
