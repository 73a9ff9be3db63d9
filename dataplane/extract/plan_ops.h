/* plan_ops.h - the steps of a plan: made by plan.c and plan_short.c, done by plan_match.c and
 *         plan_nested.c.
 *
 * In:     a pattern's shape (shape.h), when a format is compiled.
 * Out:    an array of struct plan_op, one after the other in the order of the line.
 * Owns:   nothing; a plan owns its steps.
 * Runs:   made on main, read by workers.
 * Limits: PLAN_LIT_MAX bytes a literal, PLAN_NO_MAX steps, PLAN_DFAS_MAX automata and PLAN_ROWS_MAX
 *         rows a plan, PLAN_ROW_MARKS marks a row.
 */
#ifndef SL_EXTRACT_PLAN_OPS_H
#define SL_EXTRACT_PLAN_OPS_H

#include <assert.h>

#include "dataplane/extract/dfa.h"
#include "dataplane/extract/plan.h"

#define PLAN_LIT_MAX   16
#define PLAN_NO_MAX    UINT16_MAX
#define PLAN_DFAS_MAX  128
#define PLAN_ROWS_MAX  16
#define PLAN_ROW_MARKS 16

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
	OP_ROW,     /* the same, and the first of the row that is number `dfa` (plan_row.c) */
	OP_STAMP,   /* an OP_OPEN whose group is an OP_BSD_TIME, with its `lit` behind the group */
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

/* The bytes that are marked, by their low nibbles as in SCAN_STOPS. */
struct plan_marks {
	uint8_t rows[2][16] __attribute__((aligned(16)));
	bool two_rows;
};

/* Whether @c, which is no NO_BYTE, is marked. */
static inline bool plan_marks_have(const struct plan_marks *m, uint8_t c)
{
	return m->rows[0][c & 15] == c || m->rows[1][c & 15] == c;
}

/* Fewer fields do not pay for marks. */
#define PLAN_TOKENS_MIN 3

/* Steps in a row that go by marks, each with a literal of its own; the marks of the row are those
 * of its fields alone. By mark, in the order in which they must stand:
 *
 *     "(?<verb>[^ "]+) (?<path>[^ "]+)" x      marked: blank and quote
 *      lit     ' '  '"'  ' '
 *      behind   0    1    1       bytes from the mark before to where the field begins
 *      least    1    1    0       bytes from there to this mark
 *      most   255  255    0
 *
 * A field may be a text: then the marks before the first one of its `lit` do not count. `pick` are
 * the marks that end fields of the groups from `group` on; `checks` are the fields whose marks do
 * not tell all.
 *
 * A row may reach over choices. Then it has a way for each, one row behind the other, with the same
 * marks, and no line fits two of them:
 *
 *     (?<app>[^\[: ]+)(?:\[(?<pid>\d+)\])?: x      marked: [ ] : and blank
 *      lit      '['   ']'   ':'   ' '
 *      lit      ':'   ' '                          pid is one of `skips`
 */
enum plan_check_kind {
	CHECK_RANGE, /* that its bytes are a range, behind a sign */
	CHECK_LIT,   /* that all of its literal follows */
	CHECK_FIELD, /* all of it */
};

struct plan_check {
	uint16_t step; /* which step, or what was made of it behind OP_END, from the first one on */
	uint8_t mark;  /* that ends it */
	uint8_t kind;
	uint8_t lo, n, min, flags; /* CHECK_RANGE: as the step has them; bounds tell of the length
				      that nothing is missing, but for a sign */
};

struct plan_row {
	uint8_t lit[PLAN_ROW_MARKS] __attribute__((aligned(16)));
	uint8_t behind[PLAN_ROW_MARKS];
	uint8_t least[PLAN_ROW_MARKS];
	uint8_t most[PLAN_ROW_MARKS];
	uint8_t pick[PLAN_ROW_MARKS];
	struct plan_marks marks;
	unsigned n_marks, n_groups;
	unsigned n_checks, n_ranges; /* of them the first ones, which are CHECK_RANGE */
	unsigned n_steps;            /* of the plan that this is all of */
	unsigned n_ways;             /* this one and those behind it */
	unsigned group;
	unsigned last;     /* bytes from the last mark to where the next step begins */
	unsigned no_marks; /* bits of the lanes behind the marks */
	unsigned texts;    /* bits of the marks that end a text */
	unsigned skips;    /* bits of the groups from `group` on that take no part */
	uint32_t halves;   /* two bits for each of the others */
	struct plan_check checks[PLAN_ROW_MARKS];
};

/* The steps of a row, the first of which is @op, at @at and as one. Returns where the next step
 * begins, or PLAN_NOWHERE: they have to be done one by one, since a field has a mark inside, is far
 * from here, or does not fit.
 */
typedef size_t plan_row_fn(const struct plan_row *r, const struct plan_op *op, struct slice line,
			   size_t at, struct plan_part *parts);

/* One block of memory once it is built, as large as it has steps, rows and automata: of a thousand
 * plans each is small, so that they stay in caches.
 */
struct plan {
	unsigned n_ops, n_groups, n_dfas, n_unset, n_rows;
	plan_row_fn *row; /* what this processor does rows with */
	struct plan_marks marks;
	struct plan_row *rows;
	struct dfa **dfas;
	uint8_t *unset; /* the groups that may take no part */
	struct plan_op ops[] __attribute__((aligned(64)));
};

/* The shorter ways to do steps of a plan that ends with OP_END: plan_short.c, and rows of them:
 * plan_find.c.
 */
void plan_shorten(struct plan *p);
void plan_find_rows(struct plan *p);

/* Whether the field ends at its literal and at marks; the step behind @i, or behind all that are
 * inside of it, when plan_nested.c does these.
 */
bool plan_may_go_by_marks(const struct plan_op *op);
unsigned plan_next_outside(const struct plan *p, unsigned i);

void plan_marks_init(struct plan_marks *m);
/* Marks what ends the field. False: that does not work, and nothing has changed. */
bool plan_mark_ends(struct plan_marks *m, const struct plan_op *op);

#endif
