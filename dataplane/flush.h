/* flush.h - when the open batches of a worker are handed over, beside their being full.
 *
 * In:     the machine's clock, once a turn of a live port.
 * Out:    whether it is time.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: those of flush_opts.
 *
 *     handed over          half of `idle`             `idle`
 *     |------------------------|------------------------|
 *       what comes now waits   | hand over at once, at  | nothing has waited for so long: a rest
 *                              | the first look in vain | takes no more than the other half
 *
 * and so with `busy`, where the other half is for the turn that is under way. A record that comes
 * alone leaves at once; where records come one by one, each batch has all those of half the time.
 */
#ifndef SL_FLUSH_H
#define SL_FLUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/option.h"

struct flush_conf {
	uint64_t idle_ns; /* longest time that a record waits, while nothing comes */
	uint64_t busy_ns; /* while packets come; not below the other */
};

extern const struct opt flush_opts[]; /* struct flush_conf */

/* @last_ns: of the last time; the clock may be set meanwhile: then it is time, too. */
static inline bool flush_is_due(uint64_t last_ns, uint64_t now_ns, uint64_t longest_ns)
{
	return now_ns - last_ns >= longest_ns / 2;
}

/* The longest rest of a worker that has something open, and is not due. */
static inline uint64_t flush_rest_max(const struct flush_conf *c)
{
	return c->idle_ns / 2;
}

#endif
