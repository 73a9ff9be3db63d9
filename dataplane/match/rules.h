/* rules.h - content rules: which of a source's named regular expressions a frame's body contains.
 *
 * In:     a burst of frames.
 * Out:    hits (frame, rule), sorted; exactly those that a PCRE2 search of the body alone gives.
 * Owns:   databases and patterns, immutable once built and shared; per worker a scratch.
 * Runs:   building: main. rules_scan: worker.
 * Limits: RULES_MAX rules over all sources; RULES_FRAMES_MAX frames a call.
 *
 * A source whose rules are all literals, few enough, has its bodies searched where they lie
 * (literals.h). The others' bodies are laid end to end, each closed by a newline, and scanned once
 * by Hyperscan:
 *
 *     body 0 \n body 1 \n body 2 \n           ^ and $ also match at a newline
 *
 * Such a match may reach over the end of a body, or take a newline inside of it for its end, so
 * what it finds is a candidate, which PCRE2 confirms on the body alone; literals need no
 * confirmation. Patterns that Hyperscan does not take (look-around, references back, \A, \z) are
 * searched by PCRE2 in each body.
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

struct rules;
struct rules_scratch;

/* @defs are borrowed until destroy. -EINVAL with a text that names file, line, column, rule and
 * what is wrong in its pattern.
 */
int rules_create(const struct rule_def *defs, unsigned n, struct rules **ret_r, struct err *e);
void rules_destroy(struct rules *r);

/* How rule @i is looked for, for `sluiced check`: by "literals", by "hyperscan", or by "pcre2"
 * where each body of its source is searched for it alone.
 */
const char *rules_engine(const struct rules *r, unsigned i);

struct rules_scratch *rules_scratch_create(const struct rules *r); /* NULL when out of memory */
void rules_scratch_destroy(struct rules_scratch *s);

/* Searches the bodies of frames[0..n-1]. */
const struct rule_hits *rules_scan(struct rules_scratch *s, const struct frame *frames, unsigned n);

/* Searches that were given up since the start, because the pattern was too costly (regex.h): they
 * count as no hit.
 */
uint64_t rules_too_costly(const struct rules_scratch *s);

#endif
