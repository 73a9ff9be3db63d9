/* plan_ops.h - the steps of a plan: made by plan.c and plan_short.c, done by plan_match.c and
 *         plan_nested.c.
 *
 * In:     a pattern's shape (shape.h), when a format is compiled.
 * Out:    an array of struct plan_op, one after the other in the order of the line.
 * Owns:   nothing; a plan owns its steps.
 * Runs:   made on main, read by workers.
 * Limits: PLAN_LIT_MAX bytes a literal, PLAN_NO_MAX steps, PLAN_DFAS_MAX automata a plan.
 */
#ifndef SL_EXTRACT_PLAN_OPS_H
#define SL_EXTRACT_PLAN_OPS_H

#include <assert.h>

#include "dataplane/extract/dfa.h"
#include "dataplane/extract/plan.h"

#define PLAN_LIT_MAX  16
#define PLAN_NO_MAX   UINT16_MAX
#define PLAN_DFAS_MAX 128

enum plan_op_kind {
	OP_LIT,   /* these bytes */
	OP_OPEN,  /* group begins */
	OP_CLOSE, /* group ends */
	OP_STOP,  /* bytes of the set, to the first one outside of it, less `back` bytes */
	OP_FIELD, /* the same where that is all: no `back`, `flags`, `dfa` or `max` */
	OP_FIXED, /* min bytes */
	OP_REST,  /* to the end of the line */
	OP_TRIM,  /* to the end, less the last bytes that are in the set */
	OP_FIRST, /* to the first `lit` that the run of the set reaches */
	OP_LAST,  /* to the last one */
	OP_LOOP,  /* the steps up to `end`, while the next byte is in the set, min to max times */
	OP_MAYBE, /* the steps up to `end`, if the next byte is in the set */
	OP_ALT, /* the branches up to `end`, each an OP_BRANCH and its steps: the first that fits */
	OP_BRANCH,   /* min to max-1 are the groups inside of it */
	OP_JOIN,     /* the branch has matched: `end` is behind the last one */
	OP_BSD_TIME, /* the steps up to `end`, done when a time stamp of RFC 3164 and `lit` stand
			here (bsd_time.h) */

	/* What plan_short.c makes of steps that are not nested. */
	OP_EITHER, /* an OP_ALT without steps that have choices of their own */
	OP_TOKEN,  /* an OP_STOP whose end is the next mark (plan_scan.h), and a literal of one byte
		    */
	OP_CHECKED, /* one that ends at a mark, and of which more than that has to be checked */
	OP_TAIL,    /* an OP_REST of any bytes */
	OP_END,
};

/* How the first byte outside of the set is found. */
enum plan_scan {
	SCAN_ALL,   /* there is none */
	SCAN_STOPS, /* all but a few bytes of ASCII, of which no two have the same low nibble */
	SCAN_RANGE, /* a range of bytes */
	SCAN_TABLE,
};

enum plan_flag {
	PLAN_MINUS = 1,     /* a span may begin with '-', which is not of its set: a number */
	PLAN_PLUS = 2,      /* the same with '+' */
	PLAN_AMBIGUOUS = 4, /* OP_BRANCH, OP_JOIN: a later branch might fit too */
};

/* From OP_STOP to OP_LAST: a span, captured by `group` (0: by none), with `lit` right behind it.
 * One cache line. What the rows hold depends on the scan:
 *
 *     SCAN_STOPS   for each low nibble the byte with it that is outside, else 0x80
 *     SCAN_RANGE   16 times the first byte; 16 times how many there are
 *     SCAN_TABLE   for each low nibble the high nibbles, as bits, with which it makes a byte of the
 *                  set: for bytes below 0x80; for bytes from there on
 */
struct plan_op {
	uint8_t kind, scan;
	uint8_t n_lit;
	uint8_t back;
	uint8_t group;
	uint8_t flags;     /* enum plan_flag */
	uint16_t end;      /* the step behind it */
	uint16_t dfa;      /* 0: any bytes of the set; else what table (plus 1) the span must fit */
	uint16_t min, max; /* bytes, rounds */
	uint16_t lit_bits; /* one for each byte of `lit` */
	uint8_t lit[PLAN_LIT_MAX];
	uint8_t rows[2][16];
};

static_assert(sizeof(struct plan_op) == 64, "a step is one cache line");

/* With SCAN_TABLE only. */
static inline bool plan_op_has(const struct plan_op *op, uint8_t c)
{
	return op->rows[c >> 7][c & 15] >> (c >> 4 & 7) & 1;
}

/* Whether @c may be in the span. */
static inline bool plan_op_takes(const struct plan_op *op, uint8_t c)
{
	switch (op->scan) {
	case SCAN_ALL:
		return true;
	case SCAN_STOPS:
		return c >= 0x80 || op->rows[0][c & 15] != c;
	case SCAN_RANGE:
		return (uint8_t)(c - op->rows[0][0]) < op->rows[1][0];
	default:
		return plan_op_has(op, c);
	}
}

/* `marks`: the bytes that are marked, by their low nibbles as in SCAN_STOPS. */
struct plan {
	unsigned n_ops, n_groups, n_dfas, n_unset;
	bool two_rows;
	uint8_t marks[2][16] __attribute__((aligned(16)));
	uint8_t unset[PLAN_GROUPS_MAX]; /* the groups that may take no part */
	struct dfa *dfas[PLAN_DFAS_MAX];
	struct plan_op ops[PLAN_OPS_MAX] __attribute__((aligned(64)));
};

/* The shorter ways to do steps of a plan that ends with OP_END: plan_short.c. */
void plan_shorten(struct plan *p);

#endif
