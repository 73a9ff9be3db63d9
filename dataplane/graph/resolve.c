#include "dataplane/graph/resolve.h"

#include "dataplane/base/text.h"

/* PostgreSQL's categories; types of one category can be compared. */
static char category(uint8_t t)
{
	switch (t) {
	case SQL_BOOL:
		return 'B';
	case SQL_INT2:
	case SQL_INT4:
	case SQL_INT8:
	case SQL_FLOAT4:
	case SQL_FLOAT8:
	case SQL_NUMERIC:
		return 'N';
	case SQL_TEXT:
		return 'S';
	case SQL_DATE:
	case SQL_TIME:
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ:
		return 'D';
	case SQL_INTERVAL:
		return 'T';
	case SQL_INET:
		return 'I';
	case SQL_UNKNOWN:
		return 'X';
	default:
		return 'U';
	}
}

static bool preferred(uint8_t t)
{
	return t == SQL_BOOL || t == SQL_TEXT || t == SQL_FLOAT8 || t == SQL_TIMESTAMPTZ ||
	       t == SQL_INTERVAL || t == SQL_INET;
}

/* ---- casts and types ---- */

const struct fn *resolve_cast(enum sql_type from, enum sql_type to)
{
	for (unsigned i = 0; i < fns_cast.n; i++) {
		const struct fn *f = &fns_cast.fns[i];
		if (f->args[0] == from && f->ret == to && strcmp(f->name, "::") == 0)
			return f;
	}
	return NULL;
}

bool resolve_implicit(uint8_t from, uint8_t to)
{
	if (from == to || from == SQL_UNKNOWN)
		return true;
	const struct fn *f = resolve_cast((enum sql_type)from, (enum sql_type)to);
	return f && (f->flags & FN_IMPLICIT);
}

static const struct {
	const char *name;
	enum sql_type type;
} type_names[] = {
	{"bool", SQL_BOOL},
	{"boolean", SQL_BOOL},
	{"int2", SQL_INT2},
	{"smallint", SQL_INT2},
	{"int4", SQL_INT4},
	{"int", SQL_INT4},
	{"integer", SQL_INT4},
	{"int8", SQL_INT8},
	{"bigint", SQL_INT8},
	{"float4", SQL_FLOAT4},
	{"real", SQL_FLOAT4},
	{"float8", SQL_FLOAT8},
	{"double precision", SQL_FLOAT8},
	{"numeric", SQL_NUMERIC},
	{"decimal", SQL_NUMERIC},
	{"text", SQL_TEXT},
	{"varchar", SQL_TEXT},
	{"bytea", SQL_BYTEA},
	{"date", SQL_DATE},
	{"time", SQL_TIME},
	{"timestamp", SQL_TIMESTAMP},
	{"timestamptz", SQL_TIMESTAMPTZ},
	{"interval", SQL_INTERVAL},
	{"json", SQL_JSON},
	{"jsonb", SQL_JSON},
	{"inet", SQL_INET},
};
#define N_TYPE_NAMES (sizeof(type_names) / sizeof(type_names[0]))

bool resolve_type(const char *name, enum sql_type *ret_t)
{
	for (unsigned i = 0; i < N_TYPE_NAMES; i++)
		if (strcmp(type_names[i].name, name) == 0) {
			*ret_t = type_names[i].type;
			return true;
		}
	return false;
}

bool resolve_common(const uint8_t *types, unsigned n, enum sql_type *ret_t, unsigned *ret_at)
{
	uint8_t t = SQL_UNKNOWN;
	for (unsigned i = 0; i < n; i++) {
		if (types[i] == SQL_UNKNOWN || types[i] == t)
			continue;
		*ret_at = i;
		if (t == SQL_UNKNOWN)
			t = types[i];
		else if (category(types[i]) != category(t))
			return false;
		else if (!preferred(t) && resolve_implicit(t, types[i]) &&
			 !resolve_implicit(types[i], t))
			t = types[i];
	}
	for (unsigned i = 0; i < n; i++) {
		*ret_at = i;
		if (t != SQL_UNKNOWN && !resolve_implicit(types[i], t))
			return false;
	}
	*ret_t = t == SQL_UNKNOWN ? SQL_TEXT : (enum sql_type)t;
	return true;
}

/* ---- functions ---- */

struct candidates {
	const struct fn *fns[RESOLVE_MAX];
	unsigned n;
};

static uint8_t arg_type(const struct fn *f, unsigned i)
{
	return f->args[i < f->n_args ? i : f->n_args - 1u];
}

static bool takes(const struct fn *f, const uint8_t *types, unsigned n)
{
	if (n < f->n_args || (n > f->n_args && !(f->flags & FN_VARIADIC)))
		return false;
	for (unsigned i = 0; i < n; i++)
		if (!resolve_implicit(types[i], arg_type(f, i)))
			return false;
	return true;
}

static unsigned n_exact(const struct fn *f, const uint8_t *types, unsigned n)
{
	unsigned k = 0;
	for (unsigned i = 0; i < n; i++)
		k += arg_type(f, i) == types[i];
	return k;
}

static unsigned n_preferred(const struct fn *f, const uint8_t *types, unsigned n)
{
	unsigned k = 0;
	for (unsigned i = 0; i < n; i++)
		k += arg_type(f, i) == types[i] ||
		     (types[i] != SQL_UNKNOWN && preferred(arg_type(f, i)) &&
		      category(arg_type(f, i)) == category(types[i]));
	return k;
}

/* Keeps those with the highest score. */
static void keep_best(struct candidates *c, const uint8_t *types, unsigned n,
		      unsigned (*score)(const struct fn *, const uint8_t *, unsigned))
{
	unsigned best = 0, kept = 0;
	for (unsigned i = 0; i < c->n; i++) {
		unsigned s = score(c->fns[i], types, n);
		if (s > best) {
			best = s;
			kept = 0;
		}
		if (s == best)
			c->fns[kept++] = c->fns[i];
	}
	c->n = kept;
}

/* For a literal at argument @i: text if any candidate takes that, else the one category of all;
 * then the preferred type of it if any has that. False when nothing is decided.
 */
static bool decide_literal(struct candidates *c, unsigned i, char *ret_category,
			   bool *ret_preferred)
{
	char cat = category(arg_type(c->fns[0], i));
	bool conflict = false, pref = false;
	for (unsigned k = 0; k < c->n; k++) {
		uint8_t t = arg_type(c->fns[k], i);
		if (category(t) == cat) {
			pref |= preferred(t);
		} else if (category(t) == 'S') {
			cat = 'S';
			pref = preferred(t);
			conflict = false;
		} else if (cat != 'S') {
			conflict = true;
		}
	}
	*ret_category = cat;
	*ret_preferred = pref;
	return !conflict;
}

static void decide_literals(struct candidates *c, const uint8_t *types, unsigned n)
{
	char cats[FN_CALL_ARGS_MAX];
	bool prefs[FN_CALL_ARGS_MAX];
	for (unsigned i = 0; i < n; i++)
		if (types[i] == SQL_UNKNOWN && !decide_literal(c, i, &cats[i], &prefs[i]))
			return;
	struct candidates kept = {.n = 0};
	for (unsigned k = 0; k < c->n; k++) {
		bool keep = true;
		for (unsigned i = 0; i < n; i++) {
			uint8_t t = arg_type(c->fns[k], i);
			if (types[i] == SQL_UNKNOWN &&
			    (category(t) != cats[i] || (prefs[i] && !preferred(t))))
				keep = false;
		}
		if (keep)
			kept.fns[kept.n++] = c->fns[k];
	}
	if (kept.n > 0)
		*c = kept;
}

/* Literals for what the known arguments are, when those are of one type. */
static const struct fn *like_the_others(const struct candidates *c, const uint8_t *types,
					unsigned n)
{
	uint8_t known = SQL_UNKNOWN, assumed[FN_CALL_ARGS_MAX];
	for (unsigned i = 0; i < n; i++) {
		if (types[i] == SQL_UNKNOWN)
			continue;
		if (known != SQL_UNKNOWN && known != types[i])
			return NULL;
		known = types[i];
	}
	if (known == SQL_UNKNOWN)
		return NULL;
	memset(assumed, known, n);
	const struct fn *only = NULL;
	for (unsigned k = 0; k < c->n; k++) {
		if (!takes(c->fns[k], assumed, n))
			continue;
		if (only)
			return NULL;
		only = c->fns[k];
	}
	return only;
}

/* What all functions of the name are asked first: is one exactly of these types? Of two operands a
 * literal is of the other's type.
 */
static const struct fn *exact(const struct candidates *c, const uint8_t *types, unsigned n,
			      bool operator)
{
	uint8_t assumed[FN_CALL_ARGS_MAX];
	memcpy(assumed, types, n);
	if (operator&& n == 2) {
		if (types[0] == SQL_UNKNOWN)
			assumed[0] = types[1];
		else if (types[1] == SQL_UNKNOWN)
			assumed[1] = types[0];
	}
	for (unsigned k = 0; k < c->n; k++)
		if (c->fns[k]->n_args == n && n_exact(c->fns[k], assumed, n) == n)
			return c->fns[k];
	return NULL;
}

static bool named(const char *name, struct candidates *c)
{
	c->n = 0;
	for (unsigned t = 0; t < fn_n_tables; t++)
		for (unsigned i = 0; i < fn_tables[t]->n && c->n < RESOLVE_MAX; i++)
			if (strcmp(fn_tables[t]->fns[i].name, name) == 0)
				c->fns[c->n++] = &fn_tables[t]->fns[i];
	return c->n > 0;
}

const struct fn *resolve(const char *name, const uint8_t *types, unsigned n,
			 enum resolve_fault *ret_fault)
{
	struct candidates c;
	*ret_fault = RESOLVE_NO_NAME;
	if (n > FN_CALL_ARGS_MAX || !named(name, &c))
		return NULL;
	uint8_t first = (uint8_t)name[0];
	const struct fn *f =
		exact(&c, types, n, !(text_lower(first) >= 'a' && text_lower(first) <= 'z'));
	if (f)
		return f;
	unsigned kept = 0;
	for (unsigned k = 0; k < c.n; k++)
		if (takes(c.fns[k], types, n))
			c.fns[kept++] = c.fns[k];
	c.n = kept;
	*ret_fault = RESOLVE_NO_MATCH;
	if (c.n == 0)
		return NULL;
	if (c.n > 1)
		keep_best(&c, types, n, n_exact);
	if (c.n > 1)
		keep_best(&c, types, n, n_preferred);
	if (c.n > 1)
		decide_literals(&c, types, n);
	if (c.n == 1)
		return c.fns[0];
	*ret_fault = RESOLVE_AMBIGUOUS;
	return like_the_others(&c, types, n);
}

/* ---- spelling ---- */

#define NAME_MAX_COMPARED 40

/* Insertions, deletions and changes of one letter that lead from @a to @b. */
static unsigned distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);
	unsigned row[NAME_MAX_COMPARED + 1];
	if (n > NAME_MAX_COMPARED || m > NAME_MAX_COMPARED)
		return NAME_MAX_COMPARED;
	for (unsigned j = 0; j <= m; j++)
		row[j] = j;
	for (size_t i = 1; i <= n; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= m; j++) {
			unsigned up = row[j];
			unsigned best = diagonal + (text_lower((uint8_t)a[i - 1]) !=
						    text_lower((uint8_t)b[j - 1]));
			best = up + 1 < best ? up + 1 : best;
			row[j] = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
			diagonal = up;
		}
	}
	return row[m];
}

bool resolve_nearer(const char *name, const char *candidate, unsigned *io_distance)
{
	unsigned d = distance(name, candidate);
	if (d >= *io_distance)
		return false;
	*io_distance = d;
	return true;
}

const char *resolve_nearest_fn(const char *name)
{
	const char *best = NULL;
	unsigned d = RESOLVE_FAR(name);
	for (unsigned t = 0; t < fn_n_tables; t++)
		for (unsigned i = 0; i < fn_tables[t]->n; i++) {
			const struct fn *f = &fn_tables[t]->fns[i];
			if (!(f->flags & FN_HIDDEN) && resolve_nearer(name, f->name, &d))
				best = f->name;
		}
	return best;
}

const char *resolve_nearest_type(const char *name)
{
	const char *best = NULL;
	unsigned d = RESOLVE_FAR(name);
	for (unsigned i = 0; i < N_TYPE_NAMES; i++)
		if (resolve_nearer(name, type_names[i].name, &d))
			best = type_names[i].name;
	return best;
}
