/* top.h - what goes on, redrawn every second.
 *
 * In:     replies to `status`, `streams`, `queues`, `sinks`, `workers`, `losses`.
 * Out:    a screen of rates, and what was lost since it began, with causes.
 * Owns:   the replies before, which rates are made of.
 * Runs:   sluicectl's one thread, until it is interrupted.
 * Limits: -
 */
#ifndef SL_CTL_TOP_H
#define SL_CTL_TOP_H

#include "ctl/client.h"

/* @every_s: 1 or more. @n: screens, 0: for ever. @screen: a terminal, which is cleared for each. 0,
 * or -errno with a text when sluiced does not answer (any more).
 */
int top_run(struct client *c, unsigned every_s, unsigned n, bool screen, struct err *e);

#endif
