#include "dataplane/flow/hold.h"

#include <assert.h>

/* ---- bits ---- */

static inline bool bit_is(const uint64_t *w, unsigned i)
{
	return w[i / 64] >> (i % 64) & 1;
}

/* The first index from @i on whose bit is @set, or @end. @i < @end <= SEG_PAGE. */
static unsigned bit_next(const uint64_t *w, unsigned i, unsigned end, bool set)
{
	uint64_t flip = set ? 0 : ~0ull;
	unsigned k = i / 64;
	uint64_t left = (w[k] ^ flip) & ~0ull << (i % 64);
	while (!left) {
		if (++k * 64 >= end)
			return end;
		left = w[k] ^ flip;
	}
	unsigned at = k * 64 + (unsigned)__builtin_ctzll(left);
	return at < end ? at : end;
}

/* The bits of [from, to) that lie in word @k. */
static inline uint64_t word_mask(unsigned k, unsigned from, unsigned to)
{
	unsigned lo = from > k * 64 ? from - k * 64 : 0;
	unsigned hi = to < k * 64 + 64 ? to - k * 64 : 64;
	return (hi == 64 ? ~0ull : (1ull << hi) - 1) & ~0ull << lo;
}

static unsigned count_runs(const uint64_t *w)
{
	unsigned n = 0;
	uint64_t carry = 0;
	for (unsigned k = 0; k < SEG_WORDS; k++) {
		n += (unsigned)__builtin_popcountll(w[k] & ~(w[k] << 1 | carry));
		carry = w[k] >> 63;
	}
	return n;
}

static void page_recount(struct hold *h, struct seg_page *g)
{
	uint32_t n = count_runs(g->have) + count_runs(g->cut);
	h->n_runs += n - g->n_runs;
	g->n_runs = n;
}

/* ---- the tree (top-down splay; page 0 stands for "none" and lends its links) ---- */

static uint32_t tree_splay(struct seg_page *g, uint32_t t, uint64_t no)
{
	uint32_t low = 0, high = 0; /* tails of the trees of smaller and of greater pages */
	if (!t)
		return 0;
	g[0].left = g[0].right = 0;
	while (g[t].no != no) {
		bool less = no < g[t].no;
		uint32_t c = less ? g[t].left : g[t].right;
		if (!c)
			break;
		if (less && no < g[c].no) { /* rotate right */
			g[t].left = g[c].right;
			g[c].right = t;
			t = c;
			c = g[t].left;
		} else if (!less && no > g[c].no) { /* rotate left */
			g[t].right = g[c].left;
			g[c].left = t;
			t = c;
			c = g[t].right;
		}
		if (!c)
			break;
		if (less) {
			g[high].left = t;
			high = t;
		} else {
			g[low].right = t;
			low = t;
		}
		t = c;
	}
	/* Where low or high is 0, its link is the head of that tree itself. */
	uint32_t t_left = g[t].left, t_right = g[t].right;
	g[low].right = t_left;
	g[high].left = t_right;
	g[t].left = g[0].right;
	g[t].right = g[0].left;
	return t;
}

/* The page @no, made if it is not there. */
static uint32_t tree_page(struct hold *h, struct seg_pool *pool, uint64_t no)
{
	struct seg_page *g = pool->pages;
	uint32_t t = h->root = tree_splay(g, h->root, no);
	if (t && g[t].no == no)
		return t;
	uint32_t page = seg_pool_get(pool);
	assert(page && "the caller asked for room");
	g[page].no = no;
	if (t && no < g[t].no) {
		g[page].left = g[t].left;
		g[page].right = t;
		g[t].left = 0;
	} else if (t) {
		g[page].right = g[t].right;
		g[page].left = t;
		g[t].right = 0;
	}
	h->root = page;
	h->n_pages++;
	return page;
}

/* ---- pages ---- */

static void page_stamp(struct seg_page *g, const struct hold_source *src)
{
	if (!g->n_runs)
		g->first_ns = src->time_ns;
	g->time_ns = src->time_ns;
	g->number = src->number;
}

static uint32_t count_differing(const uint8_t *a, const uint8_t *b, unsigned len)
{
	uint32_t n = 0;
	if (memcmp(a, b, len) == 0)
		return 0;
	for (unsigned i = 0; i < len; i++)
		n += a[i] != b[i];
	return n;
}

static void page_put(struct seg_page *g, uint8_t *to, unsigned from, const uint8_t *src,
		     unsigned len, struct hold_sum *sum)
{
	unsigned end = from + len;
	for (unsigned i = from; i < end;) {
		bool there = bit_is(g->have, i);
		unsigned j = bit_next(g->have, i, end, !there);
		if (there) {
			uint32_t n = count_differing(to + i, src + (i - from), j - i);
			sum->differs += n;
			sum->same += j - i - n;
		} else {
			memcpy(to + i, src + (i - from), j - i);
			sum->stored += j - i;
		}
		i = j;
	}
	for (unsigned k = from / 64; k * 64 < end; k++) {
		g->have[k] |= word_mask(k, from, end);
		g->cut[k] &= ~g->have[k];
	}
}

struct hold_sum hold_put(struct hold *h, struct seg_pool *pool, uint64_t pos, struct slice bytes,
			 const struct hold_source *src)
{
	struct hold_sum sum = {0};
	while (bytes.len) {
		unsigned from = pos & (SEG_PAGE - 1);
		unsigned n = bytes.len < SEG_PAGE - from ? (unsigned)bytes.len : SEG_PAGE - from;
		uint32_t page = tree_page(h, pool, pos >> SEG_PAGE_SHIFT);
		struct seg_page *g = &pool->pages[page];
		uint32_t before = sum.stored;
		page_put(g, seg_bytes(pool, page), from, bytes.ptr, n, &sum);
		if (sum.stored != before) {
			page_stamp(g, src);
			page_recount(h, g);
		}
		pos += n;
		bytes = slice_from(bytes, n);
	}
	return sum;
}

void hold_put_cut(struct hold *h, struct seg_pool *pool, uint64_t pos, uint64_t len,
		  const struct hold_source *src)
{
	while (len) {
		unsigned from = pos & (SEG_PAGE - 1);
		unsigned n = len < SEG_PAGE - from ? (unsigned)len : SEG_PAGE - from;
		struct seg_page *g = &pool->pages[tree_page(h, pool, pos >> SEG_PAGE_SHIFT)];
		for (unsigned k = from / 64; k * 64 < from + n; k++)
			g->cut[k] |= word_mask(k, from, from + n) & ~g->have[k];
		page_stamp(g, src);
		page_recount(h, g);
		pos += n;
		len -= n;
	}
}

static struct hold_run page_first(const struct seg_pool *pool, uint32_t page)
{
	const struct seg_page *g = &pool->pages[page];
	unsigned have = bit_next(g->have, 0, SEG_PAGE, true);
	unsigned cut = bit_next(g->cut, 0, SEG_PAGE, true);
	struct hold_run r = {.first_ns = g->first_ns, .time_ns = g->time_ns, .number = g->number};
	unsigned from = have < cut ? have : cut;
	if (from == SEG_PAGE)
		return r;
	r.kind = have < cut ? HOLD_BYTES : HOLD_CUT;
	r.len = bit_next(have < cut ? g->have : g->cut, from, SEG_PAGE, false) - from;
	r.pos = (g->no << SEG_PAGE_SHIFT) + from;
	r.ptr = seg_bytes(pool, page) + from;
	return r;
}

struct hold_run hold_first(struct hold *h, struct seg_pool *pool)
{
	struct hold_run r = {.kind = HOLD_NONE};
	while (h->root) {
		uint32_t page = h->root = tree_splay(pool->pages, h->root, 0);
		r = page_first(pool, page);
		if (r.kind != HOLD_NONE)
			break;
		h->root = pool->pages[page].right;
		h->n_pages--;
		seg_pool_spend(pool, page);
	}
	return r;
}

void hold_eat(struct hold *h, struct seg_pool *pool, const struct hold_run *r, uint32_t len)
{
	struct seg_page *g = &pool->pages[h->root];
	assert(g->no == r->pos >> SEG_PAGE_SHIFT && len <= r->len);
	unsigned from = r->pos & (SEG_PAGE - 1);
	uint64_t *w = r->kind == HOLD_CUT ? g->cut : g->have;
	for (unsigned k = from / 64; k * 64 < from + len; k++)
		w[k] &= ~word_mask(k, from, from + len);
	g->first_ns = g->time_ns; /* of those left it is only known that they came until then */
	if (len == r->len) {
		g->n_runs--;
		h->n_runs--;
	}
}
