/* Functions, casts, and what reads the time. */
#include <stdio.h>

#include "dataplane/base/text.h"
#include "dataplane/graph/check.h"
#include "dataplane/graph/literal.h"

/* Functions that PostgreSQL has and we have not, with what one would use. */
static const struct {
	const char *name, *instead;
} refused[] = {
	{"random", "a result must be the same each time; `op: sample` takes a part of the records"},
	{"clock_timestamp", "now() is the time of the record's packet"},
	{"statement_timestamp", "now() is the time of the record's packet"},
	{"transaction_timestamp", "now() is the time of the record's packet"},
	{"gen_random_uuid", "a result must be the same each time; `_id` names a record"},
	{"count", "sums over records are made by `op: aggregate`"},
	{"sum", "sums over records are made by `op: aggregate`"},
	{"avg", "sums over records are made by `op: aggregate`"},
	{"min", "LEAST and GREATEST compare within a record; over records see `op: aggregate`"},
	{"max", "LEAST and GREATEST compare within a record; over records see `op: aggregate`"},
	{"to_char", "cast to text, or put the parts together with extract, lpad and ||"},
	{"to_date", "cast ISO 8601 text to date, or use make_date with parts of it"},
	{"to_number", "cast to numeric, after replace() has taken out what is no digit"},
	{"regexp_replace", "replace, translate, split_part and substring take parts of text"},
	{"regexp_match",
	 "a format with a grok pattern takes parts of text; ~ says if there is a match"},
	{"regexp_matches",
	 "a format with a grok pattern takes parts of text; ~ says if there is a match"},
	{"regexp_substr",
	 "a format with a grok pattern takes parts of text; ~ says if there is a match"},
	{"format", "use || or concat"},
	{"string_agg", "sums over records are made by `op: aggregate`"},
	{"string_to_array", "split_part takes one part"},
};

static bool is_print_function(const char *name)
{
	return strcmp(name, "concat") == 0 || strcmp(name, "concat_ws") == 0;
}

/* To text as PostgreSQL prints it, which for some types is not what a cast makes. */
static int print(struct check *c, struct typed *x)
{
	if (x->type == SQL_BOOL || x->type == SQL_INET)
		return check_call(c, "print()", x->off, x, 1, x);
	return check_coerce(c, x, SQL_TEXT, true, x);
}

static int read_now(struct check *c, uint32_t off, struct typed *ret_t)
{
	unsigned input;
	c->off = off;
	/* A scope that is open does not make a time of a name. */
	for (unsigned i = 0; i < c->scope->n_columns; i++)
		if (strcmp(c->scope->columns[i].name, SCOPE_TIME) == 0 &&
		    c->scope->columns[i].type == SQL_TIMESTAMPTZ) {
			int ret =
				scope_find(c->scope, slice_str(SCOPE_TIME), true, 1, &input, c->e);
			*ret_t = (struct typed){.type = SQL_TIMESTAMPTZ, .off = off};
			return ret < 0 ? ret
				       : program_column(c->p, SQL_TIMESTAMPTZ, input, &ret_t->step);
		}
	return check_fail(c, off, "there is no time here: records have no column %s of type %s",
			  SCOPE_TIME, sql_type_name(SQL_TIMESTAMPTZ));
}

/* Rounds to @digits behind the second, as timestamp(3) says. */
static int round_to(struct check *c, const char *fn, int64_t digits, struct typed *io)
{
	struct typed args[2] = {*io};
	union cell v;
	memset(&v, 0, sizeof(v));
	v.i = digits;
	if (digits < 0 || digits > 9)
		return check_fail(c, io->off, "from 0 to 9 digits of a second");
	int ret = check_constant(c, SQL_INT4, VEC_VALUE, &v, io->off, &args[1]);
	return ret < 0 ? ret : check_call(c, fn, io->off, args, 2, io);
}

int check_now(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	const char *name = (const char *)n->text.ptr;
	int ret = read_now(c, n->off, ret_t);
	if (ret == 0 && n->value >= 0)
		ret = round_to(c, "timestamptz()", n->value, ret_t);
	if (ret < 0 || strcmp(name, "current_timestamp") == 0)
		return ret;
	enum sql_type t = strcmp(name, "current_date") == 0 ? SQL_DATE
			  : strcmp(name, "localtime") == 0  ? SQL_TIME
							    : SQL_TIMESTAMP;
	return check_coerce(c, ret_t, t, true, ret_t);
}

int check_function(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	const char *name = (const char *)n->text.ptr;
	struct typed args[FN_CALL_ARGS_MAX];
	enum sql_type t;
	int ret = 0;
	for (unsigned i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(refused[i].name, name) == 0)
			return check_fail(c, n->off, "%s is not supported: %s", name,
					  refused[i].instead);
	if (n->n_args > FN_CALL_ARGS_MAX)
		return check_fail(c, n->off, "more than %d arguments", FN_CALL_ARGS_MAX);
	if (n->n_args == 0 && strcmp(name, "now") == 0)
		return read_now(c, n->off, ret_t);
	for (unsigned i = 0; ret == 0 && i < n->n_args; i++) {
		ret = check_node(c, n->args[i], &args[i]);
		if (ret == 0 && is_print_function(name))
			ret = print(c, &args[i]);
	}
	if (ret < 0)
		return ret;
	/* text(x), date(x): a cast, when there is no function of that name. */
	enum resolve_fault fault;
	uint8_t any = SQL_UNKNOWN;
	if (n->n_args == 1 && resolve_type(name, &t) && !resolve(name, &any, 1, &fault))
		return check_coerce(c, &args[0], t, true, ret_t);
	return check_call(c, name, n->off, args, n->n_args, ret_t);
}

/* ---- casts ---- */

/* INTERVAL '5' MINUTE: the number is one of minutes. The mask is PostgreSQL's. */
static const struct {
	int32_t mask;
	const char *unit;
} interval_fields[] = {
	{1 << 2, " year"},  {1 << 1, " month"},   {1 << 3, " day"},
	{1 << 10, " hour"}, {1 << 11, " minute"}, {1 << 12, " second"},
};

static int check_interval(struct check *c, const struct sql_node *n, struct typed *x,
			  struct typed *ret_t)
{
	const char *unit = NULL;
	for (unsigned i = 0; i < sizeof(interval_fields) / sizeof(interval_fields[0]); i++)
		if (interval_fields[i].mask == n->mods[0])
			unit = interval_fields[i].unit;
	if (!unit || n->n_mods > 1 || x->type != SQL_UNKNOWN || x->null)
		return check_fail(
			c, n->off,
			"not supported; an interval is INTERVAL '1 day 02:03:04' or INTERVAL '5' "
			"MINUTE");
	char *text = program_take(c->p, x->literal.len + 16);
	if (!text)
		return err_set(c->e, -ENOSPC, "the expressions are too large");
	memcpy(text, x->literal.ptr, x->literal.len);
	memcpy(text + x->literal.len, unit, strlen(unit));
	struct typed with_unit = *x;
	with_unit.literal = slice_str(text);
	return check_coerce(c, &with_unit, SQL_INTERVAL, true, ret_t);
}

static int check_number_mods(struct check *c, const struct sql_node *n, struct typed *io)
{
	int64_t precision = n->mods[0], scale = n->n_mods > 1 ? n->mods[1] : 0;
	struct typed args[3] = {*io};
	union cell v;
	memset(&v, 0, sizeof(v));
	if (precision < 1 || precision > NUMERIC_DIGITS_MAX || scale < 0 || scale > precision)
		return check_fail(c, n->off, "numeric(p, s): p from 1 to %d, s from 0 to p",
				  NUMERIC_DIGITS_MAX);
	v.i = precision;
	int ret = check_constant(c, SQL_INT4, VEC_VALUE, &v, n->off, &args[1]);
	v.i = scale;
	if (ret == 0)
		ret = check_constant(c, SQL_INT4, VEC_VALUE, &v, n->off, &args[2]);
	return ret < 0 ? ret : check_call(c, "numeric()", n->off, args, 3, io);
}

static int apply_mods(struct check *c, const struct sql_node *n, enum sql_type t, struct typed *io)
{
	switch (t) {
	case SQL_NUMERIC:
		return check_number_mods(c, n, io);
	case SQL_TIME:
		return round_to(c, "time()", n->mods[0], io);
	case SQL_TIMESTAMP:
		return round_to(c, "timestamp()", n->mods[0], io);
	case SQL_TIMESTAMPTZ:
		return round_to(c, "timestamptz()", n->mods[0], io);
	case SQL_TEXT: {
		struct typed args[2] = {*io};
		union cell v;
		memset(&v, 0, sizeof(v));
		v.i = n->mods[0];
		if (n->n_mods != 1 || v.i < 1)
			return check_fail(c, n->off, "varchar(n): n from 1 on");
		int ret = check_constant(c, SQL_INT4, VEC_VALUE, &v, n->off, &args[1]);
		return ret < 0 ? ret : check_call(c, "varchar()", n->off, args, 2, io);
	}
	default:
		return check_fail(c, n->off, "%s takes nothing in brackets", sql_type_name(t));
	}
}

int check_cast(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	const char *name = (const char *)n->text.ptr;
	struct typed x;
	enum sql_type t;
	if (!resolve_type(name, &t)) {
		const char *nearest = resolve_nearest_type(name);
		return check_fail(
			c, n->off,
			"no type %s%s%s; there are boolean, smallint, integer, bigint, "
			"numeric, real, double precision, text, varchar, bytea, date, time, "
			"timestamp, timestamptz, interval, json, jsonb, inet",
			name, nearest ? ", did you mean " : "", nearest ? nearest : "");
	}
	int ret = check_node(c, n->args[0], &x);
	if (ret < 0)
		return ret;
	if (t == SQL_INTERVAL && n->n_mods)
		return check_interval(c, n, &x, ret_t);
	ret = check_coerce(c, &x, t, true, ret_t);
	if (ret == 0 && n->n_mods)
		ret = apply_mods(c, n, t, ret_t);
	return ret;
}

/* j #> ARRAY['a', 'b'] is j #> '{"a","b"}'. */
int check_path(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	const struct sql_node *array = n->args[1];
	struct typed args[2] = {0};
	size_t len = 3;
	for (unsigned i = 0; i < array->n_args; i++) {
		if (array->args[i]->kind != SQL_NODE_STRING)
			return check_fail(c, array->args[i]->off,
					  "a path is made of literals in quotes");
		len += 2 * array->args[i]->text.len + 3;
	}
	char *text = program_take(c->p, len), *o = text;
	if (!text)
		return err_set(c->e, -ENOSPC, "the expressions are too large");
	*o++ = '{';
	for (unsigned i = 0; i < array->n_args; i++) {
		struct slice key = array->args[i]->text;
		*o++ = i ? ',' : ' ';
		*o++ = '"';
		for (size_t k = 0; k < key.len; k++) {
			if (key.ptr[k] == '"' || key.ptr[k] == '\\')
				*o++ = '\\';
			*o++ = (char)key.ptr[k];
		}
		*o++ = '"';
	}
	*o++ = '}';
	args[1] = (struct typed){.type = SQL_UNKNOWN,
				 .literal = slice_of(text, (size_t)(o - text)),
				 .off = array->off};
	int ret = check_node(c, n->args[0], &args[0]);
	return ret < 0 ? ret : check_call(c, (const char *)n->text.ptr, n->off, args, 2, ret_t);
}

/* ---- names of items ---- */

/* What the last of a.b.c is called. */
static const char *last_part(const struct sql_node *n)
{
	const char *name = (const char *)n->text.ptr;
	const char *dot = n->value > 1 ? strrchr(name, '.') : NULL;
	return dot ? dot + 1 : name;
}

/* 2: a good name; 1: that of a type; 0: none. */
static int name_of(const struct sql_node *n, const char **ret_name)
{
	switch (n->kind) {
	case SQL_NODE_COLUMN:
		*ret_name = last_part(n);
		return 2;
	case SQL_NODE_CALL:
	case SQL_NODE_NOW:
		*ret_name = (const char *)n->text.ptr;
		return 2;
	case SQL_NODE_CAST: {
		int strength = name_of(n->args[0], ret_name);
		if (strength < 2)
			*ret_name = (const char *)n->text.ptr;
		return strength < 2 ? 1 : 2;
	}
	case SQL_NODE_CASE: {
		const struct sql_node *other = n->args[n->n_args - 1];
		int strength = other ? name_of(other, ret_name) : 0;
		if (strength < 2)
			*ret_name = "case";
		return strength < 2 ? 1 : 2;
	}
	case SQL_NODE_COALESCE:
		*ret_name = "coalesce";
		return 2;
	case SQL_NODE_GREATEST:
		*ret_name = "greatest";
		return 2;
	case SQL_NODE_LEAST:
		*ret_name = "least";
		return 2;
	case SQL_NODE_NULLIF:
		*ret_name = "nullif";
		return 2;
	default:
		return 0;
	}
}

const char *check_item_name(const struct sql_node *n)
{
	const char *name = NULL;
	name_of(n, &name);
	return name;
}
