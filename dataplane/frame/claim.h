/* claim.h - which source a session belongs to: by configured port first, then by its first bytes.
 *
 * In:     the first bytes of a direction.
 * Out:    the index of a source, or that nobody wants it, or that more bytes are needed to say.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: -
 */
#ifndef SL_FRAME_CLAIM_H
#define SL_FRAME_CLAIM_H

#include "dataplane/frame/frame.h"

#define CLAIM_WAIT   (-1)
#define CLAIM_NOBODY (-2)

/* @enough: no more bytes will be waited for. */
int claim_choose(const struct frame_source *sources, unsigned n_sources, bool udp,
		 const struct parse_in *in, bool enough);

#endif
