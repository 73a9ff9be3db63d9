/* inet.h - addresses and networks of PostgreSQL's type inet, as text and as bytes.
 *
 * In:     "10.1.2.3", "10.1.0.0/16", "2001:db8::/32".
 * Out:    struct inet; text in PostgreSQL's spelling.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_GRAPH_INET_H
#define SL_GRAPH_INET_H

#include "dataplane/base/slice.h"

#define INET_TEXT_MAX 64

struct inet {
	uint8_t addr[16]; /* network order; 4 of them for IPv4 */
	uint8_t family;   /* 4 or 6 */
	uint8_t bits;     /* of the mask */
};

/* Blanks are not taken. False when it is none. */
bool inet_parse(struct slice s, struct inet *ret_in);

/* "10.1.2.3" or "10.1.0.0/16": the mask is written when it is shorter than the address, or @always.
 */
size_t inet_put(char *out, const struct inet *in, bool always);
size_t inet_put_host(char *out, const struct inet *in); /* without the mask */

/* The order of PostgreSQL: IPv4 first, then by network, by mask, by address. Text that is no
 * address does not come here; it would be below all others.
 */
int inet_compare(struct slice a, struct slice b);

/* Is @a, as a network, inside of @b, or the same (@or_equal)? */
bool inet_within(const struct inet *a, const struct inet *b, bool or_equal);

#endif
