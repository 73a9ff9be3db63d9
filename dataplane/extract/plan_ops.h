/* plan_ops.h - the steps of a plan: made by plan.c, done by plan_match.c. */
#ifndef SL_EXTRACT_PLAN_OPS_H
#define SL_EXTRACT_PLAN_OPS_H

#include "dataplane/extract/dfa.h"
#include "dataplane/extract/plan.h"

#define PLAN_LIT_MAX 16

enum plan_op_kind {
	OP_LIT,   /* these bytes */
	OP_OPEN,  /* group begins */
	OP_CLOSE, /* group ends */
	OP_SPAN,  /* bytes whose end `mode` finds */
	OP_LOOP,  /* the steps up to `end`, while the next byte is in `set`, min to max times */
	OP_ALT, /* the branches up to `end`, each an OP_BRANCH and its steps: the first that fits */
	OP_BRANCH,
};

enum plan_mode {
	MODE_FIXED, /* min bytes */
	MODE_REST,  /* to the end of the line */
	MODE_STOP,  /* to the first byte outside of the set, less `back` bytes */
	MODE_TRIM,  /* to the end, less the last bytes that are in `set` */
	MODE_FIRST, /* to the first `lit` that the run of the set reaches */
	MODE_LAST,  /* to the last one */
};

/* Two rows of bits: for each low nibble the high nibbles with which it makes a byte of the set. */
struct plan_scan {
	uint8_t low[16], high[16]; /* bytes below 0x80, from 0x80 on */
};

struct plan_op {
	uint8_t kind, mode;
	bool is_run;    /* OP_SPAN: bytes of one set, min to max of them; else dfa says */
	bool is_all;    /* the set is all bytes */
	bool ambiguous; /* OP_BRANCH: a later branch might fit too */
	uint8_t n_lit;
	uint8_t back;
	uint16_t group;              /* OP_OPEN, OP_CLOSE */
	uint16_t end;                /* OP_LOOP, OP_ALT, OP_BRANCH: the step behind it */
	uint16_t group_lo, group_hi; /* OP_BRANCH: the groups inside of it, lo to hi-1 */
	uint32_t min, max;
	struct plan_scan scan;
	struct byte_set set;
	uint8_t lit[PLAN_LIT_MAX];
	struct dfa *dfa;
};

struct plan {
	unsigned n_ops, n_groups;
	struct plan_op ops[PLAN_OPS_MAX];
};

#endif
