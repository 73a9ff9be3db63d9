#include "dataplane/graph/sql_query.h"

#include <stdarg.h>
#include <stdio.h>

#include "dataplane/base/text.h"
#include "dataplane/graph/accum.h"
#include "dataplane/graph/expr.h"
#include "dataplane/graph/literal.h"

#define SQL_NAME_BYTES 120

/* Tokens from .. to - 1. */
struct span {
	unsigned from, to;
};

/* What has been written over. */
enum gone { HERE, BLANK, REPLACED };

struct reader {
	struct sql_query *q;
	char *text;    /* to be written over */
	uint8_t *gone; /* enum gone, by token */
	size_t off;
	struct err *e;
};

static int fail(struct reader *r, unsigned token, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int fail(struct reader *r, unsigned token, const char *fmt, ...)
{
	va_list ap;
	const struct sql_query *q = r->q;
	r->off = token < q->n_tokens ? q->tokens[token].off : strlen(q->text);
	va_start(ap, fmt);
	vsnprintf(r->e->text, sizeof(r->e->text), fmt, ap);
	va_end(ap);
	return -EINVAL;
}

/* ---- tokens ---- */

static struct slice token(const struct reader *r, unsigned i)
{
	const struct sql_query *q = r->q;
	return i < q->n_tokens ? slice_of(q->text + q->tokens[i].off, q->tokens[i].len)
			       : (struct slice){0};
}

static bool is(const struct reader *r, unsigned i, const char *word)
{
	return text_ieq(token(r, i), slice_str(word));
}

static bool is_name(struct slice t)
{
	return t.len && (t.ptr[0] == '"' || t.ptr[0] == '_' || t.ptr[0] >= 0x80 ||
			 (text_lower(t.ptr[0]) >= 'a' && text_lower(t.ptr[0]) <= 'z'));
}

/* Without its quotes. */
static struct slice bare(struct slice t)
{
	return t.len >= 2 && t.ptr[0] == '"' ? slice_of(t.ptr + 1, t.len - 2) : t;
}

static int depth_step(const struct reader *r, unsigned i)
{
	struct slice t = token(r, i);
	if (t.len != 1)
		return 0;
	return t.ptr[0] == '(' || t.ptr[0] == '[' ? 1 : t.ptr[0] == ')' || t.ptr[0] == ']' ? -1 : 0;
}

/* The first token of @s that is outside of parentheses and is @word, or s.to. */
static unsigned find(const struct reader *r, struct span s, const char *word)
{
	int depth = 0;
	for (unsigned i = s.from; i < s.to; i++) {
		if (depth == 0 && is(r, i, word))
			return i;
		depth += depth_step(r, i);
	}
	return s.to;
}

/* The parenthesis that closes the one at @open; grammar has seen to it that there is one. */
static unsigned closing(const struct reader *r, unsigned open)
{
	int depth = 0;
	unsigned i = open;
	do
		depth += depth_step(r, i++);
	while (depth > 0 && i < r->q->n_tokens);
	return i - 1;
}

static char *keep(struct reader *r, const void *text, size_t len)
{
	uint32_t off = arena_take(&r->q->a, len + 1);
	if (!off)
		return NULL;
	char *s = (char *)r->q->a.base + off;
	memcpy(s, text, len);
	s[len] = '\0';
	return s;
}

static size_t off_of(const struct reader *r, unsigned i)
{
	return r->q->tokens[i].off;
}

static size_t end_of(const struct reader *r, unsigned i)
{
	return r->q->tokens[i].off + r->q->tokens[i].len;
}

/* The text of a span as it is by now. */
static struct sql_part part_of(struct reader *r, struct span s)
{
	if (s.from >= s.to)
		return (struct sql_part){0};
	size_t off = off_of(r, s.from);
	return (struct sql_part){keep(r, r->text + off, end_of(r, s.to - 1) - off), off};
}

static bool same(const struct reader *r, struct span a, unsigned at)
{
	for (unsigned i = a.from; i < a.to; i++, at++) {
		struct slice x = token(r, i), y = token(r, at);
		bool exact = x.len && (x.ptr[0] == '\'' || x.ptr[0] == '"');
		if (exact ? !slice_eq(x, y) : !text_ieq(x, y))
			return false;
	}
	return true;
}

/* ---- what is not there ---- */

static int refuse_others(struct reader *r)
{
	static const struct {
		const char *word, *instead;
	} others[] = {
		{"union", "op: union puts streams together"},
		{"except", "a stream has no end"},
		{"intersect", "a stream has no end"},
		{"order", "a stream has no end, and its order is that of its records"},
		{"limit", "a stream has no end; op: sample takes a part"},
		{"offset", "a stream has no end"},
		{"fetch", "a stream has no end; op: sample takes a part"},
		{"window", "GROUP BY tumble(_time, '1 minute') makes windows of time"},
		{"over", "GROUP BY tumble(_time, '1 minute') makes windows of time"},
		{"for", "records are not locked"},
		{"into", "queues take what a node gives"},
		{"with", "each step is a node of its own"},
		{"cross", "expected JOIN and the key of a dimension behind ON"},
		{"natural", "expected JOIN and the key of a dimension behind ON"},
		{"full", "expected JOIN or LEFT JOIN"},
		{"using", "expected ON and the key of the dimension"},
		{"lateral", "expected the name of a dimension"},
	};
	int depth = 0;
	for (unsigned i = 0; i < r->q->n_tokens; i++) {
		struct slice t = token(r, i);
		if (i > 0 && is(r, i, "select"))
			return fail(r, i,
				    "a SELECT inside of another; dimensions are joined, and steps "
				    "are nodes of their own");
		for (size_t k = 0; depth == 0 && k < sizeof(others) / sizeof(others[0]); k++)
			if (text_ieq(t, slice_str(others[k].word)))
				return fail(r, i, "%.*s is not supported here: %s", (int)t.len,
					    t.ptr, others[k].instead);
		if (depth == 0 && is(r, i, "right") && !is(r, i + 1, "("))
			return fail(r, i,
				    "RIGHT JOIN is not supported; expected JOIN or LEFT JOIN");
		depth += depth_step(r, i);
	}
	if (is(r, 1, "distinct"))
		return fail(r, 1, "DISTINCT is not supported here: op: dedup is for that");
	return 0;
}

/* ---- FROM ---- */

/* A name, with an alias behind it or not; *io_i is behind them. */
static int read_table(struct reader *r, unsigned *io_i, unsigned end, const char **ret_name,
		      const char **ret_alias)
{
	unsigned i = *io_i;
	if (i >= end || !is_name(token(r, i)))
		return fail(r, i, "expected a name");
	struct slice name = bare(token(r, i++));
	while (i + 1 < end && is(r, i, ".")) {
		name = bare(token(r, i + 1));
		i += 2;
	}
	struct slice alias = name;
	if (i < end && is(r, i, "as"))
		i++;
	if (i < end && is_name(token(r, i)) && !is(r, i, "on") && !is(r, i, "join") &&
	    !is(r, i, "left") && !is(r, i, "inner"))
		alias = bare(token(r, i++));
	*ret_name = keep(r, name.ptr, name.len);
	*ret_alias = keep(r, alias.ptr, alias.len);
	*io_i = i;
	return *ret_name && *ret_alias ? 0 : -ENOMEM;
}

/* Is a join announced at @i? Then how many words do it. */
static unsigned join_words(const struct reader *r, unsigned i, bool *ret_left)
{
	*ret_left = is(r, i, "left");
	if (is(r, i, "join"))
		return 1;
	if ((is(r, i, "inner") || is(r, i, "left")) && is(r, i + 1, "join"))
		return 2;
	return is(r, i, "left") && is(r, i + 1, "outer") && is(r, i + 2, "join") ? 3 : 0;
}

static unsigned next_join(const struct reader *r, struct span s)
{
	int depth = 0;
	bool left;
	for (unsigned i = s.from; i < s.to; i++) {
		if (depth == 0 && join_words(r, i, &left))
			return i;
		depth += depth_step(r, i);
	}
	return s.to;
}

/* Is @s `alias.column`, a column of the join? */
static bool is_column_of(const struct reader *r, struct span s, const char *alias)
{
	return s.to - s.from == 3 && is(r, s.from + 1, ".") && is_name(token(r, s.from + 2)) &&
	       text_ieq(bare(token(r, s.from)), slice_str(alias));
}

static int read_on(struct reader *r, struct sql_join *j, struct span s, const char *alias)
{
	unsigned eq = find(r, s, "=");
	struct span left = {s.from, eq}, right = {eq + 1, s.to};
	bool both = find(r, s, "and") < s.to || find(r, s, "or") < s.to || eq >= s.to ||
		    find(r, right, "=") < s.to;
	if (!both && is_column_of(r, left, alias)) {
		struct span swap = left;
		left = right;
		right = swap;
	}
	if (both || !is_column_of(r, right, alias) || left.from >= left.to)
		return fail(r, s.from, "expected ON expression = %s.key, the key of the dimension",
			    alias);
	struct slice column = bare(token(r, right.from + 2));
	j->key_column = keep(r, column.ptr, column.len);
	j->key = part_of(r, left);
	return j->key_column && j->key.text ? 0 : -ENOMEM;
}

static int read_join(struct reader *r, struct span s)
{
	struct sql_query *q = r->q;
	bool left;
	const char *name, *alias;
	if (q->n_joins == SQL_JOINS_MAX)
		return fail(r, s.from, "more than %d joins", SQL_JOINS_MAX);
	struct sql_join *j = &q->joins[q->n_joins++];
	unsigned i = s.from + join_words(r, s.from, &left);
	j->left = left;
	j->off = i < s.to ? off_of(r, i) : 0;
	int rc = read_table(r, &i, s.to, &name, &alias);
	if (rc < 0)
		return rc;
	size_t len = strlen(alias);
	char *prefix = keep(r, alias, len + 1);
	if (!prefix)
		return -ENOMEM;
	prefix[len] = '.';
	j->dimension = name;
	j->prefix = prefix;
	if (!is(r, i, "on"))
		return fail(r, i, "expected ON and the key of the dimension");
	return read_on(r, j, (struct span){i + 1, s.to}, alias);
}

/* `p.uid` to `  uid`, for the alias of the input. */
static void drop_alias(struct reader *r, const char *alias)
{
	for (unsigned i = 0; i + 1 < r->q->n_tokens; i++)
		if (is(r, i + 1, ".") && (i == 0 || !is(r, i - 1, ".")) &&
		    text_ieq(bare(token(r, i)), slice_str(alias))) {
			memset(r->text + off_of(r, i), ' ', r->q->tokens[i].len);
			r->text[off_of(r, i + 1)] = ' ';
			r->gone[i] = r->gone[i + 1] = BLANK;
		}
}

static int read_from(struct reader *r, struct span s)
{
	const char *name, *alias;
	if (find(r, s, ",") < s.to)
		return fail(r, find(r, s, ","),
			    "expected JOIN and a dimension, not a second input");
	unsigned i = s.from;
	int rc = read_table(r, &i, s.to, &name, &alias);
	if (rc < 0)
		return rc;
	bool left;
	if (i < s.to && !join_words(r, i, &left))
		return fail(r, i, "expected JOIN, WHERE or GROUP BY");
	drop_alias(r, alias);
	while (rc == 0 && i < s.to) {
		unsigned end = next_join(r, (struct span){i + join_words(r, i, &left), s.to});
		rc = read_join(r, (struct span){i, end});
		i = end;
	}
	return rc;
}

/* ---- GROUP BY ---- */

static bool taken(const struct sql_query *q, const char *name)
{
	for (unsigned i = 0; i < q->n_groups; i++)
		if (strcmp(q->groups[i].name, name) == 0)
			return true;
	for (unsigned i = 0; i < q->n_aggregates; i++)
		if (strcmp(q->aggregates[i].name, name) == 0)
			return true;
	return strcmp(name, "window_start") == 0 || strcmp(name, "window_end") == 0;
}

/* Without what has been blanked in front. */
static struct span visible(const struct reader *r, struct span s)
{
	while (s.from < s.to && r->gone[s.from] == BLANK)
		s.from++;
	return s;
}

/* The last name of `x` and `v.x`, the function of `f(..)`; empty: it has no name of its own. */
static struct slice natural_name(const struct reader *r, struct span s)
{
	s = visible(r, s);
	unsigned n = s.to - s.from;
	struct slice first = token(r, s.from), none = {0};
	if (!is_name(first))
		return none;
	if (n == 1)
		return bare(first);
	if (first.ptr[0] == '"')
		return none;
	if (is(r, s.from + 1, "(") && closing(r, s.from + 1) + 1 == s.to)
		return first;
	struct slice last = token(r, s.from + 2);
	return n == 3 && is(r, s.from + 1, ".") && last.ptr[0] != '"' ? last : none;
}

/* A name for the field of @s: that of its own when nothing else has it. */
static const char *name_for(struct reader *r, struct span s, char kind, unsigned number)
{
	char made[16];
	struct slice own = natural_name(r, s);
	char *name = keep(r, own.ptr ? (const void *)own.ptr : "", own.len);
	bool column = visible(r, s).from + 1 == s.to;
	for (char *c = name; c && *c && !column; c++)
		*c = (char)text_lower((uint8_t)*c);
	if (name && *name && own.len < SQL_NAME_BYTES && !taken(r->q, name))
		return name;
	int len = snprintf(made, sizeof(made), "%c%u", kind, number + 1);
	return keep(r, made, (size_t)len);
}

static bool is_made(const char *name, char kind)
{
	return name[0] == kind && name[1] && strspn(name + 1, "0123456789") == strlen(name + 1);
}

/* Every place in @in that is @what becomes @name, in quotes where that could be a word of SQL: a
 * call and `v.x` have room for them. A column stays as it is.
 */
static void replace(struct reader *r, struct span in, struct span what, const char *name, char kind)
{
	unsigned len = what.to - what.from;
	const char *quote = is_made(name, kind) ? "" : "\"";
	if (visible(r, what).from + 1 == what.to)
		return;
	for (unsigned i = in.from; i + len <= in.to; i++) {
		bool held = false;
		for (unsigned k = 0; k < len; k++)
			held |= r->gone[i + k] == REPLACED;
		if (held || !same(r, what, i) || (i > in.from && is(r, i - 1, ".")))
			continue;
		char text[128];
		size_t off = off_of(r, i), room = end_of(r, i + len - 1) - off;
		int n = snprintf(text, sizeof(text), "%s%s%s", quote, name, quote);
		memset(r->text + off, ' ', room);
		memcpy(r->text + off, text, (size_t)n);
		for (unsigned k = 0; k < len; k++)
			r->gone[i + k] = REPLACED;
	}
}

static int read_tumble(struct reader *r, struct span s)
{
	struct sql_query *q = r->q;
	struct span args = {s.from + 2, s.to - 1};
	unsigned comma = find(r, args, ",");
	struct slice length = token(r, comma + 1);
	struct interval v;
	if (q->grouped)
		return fail(r, s.from, "a second tumble; expected one");
	if (comma + 2 != args.to || length.len < 2 || length.ptr[0] != '\'' ||
	    literal_read_interval(slice_of(length.ptr + 1, length.len - 2), &v) != VEC_VALUE ||
	    v.months)
		return fail(
			r, s.from,
			"expected tumble(_time, '1 minute'): a time and the length of the window");
	__int128 ns = (__int128)v.days * NS_PER_DAY + v.ns;
	if (ns < 1000000 || ns > 366 * (__int128)NS_PER_DAY)
		return fail(r, comma + 1, "expected a window of 1 ms to 366 days");
	q->grouped = true;
	q->window_ns = (uint64_t)ns;
	args.to = comma;
	args = visible(r, args);
	if (!(args.to - args.from == 1 && is(r, args.from, "_time")))
		q->time = part_of(r, args);
	return 0;
}

static int add_group(struct reader *r, struct span s, struct span items, struct span having)
{
	struct sql_query *q = r->q;
	if (q->n_groups == SQL_NAMES_MAX)
		return fail(r, s.from, "more than %d groups", SQL_NAMES_MAX);
	struct sql_name *g = &q->groups[q->n_groups];
	g->part = part_of(r, s);
	g->name = name_for(r, s, 'g', q->n_groups);
	if (!g->part.text || !g->name)
		return -ENOMEM;
	if (end_of(r, s.to - 1) - off_of(r, s.from) < 3 && visible(r, s).from + 1 < s.to)
		return fail(r, s.from, "expected a longer expression, or one in parentheses");
	q->n_groups++;
	replace(r, items, s, g->name, 'g');
	replace(r, having, s, g->name, 'g');
	return 0;
}

static int read_groups(struct reader *r, struct span s, struct span items, struct span having)
{
	int rc = 0;
	for (unsigned i = s.from; rc == 0 && i < s.to;) {
		unsigned end = find(r, (struct span){i, s.to}, ",");
		struct span one = {i, end};
		if (is(r, i, "tumble") && is(r, i + 1, "("))
			rc = read_tumble(r, one);
		else
			rc = add_group(r, one, items, having);
		i = end + 1;
	}
	if (rc == 0 && !r->q->grouped)
		rc = fail(
			r, s.from,
			"a stream has no end: expected tumble(_time, '1 minute') among the groups");
	return rc;
}

/* ---- aggregates ---- */

static bool is_aggregate(struct reader *r, unsigned i)
{
	enum accum_kind kind;
	struct slice arg;
	char call[32];
	struct slice t = token(r, i);
	if (!is(r, i + 1, "(") || t.len + 4 > sizeof(call) || !is_name(t))
		return false;
	snprintf(call, sizeof(call), "%.*s(x)", (int)t.len, t.ptr);
	return accum_parse(call, &kind, &arg);
}

static int add_aggregate(struct reader *r, struct span s, struct span items, struct span having)
{
	struct sql_query *q = r->q;
	if (q->n_aggregates == SQL_NAMES_MAX)
		return fail(r, s.from, "more than %d aggregates", SQL_NAMES_MAX);
	if (is(r, s.from + 2, "distinct"))
		return fail(
			r, s.from + 2,
			"DISTINCT is not supported in an aggregate; expected approx_distinct(x)");
	if (is(r, s.to, "filter") || is(r, s.to, "within"))
		return fail(r, s.to, "expected the aggregate alone: sum(CASE WHEN .. THEN x END)");
	struct sql_name *a = &q->aggregates[q->n_aggregates];
	a->part = part_of(r, s);
	a->name = name_for(r, s, 'a', q->n_aggregates);
	if (!a->part.text || !a->name)
		return -ENOMEM;
	q->n_aggregates++;
	/* The call is its own first place. */
	replace(r, items, s, a->name, 'a');
	replace(r, having, s, a->name, 'a');
	return 0;
}

static int read_aggregates(struct reader *r, struct span in, struct span items, struct span having)
{
	for (unsigned i = in.from; i < in.to; i++) {
		if (r->gone[i])
			continue;
		if (is(r, i, "tumble") && is(r, i + 1, "("))
			return fail(
				r, i,
				"tumble stands in GROUP BY; expected window_start or window_end");
		if (!is_aggregate(r, i))
			continue;
		if (!r->q->grouped)
			return fail(r, i,
				    "an aggregate without GROUP BY; expected GROUP BY "
				    "tumble(_time, '1 minute')");
		int rc = add_aggregate(r, (struct span){i, closing(r, i + 1) + 1}, items, having);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* A field that has no name of its own needs one: g1 and a1 are not for people. */
static int check_names(struct reader *r, struct span items)
{
	for (unsigned i = items.from, end; i < items.to; i = end + 1) {
		end = find(r, (struct span){i, items.to}, ",");
		struct sql_part p = part_of(r, (struct span){i, end});
		if (!p.text)
			continue;
		size_t n = strcspn(p.text, " ");
		bool whole =
			r->gone[i] == REPLACED && strspn(p.text + n, " ") == strlen(p.text + n);
		((char *)p.text)[n] = whole ? '\0' : p.text[n];
		if (whole && (is_made(p.text, 'g') || is_made(p.text, 'a')))
			return fail(r, i, "this has no name of its own; expected AS and one");
	}
	return 0;
}

/* ---- the whole ---- */

/* Not the FROM of IS DISTINCT FROM. */
static unsigned find_from(const struct reader *r, unsigned end)
{
	unsigned i = find(r, (struct span){1, end}, "from");
	while (i < end && is(r, i - 1, "distinct"))
		i = find(r, (struct span){i + 1, end}, "from");
	return i;
}

static bool names_dimension(const struct reader *r, struct span s)
{
	for (unsigned i = s.from; i + 1 < s.to; i++)
		for (unsigned k = 0; is(r, i + 1, ".") && k < r->q->n_joins; k++) {
			const char *prefix = r->q->joins[k].prefix;
			if (text_ieq(bare(token(r, i)), slice_of(prefix, strlen(prefix) - 1)))
				return true;
		}
	return false;
}

static int read_clauses(struct reader *r)
{
	struct sql_query *q = r->q;
	unsigned end = q->n_tokens;
	while (end && is(r, end - 1, ";"))
		end--;
	int rc = refuse_others(r);
	if (rc < 0)
		return rc;
	unsigned from = find_from(r, end);
	if (from == end)
		return fail(r, end, "expected FROM and the input");
	unsigned having = find(r, (struct span){from, end}, "having");
	unsigned group = find(r, (struct span){from, having}, "group");
	unsigned where = find(r, (struct span){from, group}, "where");
	struct span items = {1, from}, w = {where + 1, group}, h = {having + 1, end};
	if (group == having && having < end)
		return fail(r, having, "HAVING without GROUP BY; expected WHERE");
	rc = read_from(r, (struct span){from + 1, where});
	if (rc < 0)
		return rc;
	q->where = part_of(r, w);
	q->where_joined = where < group && names_dimension(r, w);
	/* What is in an aggregate is none of the groups' business: aggregates first, but whether
	 * there are groups is known before.
	 */
	q->grouped = false;
	struct span groups = {group + 2, having};
	bool has_groups = group < having;
	q->grouped = has_groups;
	rc = read_aggregates(r, items, items, h);
	if (rc == 0)
		rc = read_aggregates(r, h, items, h);
	q->grouped = false;
	if (rc == 0 && has_groups)
		rc = read_groups(r, groups, items, h);
	if (rc == 0 && has_groups)
		rc = check_names(r, items);
	if (rc < 0)
		return rc;
	q->items = part_of(r, items);
	q->having = part_of(r, h);
	return q->items.text ? 0 : -ENOMEM;
}

int sql_query_read(struct sql_query *q, const char *text, size_t *ret_off, struct err *e)
{
	size_t len = strlen(text);
	struct sql_token *tokens = NULL;
	*q = (struct sql_query){.text = text};
	*ret_off = 0;
	if (len > EXPR_TEXT_BYTES_MAX)
		return err_set(e, -EINVAL, "more than %u bytes", EXPR_TEXT_BYTES_MAX);
	/* Tokens, and each part of the text once or twice. */
	if (arena_init(&q->a, 64 * len + (64u << 10)) < 0)
		return err_set(e, -ENOMEM, "out of memory for a query");
	arena_reset(&q->a);
	int rc = sql_parse_select(slice_of(text, len), &q->a, &tokens, &q->n_tokens, ret_off, e);
	if (rc < 0)
		return rc;
	q->tokens = tokens;
	struct reader r = {.q = q, .e = e};
	uint32_t gone = arena_take(&q->a, q->n_tokens + 1);
	r.text = keep(&r, text, len);
	r.gone = q->a.base + gone;
	if (!gone || !r.text)
		return err_set(e, -ENOMEM, "out of memory for a query");
	memset(r.gone, 0, q->n_tokens + 1);
	rc = read_clauses(&r);
	if (rc == -ENOMEM)
		err_set(e, rc, "out of memory for a query");
	*ret_off = r.off;
	return rc;
}

void sql_query_fini(struct sql_query *q)
{
	if (q->a.base)
		arena_fini(&q->a);
	q->a.base = NULL;
}

bool sql_query_bare(const struct sql_query *q, const char *field, size_t *ret_off)
{
	struct reader r = {.q = (struct sql_query *)q};
	for (unsigned i = 1; i < q->n_tokens; i++)
		if (is(&r, i, field) && !is(&r, i - 1, ".") && !is(&r, i + 1, ".") &&
		    !is(&r, i + 1, "(") && !is(&r, i - 1, "as")) {
			*ret_off = q->tokens[i].off;
			return true;
		}
	return false;
}
