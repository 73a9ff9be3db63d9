/* claim.h - which source a session belongs to: by configured port first, then by its first bytes.
 *
 * In:     the first bytes of a direction.
 * Out:    the index of a source, or that nobody wants it, or that more bytes are needed to say.
 * Owns:   for each port the sources that name it; the sources are borrowed.
 * Runs:   worker; create and destroy: main.
 * Limits: CLAIM_PAIRS_MAX pairs of a source and a port; where ranges give more, sources are asked
 * one by one.
 */
#ifndef SL_FRAME_CLAIM_H
#define SL_FRAME_CLAIM_H

#include "dataplane/frame/frame.h"

#define CLAIM_WAIT      (-1)
#define CLAIM_NOBODY    (-2)

#define CLAIM_PAIRS_MAX (4u << 20)

struct claim;

/* NULL: out of memory. */
struct claim *claim_create(const struct frame_source *sources, unsigned n_sources);
void claim_destroy(struct claim *c);

/* @enough: no more bytes will be waited for. */
int claim_choose(const struct claim *c, bool udp, const struct parse_in *in, bool enough);

#endif
