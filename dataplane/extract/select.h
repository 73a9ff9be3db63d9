/* select.h - which formats of a set a line may have, in their order.
 *
 * In:     the formats; a line in a padded buffer.
 * Out:    numbers of formats. One that is not among them does not fit the line.
 * Owns:   a tree, immutable and shared, and what match/prefix.h needs; per worker a scratch.
 * Runs:   building: main. select_formats: worker.
 * Limits: FORMATS_MAX formats, SELECT_NODES_MAX nodes of the tree: what would need more is left to
 *         match/prefix.h.
 *
 * The tree looks at one byte after the other, at the place where formats differ most, and comes to
 * those that have all of these bytes:
 *
 *     app-1[%{INT:pid}]: ...         byte 4 is  '1'  byte 5 is '['  0
 *     app-12[%{INT:pid}]: ...                                  '2'  1
 *     cron: %{GREEDYDATA:what}                  ' '                 2
 *     %{NOTSPACE:what} ...                      another             3, and so it is in all of these
 *
 * Where many are left, as their lines begin with fields, their prefixes are scanned for at once.
 */
#ifndef SL_EXTRACT_SELECT_H
#define SL_EXTRACT_SELECT_H

#include "dataplane/extract/head.h"
#include "dataplane/match/prefix.h"

#define SELECT_NODES_MAX 8192

/* What is known of a format: how its lines begin, and what it costs to find that one is none. */
struct select_format {
	const char *head; /* a pattern (head.h), or NULL */
	struct head_bytes bytes;
	unsigned in_vain_ns;
};

struct select;
struct select_scratch;

int select_create(const struct select_format *formats, unsigned n, struct select **ret_s,
		  struct err *e);
void select_destroy(struct select *s);

/* Whether some lines are scanned for prefixes. */
bool select_scans(const struct select *s);

/* One for all sets of a worker; entries of @sets may be NULL. NULL when out of memory. */
struct select_scratch *select_scratch_create(const struct select *const *sets, unsigned n);
void select_scratch_destroy(struct select_scratch *c);

/* They are the set's or the scratch's, until the next call. */
const uint16_t *select_formats(const struct select *s, struct select_scratch *c, struct slice line,
			       unsigned *ret_n);

#endif
