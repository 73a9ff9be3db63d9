/* rules.h - content rules: which of a source's named regular expressions a frame's body contains.
 *
 * In:     a burst of frames.
 * Out:    hits (frame, rule), sorted; exactly those that a PCRE2 search of the body alone gives.
 * Owns:   databases and patterns, immutable once built and shared; per worker a scratch.
 * Runs:   building: main. rules_scan: worker.
 * Limits: RULES_MAX rules over all sources; RULES_FRAMES_MAX frames a call.
 */
#ifndef SL_MATCH_RULES_H
#define SL_MATCH_RULES_H

#include "dataplane/base/err.h"
#include "dataplane/frame/parser.h"

#define RULES_MAX        4096
#define RULES_FRAMES_MAX BATCH_RECS_MAX

struct rule_def {
	const char *name, *pattern;
	uint16_t source;  /* frames of other sources are not asked */
	const char *file; /* where it was defined, for messages */
	int line, col;
};

struct rule_hit {
	uint16_t frame, rule; /* indexes in the burst and in the definitions */
};

/* The hits of one burst, by frame and then by rule: borrowed until the next scan. */
struct rule_hits {
	const struct rule_hit *items;
	unsigned n;
	const struct slice *names; /* of each rule, as a JSON string with its quotes */
};

#endif
