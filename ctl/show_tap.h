/* show_tap.h - `sluicectl tap`: the records of a node, as they pass.
 *
 * In:     the lines of a live tap (live_tap.h).
 * Out:    its records on standard output, a line each; at the end what was left out, on standard
 *         error.
 * Owns:   nothing.
 * Runs:   sluicectl's one thread; ends at SIGINT and SIGTERM.
 * Limits: -
 */
#ifndef SL_CTL_SHOW_TAP_H
#define SL_CTL_SHOW_TAP_H

#include "ctl/client.h"

/* @pairs: the arguments of the command. 0 or -errno with a text. */
int show_tap(struct client *c, const char *command, const char *const *pairs, unsigned n,
	     struct err *e);

#endif
