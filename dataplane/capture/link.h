/* link.h - whether a port can receive anything now.
 *
 * In:     of an interface of the kernel its index, which no other gets.
 * Out:    a state, and what to do about it in plain words.
 * Owns:   nothing.
 * Runs:   any thread, not a worker.
 * Limits: -
 */
#ifndef SL_CAPTURE_LINK_H
#define SL_CAPTURE_LINK_H

#include "dataplane/base/err.h"

enum link_state {
	LINK_UP,
	LINK_DOWN,       /* was taken down, or never brought up */
	LINK_NO_CARRIER, /* is up, and nothing is at its other end */
	LINK_GONE        /* was removed */
};

extern const char *const link_state_names[];

/* What cannot be asked for is taken for up. */
enum link_state link_of_iface(unsigned index);

/* What is wrong with it, and what to do; "" when it is up. @iface: NULL: a card. */
void link_explain(enum link_state state, const char *iface, struct err *ret_why);

#endif
