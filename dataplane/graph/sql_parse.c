#include "dataplane/graph/sql_parse.h"

#include <pg_query.h>
#include <pg_query/pg_query.pb-c.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/graph/expr.h"

/* What is put before the user's text to make a statement of it. */
#define SELECT_WORD     "SELECT "

/* libpg_query and protobuf-c walk the tree by calling themselves, some 5 KiB a level, and measure
 * it in time that grows with the square of its depth. So what could become deeper than this is
 * refused while it is only a row of tokens.
 */
#define ROUGH_DEPTH_MAX (4 * EXPR_DEPTH_MAX)
#define DEPTH_TEXT      "more than %d levels, one inside the other"

typedef const PgQuery__Node *pg_node;

struct parse {
	struct slice text; /* the user's */
	size_t skip;       /* bytes of the statement in front of it */
	struct arena *a;
	struct sql_token *tokens; /* of a whole SELECT */
	unsigned n_tokens;
	struct sql_item *items;
	unsigned n_items;
	int ret;
	size_t off;
	unsigned depth;
	struct err *e;
};

static size_t off_of(const struct parse *p, int location)
{
	size_t off = location >= (int)p->skip ? (size_t)location - p->skip : 0;
	return off <= p->text.len ? off : p->text.len;
}

/* The first fault stands. */
static struct sql_node *refuse(struct parse *p, int location, const char *text)
{
	if (p->ret == 0) {
		p->ret = err_set(p->e, -EINVAL, "%s", text);
		p->off = off_of(p, location);
	}
	return NULL;
}

static void *take(struct parse *p, size_t bytes)
{
	uint32_t off = arena_take8(p->a, bytes);
	if (!off) {
		if (p->ret == 0)
			p->ret = err_set(p->e, -ENOSPC, "the expression is too large");
		return NULL;
	}
	return memset(p->a->base + off, 0, bytes);
}

static struct slice copy_text(struct parse *p, const char *text)
{
	size_t len = strlen(text);
	char *c = take(p, len + 1);
	if (c)
		memcpy(c, text, len);
	return c ? slice_of(c, len) : (struct slice){0};
}

static struct sql_node *make(struct parse *p, enum sql_kind kind, int location, unsigned n_args)
{
	struct sql_node *n = take(p, sizeof(*n));
	struct sql_node **args = n_args ? take(p, n_args * sizeof(struct sql_node *)) : NULL;
	if (!n || (n_args && !args))
		return NULL;
	n->kind = kind;
	n->off = (uint32_t)off_of(p, location);
	n->args = args;
	n->n_args = n_args;
	return n;
}

static struct sql_node *convert(struct parse *p, pg_node n);

/* A node over the converted @list, with @first before them (may be NULL: none). */
static struct sql_node *make_list(struct parse *p, enum sql_kind kind, int location, pg_node first,
				  PgQuery__Node *const *list, size_t n_list)
{
	struct sql_node *n = make(p, kind, location, (unsigned)n_list + (first != NULL));
	unsigned k = 0;
	if (n && first)
		n->args[k++] = convert(p, first);
	for (size_t i = 0; n && i < n_list; i++)
		n->args[k++] = convert(p, list[i]);
	return n;
}

static struct sql_node *make1(struct parse *p, enum sql_kind kind, int location, struct sql_node *a)
{
	struct sql_node *n = make(p, kind, location, 1);
	if (n)
		n->args[0] = a;
	return n;
}

static struct sql_node *make2(struct parse *p, enum sql_kind kind, int location, struct sql_node *a,
			      struct sql_node *b)
{
	struct sql_node *n = make(p, kind, location, 2);
	if (n) {
		n->args[0] = a;
		n->args[1] = b;
	}
	return n;
}

static struct sql_node *make_op(struct parse *p, const char *op, int location, struct sql_node *a,
				struct sql_node *b)
{
	struct sql_node *n =
		a ? make2(p, SQL_NODE_OP, location, a, b) : make1(p, SQL_NODE_OP, location, b);
	if (n)
		n->text = slice_str(op);
	return n;
}

static struct sql_node *negate(struct parse *p, bool yes, int location, struct sql_node *a)
{
	return yes ? make1(p, SQL_NODE_NOT, location, a) : a;
}

static const char *string_of(pg_node n)
{
	return n && n->node_case == PG_QUERY__NODE__NODE_STRING ? n->string->sval : "";
}

/* ---- leaves ---- */

/* PostgreSQL has folded a name that is not quoted to lower case; we want it as it was spelled. */
static void spell_as_written(struct parse *p, struct sql_node *n)
{
	struct slice t = slice_from(p->text, n->off);
	if (t.len == 0 || *t.ptr == '"' || n->text.len > t.len ||
	    !text_ieq(n->text, slice_of(t.ptr, n->text.len))) {
		n->quoted = true;
		return;
	}
	memcpy((uint8_t *)n->text.ptr, t.ptr, n->text.len);
}

static struct sql_node *convert_column(struct parse *p, const PgQuery__ColumnRef *c)
{
	char name[512] = "";
	size_t at = 0;
	for (size_t i = 0; i < c->n_fields; i++) {
		if (c->fields[i]->node_case == PG_QUERY__NODE__NODE_A_STAR)
			return c->n_fields == 1
				       ? make(p, SQL_NODE_STAR, c->location, 0)
				       : refuse(p, c->location,
						"a star of one table is not supported; `*` is "
						"all fields");
		const char *part = string_of(c->fields[i]);
		size_t len = strlen(part);
		if (at + len + 2 > sizeof(name))
			return refuse(p, c->location, "a name of more than 500 bytes");
		if (i)
			name[at++] = '.';
		memcpy(name + at, part, len);
		at += len;
	}
	struct sql_node *n = make(p, SQL_NODE_COLUMN, c->location, 0);
	if (n) {
		name[at] = '\0';
		n->text = copy_text(p, name);
		n->value = (int64_t)c->n_fields;
		if (p->ret == 0)
			spell_as_written(p, n);
	}
	return n;
}

static struct sql_node *convert_const(struct parse *p, const PgQuery__AConst *c)
{
	struct sql_node *n = make(p, SQL_NODE_NULL, c->location, 0);
	if (!n || c->isnull)
		return n;
	char digits[24];
	switch (c->val_case) {
	case PG_QUERY__A__CONST__VAL_IVAL:
		n->kind = SQL_NODE_NUMBER;
		digits[text_put_i64(digits, c->ival->ival)] = '\0';
		n->text = copy_text(p, digits);
		break;
	case PG_QUERY__A__CONST__VAL_FVAL:
		n->kind = SQL_NODE_NUMBER;
		n->text = copy_text(p, c->fval->fval);
		break;
	case PG_QUERY__A__CONST__VAL_BOOLVAL:
		n->kind = SQL_NODE_BOOL;
		n->value = c->boolval->boolval;
		break;
	case PG_QUERY__A__CONST__VAL_SVAL:
		n->kind = SQL_NODE_STRING;
		n->text = copy_text(p, c->sval->sval);
		break;
	default:
		return refuse(p, c->location,
			      "bit strings are not supported; a bytea literal is '\\x1f'::bytea");
	}
	return n;
}

static struct sql_node *convert_now(struct parse *p, const PgQuery__SQLValueFunction *f)
{
	static const char *const names[] = {
		[PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_DATE] = "current_date",
		[PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP] = "current_timestamp",
		[PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_CURRENT_TIMESTAMP_N] = "current_timestamp",
		[PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME] = "localtime",
		[PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIME_N] = "localtime",
		[PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP] = "localtimestamp",
		[PG_QUERY__SQLVALUE_FUNCTION_OP__SVFOP_LOCALTIMESTAMP_N] = "localtimestamp",
	};
	const char *name = f->op < sizeof(names) / sizeof(names[0]) ? names[f->op] : NULL;
	if (!name)
		return refuse(
			p, f->location,
			"not supported: a record has no user, catalog or time of a zone; there "
			"are current_timestamp, localtimestamp, localtime and current_date");
	struct sql_node *n = make(p, SQL_NODE_NOW, f->location, 0);
	if (n) {
		n->text = slice_str(name);
		n->value = f->typmod;
	}
	return n;
}

/* ---- operators ---- */

static struct sql_node *convert_between(struct parse *p, const PgQuery__AExpr *x, bool symmetric,
					bool not )
{
	const PgQuery__List *l = x->rexpr->list;
	int at = x->location;
	struct sql_node *v = convert(p, x->lexpr), *a = convert(p, l->items[0]),
			*b = convert(p, l->items[1]);
	struct sql_node *n =
		make2(p, SQL_NODE_AND, at, make_op(p, ">=", at, v, a), make_op(p, "<=", at, v, b));
	if (symmetric)
		n = make2(p, SQL_NODE_OR, at, n,
			  make2(p, SQL_NODE_AND, at, make_op(p, ">=", at, v, b),
				make_op(p, "<=", at, v, a)));
	return negate(p, not, at, n);
}

/* `x LIKE y ESCAPE z` has like_escape(y, z) for its pattern. */
static struct sql_node *convert_like(struct parse *p, const PgQuery__AExpr *x, bool ignore_case)
{
	struct sql_node *n;
	pg_node r = x->rexpr;
	if (r->node_case == PG_QUERY__NODE__NODE_FUNC_CALL && r->func_call->n_args == 2 &&
	    strcmp(string_of(r->func_call->funcname[r->func_call->n_funcname - 1]),
		   "like_escape") == 0)
		n = make_list(p, SQL_NODE_LIKE, x->location, x->lexpr, r->func_call->args, 2);
	else
		n = make2(p, SQL_NODE_LIKE, x->location, convert(p, x->lexpr), convert(p, r));
	if (n)
		n->value = ignore_case;
	return negate(p, string_of(x->name[0])[0] == '!', x->location, n);
}

static struct sql_node *convert_in(struct parse *p, const PgQuery__AExpr *x)
{
	if (x->rexpr->node_case != PG_QUERY__NODE__NODE_LIST)
		return refuse(p, x->location, "IN takes a list of expressions");
	const PgQuery__List *l = x->rexpr->list;
	struct sql_node *n = make_list(p, SQL_NODE_IN, x->location, x->lexpr, l->items, l->n_items);
	return negate(p, string_of(x->name[0])[0] == '<', x->location, n);
}

/* = ANY (ARRAY[...]) is IN. */
static struct sql_node *convert_any(struct parse *p, const PgQuery__AExpr *x)
{
	if (strcmp(string_of(x->name[0]), "=") != 0 ||
	    x->rexpr->node_case != PG_QUERY__NODE__NODE_A_ARRAY_EXPR ||
	    x->rexpr->a_array_expr->n_elements == 0)
		return refuse(p, x->location,
			      "not supported; there are `x = ANY (ARRAY[...])` and `x IN (...)`");
	const PgQuery__AArrayExpr *l = x->rexpr->a_array_expr;
	return make_list(p, SQL_NODE_IN, x->location, x->lexpr, l->elements, l->n_elements);
}

static struct sql_node *convert_expr(struct parse *p, const PgQuery__AExpr *x)
{
	switch (x->kind) {
	case PG_QUERY__A__EXPR__KIND__AEXPR_OP: {
		if (x->n_name != 1)
			return refuse(p, x->location, "operators of a schema are not supported");
		struct slice op = copy_text(p, string_of(x->name[0]));
		if (p->ret)
			return NULL;
		return make_op(p, (const char *)op.ptr, x->location,
			       x->lexpr ? convert(p, x->lexpr) : NULL, convert(p, x->rexpr));
	}
	case PG_QUERY__A__EXPR__KIND__AEXPR_DISTINCT:
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT: {
		struct sql_node *n = make2(p, SQL_NODE_DISTINCT, x->location, convert(p, x->lexpr),
					   convert(p, x->rexpr));
		return negate(p, x->kind == PG_QUERY__A__EXPR__KIND__AEXPR_NOT_DISTINCT,
			      x->location, n);
	}
	case PG_QUERY__A__EXPR__KIND__AEXPR_NULLIF:
		return make2(p, SQL_NODE_NULLIF, x->location, convert(p, x->lexpr),
			     convert(p, x->rexpr));
	case PG_QUERY__A__EXPR__KIND__AEXPR_IN:
		return convert_in(p, x);
	case PG_QUERY__A__EXPR__KIND__AEXPR_OP_ANY:
		return convert_any(p, x);
	case PG_QUERY__A__EXPR__KIND__AEXPR_LIKE:
	case PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE:
		return convert_like(p, x, x->kind == PG_QUERY__A__EXPR__KIND__AEXPR_ILIKE);
	case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN:
		return convert_between(p, x, false, false);
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN:
		return convert_between(p, x, false, true);
	case PG_QUERY__A__EXPR__KIND__AEXPR_BETWEEN_SYM:
		return convert_between(p, x, true, false);
	case PG_QUERY__A__EXPR__KIND__AEXPR_NOT_BETWEEN_SYM:
		return convert_between(p, x, true, true);
	case PG_QUERY__A__EXPR__KIND__AEXPR_SIMILAR:
		return refuse(p, x->location,
			      "SIMILAR TO is not supported; there are LIKE and the regular "
			      "expressions of ~");
	default:
		return refuse(p, x->location,
			      "ALL is not supported; write the comparisons with AND");
	}
}

static struct sql_node *convert_bool(struct parse *p, const PgQuery__BoolExpr *b)
{
	enum sql_kind kind = b->boolop == PG_QUERY__BOOL_EXPR_TYPE__AND_EXPR  ? SQL_NODE_AND
			     : b->boolop == PG_QUERY__BOOL_EXPR_TYPE__OR_EXPR ? SQL_NODE_OR
									      : SQL_NODE_NOT;
	return make_list(p, kind, b->location, NULL, b->args, b->n_args);
}

static struct sql_node *convert_is(struct parse *p, pg_node arg, enum sql_is what, bool not, int at)
{
	struct sql_node *n = make1(p, SQL_NODE_IS, at, convert(p, arg));
	if (n)
		n->value = what;
	return negate(p, not, at, n);
}

static struct sql_node *convert_bool_test(struct parse *p, const PgQuery__BooleanTest *t)
{
	static const struct {
		enum sql_is what;
		bool not ;
	} tests[] = {
		[PG_QUERY__BOOL_TEST_TYPE__IS_TRUE] = {SQL_IS_TRUE, false},
		[PG_QUERY__BOOL_TEST_TYPE__IS_NOT_TRUE] = {SQL_IS_TRUE, true},
		[PG_QUERY__BOOL_TEST_TYPE__IS_FALSE] = {SQL_IS_FALSE, false},
		[PG_QUERY__BOOL_TEST_TYPE__IS_NOT_FALSE] = {SQL_IS_FALSE, true},
		[PG_QUERY__BOOL_TEST_TYPE__IS_UNKNOWN] = {SQL_IS_NULL, false},
		[PG_QUERY__BOOL_TEST_TYPE__IS_NOT_UNKNOWN] = {SQL_IS_NULL, true},
	};
	return convert_is(p, t->arg, tests[t->booltesttype].what, tests[t->booltesttype].not,
			  t->location);
}

static struct sql_node *convert_case(struct parse *p, const PgQuery__CaseExpr *c)
{
	struct sql_node *n = make(p, SQL_NODE_CASE, c->location, 2 + 2 * (unsigned)c->n_args);
	if (!n)
		return NULL;
	if (c->arg)
		n->args[0] = convert(p, c->arg);
	for (size_t i = 0; i < c->n_args; i++) {
		const PgQuery__CaseWhen *w = c->args[i]->case_when;
		n->args[1 + 2 * i] = convert(p, w->expr);
		n->args[2 + 2 * i] = convert(p, w->result);
	}
	if (c->defresult)
		n->args[n->n_args - 1] = convert(p, c->defresult);
	return n;
}

/* ---- functions and types ---- */

static struct sql_node *convert_call(struct parse *p, const PgQuery__FuncCall *f)
{
	if (f->over || f->agg_filter || f->n_agg_order || f->agg_distinct || f->agg_star ||
	    f->agg_within_group)
		return refuse(p, f->location,
			      "aggregates and window functions are not part of an expression; sums "
			      "over records are made by `op: aggregate`");
	if (f->func_variadic)
		return refuse(p, f->location, "VARIADIC is not supported");
	if (f->n_funcname > 1 && strcmp(string_of(f->funcname[0]), "pg_catalog") != 0)
		return refuse(p, f->location, "functions of a schema are not supported");
	for (size_t i = 0; i < f->n_args; i++)
		if (f->args[i]->node_case == PG_QUERY__NODE__NODE_NAMED_ARG_EXPR)
			return refuse(p, f->args[i]->named_arg_expr->location,
				      "arguments by name are not supported; give them in order");
	struct sql_node *n = make_list(p, SQL_NODE_CALL, f->location, NULL, f->args, f->n_args);
	if (n)
		n->text = copy_text(p, string_of(f->funcname[f->n_funcname - 1]));
	return n;
}

static bool read_mods(struct parse *p, const PgQuery__TypeName *t, struct sql_node *n)
{
	if (t->n_typmods > 2)
		return false;
	for (size_t i = 0; i < t->n_typmods; i++) {
		pg_node m = t->typmods[i];
		if (m->node_case != PG_QUERY__NODE__NODE_A_CONST ||
		    m->a_const->val_case != PG_QUERY__A__CONST__VAL_IVAL)
			return false;
		n->mods[n->n_mods++] = m->a_const->ival->ival;
	}
	return true;
}

static struct sql_node *convert_cast(struct parse *p, const PgQuery__TypeCast *c)
{
	const PgQuery__TypeName *t = c->type_name;
	int at = c->location >= 0 ? c->location : t->location;
	if (t->n_array_bounds || t->setof)
		return refuse(p, at, "arrays are not supported");
	struct sql_node *n = make1(p, SQL_NODE_CAST, at, convert(p, c->arg));
	if (!n)
		return NULL;
	n->text = copy_text(p, string_of(t->names[t->n_names - 1]));
	if (!read_mods(p, t, n))
		return refuse(p, at,
			      "what stands in brackets behind a type must be a number or two");
	return n;
}

static struct sql_node *convert_min_max(struct parse *p, const PgQuery__MinMaxExpr *m)
{
	bool greatest = m->op == PG_QUERY__MIN_MAX_OP__IS_GREATEST;
	return make_list(p, greatest ? SQL_NODE_GREATEST : SQL_NODE_LEAST, m->location, NULL,
			 m->args, m->n_args);
}

static struct sql_node *convert_other(struct parse *p, pg_node n)
{
	int at = -1;
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_SUB_LINK:
		return refuse(
			p, n->sub_link->location,
			"a subquery is not part of an expression; rows of a dimension come by "
			"`op: enrich`");
	case PG_QUERY__NODE__NODE_PARAM_REF:
		return refuse(p, n->param_ref->location, "parameters ($1) are not supported");
	case PG_QUERY__NODE__NODE_COLLATE_CLAUSE:
		return refuse(p, n->collate_clause->location,
			      "COLLATE is not supported: text is compared byte by byte, as in the "
			      "collation \"C\"");
	case PG_QUERY__NODE__NODE_A_INDIRECTION:
		if (n->a_indirection->arg->node_case == PG_QUERY__NODE__NODE_COLUMN_REF)
			at = n->a_indirection->arg->column_ref->location;
		return refuse(
			p, at,
			"subscripts and fields of a value are not supported; parts of JSON are "
			"reached by -> and ->>");
	case PG_QUERY__NODE__NODE_ROW_EXPR:
		return refuse(p, n->row_expr->location, "rows are not supported");
	case PG_QUERY__NODE__NODE_GROUPING_FUNC:
		return refuse(p, n->grouping_func->location, "GROUPING is not supported");
	case PG_QUERY__NODE__NODE_XML_EXPR:
		return refuse(p, n->xml_expr->location, "XML is not supported");
	default:
		return refuse(p, at, "this part of SQL is not supported in an expression");
	}
}

static struct sql_node *convert_one(struct parse *p, pg_node n)
{
	switch (n->node_case) {
	case PG_QUERY__NODE__NODE_COLUMN_REF:
		return convert_column(p, n->column_ref);
	case PG_QUERY__NODE__NODE_A_CONST:
		return convert_const(p, n->a_const);
	case PG_QUERY__NODE__NODE_A_EXPR:
		return convert_expr(p, n->a_expr);
	case PG_QUERY__NODE__NODE_BOOL_EXPR:
		return convert_bool(p, n->bool_expr);
	case PG_QUERY__NODE__NODE_NULL_TEST:
		return convert_is(p, n->null_test->arg, SQL_IS_NULL,
				  n->null_test->nulltesttype ==
					  PG_QUERY__NULL_TEST_TYPE__IS_NOT_NULL,
				  n->null_test->location);
	case PG_QUERY__NODE__NODE_BOOLEAN_TEST:
		return convert_bool_test(p, n->boolean_test);
	case PG_QUERY__NODE__NODE_CASE_EXPR:
		return convert_case(p, n->case_expr);
	case PG_QUERY__NODE__NODE_COALESCE_EXPR:
		return make_list(p, SQL_NODE_COALESCE, n->coalesce_expr->location, NULL,
				 n->coalesce_expr->args, n->coalesce_expr->n_args);
	case PG_QUERY__NODE__NODE_MIN_MAX_EXPR:
		return convert_min_max(p, n->min_max_expr);
	case PG_QUERY__NODE__NODE_FUNC_CALL:
		return convert_call(p, n->func_call);
	case PG_QUERY__NODE__NODE_TYPE_CAST:
		return convert_cast(p, n->type_cast);
	case PG_QUERY__NODE__NODE_SQLVALUE_FUNCTION:
		return convert_now(p, n->sqlvalue_function);
	case PG_QUERY__NODE__NODE_A_ARRAY_EXPR:
		return make_list(p, SQL_NODE_ARRAY, n->a_array_expr->location, NULL,
				 n->a_array_expr->elements, n->a_array_expr->n_elements);
	default:
		return convert_other(p, n);
	}
}

static struct sql_node *convert(struct parse *p, pg_node n)
{
	if (p->ret)
		return NULL;
	if (++p->depth > EXPR_DEPTH_MAX) {
		if (p->ret == 0)
			p->ret = err_set(p->e, -EINVAL, DEPTH_TEXT, EXPR_DEPTH_MAX);
		return NULL;
	}
	struct sql_node *r = convert_one(p, n);
	p->depth--;
	return r;
}

/* ---- the statement ---- */

static const char *more_than_a_list(const PgQuery__SelectStmt *s)
{
	if (s->op != PG_QUERY__SET_OPERATION__SETOP_NONE)
		return "UNION, INTERSECT and EXCEPT are not part of an expression";
	if (s->n_from_clause)
		return "FROM is not part of an expression: its columns are the fields of the "
		       "record";
	if (s->where_clause)
		return "WHERE is not part of an expression; records are left out by `op: filter`";
	if (s->n_group_clause || s->having_clause)
		return "GROUP BY and HAVING are not part of an expression; see `op: aggregate`";
	if (s->n_sort_clause || s->limit_count || s->limit_offset)
		return "ORDER BY and LIMIT are not part of an expression: a stream has no end";
	if (s->n_distinct_clause)
		return "DISTINCT is not part of an expression; see `op: dedup`";
	if (s->into_clause || s->n_window_clause || s->n_values_lists || s->n_locking_clause ||
	    s->with_clause)
		return "only expressions can stand here, separated by commas";
	return NULL;
}

static void convert_list(struct parse *p, const PgQuery__ParseResult *r)
{
	const char *why = "only one expression, or a list of them, can stand here";
	const PgQuery__SelectStmt *s = NULL;
	if (r->n_stmts == 1 && r->stmts[0]->stmt->node_case == PG_QUERY__NODE__NODE_SELECT_STMT) {
		s = r->stmts[0]->stmt->select_stmt;
		why = s->n_target_list ? more_than_a_list(s) : "an expression is missing";
	}
	if (why) {
		refuse(p, r->n_stmts > 1 ? r->stmts[1]->stmt_location : -1, why);
		return;
	}
	p->items = take(p, s->n_target_list * sizeof(*p->items));
	for (size_t i = 0; p->ret == 0 && i < s->n_target_list; i++) {
		const PgQuery__ResTarget *t = s->target_list[i]->res_target;
		struct sql_item *item = &p->items[p->n_items++];
		if (t->name && t->name[0])
			item->name = (const char *)copy_text(p, t->name).ptr;
		item->node = convert(p, t->val);
	}
}

/* "syntax error at or near ..." is PostgreSQL's; its cursor counts characters from 1. */
static void report(struct parse *p, const PgQueryError *error)
{
	size_t chars = error->cursorpos > 0 ? (size_t)error->cursorpos - 1 : 0;
	size_t off = 0;
	for (chars = chars > p->skip ? chars - p->skip : 0; chars > 0 && off < p->text.len; chars--)
		for (off++; off < p->text.len && (p->text.ptr[off] & 0xc0) == 0x80; off++)
			;
	p->off = off;
	p->ret = err_set(p->e, -EINVAL, "%s", error->message);
}

/* ---- depth, roughly ---- */

enum token_kind {
	TOKEN_OPERAND,
	TOKEN_OPERATOR,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_NEXT,
	TOKEN_CLAUSE
};

static enum token_kind token_kind_of(const PgQuery__ScanToken *t)
{
	switch (t->token) {
	case PG_QUERY__TOKEN__IDENT:
	case PG_QUERY__TOKEN__UIDENT:
	case PG_QUERY__TOKEN__FCONST:
	case PG_QUERY__TOKEN__ICONST:
	case PG_QUERY__TOKEN__SCONST:
	case PG_QUERY__TOKEN__USCONST:
	case PG_QUERY__TOKEN__BCONST:
	case PG_QUERY__TOKEN__XCONST:
	case PG_QUERY__TOKEN__SQL_COMMENT:
	case PG_QUERY__TOKEN__C_COMMENT:
	case '.':
		return TOKEN_OPERAND;
	case '(':
	case '[':
	case PG_QUERY__TOKEN__CASE:
		return TOKEN_OPEN;
	case ')':
	case ']':
	case PG_QUERY__TOKEN__END_P:
		return TOKEN_CLOSE;
	/* What stands on either side of these is not one inside the other. */
	case ',':
	case PG_QUERY__TOKEN__AND:
	case PG_QUERY__TOKEN__OR:
	case PG_QUERY__TOKEN__WHEN:
	case PG_QUERY__TOKEN__THEN:
	case PG_QUERY__TOKEN__ELSE:
		return TOKEN_NEXT;
	/* Parts of statements nest in ways of their own; none has a place here. */
	case PG_QUERY__TOKEN__SELECT:
	case PG_QUERY__TOKEN__FROM:
	case PG_QUERY__TOKEN__JOIN:
	case PG_QUERY__TOKEN__UNION:
	case PG_QUERY__TOKEN__INTERSECT:
	case PG_QUERY__TOKEN__EXCEPT:
		return TOKEN_CLAUSE;
	default:
		return TOKEN_OPERATOR;
	}
}

/* Operators since the last comma or the like, for each open bracket: the most levels that they
 * make. */
static bool too_deep(const PgQuery__ScanResult *r)
{
	unsigned here[ROUGH_DEPTH_MAX + 1] = {0}, level = 0, sum = 0, n_clauses = 0;
	for (size_t i = 0; i < r->n_tokens; i++) {
		switch (token_kind_of(r->tokens[i])) {
		case TOKEN_OPERAND:
			break;
		case TOKEN_OPERATOR:
			here[level]++;
			sum++;
			break;
		case TOKEN_OPEN:
			here[++level] = 1;
			sum++;
			break;
		case TOKEN_CLOSE:
			if (level > 0)
				sum -= here[level--];
			break;
		case TOKEN_NEXT:
			sum -= here[level] - (level > 0);
			here[level] = level > 0;
			break;
		case TOKEN_CLAUSE:
			n_clauses++;
			break;
		}
		if (sum + n_clauses >= ROUGH_DEPTH_MAX)
			return true;
	}
	return false;
}

static void keep_tokens(struct parse *p, const PgQuery__ScanResult *r)
{
	p->tokens = take(p, (r->n_tokens + 1) * sizeof(*p->tokens));
	for (size_t i = 0; p->tokens && i < r->n_tokens; i++) {
		const PgQuery__ScanToken *t = r->tokens[i];
		if (t->token != PG_QUERY__TOKEN__SQL_COMMENT &&
		    t->token != PG_QUERY__TOKEN__C_COMMENT)
			p->tokens[p->n_tokens++] = (struct sql_token){
				(uint32_t)t->start, (uint32_t)(t->end - t->start)};
	}
}

/* Whether it is too deep to be parsed; keeps the tokens of a whole statement. */
static void scan(struct parse *p, const char *statement)
{
	PgQueryScanResult r = pg_query_scan(statement);
	if (!r.error) { /* else parsing finds it too, and says it better */
		PgQuery__ScanResult *tokens = pg_query__scan_result__unpack(
			NULL, r.pbuf.len, (const uint8_t *)r.pbuf.data);
		if (!tokens)
			p->ret = err_set(p->e, -ENOMEM, "out of memory for an expression");
		else if (too_deep(tokens))
			p->ret = err_set(p->e, -EINVAL, DEPTH_TEXT, EXPR_DEPTH_MAX);
		else if (p->skip == 0)
			keep_tokens(p, tokens);
		pg_query__scan_result__free_unpacked(tokens, NULL);
	}
	pg_query_free_scan_result(r);
}

static void check_select(struct parse *p, const PgQuery__ParseResult *r)
{
	if (r->n_stmts != 1)
		refuse(p, r->n_stmts ? r->stmts[1]->stmt_location : 0,
		       "expected one SELECT and nothing behind it");
	else if (r->stmts[0]->stmt->node_case != PG_QUERY__NODE__NODE_SELECT_STMT)
		refuse(p, 0, "expected a SELECT");
}

static void parse_statement(struct parse *p, const char *statement)
{
	PgQueryProtobufParseResult r = pg_query_parse_protobuf(statement);
	if (r.error) {
		report(p, r.error);
	} else {
		PgQuery__ParseResult *tree = pg_query__parse_result__unpack(
			NULL, r.parse_tree.len, (const uint8_t *)r.parse_tree.data);
		if (!tree)
			p->ret = err_set(p->e, -ENOMEM, "out of memory for an expression");
		else if (p->skip == 0)
			check_select(p, tree);
		else
			convert_list(p, tree);
		pg_query__parse_result__free_unpacked(tree, NULL);
	}
	pg_query_free_protobuf_parse_result(r);
}

/* The statement that @word and the text make; no word: it is a whole one. */
static int parse(struct parse *p, const char *word)
{
	struct slice text = p->text;
	if (text.len > EXPR_TEXT_BYTES_MAX)
		return err_set(p->e, -EINVAL, "more than %u bytes", EXPR_TEXT_BYTES_MAX);
	size_t valid = text_utf8_valid(text.ptr, text.len);
	const uint8_t *nul = memchr(text.ptr, 0, text.len);
	if (valid < text.len || nul) {
		p->off = nul && (size_t)(nul - text.ptr) < valid ? (size_t)(nul - text.ptr) : valid;
		return err_set(p->e, -EINVAL, "a byte that is not UTF-8 text");
	}
	p->skip = strlen(word);
	char *statement = mem_alloc(p->skip + text.len + 1);
	if (!statement)
		return err_set(p->e, -ENOMEM, "out of memory for an expression");
	memcpy(statement, word, p->skip);
	memcpy(statement + p->skip, text.ptr, text.len);
	scan(p, statement);
	if (p->ret == 0)
		parse_statement(p, statement);
	mem_free(statement);
	return p->ret;
}

int sql_parse_list(struct slice text, struct arena *a, struct sql_item **ret_items, unsigned *ret_n,
		   size_t *ret_off, struct err *e)
{
	struct parse p = {.text = text, .a = a, .e = e};
	int ret = parse(&p, SELECT_WORD);
	*ret_off = p.off;
	if (ret < 0)
		return ret;
	*ret_items = p.items;
	*ret_n = p.n_items;
	return 0;
}

int sql_parse_select(struct slice text, struct arena *a, struct sql_token **ret_tokens,
		     unsigned *ret_n, size_t *ret_off, struct err *e)
{
	struct parse p = {.text = text, .a = a, .e = e};
	int ret = parse(&p, "");
	*ret_off = p.off;
	if (ret < 0)
		return ret;
	*ret_tokens = p.tokens;
	*ret_n = p.n_tokens;
	return 0;
}
