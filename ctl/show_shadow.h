/* show_shadow.h - `sluicectl shadow`: what differs, as it comes, and how much in the end.
 *
 * In:     the lines of a shadow (topology_shadow.c).
 * Out:    records that differ on standard output, a line of JSON each; counts on standard error,
 *         in one line that is drawn anew on a terminal, and at the end one for each queue.
 * Owns:   nothing.
 * Runs:   sluicectl's one thread; ends at SIGINT and SIGTERM.
 * Limits: -
 */
#ifndef SL_CTL_SHOW_SHADOW_H
#define SL_CTL_SHOW_SHADOW_H

#include "ctl/client.h"

/* @pairs: the arguments of the command; @json: the lines as they are. *ret_same: nothing differed,
 * and it came to its end. 0 or -errno with a text.
 */
int show_shadow(struct client *c, const char *command, const char *const *pairs, unsigned n,
		bool json, bool *ret_same, struct err *e);

#endif
