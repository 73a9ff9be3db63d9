/* regex.h - PCRE2 with JIT for the data path: compiled once, matched without allocation, bounded.
 *
 * In:     a pattern of the user's; text as bytes (no UTF mode: a dot is one byte).
 * Out:    whether it matches, and what its groups captured.
 * Owns:   compiled code, immutable and shared; per worker a scratch with match data and JIT stack.
 * Runs:   compiling and creating: main. regex_match: worker.
 * Limits: REGEX_STEPS_MAX steps of backtracking a match; beyond it the pattern is too costly.
 */
#ifndef SL_MATCH_REGEX_H
#define SL_MATCH_REGEX_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

/* About half a millisecond of backtracking. */
#define REGEX_STEPS_MAX 200000

enum regex_flag {
	REGEX_WHOLE =
		1, /* must match from the first to the last byte, a dot also matches newline */
	REGEX_NAMED = 2,    /* groups without a name do not capture */
	REGEX_CAPTURES = 4, /* groups will be asked for */
};

enum regex_result { REGEX_NO, REGEX_YES, REGEX_COSTLY };

struct regex;
struct regex_scratch;

/* -EINVAL with PCRE2's reason; the byte offset in @pattern in *ret_at. */
int regex_compile(const char *pattern, unsigned flags, struct regex **ret_r, size_t *ret_at,
		  struct err *e);
void regex_destroy(struct regex *r);

unsigned regex_n_groups(const struct regex *r); /* without the whole match */

/* The name of group @i (1..n), or NULL: then it has none. */
const char *regex_group_name(const struct regex *r, unsigned i);

/* For all patterns of one worker: as many groups as the widest of them. NULL when out of memory. */
struct regex_scratch *regex_scratch_create(unsigned n_groups_max);
void regex_scratch_destroy(struct regex_scratch *s);

enum regex_result regex_match(const struct regex *r, struct regex_scratch *s, struct slice text);

/* What group @i captured in the last match of @s, a part of @text; ptr is NULL when it took no
 * part. */
struct slice regex_group(const struct regex_scratch *s, struct slice text, unsigned i);

#endif
