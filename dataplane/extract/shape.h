/* shape.h - the regular part of regular expressions as a tree, for what is derived from it:
 * delimiter plans (plan.h) and prefixes (prefix of a format, for match/prefix.h).
 *
 * In:     a pattern that PCRE2 has compiled, bytes, a dot being any byte.
 * Out:    a tree of sets of bytes, sequences, alternatives, repetitions and groups.
 * Owns:   its nodes.
 * Runs:   main.
 * Limits: SHAPE_NODES_MAX nodes. What is not regular, or rarely seen (look-around, references back,
 *         atomic groups, options inside of the pattern), has no shape.
 */
#ifndef SL_EXTRACT_SHAPE_H
#define SL_EXTRACT_SHAPE_H

#include "dataplane/base/slice.h"

#define SHAPE_NODES_MAX 4096
#define SHAPE_DEPTH_MAX 64
#define SHAPE_NO_MAX    UINT32_MAX

struct byte_set {
	uint64_t bits[4];
};

static inline bool byte_set_has(const struct byte_set *s, uint8_t c)
{
	return s->bits[c / 64] >> (c % 64) & 1;
}

static inline void byte_set_add(struct byte_set *s, uint8_t c)
{
	s->bits[c / 64] |= (uint64_t)1 << (c % 64);
}

static inline struct byte_set byte_set_or(struct byte_set a, struct byte_set b)
{
	for (unsigned i = 0; i < 4; i++)
		a.bits[i] |= b.bits[i];
	return a;
}

static inline struct byte_set byte_set_not(struct byte_set a)
{
	for (unsigned i = 0; i < 4; i++)
		a.bits[i] = ~a.bits[i];
	return a;
}

static inline bool byte_set_meet(const struct byte_set *a, const struct byte_set *b)
{
	uint64_t both = 0;
	for (unsigned i = 0; i < 4; i++)
		both |= a->bits[i] & b->bits[i];
	return both != 0;
}

static inline unsigned byte_set_count(const struct byte_set *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < 4; i++)
		n += (unsigned)__builtin_popcountll(s->bits[i]);
	return n;
}

enum node_kind {
	NODE_EMPTY,
	NODE_SET,   /* one byte of a set */
	NODE_CAT,   /* children in a row */
	NODE_ALT,   /* one of the children, the first that leads to a match */
	NODE_REP,   /* the child, min to max times */
	NODE_GROUP, /* the child, captured */
};

struct node {
	enum node_kind kind;
	struct byte_set set;
	uint32_t min, max; /* SHAPE_NO_MAX: no end */
	bool lazy;         /* as few as lead to a match; else as many */
	unsigned group;    /* number of the capture */
	struct node *first, *next;

	/* Worked out when the tree is complete. */
	struct byte_set head;  /* first bytes of what it matches */
	struct byte_set bytes; /* all bytes of what it matches */
	uint32_t len_min, len_max;
	bool has_groups;
};

struct shape;

/* NULL: no shape, or out of memory. @named_only: groups without a name do not capture (grok). */
struct shape *shape_parse(const char *pattern, bool named_only);
void shape_destroy(struct shape *s);
const struct node *shape_root(const struct shape *s);

static inline bool node_is_byte(const struct node *n)
{
	return n->kind == NODE_SET && byte_set_count(&n->set) == 1;
}

/* The one byte of a set that has one. */
static inline uint8_t node_byte(const struct node *n)
{
	for (unsigned i = 0; i < 4; i++) {
		if (n->set.bits[i])
			return (uint8_t)(64 * i + (unsigned)__builtin_ctzll(n->set.bits[i]));
	}
	return 0;
}

#endif
