/* route_check.h - what can be said of the branches of a route before a record is seen.
 *
 * In:     the conditions, in the order in which they are tried; they are known to be good SQL.
 * Out:    notes: a branch can never hold, or shares records with one in front of it.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: ROUTE_CHECK_STEPS comparisons: beyond them nothing more is said.
 *
 * What is said is true; not all that is true is said. Looked at are conditions that are the same
 * tree, and AND and OR of =, IN, <, <=, >, >= between one expression and literals. Numbers are
 * compared with each other only when they are whole and small, which every type of number holds
 * exactly; texts only for being the same.
 */
#ifndef SL_GRAPH_ROUTE_CHECK_H
#define SL_GRAPH_ROUTE_CHECK_H

#include "dataplane/base/option.h"

#define ROUTE_CHECK_STEPS 4000000

typedef void route_note(void *arg, unsigned branch, const char *text);

/* @note is called for a branch once at most for each other one. */
void route_check(const struct opt_map *branches, route_note *note, void *arg);

#endif
