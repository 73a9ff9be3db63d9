#include "dataplane/extract/head.h"

#include <stdarg.h>
#include <stdio.h>

#include "dataplane/match/prefix.h"

/* Bytes of a run without an end, beyond which it decides nothing. */
#define RUN_MAX      20

/* A prefix of so many bytes tells formats apart: it ends at the next run, which would cost more
 * than it excludes.
 */
#define LEAST_ENOUGH 8

/* Room for what closes brackets at the end. */
#define CLOSING      64

struct head {
	char *out;
	size_t len;
	unsigned left;  /* bytes of text that may still be looked at */
	unsigned least; /* bytes that a text must have for the pattern so far */
	unsigned open;  /* brackets to close at the end */
	bool full;      /* the expression is too long: it must end here */
};

__attribute__((format(printf, 2, 3))) static void put(struct head *h, const char *fmt, ...)
{
	va_list ap;
	size_t room = HEAD_TEXT_MAX - CLOSING - h->len;
	va_start(ap, fmt);
	int n = vsnprintf(h->out + h->len, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		h->full = true;
	else
		h->len += (size_t)n;
}

static void put_set(struct head *h, const struct byte_set *s)
{
	put(h, "[");
	for (unsigned lo = 0; lo < 256; lo++) {
		unsigned hi = lo;
		if (!byte_set_has(s, (uint8_t)lo))
			continue;
		while (hi < 255 && byte_set_has(s, (uint8_t)(hi + 1)))
			hi++;
		put(h, hi > lo ? "\\x%02x-\\x%02x" : "\\x%02x", lo, hi);
		lo = hi;
	}
	put(h, "]");
}

static bool put_node(struct head *h, const struct node *n, bool top);

/* Each alternative as far as it goes; what follows is only looked at when all of them are whole. */
static bool put_alt(struct head *h, const struct node *n)
{
	unsigned left = h->left, least = h->least, left_min = left, least_min = UINT32_MAX;
	bool whole = true;
	put(h, "(?:");
	for (const struct node *c = n->first; c; c = c->next) {
		h->left = left;
		h->least = least;
		whole = put_node(h, c, false) && whole;
		left_min = h->left < left_min ? h->left : left_min;
		least_min = h->least < least_min ? h->least : least_min;
		if (c->next)
			put(h, "|");
	}
	put(h, ")");
	h->left = left_min;
	h->least = least_min;
	return whole;
}

/* A set repeated without an end. Only at the top, where all that follows can go into one branch. */
static bool put_run(struct head *h, const struct node *n, bool top)
{
	unsigned max = h->left > RUN_MAX ? RUN_MAX : h->left ? h->left - 1 : 0;
	unsigned min = n->min < h->left ? n->min : h->left;
	if (!top || h->least >= LEAST_ENOUGH || h->open == CLOSING / 2 || n->min > max ||
	    max == 0) {
		put_set(h, &n->first->set);
		put(h, "{%u}", min);
		h->least += min;
		return false;
	}
	put(h, "(?:");
	put_set(h, &n->first->set);
	put(h, "{%u}|", max + 1);
	put_set(h, &n->first->set);
	put(h, "{%u,%u}", n->min, max);
	h->open++;
	h->left -= max + 1;
	h->least += n->min;
	return true;
}

static bool put_rep(struct head *h, const struct node *n, bool top)
{
	if (n->len_max <= h->left && n->first->len_max != SHAPE_NO_MAX) {
		unsigned left = h->left - n->len_max, least = h->least + n->len_min;
		put(h, "(?:");
		bool whole = put_node(h, n->first, false);
		put(h, "){%u,%u}", n->min, n->max);
		h->left = left;
		h->least = least;
		return whole;
	}
	if (n->first->kind == NODE_SET && n->max == SHAPE_NO_MAX)
		return put_run(h, n, top);
	if (n->min > 0)
		put_node(h, n->first, false);
	return false;
}

/* False: nothing may be put behind it. */
static bool put_node(struct head *h, const struct node *n, bool top)
{
	if (h->full)
		return false;
	switch (n->kind) {
	case NODE_EMPTY:
		return true;
	case NODE_SET:
		if (h->left == 0)
			return false;
		put_set(h, &n->set);
		h->left--;
		h->least++;
		return true;
	case NODE_ALT:
		return put_alt(h, n);
	case NODE_REP:
		return put_rep(h, n, top);
	default:
		for (const struct node *c = n->first; c; c = c->next) {
			if (!put_node(h, c, top))
				return false;
		}
		return true;
	}
}

bool head_of(const struct node *root, char *out)
{
	struct head h = {.out = out, .left = MATCH_PREFIX_BYTES};
	put_node(&h, root, true);
	if (h.full || h.least == 0)
		return false;
	for (; h.open; h.open--)
		out[h.len++] = ')';
	out[h.len] = 0;
	return true;
}

/* ---- byte by byte ---- */

static bool add_bytes(struct head_bytes *b, const struct node *n);

/* The bytes that any of the branches may have. */
static bool add_any_of(struct head_bytes *b, const struct node *n)
{
	struct head_bytes all = *b;
	bool whole = true;
	for (const struct node *c = n->first; c; c = c->next) {
		struct head_bytes one = *b;
		whole = add_bytes(&one, c) && whole && (c == n->first || one.n == all.n);
		if (c == n->first || one.n < all.n)
			all.n = one.n;
		for (unsigned i = b->n; i < all.n; i++)
			all.at[i] = c == n->first ? one.at[i] : byte_set_or(all.at[i], one.at[i]);
	}
	*b = all;
	return whole;
}

/* Adds those of @n. True: what is behind @n has its places known, too. */
static bool add_bytes(struct head_bytes *b, const struct node *n)
{
	if (n->len_max == 0)
		return true;
	switch (n->kind) {
	case NODE_SET:
		if (b->n == HEAD_BYTES_MAX)
			return false;
		b->at[b->n++] = n->set;
		return true;
	case NODE_ALT:
		return add_any_of(b, n);
	case NODE_REP:
		for (unsigned i = 0; i < n->min; i++) {
			if (!add_bytes(b, n->first))
				return false;
		}
		return n->min == n->max;
	default:
		for (const struct node *c = n->first; c; c = c->next) {
			if (!add_bytes(b, c))
				return false;
		}
		return true;
	}
}

void head_bytes_of(const struct node *root, struct head_bytes *ret_bytes)
{
	*ret_bytes = (struct head_bytes){0};
	add_bytes(ret_bytes, root);
}
