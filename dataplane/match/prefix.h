/* prefix.h - which formats a text may have, by its first bytes: one Hyperscan call.
 *
 * In:     for each format a pattern that every text of it begins with, or none.
 * Out:    a bit a format: it may be this one.
 * Owns:   a database, immutable and shared; per worker a scratch.
 * Runs:   building: main. match_prefix_find: worker.
 * Limits: MATCH_PREFIX_MAX patterns; MATCH_PREFIX_BYTES of a text are looked at, so a pattern must
 * not need more.
 */
#ifndef SL_MATCH_PREFIX_H
#define SL_MATCH_PREFIX_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define MATCH_PREFIX_MAX   1024
#define MATCH_PREFIX_BYTES 64

struct match_prefix;
struct match_prefix_scratch;

/* @patterns[i]: a regular expression, anchored by being one; NULL: format i is always possible, as
 * it is when Hyperscan does not take its pattern.
 */
int match_prefix_create(const char *const *patterns, unsigned n, struct match_prefix **ret_p,
			struct err *e);
void match_prefix_destroy(struct match_prefix *p);

/* One for all sets of a worker; entries of @ps may be NULL. NULL when out of memory. */
struct match_prefix_scratch *match_prefix_scratch_create(const struct match_prefix *const *ps,
							 unsigned n);
void match_prefix_scratch_destroy(struct match_prefix_scratch *s);

/* As many words of bits as @n formats have. */
static inline unsigned match_prefix_words(unsigned n)
{
	return (n + 63) / 64;
}

/* Bit i % 64 of word i / 64: @text may have format i. The words are the scratch's, until the next
 * call.
 */
const uint64_t *match_prefix_find(const struct match_prefix *p, struct match_prefix_scratch *s,
				  struct slice text);

#endif
