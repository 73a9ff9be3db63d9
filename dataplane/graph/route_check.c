#include "dataplane/graph/route_check.h"

#include <stdio.h>

#include "dataplane/base/text.h"
#include "dataplane/graph/sql_parse.h"

#define ARENA_BYTES  (64u << 20) /* of address space */
#define DISJUNCT_MAX 32          /* parts between ORs */
#define TERMS_MAX    16          /* parts between ANDs */
#define NUMBER_MAX   (1 << 24)   /* a float4 holds whole numbers up to it */
#define WITNESS_MAX  32767       /* every type of number has it */

/* One comparison: what is compared is in a list of literals, or in a range of whole numbers. */
struct term {
	const struct sql_node *whole, *subject; /* subject NULL: only the same tree is the same */
	struct sql_node *const *list;
	unsigned n_list;
	int64_t low, high; /* of a range, both in it, in halves: n > 5 begins at 5.5 */
	bool is_range;
};

struct conjunct {
	struct term terms[TERMS_MAX];
	unsigned n;
};

struct branch {
	const struct sql_node *tree;
	struct conjunct *of; /* any of these */
	unsigned n;
};

struct checker {
	struct arena a;
	struct branch *branches;
	const struct opt_map *names;
	unsigned long steps;
	route_note *note;
	void *arg;
};

/* ---- trees ---- */

static bool same(struct checker *c, const struct sql_node *a, const struct sql_node *b)
{
	c->steps++;
	if (!a || !b)
		return a == b;
	if (a->kind != b->kind || a->value != b->value || a->n_args != b->n_args ||
	    a->n_mods != b->n_mods || a->quoted != b->quoted || !slice_eq(a->text, b->text))
		return false;
	for (unsigned i = 0; i < a->n_mods; i++)
		if (a->mods[i] != b->mods[i])
			return false;
	for (unsigned i = 0; i < a->n_args; i++)
		if (!same(c, a->args[i], b->args[i]))
			return false;
	return true;
}

static bool is_literal(const struct sql_node *n)
{
	return n->kind == SQL_NODE_STRING || n->kind == SQL_NODE_NUMBER;
}

/* In halves. */
static bool whole_number(const struct sql_node *n, int64_t *ret_halves)
{
	uint64_t v;
	if (n->kind != SQL_NODE_NUMBER || !text_u64(n->text, &v) || v > NUMBER_MAX)
		return false;
	*ret_halves = 2 * (int64_t)v;
	return true;
}

/* ---- from trees to terms ---- */

static bool take_range(struct term *t, const struct sql_node *n, bool flipped)
{
	const struct sql_node *literal = n->args[flipped ? 0 : 1];
	int64_t v;
	char sign = (char)n->text.ptr[0];
	bool equal = n->text.len == 2 && n->text.ptr[1] == '=';
	if ((sign != '<' && sign != '>') || (n->text.len == 2 && !equal) || n->text.len > 2 ||
	    !whole_number(literal, &v))
		return false;
	bool above = (sign == '>') != flipped;
	t->is_range = true;
	t->low = above ? v + !equal : INT64_MIN;
	t->high = above ? INT64_MAX : v - !equal;
	return true;
}

static void take_term(struct term *t, const struct sql_node *n)
{
	*t = (struct term){.whole = n};
	if (n->kind == SQL_NODE_IN) {
		for (unsigned i = 1; i < n->n_args; i++)
			if (!is_literal(n->args[i]))
				return;
		t->list = n->args + 1;
		t->n_list = n->n_args - 1;
		t->subject = n->args[0];
	} else if (n->kind == SQL_NODE_OP && n->n_args == 2) {
		bool flipped = is_literal(n->args[0]);
		const struct sql_node *subject = n->args[flipped];
		if (is_literal(subject) || !is_literal(n->args[!flipped]))
			return;
		if (slice_eq(n->text, SLICE_LIT("="))) {
			t->list = &n->args[!flipped];
			t->n_list = 1;
			t->subject = subject;
		} else if (take_range(t, n, flipped)) {
			t->subject = subject;
		}
	}
}

/* False: too many. */
static bool take_terms(struct conjunct *c, const struct sql_node *n)
{
	if (n->kind != SQL_NODE_AND) {
		if (c->n == TERMS_MAX)
			return false;
		take_term(&c->terms[c->n++], n);
		return true;
	}
	for (unsigned i = 0; i < n->n_args; i++)
		if (!take_terms(c, n->args[i]))
			return false;
	return true;
}

static bool take_branch(struct checker *c, struct branch *b, const struct sql_node *n)
{
	if (n->kind == SQL_NODE_OR) {
		for (unsigned i = 0; i < n->n_args; i++)
			if (!take_branch(c, b, n->args[i]))
				return false;
		return true;
	}
	if (b->n == DISJUNCT_MAX)
		return false;
	if (!b->of) {
		uint32_t off = arena_take8(&c->a, DISJUNCT_MAX * sizeof(*b->of));
		if (!off)
			return false;
		b->of = (struct conjunct *)(c->a.base + off);
	}
	struct conjunct *one = &b->of[b->n++];
	one->n = 0;
	return take_terms(one, n);
}

/* ---- what follows from what ---- */

static bool in_range(const struct sql_node *literal, const struct term *r)
{
	int64_t v;
	return whole_number(literal, &v) && v >= r->low && v <= r->high;
}

static bool in_list(struct checker *c, const struct sql_node *literal, const struct term *l)
{
	for (unsigned i = 0; i < l->n_list && c->steps < ROUTE_CHECK_STEPS; i++)
		if (same(c, literal, l->list[i]))
			return true;
	return false;
}

/* Does @b hold wherever @a does? */
static bool implies(struct checker *c, const struct term *a, const struct term *b)
{
	if (same(c, a->whole, b->whole))
		return true;
	if (!a->subject || !b->subject || !same(c, a->subject, b->subject))
		return false;
	if (a->is_range)
		return b->is_range && a->low >= b->low && a->high <= b->high;
	for (unsigned i = 0; i < a->n_list; i++)
		if (b->is_range ? !in_range(a->list[i], b) : !in_list(c, a->list[i], b))
			return false;
	return true;
}

static bool all_implied(struct checker *c, const struct conjunct *a, const struct conjunct *b)
{
	for (unsigned k = 0; k < b->n; k++) {
		bool found = false;
		for (unsigned i = 0; i < a->n && !found; i++)
			found = implies(c, &a->terms[i], &b->terms[k]);
		if (!found)
			return false;
	}
	return true;
}

/* A field can be anything of its type; who knows what a function can be. */
static bool is_field(const struct sql_node *n)
{
	if (n->kind == SQL_NODE_CAST && n->n_mods == 0)
		n = n->args[0];
	return n->kind == SQL_NODE_COLUMN;
}

/* Is there a whole number in the range, one that every type has? */
static bool has_witness(int64_t low, int64_t high)
{
	int64_t v = 0;
	if (low != INT64_MIN)
		v = low + (low & 1);
	else if (high != INT64_MAX)
		v = high - (high & 1);
	return v >= low && v <= high && v <= 2 * WITNESS_MAX;
}

static bool can_be(const struct sql_node *literal)
{
	int64_t v;
	return literal->kind == SQL_NODE_STRING ||
	       (whole_number(literal, &v) && v <= 2 * WITNESS_MAX);
}

/* Is there a value that is in both? */
static bool meet(struct checker *c, const struct term *a, const struct term *b)
{
	if (!a->subject || !b->subject || !is_field(a->subject) || !same(c, a->subject, b->subject))
		return false;
	if (a->is_range && b->is_range)
		return has_witness(a->low > b->low ? a->low : b->low,
				   a->high < b->high ? a->high : b->high);
	const struct term *list = a->is_range ? b : a, *other = a->is_range ? a : b;
	for (unsigned i = 0; i < list->n_list; i++)
		if (can_be(list->list[i]) && (other->is_range ? in_range(list->list[i], other)
							      : in_list(c, list->list[i], other)))
			return true;
	return false;
}

/* Can it never hold: two ranges of one thing that have no number in common, whole or not? (A range
 * that is open at 5 ends at a half, so that those that only whole numbers keep apart still touch.)
 */
static bool is_empty(struct checker *c, const struct conjunct *a)
{
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned k = 0; k < i; k++) {
			const struct term *x = &a->terms[i], *y = &a->terms[k];
			if (!x->is_range || !y->is_range || !same(c, x->subject, y->subject))
				continue;
			int64_t low = x->low > y->low ? x->low : y->low;
			int64_t high = x->high < y->high ? x->high : y->high;
			if (low > high)
				return true;
		}
	return false;
}

/* ---- notes ---- */

static void say(struct checker *c, unsigned branch, const char *fmt, unsigned other)
{
	char text[256];
	snprintf(text, sizeof(text), fmt, c->names->items[other].key);
	c->note(c->arg, branch, text);
}

/* Is each way in which branch @k holds one in which an earlier one does? *ret_by: the last one. */
static bool is_covered(struct checker *c, unsigned k, unsigned *ret_by)
{
	const struct branch *b = &c->branches[k];
	for (unsigned i = 0; i < b->n; i++) {
		bool found = is_empty(c, &b->of[i]);
		for (unsigned e = 0; e < k && !found; e++)
			for (unsigned j = 0; j < c->branches[e].n && !found; j++) {
				found = all_implied(c, &b->of[i], &c->branches[e].of[j]);
				*ret_by = found ? e : *ret_by;
			}
		if (!found || c->steps > ROUTE_CHECK_STEPS)
			return false;
	}
	return b->n > 0;
}

/* Only single comparisons: more of them might exclude each other in ways that are not seen here. */
static bool overlaps(struct checker *c, const struct branch *a, const struct branch *b)
{
	for (unsigned i = 0; i < a->n; i++)
		for (unsigned k = 0; k < b->n; k++)
			if (a->of[i].n == 1 && b->of[k].n == 1 &&
			    meet(c, &a->of[i].terms[0], &b->of[k].terms[0]))
				return true;
	return false;
}

static void check_branch(struct checker *c, unsigned k)
{
	unsigned by = k;
	if (is_covered(c, k, &by)) {
		say(c, k,
		    by == k ? "can never hold"
			    : "can never hold: where it would, %s does before it",
		    by);
		return;
	}
	for (unsigned e = 0; e < k && c->steps < ROUTE_CHECK_STEPS; e++)
		if (overlaps(c, &c->branches[e], &c->branches[k]))
			say(c, k, "overlaps with %s, which gets the records of both", e);
}

static bool parse_all(struct checker *c)
{
	uint32_t off = arena_take8(&c->a, c->names->n * sizeof(*c->branches));
	if (!off)
		return false;
	c->branches = (struct branch *)(c->a.base + off);
	for (size_t i = 0; i < c->names->n; i++) {
		struct sql_item *items;
		unsigned n;
		size_t at;
		c->branches[i] = (struct branch){0};
		if (sql_parse_list(slice_str(c->names->items[i].value), &c->a, &items, &n, &at,
				   NULL) < 0 ||
		    n != 1)
			return false;
		if (!take_branch(c, &c->branches[i], items[0].node))
			c->branches[i].n = 0; /* too large: nothing is said of it */
	}
	return true;
}

void route_check(const struct opt_map *branches, route_note *note, void *arg)
{
	struct checker c = {.names = branches, .note = note, .arg = arg};
	if (arena_init(&c.a, ARENA_BYTES) < 0)
		return; /* what is not said is not wrong */
	arena_reset(&c.a);
	if (parse_all(&c))
		for (unsigned k = 0; k < branches->n && c.steps < ROUTE_CHECK_STEPS; k++)
			check_branch(&c, k);
	arena_fini(&c.a);
}
