/* Thompson's construction, then subsets. Bytes that no set of the expression tells apart share a
 * column of the table.
 */
#include "dataplane/extract/dfa.h"

#include "dataplane/base/mem.h"

#define NFA_STATES_MAX 2048
#define NFA_WORDS      (NFA_STATES_MAX / 64)
#define NFA_NONE       UINT16_MAX

struct nfa_state {
	bool is_split;
	struct byte_set set; /* leads to out[0]; a split leads to both for nothing */
	uint16_t out[2];
};

struct nfa_subset {
	uint64_t bits[NFA_WORDS];
};

/* A state is the offset of its row, so that a step is an addition and a look-up; the last cell of a
 * row says whether the state accepts. Row 0 is the state that nothing leads out of.
 */
struct dfa {
	uint8_t column[256];
	unsigned n_columns;
	uint16_t start;
	uint16_t *cells;
};

/* Work memory of one construction. */
struct builder {
	struct nfa_state nfa[NFA_STATES_MAX];
	unsigned n_nfa;
	bool too_large;
	struct nfa_subset subsets[DFA_STATES_MAX];
	unsigned n_subsets;
	uint16_t stack[NFA_STATES_MAX];
	uint16_t next[DFA_STATES_MAX][256];
};

static uint16_t add(struct builder *b, struct nfa_state s)
{
	if (b->n_nfa == NFA_STATES_MAX) {
		b->too_large = true;
		return 0;
	}
	b->nfa[b->n_nfa] = s;
	return (uint16_t)b->n_nfa++;
}

static uint16_t add_split(struct builder *b, uint16_t x, uint16_t y)
{
	return add(b, (struct nfa_state){.is_split = true, .out = {x, y}});
}

static uint16_t build(struct builder *b, const struct node *n, uint16_t out);

static uint16_t build_rep(struct builder *b, const struct node *n, uint16_t out)
{
	uint16_t at = out;
	if (n->max == SHAPE_NO_MAX) {
		uint16_t loop = add_split(b, NFA_NONE, out);
		uint16_t body = build(b, n->first, loop);
		b->nfa[loop].out[0] = body;
		at = loop;
	} else {
		for (uint32_t i = n->min; i < n->max && !b->too_large; i++)
			at = add_split(b, build(b, n->first, at), out);
	}
	for (uint32_t i = 0; i < n->min && !b->too_large; i++)
		at = build(b, n->first, at);
	return at;
}

static uint16_t build_cat(struct builder *b, const struct node *c, uint16_t out)
{
	return c ? build(b, c, build_cat(b, c->next, out)) : out;
}

/* The state from which @n leads to @out. */
static uint16_t build(struct builder *b, const struct node *n, uint16_t out)
{
	uint16_t at;
	if (b->too_large)
		return 0;
	switch (n->kind) {
	case NODE_EMPTY:
		return out;
	case NODE_SET:
		return add(b, (struct nfa_state){.set = n->set, .out = {out, NFA_NONE}});
	case NODE_REP:
		return build_rep(b, n, out);
	case NODE_ALT:
		at = build(b, n->first, out);
		for (const struct node *c = n->first->next; c; c = c->next)
			at = add_split(b, at, build(b, c, out));
		return at;
	default:
		return build_cat(b, n->first, out);
	}
}

/* Adds @state and all that it leads to for nothing. */
static void reach(struct builder *b, struct nfa_subset *s, uint16_t state)
{
	unsigned n = 0;
	b->stack[n++] = state;
	s->bits[state / 64] |= (uint64_t)1 << (state % 64);
	while (n) {
		const struct nfa_state *at = &b->nfa[b->stack[--n]];
		for (unsigned i = 0; at->is_split && i < 2; i++) {
			uint16_t to = at->out[i];
			uint64_t bit = (uint64_t)1 << (to % 64);
			if (s->bits[to / 64] & bit)
				continue;
			s->bits[to / 64] |= bit;
			b->stack[n++] = to;
		}
	}
}

static unsigned subset_index(struct builder *b, const struct nfa_subset *s)
{
	for (unsigned i = 0; i < b->n_subsets; i++) {
		if (memcmp(&b->subsets[i], s, sizeof(*s)) == 0)
			return i;
	}
	if (b->n_subsets == DFA_STATES_MAX) {
		b->too_large = true;
		return 0;
	}
	b->subsets[b->n_subsets] = *s;
	return b->n_subsets++;
}

/* Splits columns until no set of the expression tells two bytes of one column apart. */
static void make_columns(struct dfa *d, const struct builder *b)
{
	d->n_columns = 1;
	for (unsigned i = 0; i < b->n_nfa && d->n_columns < 256; i++) {
		int moved_to[256];
		memset(moved_to, -1, sizeof(moved_to));
		unsigned sizes[256] = {0}, inside[256] = {0};
		for (unsigned c = 0; c < 256; c++) {
			sizes[d->column[c]]++;
			inside[d->column[c]] += byte_set_has(&b->nfa[i].set, (uint8_t)c);
		}
		for (unsigned c = 0; c < 256; c++) {
			unsigned col = d->column[c];
			if (!byte_set_has(&b->nfa[i].set, (uint8_t)c) || inside[col] == sizes[col])
				continue;
			if (moved_to[col] < 0)
				moved_to[col] = (int)d->n_columns++;
			d->column[c] = (uint8_t)moved_to[col];
		}
	}
}

/* Where subset @from leads by byte @c. */
static uint16_t step(struct builder *b, unsigned from, uint8_t c)
{
	struct nfa_subset s = {{0}};
	for (unsigned w = 0; w < NFA_WORDS; w++) {
		for (uint64_t bits = b->subsets[from].bits[w]; bits; bits &= bits - 1) {
			const struct nfa_state *at =
				&b->nfa[64 * w + (unsigned)__builtin_ctzll(bits)];
			if (!at->is_split && byte_set_has(&at->set, c))
				reach(b, &s, at->out[0]);
		}
	}
	return (uint16_t)subset_index(b, &s);
}

static bool fill(struct dfa *d, struct builder *b, uint16_t final)
{
	uint8_t sample[256]; /* a byte of each column */
	for (unsigned c = 0; c < 256; c++)
		sample[d->column[c]] = (uint8_t)c;
	for (unsigned i = 0; i < b->n_subsets && !b->too_large; i++) {
		for (unsigned col = 0; col < d->n_columns && !b->too_large; col++)
			b->next[i][col] = step(b, i, sample[col]);
	}
	if (b->too_large)
		return false;
	size_t row = d->n_columns + 1;
	if (b->n_subsets * row > UINT16_MAX)
		return false;
	d->cells = mem_alloc(b->n_subsets * row * sizeof(*d->cells));
	if (!d->cells)
		return false;
	for (unsigned i = 0; i < b->n_subsets; i++) {
		for (unsigned col = 0; col < d->n_columns; col++)
			d->cells[i * row + col] = (uint16_t)(b->next[i][col] * row);
		d->cells[i * row + d->n_columns] =
			b->subsets[i].bits[final / 64] >> (final % 64) & 1;
	}
	d->start = (uint16_t)row;
	return true;
}

struct dfa *dfa_create(const struct node *n)
{
	struct dfa *d = mem_alloc(sizeof(*d));
	struct builder *b = mem_alloc(sizeof(*b));
	bool ok = false;
	if (d && b) {
		/* An empty set leads nowhere: the end. */
		uint16_t final = add(b, (struct nfa_state){0});
		uint16_t start = build(b, n, final);
		b->n_subsets = 1; /* the empty one */
		if (!b->too_large) {
			make_columns(d, b);
			reach(b, &b->subsets[b->n_subsets++], start);
			ok = fill(d, b, final);
		}
	}
	mem_free(b);
	if (!ok) {
		dfa_destroy(d);
		return NULL;
	}
	return d;
}

void dfa_destroy(struct dfa *d)
{
	if (!d)
		return;
	mem_free(d->cells);
	mem_free(d);
}

bool dfa_match(const struct dfa *d, const uint8_t *p, size_t len)
{
	const uint16_t *cells = d->cells;
	size_t state = d->start;
	for (const uint8_t *end = p + len; p < end && state; p++)
		state = cells[state + d->column[*p]];
	return cells[state + d->n_columns];
}

uint16_t dfa_start(const struct dfa *d)
{
	return d->start;
}

uint16_t dfa_step(const struct dfa *d, uint16_t state, uint8_t c)
{
	return d->cells[state + d->column[c]];
}

bool dfa_accepts(const struct dfa *d, uint16_t state)
{
	return d->cells[state + d->n_columns];
}
