#include "dataplane/extract/shape.h"

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"

struct shape {
	struct node *root;
	unsigned n;
	struct node nodes[SHAPE_NODES_MAX];
};

struct parser {
	struct shape *s;
	const char *start, *p;
	bool named_only;
	bool failed; /* something that has no shape: the parse runs out quickly */
	unsigned n_groups, depth;
};

static struct node *fail(struct parser *ps)
{
	ps->failed = true;
	return &ps->s->nodes[0];
}

static struct node *node_new(struct parser *ps, enum node_kind kind)
{
	if (ps->s->n == SHAPE_NODES_MAX)
		return fail(ps);
	struct node *n = &ps->s->nodes[ps->s->n++];
	n->kind = kind;
	return n;
}

/* ---- sets of bytes ---- */

static void add_range(struct byte_set *s, unsigned lo, unsigned hi)
{
	for (unsigned c = lo; c <= hi; c++)
		byte_set_add(s, (uint8_t)c);
}

/* \d \w \s and their opposites; false when @c is none of them. */
static bool class_of(char c, struct byte_set *io_s)
{
	struct byte_set s = {0};
	switch (c | 0x20) {
	case 'd':
		add_range(&s, '0', '9');
		break;
	case 'w':
		add_range(&s, '0', '9');
		add_range(&s, 'A', 'Z');
		add_range(&s, 'a', 'z');
		byte_set_add(&s, '_');
		break;
	case 's':
		add_range(&s, 9, 13);
		byte_set_add(&s, ' ');
		break;
	default:
		return false;
	}
	*io_s = byte_set_or(*io_s, c & 0x20 ? s : byte_set_not(s));
	return true;
}

/* The byte that an escape stands for, p being behind the backslash; -1 when it is something else.
 */
static int escaped_byte(struct parser *ps)
{
	static const char from[] = "ntrfea", to[] = "\n\t\r\f\x1b\a";
	char c = *ps->p;
	if (c == 'x') {
		int hi = text_hex_digit((uint8_t)ps->p[1]);
		int lo = hi >= 0 ? text_hex_digit((uint8_t)ps->p[2]) : -1;
		if (lo < 0)
			return -1;
		ps->p += 3;
		return hi * 16 + lo;
	}
	const char *known = c ? memchr(from, c, sizeof(from) - 1) : NULL;
	bool plain = c && !text_is_digit((uint8_t)c) && (uint8_t)c < 0x80 &&
		     !((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
	if (!known && !plain)
		return -1;
	ps->p++;
	return known ? to[known - from] : c;
}

/* [:alpha:] at p, which stands behind the inner bracket. */
static bool posix_class(struct parser *ps, struct byte_set *io_s)
{
	static const struct {
		const char *name, *ranges; /* pairs of bytes */
	} classes[] = {
		{":alpha:]", "AZaz"},     {":digit:]", "09"},     {":alnum:]", "09AZaz"},
		{":upper:]", "AZ"},       {":lower:]", "az"},     {":xdigit:]", "09AFaf"},
		{":space:]", "\t\r  "},   {":blank:]", "\t\t  "}, {":word:]", "09AZaz__"},
		{":punct:]", "!/:@[`{~"}, {":graph:]", "!~"},     {":print:]", " ~"},
	};
	for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
		size_t len = strlen(classes[i].name);
		if (strncmp(ps->p, classes[i].name, len) != 0)
			continue;
		for (const char *r = classes[i].ranges; *r; r += 2)
			add_range(io_s, (uint8_t)r[0], (uint8_t)r[1]);
		ps->p += len;
		return true;
	}
	return false;
}

/* One byte of a class at p, or -1: then it was a class of its own (added), or has no shape. */
static int class_byte(struct parser *ps, struct byte_set *io_s)
{
	char c = *ps->p++;
	if (c == '[' && (*ps->p == ':' || *ps->p == '.' || *ps->p == '=')) {
		if (!posix_class(ps, io_s))
			fail(ps);
		return -1;
	}
	if (c != '\\')
		return (uint8_t)c;
	if (class_of(*ps->p, io_s)) {
		ps->p++;
		return -1;
	}
	if (*ps->p == 'b') {
		ps->p++;
		return '\b';
	}
	int byte = escaped_byte(ps);
	if (byte < 0)
		fail(ps);
	return byte;
}

/* [...] with p behind the opening bracket. */
static struct node *parse_class(struct parser *ps)
{
	struct node *n = node_new(ps, NODE_SET);
	struct byte_set s = {0};
	bool negated = *ps->p == '^';
	ps->p += negated;
	for (bool first = true; !ps->failed && (first || *ps->p != ']'); first = false) {
		if (!*ps->p)
			return fail(ps);
		int lo = class_byte(ps, &s);
		if (lo < 0)
			continue;
		int hi = lo;
		if (ps->p[0] == '-' && ps->p[1] && ps->p[1] != ']') {
			ps->p++;
			hi = class_byte(ps, &s);
			if (hi < 0 && !ps->failed) {
				/* A class cannot end a range: then the '-' is itself. */
				byte_set_add(&s, '-');
				hi = lo;
			}
		}
		if (hi >= lo)
			add_range(&s, (unsigned)lo, (unsigned)hi);
	}
	if (ps->failed)
		return n;
	ps->p++;
	n->set = negated ? byte_set_not(s) : s;
	return n;
}

/* ---- the grammar ---- */

static struct node *parse_alt(struct parser *ps);

static struct node *byte_node(struct parser *ps, uint8_t c)
{
	struct node *n = node_new(ps, NODE_SET);
	n->set = (struct byte_set){0};
	byte_set_add(&n->set, c);
	return n;
}

static struct node *parse_escape(struct parser *ps)
{
	struct byte_set s = {0};
	if (class_of(*ps->p, &s)) {
		ps->p++;
		struct node *n = node_new(ps, NODE_SET);
		n->set = s;
		return n;
	}
	int byte = escaped_byte(ps);
	return byte < 0 ? fail(ps) : byte_node(ps, (uint8_t)byte);
}

/* Behind "(": what kind of group it is. True when it captures; no shape: failed. */
static bool parse_group_head(struct parser *ps)
{
	if (*ps->p == '*') {
		fail(ps);
		return false;
	}
	if (*ps->p != '?')
		return !ps->named_only;
	if (ps->p[1] == ':') {
		ps->p += 2;
		return false;
	}
	const char *name = ps->p + 1;
	name += *name == 'P';
	char close = *name == '<' ? '>' : *name == '\'' ? '\'' : 0;
	if (!close || strchr("=!*", name[1])) { /* looks behind, or the pattern ends */
		fail(ps);
		return false;
	}
	const char *end = strchr(name + 1, close);
	if (!end)
		fail(ps);
	else
		ps->p = end + 1;
	return true;
}

static struct node *parse_group(struct parser *ps)
{
	if (ps->depth == SHAPE_DEPTH_MAX)
		return fail(ps);
	bool captures = parse_group_head(ps);
	unsigned group = captures ? ++ps->n_groups : 0;
	if (ps->failed)
		return fail(ps);
	ps->depth++;
	struct node *in = parse_alt(ps);
	ps->depth--;
	if (*ps->p != ')')
		return fail(ps);
	ps->p++;
	if (!captures)
		return in;
	struct node *n = node_new(ps, NODE_GROUP);
	n->group = group;
	n->first = in;
	return n;
}

static struct node *parse_atom(struct parser *ps)
{
	char c = *ps->p++;
	struct node *n;
	switch (c) {
	case '(':
		return parse_group(ps);
	case '[':
		return parse_class(ps);
	case '\\':
		return parse_escape(ps);
	case '.':
		n = node_new(ps, NODE_SET);
		n->set = byte_set_not((struct byte_set){0});
		return n;
	case '^': /* the pattern is anchored anyhow */
		return ps->p == ps->start + 1 ? node_new(ps, NODE_EMPTY) : fail(ps);
	case '$':
		return *ps->p == 0 ? node_new(ps, NODE_EMPTY) : fail(ps);
	default:
		return byte_node(ps, (uint8_t)c);
	}
}

static bool read_count(const char **io_p, uint32_t *ret_n)
{
	const char *p = *io_p;
	uint32_t n = 0;
	while (text_is_digit((uint8_t)*p) && n < 65536)
		n = n * 10 + (uint32_t)(*p++ - '0');
	bool ok = p > *io_p;
	*io_p = p;
	*ret_n = n;
	return ok;
}

/* A quantifier at p; false when none stands there ("{" may be a byte as any other). */
static bool parse_counts(struct parser *ps, uint32_t *ret_min, uint32_t *ret_max)
{
	const char *p = ps->p;
	*ret_min = *p == '+';
	*ret_max = *p == '?' ? 1 : SHAPE_NO_MAX;
	if (*p == '*' || *p == '+' || *p == '?') {
		ps->p++;
		return true;
	}
	if (*p++ != '{' || !read_count(&p, ret_min))
		return false;
	*ret_max = *ret_min;
	if (*p == ',') {
		p++;
		if (!read_count(&p, ret_max))
			*ret_max = SHAPE_NO_MAX;
	}
	if (*p != '}')
		return false;
	ps->p = p + 1;
	return true;
}

static struct node *parse_piece(struct parser *ps)
{
	struct node *n = parse_atom(ps);
	uint32_t min, max;
	while (!ps->failed && parse_counts(ps, &min, &max)) {
		struct node *rep = node_new(ps, NODE_REP);
		rep->first = n;
		rep->min = min;
		rep->max = max;
		rep->lazy = *ps->p == '?';
		ps->p += rep->lazy;
		if (*ps->p == '+') /* gives nothing back: not regular */
			return fail(ps);
		n = rep;
	}
	return n;
}

static struct node *parse_cat(struct parser *ps)
{
	struct node *cat = node_new(ps, NODE_CAT), **end = &cat->first;
	while (!ps->failed && *ps->p && *ps->p != '|' && *ps->p != ')') {
		*end = parse_piece(ps);
		end = &(*end)->next;
	}
	if (cat->first && !cat->first->next)
		return cat->first;
	return cat;
}

static struct node *parse_alt(struct parser *ps)
{
	struct node *first = parse_cat(ps);
	if (*ps->p != '|')
		return first;
	struct node *alt = node_new(ps, NODE_ALT), **end = &first->next;
	alt->first = first;
	while (!ps->failed && *ps->p == '|') {
		ps->p++;
		*end = parse_cat(ps);
		end = &(*end)->next;
	}
	return alt;
}

/* ---- what follows from the tree ---- */

static uint32_t times(uint32_t len, uint32_t n)
{
	if (len == 0 || n == 0)
		return 0;
	return len == SHAPE_NO_MAX || n == SHAPE_NO_MAX || len > (1u << 30) / n ? SHAPE_NO_MAX
										: len * n;
}

static uint32_t plus(uint32_t a, uint32_t b)
{
	return a == SHAPE_NO_MAX || b == SHAPE_NO_MAX || a + b > (1u << 30) ? SHAPE_NO_MAX : a + b;
}

static void derive_children(struct node *n)
{
	bool first = true, reached = true; /* by a match that begins here */
	for (struct node *c = n->first; c; c = c->next, first = false) {
		n->bytes = byte_set_or(n->bytes, c->bytes);
		n->has_groups = n->has_groups || c->has_groups;
		if (n->kind == NODE_ALT) {
			n->head = byte_set_or(n->head, c->head);
			n->len_min = first || c->len_min < n->len_min ? c->len_min : n->len_min;
			n->len_max = first || c->len_max > n->len_max ? c->len_max : n->len_max;
			continue;
		}
		if (reached)
			n->head = byte_set_or(n->head, c->head);
		reached = reached && c->len_min == 0;
		n->len_min = plus(n->len_min, c->len_min);
		n->len_max = plus(n->len_max, c->len_max);
	}
}

static void derive(struct node *n)
{
	for (struct node *c = n->first; c; c = c->next)
		derive(c);
	switch (n->kind) {
	case NODE_EMPTY:
		break;
	case NODE_SET:
		n->head = n->bytes = n->set;
		n->len_min = n->len_max = 1;
		break;
	case NODE_REP:
		derive_children(n);
		n->len_min = times(n->len_min, n->min);
		n->len_max = times(n->len_max, n->max);
		break;
	case NODE_GROUP:
		derive_children(n);
		n->has_groups = true;
		break;
	default:
		derive_children(n);
	}
}

struct shape *shape_parse(const char *pattern, bool named_only)
{
	struct shape *s = mem_alloc(sizeof(*s));
	if (!s)
		return NULL;
	struct parser ps = {.s = s, .start = pattern, .p = pattern, .named_only = named_only};
	s->n = 1; /* what a failed parse points to */
	s->root = parse_alt(&ps);
	if (ps.failed || *ps.p) {
		shape_destroy(s);
		return NULL;
	}
	derive(s->root);
	return s;
}

void shape_destroy(struct shape *s)
{
	mem_free(s);
}

const struct node *shape_root(const struct shape *s)
{
	return s->root;
}
