/* tap_sides.h - the places where a tap of a node sees records: what it takes, what it gives.
 *
 * In:     a configuration, the name of a node or a source.
 * Out:    the origins (graph.h), each with what stands in front of its records in a tap's lines.
 * Owns:   the list.
 * Runs:   main and the API's threads.
 * Limits: -
 *
 *     {"tap":"NODE","side":"in","record":{...}}
 */
#ifndef SL_CTL_TAP_SIDES_H
#define SL_CTL_TAP_SIDES_H

#include "ctl/config.h"

#define TAP_HEAD_MAX 1024

enum { TAP_BEFORE = 1, TAP_AFTER = 2 };

struct tap_side {
	unsigned origin;
	char head[TAP_HEAD_MAX]; /* up to the record */
	size_t len;
};

struct tap_sides {
	struct tap_side *items;
	unsigned *origins; /* the same, without the rest */
	unsigned n;
};

/* @which: bits of the above; a source has only what it gives. 0; -ENOENT: there is no such name, or
 * -ENOMEM; with a text.
 */
int tap_sides_init(const struct config *c, const char *name, unsigned which,
		   struct tap_sides *ret_s, struct err *e);
void tap_sides_fini(struct tap_sides *s);

#endif
