#include "dataplane/dim/dim_dump.h"

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/dim/dim_sql.h"
#include "dataplane/rec/json_text.h"

/* How a column's values are spelled in a row change, where that is not as the dump spells them. */
enum spelling {
	AS_IS,
	IN_UTC,    /* TIMESTAMP: a Z behind it; the dump has SET TIME_ZONE='+00:00' */
	IN_BASE64, /* BINARY, VARBINARY, BLOB */
	AS_NUMBER, /* BIT */
	NO_ZEROS,  /* YEAR, and integers with ZEROFILL: without zeros in front */
};

#define NOT_WANTED (-1)

struct column {
	struct slice name;
	enum spelling spelling;
	int field; /* NOT_WANTED, or its index */
	bool is_key;
};

struct dump {
	struct dim_load *load;
	const char *path;
	struct sql_text sql;
	struct slice db, table; /* that are wanted; db.ptr NULL: of any */
	struct slice use; /* the database that names without one belong to; ptr NULL: unknown */
	bool found;       /* the table, or rows of it */
	const struct dim_field *fields;
	unsigned n_fields;
	struct column columns[DUMP_COLUMNS_MAX]; /* of CREATE TABLE */
	unsigned n_columns;
	unsigned order[DUMP_COLUMNS_MAX]; /* of the values of an INSERT: which columns */
	unsigned n_order;
	struct slice *values; /* by field */
	struct arena made;    /* texts that do not stand in the dump */
	bool no_room;
};

static int wrong(const struct dump *d, unsigned line, struct err *e, const char *text)
{
	if (d->sql.broken)
		return err_set(e, -EINVAL, "%s:%u: a quote or a comment is not closed", d->path,
			       d->sql.broken);
	return err_set(e, -EINVAL, "%s:%u: %s", d->path, line, text);
}

static struct sql_token next(struct dump *d)
{
	return dim_sql_next(&d->sql);
}

static bool is_over(struct sql_token k)
{
	return k.kind == TOKEN_END || dim_sql_is(k, ";");
}

/* Up to the end of the statement, or, inside of parentheses, to the comma or the parenthesis that
 * ends the part that we are in: which is given back.
 */
static struct sql_token skip(struct dump *d, bool part)
{
	for (unsigned depth = 0;;) {
		struct sql_token k = next(d);
		bool closes = dim_sql_is(k, ")");
		if (is_over(k) || (part && depth == 0 && (closes || dim_sql_is(k, ","))))
			return k;
		depth += dim_sql_is(k, "(");
		depth -= closes && depth > 0;
	}
}

/* ---- which table ---- */

/* `t` or `db`.`t`: is it the one? @k: its first token; *ret_k: the token behind it. */
static bool is_wanted(struct dump *d, struct sql_token k, struct sql_token *ret_k)
{
	struct slice db = d->use, table = k.s;
	*ret_k = next(d);
	if (dim_sql_is(*ret_k, ".")) {
		db = table;
		table = next(d).s;
		*ret_k = next(d);
	}
	return slice_eq(table, d->table) && (!db.ptr || !d->db.ptr || slice_eq(db, d->db));
}

/* ---- CREATE TABLE ---- */

static enum spelling spelling_of(struct slice type)
{
	static const struct {
		const char *type;
		enum spelling spelling;
	} known[] = {{"timestamp", IN_UTC},     {"bit", AS_NUMBER},      {"binary", IN_BASE64},
		     {"varbinary", IN_BASE64},  {"tinyblob", IN_BASE64}, {"blob", IN_BASE64},
		     {"mediumblob", IN_BASE64}, {"longblob", IN_BASE64}, {"year", NO_ZEROS},
		     {"tinyint", NO_ZEROS},     {"smallint", NO_ZEROS},  {"mediumint", NO_ZEROS},
		     {"int", NO_ZEROS},         {"bigint", NO_ZEROS}};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (text_ieq(type, slice_str(known[i].type)))
			return known[i].spelling;
	return AS_IS;
}

/* Words that begin a part of a table that is no column; a column of such a name is in quotes. */
static bool is_no_column(struct sql_token k)
{
	static const char *const words[] = {"primary", "unique",     "key",     "index", "fulltext",
					    "spatial", "constraint", "foreign", "check", "period"};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (dim_sql_is(k, words[i]))
			return true;
	return false;
}

static struct column column_of(const struct dump *d, struct slice name)
{
	struct column c = {.name = name, .field = NOT_WANTED};
	for (unsigned i = 0; i < d->n_fields; i++)
		if (slice_eq(name, slice_str(d->fields[i].name)))
			c.field = (int)i;
	c.is_key = slice_eq(name, slice_str(dim_load_key(d->load)));
	return c;
}

/* Behind its name and the parenthesis. */
static int read_columns(struct dump *d, struct err *e)
{
	struct sql_token k, end;
	d->n_columns = 0;
	do {
		k = next(d);
		/* --compatible=ansi has names in double quotes. */
		if (k.kind == TOKEN_END || k.kind == TOKEN_SIGN)
			return wrong(d, k.line, e, "expected the name of a column");
		if (is_no_column(k)) {
			end = skip(d, true);
			continue;
		}
		if (d->n_columns == DUMP_COLUMNS_MAX)
			return wrong(d, k.line, e, "too many columns");
		struct column *c = &d->columns[d->n_columns++];
		*c = column_of(d, k.s);
		c->spelling = spelling_of(next(d).s);
		end = skip(d, true);
	} while (dim_sql_is(end, ","));
	if (!dim_sql_is(end, ")"))
		return wrong(d, end.line, e, "the table has no end");
	d->found = true;
	skip(d, false);
	return 0;
}

/* Behind CREATE. */
static int read_create(struct dump *d, struct err *e)
{
	struct sql_token k = next(d), behind;
	if (dim_sql_is(k, "temporary"))
		k = next(d);
	if (!dim_sql_is(k, "table")) {
		if (!is_over(k))
			skip(d, false);
		return 0;
	}
	k = next(d);
	while (dim_sql_is(k, "if") || dim_sql_is(k, "not") || dim_sql_is(k, "exists"))
		k = next(d);
	bool mine = is_wanted(d, k, &behind);
	if (mine && dim_sql_is(behind, "("))
		return read_columns(d, e);
	if (!is_over(behind))
		skip(d, false);
	return 0;
}

/* ---- INSERT ---- */

/* The values' columns: those of the list, or all of the table. */
static int read_order(struct dump *d, struct sql_token *io_k, struct err *e)
{
	unsigned line = io_k->line;
	bool known = d->n_columns > 0;
	d->n_order = 0;
	if (!dim_sql_is(*io_k, "(")) {
		if (!known)
			return wrong(d, line, e,
				     "rows without names of their columns; expected the table's "
				     "CREATE TABLE before them");
		for (d->n_order = 0; d->n_order < d->n_columns; d->n_order++)
			d->order[d->n_order] = d->n_order;
		return 0;
	}
	do {
		unsigned i = 0;
		struct sql_token k = next(d);
		while (i < d->n_columns && !slice_eq(d->columns[i].name, k.s))
			i++;
		if (d->n_order == DUMP_COLUMNS_MAX || i == DUMP_COLUMNS_MAX)
			return wrong(d, k.line, e, "too many columns");
		if (i == d->n_columns && known)
			return wrong(d, k.line, e, "the table has no such column");
		if (i == d->n_columns)
			d->columns[d->n_columns++] = column_of(d, k.s);
		d->order[d->n_order++] = i;
		*io_k = next(d);
	} while (dim_sql_is(*io_k, ","));
	if (!dim_sql_is(*io_k, ")"))
		return wrong(d, io_k->line, e, "expected a list of columns");
	*io_k = next(d);
	return 0;
}

static int check_columns(const struct dump *d, unsigned line, struct err *e)
{
	const char *missing = dim_load_key(d->load);
	for (unsigned i = 0; i < d->n_order; i++)
		if (d->columns[d->order[i]].is_key)
			missing = NULL;
	for (unsigned f = 0; !missing && f < d->n_fields; f++) {
		missing = d->fields[f].name;
		for (unsigned i = 0; i < d->n_order; i++)
			if (d->columns[d->order[i]].field == (int)f)
				missing = NULL;
	}
	return missing ? err_set(e, -EINVAL, "%s:%u: no column is named %s", d->path, line, missing)
		       : 0;
}

static struct slice made(struct dump *d, uint32_t off, size_t len)
{
	d->no_room |= !off;
	return off ? arena_slice(&d->made, off, len) : (struct slice){0};
}

/* 0x1f2e, x'1f2e', b'101': the bytes. */
static struct slice from_digits(struct dump *d, struct slice digits, unsigned bits)
{
	size_t per_byte = 8 / bits, n = (digits.len + per_byte - 1) / per_byte;
	uint32_t off = arena_take(&d->made, n + 1);
	if (!off)
		return made(d, 0, 0);
	uint8_t *out = d->made.base + off;
	memset(out, 0, n);
	for (size_t i = 0; i < digits.len; i++) {
		int digit = text_hex_digit(digits.ptr[digits.len - 1 - i]);
		if (digit < 0 || digit >> bits)
			return (struct slice){0};
		out[n - 1 - i / per_byte] |= (uint8_t)(digit << i % per_byte * bits);
	}
	return slice_of(out, n);
}

static struct slice spelled(struct dump *d, enum spelling spelling, struct slice s)
{
	char text[24];
	uint64_t number = 0;
	uint32_t off;
	switch (spelling) {
	case IN_UTC:
		off = arena_take(&d->made, s.len + 1);
		if (off) {
			memcpy(d->made.base + off, s.ptr, s.len);
			d->made.base[off + s.len] = 'Z';
		}
		return made(d, off, s.len + 1);
	case IN_BASE64:
		off = arena_take(&d->made, 4 * ((s.len + 2) / 3) + 4);
		return made(d, off, off ? json_base64_put(d->made.base + off, s.ptr, s.len) : 0);
	case AS_NUMBER:
		for (size_t i = 0; i < s.len; i++)
			number = number << 8 | s.ptr[i];
		size_t len = text_put_u64(text, number);
		return made(d, arena_copy(&d->made, text, len), len);
	case NO_ZEROS:
		while (s.len > 1 && s.ptr[0] == '0')
			s = slice_from(s, 1);
		return s;
	default:
		return s;
	}
}

/* One value; *ret_k: the token behind it. NULL, and what cannot be told (DEFAULT), have no ptr. */
static struct slice read_value(struct dump *d, enum spelling spelling, struct sql_token *ret_k)
{
	struct sql_token k = next(d);
	bool minus = dim_sql_is(k, "-");
	unsigned bits = dim_sql_is(k, "b") ? 1 : dim_sql_is(k, "x") ? 4 : 0;
	struct slice v = {0};
	if (minus || bits || (k.kind == TOKEN_WORD && k.s.ptr[0] == '_'))
		k = next(d); /* _binary 'x' */
	if (k.kind == TOKEN_STRING) {
		v = bits ? from_digits(d, k.s, bits) : k.s;
		if (v.ptr)
			v = spelled(d, spelling, v);
	} else if (k.kind == TOKEN_WORD && slice_starts(k.s, SLICE_LIT("0x"))) {
		v = from_digits(d, slice_from(k.s, 2), 4);
		if (v.ptr)
			v = spelled(d, spelling, v);
	} else if (k.kind == TOKEN_WORD && !dim_sql_is(k, "null") && !dim_sql_is(k, "default")) {
		/* A minus stands right before its number. */
		v = minus                  ? slice_of(k.s.ptr - 1, k.s.len + 1)
		    : spelling == NO_ZEROS ? spelled(d, spelling, k.s)
					   : k.s;
	}
	*ret_k = next(d);
	return v;
}

/* Behind its parenthesis. */
static int read_row(struct dump *d, struct err *e)
{
	struct slice key = {0};
	struct sql_token k = {0};
	unsigned line = d->sql.line;
	d->made.used = 8;
	d->no_room = false;
	memset(d->values, 0, d->n_fields * sizeof(*d->values));
	for (unsigned i = 0; i < d->n_order; i++) {
		const struct column *c = &d->columns[d->order[i]];
		bool wanted = c->is_key || c->field >= 0;
		struct slice v = read_value(d, wanted ? c->spelling : AS_IS, &k);
		if (c->field >= 0)
			d->values[c->field] = v;
		if (c->is_key)
			key = v;
		if (!dim_sql_is(k, i + 1 < d->n_order ? "," : ")"))
			return wrong(d, k.line, e, "expected one value for each column");
	}
	if (d->no_room)
		return wrong(d, line, e, "the row is too large");
	if (key.ptr)
		dim_load_row(d->load, key, d->values);
	else
		dim_load_bad(d->load);
	return 0;
}

/* Behind INSERT or REPLACE. */
static int read_insert(struct dump *d, struct err *e)
{
	static const char *const words[] = {"low_priority", "delayed", "high_priority", "ignore",
					    "into"};
	struct sql_token k = next(d);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (dim_sql_is(k, words[i]))
			k = next(d);
	if (!is_wanted(d, k, &k)) {
		if (!is_over(k))
			skip(d, false);
		return 0;
	}
	d->found = true;
	unsigned line = k.line;
	int rc = read_order(d, &k, e);
	if (rc == 0)
		rc = check_columns(d, line, e);
	if (rc == 0 && !dim_sql_is(k, "values") && !dim_sql_is(k, "value"))
		rc = wrong(d, k.line, e, "expected VALUES");
	while (rc == 0) {
		k = next(d);
		if (!dim_sql_is(k, "("))
			return wrong(d, k.line, e, "expected the values of a row");
		rc = read_row(d, e);
		if (rc == 0 && !dim_sql_is(k = next(d), ","))
			return is_over(k) ? 0 : wrong(d, k.line, e, "expected , or ; here");
	}
	return rc;
}

/* ---- statements ---- */

/* What stands between DELIMITER lines is the bodies of routines. */
static void skip_routines(struct dump *d)
{
	if (slice_eq(dim_sql_line(&d->sql), SLICE_LIT(";")))
		return;
	while (d->sql.at < d->sql.len)
		if (text_ieq(dim_sql_line(&d->sql), SLICE_LIT("DELIMITER ;")))
			return;
}

static int read_statements(struct dump *d, struct err *e)
{
	int rc = 0;
	while (rc == 0) {
		struct sql_token k = next(d);
		if (k.kind == TOKEN_END)
			break;
		if (dim_sql_is(k, ";"))
			continue;
		if (dim_sql_is(k, "delimiter")) {
			skip_routines(d);
		} else if (dim_sql_is(k, "use")) {
			d->use = next(d).s;
			skip(d, false);
		} else if (dim_sql_is(k, "create")) {
			rc = read_create(d, e);
		} else if (dim_sql_is(k, "insert") || dim_sql_is(k, "replace")) {
			rc = read_insert(d, e);
		} else {
			skip(d, false);
		}
	}
	if (rc == 0 && d->sql.broken)
		rc = wrong(d, d->sql.broken, e, "");
	if (rc == 0 && !d->found)
		rc = err_set(e, -EINVAL, "%s: there is no table %.*s in this dump", d->path,
			     (int)d->table.len, (const char *)d->table.ptr);
	return rc;
}

bool dim_dump_is(struct slice text)
{
	static const char *const starts[] = {"-- ",   "/*",   "CREATE ", "INSERT ",
					     "DROP ", "USE ", "SET ",    "REPLACE "};
	while (text.len && (text.ptr[0] == '\n' || text.ptr[0] == '\r'))
		text = slice_from(text, 1);
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)
		if (slice_starts(text, slice_str(starts[i])))
			return true;
	return false;
}

int dim_dump_load(const char *path, uint8_t *text, size_t len, const char *table,
		  struct dim_load *l, struct err *e)
{
	struct dump *d = mem_alloc(sizeof(*d));
	if (!d)
		return err_set(e, -ENOMEM, "out of memory");
	const char *dot = strchr(table, '.');
	*d = (struct dump){.load = l,
			   .path = path,
			   .sql = {.text = text, .len = len, .line = 1},
			   .table = slice_str(dot ? dot + 1 : table)};
	if (dot)
		d->db = slice_of(table, (size_t)(dot - table));
	d->fields = dim_load_fields(l, &d->n_fields);
	d->values = mem_alloc((d->n_fields + 1) * sizeof(*d->values));
	int rc = d->values && arena_init(&d->made, DIM_ROW_BYTES_MAX) == 0
			 ? read_statements(d, e)
			 : err_set(e, -ENOMEM, "out of memory");
	if (d->made.base)
		arena_fini(&d->made);
	mem_free(d->values);
	mem_free(d);
	return rc;
}
