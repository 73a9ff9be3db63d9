#include "dataplane/graph/check.h"

#include <stdarg.h>
#include <stdio.h>

#include "dataplane/graph/literal.h"

int check_fail(struct check *c, uint32_t off, const char *fmt, ...)
{
	struct err text;
	va_list args;
	va_start(args, fmt);
	vsnprintf(text.text, sizeof(text.text), fmt, args);
	va_end(args);
	c->off = off;
	return err_set(c->e, -EINVAL, "%s", text.text);
}

static const char *type_name(uint8_t t)
{
	return t == SQL_UNKNOWN ? "unknown" : sql_type_name((enum sql_type)t);
}

/* ---- making steps ---- */

int check_constant(struct check *c, enum sql_type t, uint8_t state, const union cell *v,
		   uint32_t off, struct typed *ret_t)
{
	*ret_t = (struct typed){.type = (uint8_t)t, .off = off};
	int ret = program_constant(c->p, t, state, v, &ret_t->step);
	return ret < 0 ? err_set(c->e, ret, "the expressions are too large") : 0;
}

int check_step(struct check *c, const struct fn *fn, enum sql_type t, uint32_t off,
	       const struct typed *args, unsigned n, struct typed *ret_t)
{
	uint32_t few[16], *steps = n <= 16 ? few : program_take(c->p, n * sizeof(*steps));
	if (!steps)
		return err_set(c->e, -ENOSPC, "the expressions are too large");
	for (unsigned i = 0; i < n; i++)
		steps[i] = args[i].step;
	uint32_t step;
	int ret = program_call(c->p, fn, t, steps, n, &step, c->e);
	if (ret < 0) {
		c->off = off;
		return ret;
	}
	*ret_t = (struct typed){.type = (uint8_t)t, .step = step, .off = off};
	return 0;
}

/* A literal as a constant of type @t. */
static int literal_as(struct check *c, const struct typed *x, enum sql_type t, struct typed *ret_t)
{
	union cell v;
	memset(&v, 0, sizeof(v));
	if (x->null)
		return check_constant(c, t, VEC_NULL, &v, x->off, ret_t);
	struct typed text;
	v.s = x->literal;
	int ret = check_constant(c, SQL_TEXT, VEC_VALUE, &v, x->off, &text);
	if (ret < 0 || t == SQL_TEXT) {
		*ret_t = text;
		return ret;
	}
	ret = check_step(c, resolve_cast(SQL_TEXT, t), t, x->off, &text, 1, ret_t);
	if (ret < 0)
		return ret;
	const struct vec *value = program_value(c->p, ret_t->step);
	if (value && value->state[0] >= VEC_ERROR)
		return check_fail(c, x->off, "'%.*s' is %s %s%s",
				  (int)(x->literal.len < 80 ? x->literal.len : 80),
				  (const char *)x->literal.ptr,
				  value->state[0] == VEC_OUT_OF_RANGE ? "out of range for" : "no",
				  sql_type_name(t),
				  t == SQL_DATE || t == SQL_TIMESTAMP || t == SQL_TIMESTAMPTZ
					  ? "; dates are written as in '2026-11-25 04:43:16'"
					  : "");
	return 0;
}

int check_coerce(struct check *c, const struct typed *x, enum sql_type t, bool explicit,
		 struct typed *ret_t)
{
	if (x->type == SQL_UNKNOWN)
		return literal_as(c, x, t, ret_t);
	if (x->type == t) {
		*ret_t = *x;
		return 0;
	}
	const struct fn *f = resolve_cast((enum sql_type)x->type, t);
	if (!f)
		return check_fail(c, x->off, "%s cannot be cast to %s", type_name(x->type),
				  sql_type_name(t));
	if (!explicit && !(f->flags & FN_IMPLICIT))
		return check_fail(c, x->off, "expected %s, this is %s; cast it: (...)::%s",
				  sql_type_name(t), type_name(x->type), sql_type_name(t));
	return check_step(c, f, t, x->off, x, 1, ret_t);
}

static int coerce_bool(struct check *c, const struct typed *x, const char *what,
		       struct typed *ret_t)
{
	if (x->type != SQL_BOOL && x->type != SQL_UNKNOWN)
		return check_fail(c, x->off,
				  "%s takes boolean, this is %s; compare it with something", what,
				  type_name(x->type));
	return check_coerce(c, x, SQL_BOOL, false, ret_t);
}

/* ---- calls ---- */

static void list_types(char *out, size_t size, const struct typed *args, unsigned n)
{
	size_t at = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < n && at + 32 < size; i++)
		at += (size_t)snprintf(out + at, size - at, "%s%s", i ? ", " : "",
				       type_name(args[i].type));
}

static bool is_number(uint8_t t)
{
	return t >= SQL_INT2 && t <= SQL_NUMERIC;
}

/* What one would most likely have wanted to write. */
static const char *operator_hint(const char *name, const struct typed *args, unsigned n)
{
	if (name[0] == '#' || strncmp(name, "->", 2) == 0)
		return "; JSON in text is cast first: x::json -> 'key'";
	for (unsigned i = 0; n == 2 && i < 2; i++) {
		if (args[i].type == SQL_TEXT && is_number(args[1 - i].type))
			return "; text is not compared with numbers: cast it, as in x::bigint or "
			       "x::numeric, or put the number in quotes";
		if (args[i].type == SQL_JSON)
			return "; take the part as text by ->>, and cast it where it is a number";
		if (args[i].type == SQL_TEXT)
			return "; cast one of them, as in x::timestamptz";
	}
	return "; cast one of them to the type of the other";
}

static int no_match(struct check *c, const char *name, uint32_t off, const struct typed *args,
		    unsigned n, enum resolve_fault fault)
{
	char types[256] = "";
	list_types(types, sizeof(types), args, n);
	bool operator= !((name[0] | 0x20) >= 'a' && (name[0] | 0x20) <= 'z');
	if (fault == RESOLVE_NO_NAME && operator)
		return check_fail(c, off, "no operator %s", name);
	if (fault == RESOLVE_NO_NAME) {
		const char *nearest = resolve_nearest_fn(name);
		return check_fail(c, off, "no function %s%s%s%s", name,
				  nearest ? "; did you mean " : "",
				  nearest ? nearest : "; docs/expressions.md lists what there is",
				  nearest ? "?" : "");
	}
	const char *why =
		fault == RESOLVE_AMBIGUOUS ? "it could be more than one" : "there is none";
	if (operator&& n == 2)
		return check_fail(c, off, "%s %s %s: %s%s", type_name(args[0].type), name,
				  type_name(args[1].type), why, operator_hint(name, args, n));
	if (operator)
		return check_fail(c, off, "%s %s: %s", name, types, why);
	return check_fail(c, off, "%s(%s): %s; cast the arguments to what docs/expressions.md says",
			  name, types, why);
}

int check_call(struct check *c, const char *name, uint32_t off, const struct typed *args,
	       unsigned n, struct typed *ret_t)
{
	uint8_t types[FN_CALL_ARGS_MAX] = {0};
	struct typed coerced[FN_CALL_ARGS_MAX];
	enum resolve_fault fault;
	if (n > FN_CALL_ARGS_MAX)
		return check_fail(c, off, "more than %d arguments", FN_CALL_ARGS_MAX);
	for (unsigned i = 0; i < n; i++)
		types[i] = args[i].type;
	const struct fn *f = resolve(name, types, n, &fault);
	if (!f)
		return no_match(c, name, off, args, n, fault);
	for (unsigned i = 0; i < n; i++) {
		uint8_t want = f->args[i < f->n_args ? i : f->n_args - 1u];
		int ret = check_coerce(c, &args[i], (enum sql_type)want, false, &coerced[i]);
		if (ret < 0)
			return ret;
	}
	return check_step(c, f, (enum sql_type)f->ret, off, coerced, n, ret_t);
}

/* ---- forms ---- */

static int check_args(struct check *c, const struct sql_node *n, struct typed **ret_args)
{
	*ret_args = program_take(c->p, (n->n_args + 1) * sizeof(**ret_args));
	if (!*ret_args)
		return err_set(c->e, -ENOSPC, "the expressions are too large");
	for (unsigned i = 0; i < n->n_args; i++) {
		if (!n->args[i])
			continue;
		int ret = check_node(c, n->args[i], &(*ret_args)[i]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* All of @args to their common type. */
static int coerce_common(struct check *c, const char *what, struct typed *args, unsigned n,
			 enum sql_type *ret_t)
{
	uint8_t *types = program_take(c->p, n + 1);
	unsigned at = 0;
	if (!types)
		return err_set(c->e, -ENOSPC, "the expressions are too large");
	for (unsigned i = 0; i < n; i++)
		types[i] = args[i].type;
	if (!resolve_common(types, n, ret_t, &at))
		return check_fail(
			c, args[at].off,
			"%s: %s does not go together with the type of the others; cast it", what,
			type_name(args[at].type));
	for (unsigned i = 0; i < n; i++) {
		int ret = check_coerce(c, &args[i], *ret_t, false, &args[i]);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int check_logic(struct check *c, const struct sql_node *n, struct typed *args,
		       struct typed *ret_t)
{
	const struct fn *f = n->kind == SQL_NODE_AND  ? &fn_and
			     : n->kind == SQL_NODE_OR ? &fn_or
						      : &fn_not;
	for (unsigned i = 0; i < n->n_args; i++) {
		int ret = coerce_bool(c, &args[i], f->name, &args[i]);
		if (ret < 0)
			return ret;
	}
	return check_step(c, f, SQL_BOOL, n->off, args, n->n_args, ret_t);
}

static int check_is(struct check *c, const struct sql_node *n, struct typed *args,
		    struct typed *ret_t)
{
	int ret = n->value == SQL_IS_NULL
			  ? check_coerce(c, args, args->type == SQL_UNKNOWN ? SQL_TEXT : args->type,
					 false, args)
			  : coerce_bool(c, args, "IS TRUE", args);
	if (ret < 0)
		return ret;
	const struct fn *f = n->value == SQL_IS_NULL   ? &fn_is_null
			     : n->value == SQL_IS_TRUE ? &fn_is_true
						       : &fn_is_false;
	return check_step(c, f, SQL_BOOL, n->off, args, 1, ret_t);
}

/* args: what is compared or nothing, (when, then) .., else or nothing. */
static int check_case(struct check *c, const struct sql_node *n, struct typed *args,
		      struct typed *ret_t)
{
	unsigned n_whens = (n->n_args - 2) / 2, n_values = n_whens;
	struct typed *values = program_take(c->p, (n_whens + 1) * sizeof(*values));
	struct typed *steps = program_take(c->p, (2 * n_whens + 1) * sizeof(*steps));
	if (!values || !steps)
		return err_set(c->e, -ENOSPC, "the expressions are too large");
	int ret = 0;
	for (unsigned i = 0; ret == 0 && i < n_whens; i++) {
		struct typed *when = &args[1 + 2 * i];
		if (n->args[0]) {
			struct typed pair[2] = {args[0], *when};
			ret = check_call(c, "=", when->off, pair, 2, when);
		} else {
			ret = coerce_bool(c, when, "WHEN", when);
		}
		values[i] = args[2 + 2 * i];
	}
	if (n->args[n->n_args - 1])
		values[n_values++] = args[n->n_args - 1];
	enum sql_type t;
	if (ret == 0)
		ret = coerce_common(c, "CASE", values, n_values, &t);
	for (unsigned i = 0; i < n_whens; i++) {
		steps[2 * i] = args[1 + 2 * i];
		steps[2 * i + 1] = values[i];
	}
	if (n_values > n_whens)
		steps[2 * n_whens] = values[n_whens];
	return ret < 0 ? ret : check_step(c, &fn_case, t, n->off, steps, n_whens + n_values, ret_t);
}

static int check_choice(struct check *c, const struct sql_node *n, const struct fn *f,
			struct typed *args, struct typed *ret_t)
{
	enum sql_type t;
	int ret = coerce_common(c, f->name, args, n->n_args, &t);
	if (ret == 0 && t == SQL_JSON && f != &fn_coalesce)
		return check_fail(c, n->off, "%s: JSON has no order", f->name);
	return ret < 0 ? ret : check_step(c, f, t, n->off, args, n->n_args, ret_t);
}

/* NULLIF(a, b): CASE WHEN a = b THEN NULL ELSE a END, of the type that the comparison has for a. */
static int check_nullif(struct check *c, const struct sql_node *n, struct typed *args,
			struct typed *ret_t)
{
	struct typed steps[3] = {0};
	const uint8_t types[2] = {args[0].type, args[1].type};
	enum resolve_fault fault;
	union cell none;
	memset(&none, 0, sizeof(none));
	int ret = check_call(c, "=", n->off, args, 2, &steps[0]);
	const struct fn *equal = resolve("=", types, 2, &fault);
	if (ret < 0 || !equal)
		return ret;
	enum sql_type t = (enum sql_type)equal->args[0];
	ret = check_coerce(c, &args[0], t, false, &steps[2]);
	if (ret == 0)
		ret = check_constant(c, t, VEC_NULL, &none, n->off, &steps[1]);
	return ret < 0 ? ret : check_step(c, &fn_case, t, n->off, steps, 3, ret_t);
}

static int check_distinct(struct check *c, const struct sql_node *n, struct typed *args,
			  struct typed *ret_t)
{
	struct typed steps[3];
	int ret = check_call(c, "=", n->off, args, 2, &steps[2]);
	for (unsigned i = 0; ret == 0 && i < 2; i++)
		ret = check_coerce(c, &args[i],
				   args[i].type == SQL_UNKNOWN ? SQL_TEXT : args[i].type, false,
				   &steps[i]);
	return ret < 0 ? ret : check_step(c, &fn_distinct, SQL_BOOL, n->off, steps, 3, ret_t);
}

/* Constants that can be hashed are one look-up. */
static bool hashable(const struct check *c, enum sql_type t, const struct typed *args, unsigned n)
{
	enum cell_kind kind = cell_kind_of(t);
	if ((kind != CELL_I && kind != CELL_S) || t == SQL_INET || t == SQL_JSON)
		return false;
	for (unsigned i = 1; i < n; i++) {
		const struct vec *v = program_value(c->p, args[i].step);
		if (!v || v->state[0] >= VEC_ERROR)
			return false;
	}
	return true;
}

/* What PostgreSQL does too: when all have a common type it compares in that, else one by one. */
static int check_in(struct check *c, const struct sql_node *n, struct typed *args,
		    struct typed *ret_t)
{
	uint8_t *types = program_take(c->p, n->n_args);
	struct typed *equal = program_take(c->p, n->n_args * sizeof(*equal));
	enum sql_type t;
	unsigned at;
	int ret = 0;
	if (!types || !equal)
		return err_set(c->e, -ENOSPC, "the expressions are too large");
	for (unsigned i = 0; i < n->n_args; i++)
		types[i] = args[i].type;
	if (resolve_common(types, n->n_args, &t, &at)) {
		for (unsigned i = 0; ret == 0 && i < n->n_args; i++)
			ret = check_coerce(c, &args[i], t, false, &args[i]);
		if (ret == 0 && hashable(c, t, args, n->n_args))
			return check_step(c, &fn_in, SQL_BOOL, n->off, args, n->n_args, ret_t);
	}
	for (unsigned i = 1; ret == 0 && i < n->n_args; i++) {
		struct typed pair[2] = {args[0], args[i]};
		ret = check_call(c, "=", args[i].off, pair, 2, &equal[i - 1]);
	}
	return ret < 0 ? ret : check_step(c, &fn_or, SQL_BOOL, n->off, equal, n->n_args - 1, ret_t);
}

static int check_column(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	unsigned input;
	c->off = n->off;
	int ret = scope_find(c->scope, n->text, n->quoted, (unsigned)n->value, &input, c->e);
	if (ret < 0)
		return ret;
	enum sql_type t = c->scope->inputs[input].type;
	*ret_t = (struct typed){.type = (uint8_t)t, .off = n->off};
	ret = program_column(c->p, t, input, &ret_t->step);
	return ret < 0 ? err_set(c->e, ret, "the expressions are too large") : 0;
}

/* Whole numbers are of the smallest of int4 and int8 that holds them, all others numeric, and
 * double precision where 38 digits do not suffice.
 */
static int check_number(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	union cell v;
	memset(&v, 0, sizeof(v));
	if (literal_read(SQL_INT4, n->text, NULL, &v) == VEC_VALUE)
		return check_constant(c, SQL_INT4, VEC_VALUE, &v, n->off, ret_t);
	if (literal_read(SQL_INT8, n->text, NULL, &v) == VEC_VALUE)
		return check_constant(c, SQL_INT8, VEC_VALUE, &v, n->off, ret_t);
	if (literal_read(SQL_NUMERIC, n->text, NULL, &v) == VEC_VALUE)
		return check_constant(c, SQL_NUMERIC, VEC_VALUE, &v, n->off, ret_t);
	if (literal_read(SQL_FLOAT8, n->text, NULL, &v) == VEC_VALUE)
		return check_constant(c, SQL_FLOAT8, VEC_VALUE, &v, n->off, ret_t);
	return check_fail(c, n->off, "a number beyond those of double precision");
}

static int check_leaf(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	union cell v;
	memset(&v, 0, sizeof(v));
	switch (n->kind) {
	case SQL_NODE_COLUMN:
		return check_column(c, n, ret_t);
	case SQL_NODE_NULL:
	case SQL_NODE_STRING:
		*ret_t = (struct typed){.type = SQL_UNKNOWN,
					.null = n->kind == SQL_NODE_NULL,
					.literal = n->text,
					.off = n->off};
		return 0;
	case SQL_NODE_NUMBER:
		return check_number(c, n, ret_t);
	case SQL_NODE_BOOL:
		v.i = n->value;
		return check_constant(c, SQL_BOOL, VEC_VALUE, &v, n->off, ret_t);
	case SQL_NODE_NOW:
		return check_now(c, n, ret_t);
	case SQL_NODE_STAR:
		return check_fail(c, n->off, "a star can only stand for itself in a list");
	default:
		return check_fail(
			c, n->off,
			"arrays are not supported but as the right side of = ANY and of #>");
	}
}

static int check_operator(struct check *c, const struct sql_node *n, struct typed *args,
			  struct typed *ret_t)
{
	const char *name = (const char *)n->text.ptr;
	/* Anything can be joined to text. */
	if (strcmp(name, "||") == 0 && n->n_args == 2)
		for (unsigned i = 0; i < 2; i++) {
			uint8_t t = args[i].type, other = args[1 - i].type;
			if (t != SQL_UNKNOWN && t != SQL_TEXT && other == SQL_TEXT) {
				int ret = check_coerce(c, &args[i], SQL_TEXT, true, &args[i]);
				if (ret < 0)
					return ret;
			} else if (other == SQL_UNKNOWN && t != SQL_UNKNOWN && t != SQL_BYTEA &&
				   t != SQL_JSON) {
				int ret = check_coerce(c, &args[i], SQL_TEXT, true, &args[i]);
				if (ret < 0)
					return ret;
			}
		}
	return check_call(c, name, n->off, args, n->n_args, ret_t);
}

int check_node(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	if (n->kind == SQL_NODE_CALL)
		return check_function(c, n, ret_t);
	if (n->n_args == 0 || n->kind == SQL_NODE_ARRAY)
		return check_leaf(c, n, ret_t);
	if (n->kind == SQL_NODE_CAST)
		return check_cast(c, n, ret_t);
	if (n->kind == SQL_NODE_OP && n->n_args == 2 && n->text.ptr[0] == '#' &&
	    n->args[1]->kind == SQL_NODE_ARRAY)
		return check_path(c, n, ret_t);
	struct typed *args;
	int ret = check_args(c, n, &args);
	if (ret < 0)
		return ret;
	switch (n->kind) {
	case SQL_NODE_OP:
		return check_operator(c, n, args, ret_t);
	case SQL_NODE_CASE:
		return check_case(c, n, args, ret_t);
	case SQL_NODE_COALESCE:
		return check_choice(c, n, &fn_coalesce, args, ret_t);
	case SQL_NODE_GREATEST:
		return check_choice(c, n, &fn_greatest, args, ret_t);
	case SQL_NODE_LEAST:
		return check_choice(c, n, &fn_least, args, ret_t);
	case SQL_NODE_NULLIF:
		return check_nullif(c, n, args, ret_t);
	case SQL_NODE_DISTINCT:
		return check_distinct(c, n, args, ret_t);
	case SQL_NODE_IN:
		return check_in(c, n, args, ret_t);
	case SQL_NODE_LIKE:
		return check_call(c, n->value ? "~~*" : "~~", n->off, args, n->n_args, ret_t);
	case SQL_NODE_IS:
		return check_is(c, n, args, ret_t);
	default:
		return check_logic(c, n, args, ret_t);
	}
}

int check_expr(struct check *c, const struct sql_node *n, struct typed *ret_t)
{
	int ret = check_node(c, n, ret_t);
	if (ret == 0 && ret_t->type == SQL_UNKNOWN)
		ret = check_coerce(c, ret_t, SQL_TEXT, false, ret_t);
	return ret;
}
