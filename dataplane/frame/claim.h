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

/* Of each transport and port: are other sources asked than before? */
#define CLAIM_GONE UINT16_MAX

struct claim_moves {
	uint64_t ports[2][65536 / 64]; /* by udp */
};

/* @next_of: by source of @was, which it is of @is, or CLAIM_GONE. True: of one port at least. */
bool claim_compare(const struct claim *was, const struct claim *is, const uint16_t *next_of,
		   struct claim_moves *ret_m);

static inline bool claim_moved(const struct claim_moves *m, bool udp, uint16_t port)
{
	return m->ports[udp][port / 64] >> port % 64 & 1;
}

/* May @s claim sessions of this port? */
bool claim_takes(const struct frame_source *s, bool udp, uint16_t port);

#endif
