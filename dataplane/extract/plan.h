/* plan.h - a pattern whose fields are ended by what follows them, as a row of scans.
 *
 * In:     the tree of a pattern (shape.h); lines in a padded buffer.
 * Out:    the captures that PCRE2 gives for the same pattern, anchored at both ends.
 * Owns:   its steps and tables; immutable once built.
 * Runs:   building: main. plan_match: any thread.
 * Limits: PLAN_OPS_MAX steps. Patterns whose fields need search have no plan.
 *
 * A part of a pattern needs no search when its end is known before it is read:
 *
 *     \S+ followed by ' '           the first byte that \S+ cannot have, since ' ' is none of its
 * bytes
 *     [^:]+ followed by ": "        the same
 *     \S+ followed by ": "          that byte less one: the ':' can only stand right before it
 *     \d{2}                         two bytes further
 *     .* at the end                 the end of the line, less the blanks of a \s* behind it
 *     .*? followed by " - "         the first such text. PCRE2 would go on to the next one if what
 *                                   follows did not fit: then the plan is not sure, and PCRE2 is
 * asked
 *
 * A set of bytes is checked while its end is looked for; other parts, such as dates, by a table.
 * Alternatives and optional parts are tried in order.
 */
#ifndef SL_EXTRACT_PLAN_H
#define SL_EXTRACT_PLAN_H

#include "dataplane/extract/shape.h"

#define PLAN_OPS_MAX    512
#define PLAN_GROUPS_MAX 255

enum plan_result { PLAN_NO, PLAN_YES, PLAN_UNSURE };

/* What a group captured, as offsets in the line; PLAN_UNSET in `from`: it took no part. */
struct plan_part {
	uint32_t from, to;
};

#define PLAN_UNSET UINT32_MAX

struct plan;

struct plan *plan_create(const struct node *root); /* NULL: no plan, or out of memory */
void plan_destroy(struct plan *p);

/* @line has SL_PAD readable bytes behind it. @ret_parts: one for each group of the pattern and one
 * for group 0, which is not set. They are set with PLAN_YES only.
 */
enum plan_result plan_match(const struct plan *p, struct slice line, struct plan_part *ret_parts);

#endif
