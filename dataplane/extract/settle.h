/* settle.h - where a time stamp settles what a part of a pattern matches.
 *
 * In:     the tree of the part (shape.h).
 * Out:    whether it need not be looked at where a time stamp of RFC 3164 stands (bsd_time.h).
 * Owns:   nothing.
 * Runs:   main.
 * Limits: parts whose automaton is too large are not settled.
 *
 * What patterns say of time stamps is many ways to write one, and an automaton or a row of steps
 * tries each. Most lines have one and the same.
 */
#ifndef SL_EXTRACT_SETTLE_H
#define SL_EXTRACT_SETTLE_H

#include "dataplane/extract/shape.h"

/* Whether all such time stamps are texts of @n, and where @behind stands behind one no shorter or
 * longer text of @n is followed by @behind: then @n matches the time stamp, whatever else it knows.
 */
bool settle_by_bsd_time(const struct node *n, uint8_t behind);

/* Whether @n matches nothing where @text stands: no part of it, nor it and more. */
bool settle_by_text(const struct node *n, const uint8_t *text, size_t len);

#endif
