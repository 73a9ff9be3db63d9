#include "dataplane/extract/select.h"

#include "dataplane/base/mem.h"

/* Scanning prefixes costs from 40 ns on (perf/bench_match.c), more with many of them. */
#define SCAN_NS   40

/* Of all nodes. What is left of a set is a leaf as it is. */
#define EDGES_MAX 262144
#define LISTS_MAX 262144

/* Sets of bytes that are looked at while a tree is made, which ends it in a second whatever the
 * formats are: a thousand that begin with names of programs take 60,000.
 */
#define WORK_MAX  1000000

#define WORDS_MAX (MATCH_PREFIX_MAX / 64)

/* The formats that are left at a node. */
struct left {
	uint64_t bits[WORDS_MAX];
};

/* Where the byte at @at leads: from @lo on an edge for each, and one behind them for all others,
 * the end of the line among them. An edge is a node.
 */
struct node_of_tree {
	uint16_t at; /* LEAF: none */
	uint8_t lo;
	uint8_t scan; /* of a leaf: there are so many that prefixes are scanned */
	uint16_t n;   /* edges without the last one; formats of a leaf */
	uint32_t first;
};

#define LEAF UINT16_MAX

struct select {
	struct node_of_tree *nodes;
	uint16_t *edges, *lists;
	unsigned n_nodes, n_edges, n_lists, n_formats;
	struct match_prefix *prefix; /* NULL: no leaf needs it */
};

struct select_scratch {
	struct match_prefix_scratch *prefix;
	uint16_t found[MATCH_PREFIX_MAX];
};

/* ---- building ---- */

struct building {
	struct select *s;
	const struct select_format *formats;
	unsigned n, n_words;
	struct left *left; /* by node */
	unsigned work;
};

static inline bool is_left(const struct left *l, unsigned i)
{
	return l->bits[i / 64] >> i % 64 & 1;
}

static inline void add_left(struct left *l, unsigned i)
{
	l->bits[i / 64] |= (uint64_t)1 << i % 64;
}

#define FOR_LEFT(b, l, i)                     \
	for (unsigned i = 0; i < (b)->n; i++) \
		if (is_left(l, i))

/* The bytes of the set at @at, if that place is known. */
#define FOR_BYTES(h, at, c)                                                        \
	for (unsigned word = 0; word < 4 && (at) < (h)->n; word++)                 \
		for (uint64_t bits = (h)->at[at].bits[word], c;                    \
		     bits && (c = word * 64 + (unsigned)__builtin_ctzll(bits), 1); \
		     bits &= bits - 1)

/* How many formats stay, summed up over those that are there, if the byte at @at is looked at: a
 * line is as likely to be of one as of another, and to have one byte of its set as another.
 */
static double cost_at(const struct building *b, const struct left *l, unsigned at)
{
	uint32_t stay[256] = {0}, always = 0, all = 0;
	double sum = 0;
	FOR_LEFT(b, l, i)
	{
		const struct head_bytes *h = &b->formats[i].bytes;
		always += h->n <= at;
		FOR_BYTES(h, at, c)
		{
			stay[c]++;
			all++;
		}
	}
	FOR_LEFT(b, l, i)
	{
		const struct head_bytes *h = &b->formats[i].bytes;
		double mine = 0;
		unsigned n = 0;
		FOR_BYTES(h, at, c)
		{
			mine += stay[c];
			n++;
		}
		sum += always + (n ? mine / n : all / 256.0);
	}
	return sum;
}

/* The place that tells most; LEAF: none tells anything. */
static unsigned best_place(struct building *b, const struct left *l)
{
	unsigned n = 0, best = LEAF, end = 0;
	FOR_LEFT(b, l, i)
	{
		n++;
		end = b->formats[i].bytes.n > end ? b->formats[i].bytes.n : end;
	}
	double least = (double)n * n - 0.5;
	for (unsigned at = 0; at < end && n > 1 && b->work < WORK_MAX; at++) {
		b->work += n;
		double cost = cost_at(b, l, at);
		if (cost < least) {
			least = cost;
			best = at;
		}
	}
	return best;
}

/* What is left of @l when byte @c, or none (256), stands at @at. */
static struct left narrowed(const struct building *b, const struct left *l, unsigned at, unsigned c)
{
	struct left r = {{0}};
	FOR_LEFT(b, l, i)
	{
		const struct head_bytes *h = &b->formats[i].bytes;
		if (h->n <= at || (c < 256 && byte_set_has(&h->at[at], (uint8_t)c)))
			add_left(&r, i);
	}
	return r;
}

/* The child with what is left in @l, of those from @first on. False: there is no room. */
static bool child_of(struct building *b, const struct left *l, unsigned first, uint16_t *ret_node)
{
	struct select *s = b->s;
	for (unsigned i = first; i < s->n_nodes; i++) {
		if (memcmp(&b->left[i], l, sizeof(*l)) == 0) {
			*ret_node = (uint16_t)i;
			return true;
		}
	}
	if (s->n_nodes == SELECT_NODES_MAX)
		return false;
	b->left[s->n_nodes] = *l;
	*ret_node = (uint16_t)s->n_nodes++;
	return true;
}

/* False, and nothing has changed: there is no room. */
static bool make_edges(struct building *b, unsigned node, unsigned at)
{
	struct select *s = b->s;
	const struct left l = b->left[node];
	unsigned first = s->n_nodes, n_edges = s->n_edges, lo = 255, hi = 0;
	FOR_LEFT(b, &l, i)
	{
		const struct head_bytes *h = &b->formats[i].bytes;
		FOR_BYTES(h, at, c)
		{
			lo = c < lo ? (unsigned)c : lo;
			hi = c > hi ? (unsigned)c : hi;
		}
	}
	unsigned n = hi - lo + 1;
	for (unsigned k = 0; k <= n; k++) {
		struct left next = narrowed(b, &l, at, k < n ? lo + k : 256);
		if (s->n_edges == EDGES_MAX || !child_of(b, &next, first, &s->edges[s->n_edges])) {
			s->n_nodes = first;
			s->n_edges = n_edges;
			return false;
		}
		s->n_edges++;
	}
	s->nodes[node] = (struct node_of_tree){
		.at = (uint16_t)at, .lo = (uint8_t)lo, .n = (uint16_t)n, .first = n_edges};
	return true;
}

/* On average half of the formats are tried in vain. Beyond LISTS_MAX the scan lists them. */
static void make_leaf(struct building *b, unsigned node)
{
	struct select *s = b->s;
	const struct left *l = &b->left[node];
	unsigned n = 0, in_vain_ns = 0;
	FOR_LEFT(b, l, i)
	{
		n++;
		in_vain_ns += b->formats[i].head ? b->formats[i].in_vain_ns : 0;
	}
	bool scan = in_vain_ns / 2 > SCAN_NS || s->n_lists + n > LISTS_MAX;
	s->nodes[node] = (struct node_of_tree){
		.at = LEAF, .scan = scan, .n = (uint16_t)n, .first = s->n_lists};
	FOR_LEFT(b, l, i)
	{
		if (!scan)
			s->lists[s->n_lists++] = (uint16_t)i;
	}
}

/* Nodes are their own queue: all of one depth are made before the next, so that a tree without room
 * is no deeper in one place than in another.
 */
static bool make_tree(struct building *b)
{
	struct select *s = b->s;
	bool scans = false;
	for (unsigned i = 0; i < b->n; i++)
		add_left(&b->left[0], i);
	s->n_nodes = 1;
	for (unsigned node = 0; node < s->n_nodes; node++) {
		unsigned at = best_place(b, &b->left[node]);
		if (at == LEAF || !make_edges(b, node, at))
			make_leaf(b, node);
		scans = scans || (s->nodes[node].at == LEAF && s->nodes[node].scan);
	}
	return scans;
}

static int make_prefix(struct building *b, struct err *e)
{
	const char *heads[MATCH_PREFIX_MAX];
	for (unsigned i = 0; i < b->n; i++)
		heads[i] = b->formats[i].head;
	return match_prefix_create(heads, b->n, &b->s->prefix, e);
}

/* A copy of the first @bytes, which is all that was used. NULL: out of memory. */
static void *fitted(void *p, size_t bytes)
{
	void *to = mem_alloc(bytes + 1);
	if (to)
		memcpy(to, p, bytes);
	mem_free(p);
	return to;
}

static bool fit(struct select *s)
{
	s->nodes = fitted(s->nodes, s->n_nodes * sizeof(*s->nodes));
	s->edges = fitted(s->edges, s->n_edges * sizeof(*s->edges));
	s->lists = fitted(s->lists, s->n_lists * sizeof(*s->lists));
	return s->nodes && s->edges && s->lists;
}

int select_create(const struct select_format *formats, unsigned n, struct select **ret_s,
		  struct err *e)
{
	struct select *s = mem_alloc(sizeof(*s));
	struct building b = {.s = s, .formats = formats, .n = n};
	int r = 0;
	if (n > MATCH_PREFIX_MAX) {
		r = err_set(e, -EINVAL, "more than %d formats", MATCH_PREFIX_MAX);
		goto out;
	}
	b.left = mem_alloc(SELECT_NODES_MAX * sizeof(*b.left));
	if (s) {
		s->n_formats = n;
		s->nodes = mem_alloc(SELECT_NODES_MAX * sizeof(*s->nodes));
		s->edges = mem_alloc(EDGES_MAX * sizeof(*s->edges));
		s->lists = mem_alloc(LISTS_MAX * sizeof(*s->lists));
	}
	if (!b.left || !s || !s->nodes || !s->edges || !s->lists) {
		r = err_set(e, -ENOMEM, "out of memory for formats");
		goto out;
	}
	bool scans = make_tree(&b);
	if (!fit(s))
		r = err_set(e, -ENOMEM, "out of memory for formats");
	else if (scans)
		r = make_prefix(&b, e);
out:
	mem_free(b.left);
	if (r < 0)
		select_destroy(s);
	else
		*ret_s = s;
	return r;
}

void select_destroy(struct select *s)
{
	if (!s)
		return;
	match_prefix_destroy(s->prefix);
	mem_free(s->nodes);
	mem_free(s->edges);
	mem_free(s->lists);
	mem_free(s);
}

bool select_scans(const struct select *s)
{
	return s->prefix;
}

/* ---- scratch ---- */

struct select_scratch *select_scratch_create(const struct select *const *sets, unsigned n)
{
	struct select_scratch *c = mem_alloc(sizeof(*c));
	const struct match_prefix **prefixes = mem_alloc((n + 1) * sizeof(*prefixes));
	for (unsigned i = 0; prefixes && i < n; i++)
		prefixes[i] = sets[i] ? sets[i]->prefix : NULL;
	if (c && prefixes)
		c->prefix = match_prefix_scratch_create(prefixes, n);
	mem_free(prefixes);
	if (c && c->prefix)
		return c;
	select_scratch_destroy(c);
	return NULL;
}

void select_scratch_destroy(struct select_scratch *c)
{
	if (!c)
		return;
	match_prefix_scratch_destroy(c->prefix);
	mem_free(c);
}

/* ---- lines ---- */

static const uint16_t *scanned(const struct select *s, struct select_scratch *c, struct slice line,
			       unsigned *ret_n)
{
	const uint64_t *may = match_prefix_find(s->prefix, c->prefix, line);
	unsigned n = 0;
	for (unsigned word = 0; word * 64 < s->n_formats; word++) {
		for (uint64_t bits = may[word]; bits; bits &= bits - 1)
			c->found[n++] = (uint16_t)(word * 64 + (unsigned)__builtin_ctzll(bits));
	}
	*ret_n = n;
	return c->found;
}

const uint16_t *select_formats(const struct select *s, struct select_scratch *c, struct slice line,
			       unsigned *ret_n)
{
	const struct node_of_tree *node = s->nodes;
	while (node->at != LEAF) {
		unsigned off =
			node->at < line.len ? (unsigned)line.ptr[node->at] - node->lo : UINT32_MAX;
		off = off < node->n ? off : node->n;
		node = &s->nodes[s->edges[node->first + off]];
	}
	if (node->scan)
		return scanned(s, c, line, ret_n);
	*ret_n = node->n;
	return s->lists + node->first;
}
