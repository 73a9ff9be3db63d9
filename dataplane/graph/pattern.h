/* pattern.h - the regular expressions of a set: those of one column are one data base.
 *
 * In:     patterns of PostgreSQL's advanced regular expressions (its manual, 9.7.3); text.
 * Out:    for each pattern and row, whether the text has a match.
 * Owns:   patterns and Hyperscan data bases, shared; per worker a scratch with a burst's hits.
 * Runs:   adding, compiling, creating: main. patterns_scan: worker.
 * Limits: PATTERN_MAX patterns a set; no references back, no look-around.
 */
#ifndef SL_GRAPH_PATTERN_H
#define SL_GRAPH_PATTERN_H

#include "dataplane/base/err.h"
#include "dataplane/graph/vec.h"

#define PATTERN_MAX 4096

struct patterns;
struct patterns_scratch;

/* Which pattern of which data base. */
struct pattern_ref {
	uint32_t group, id;
};

struct patterns *patterns_create(void); /* NULL when out of memory */
void patterns_destroy(struct patterns *p);

/* @subject: a number for the text that is searched. -EINVAL with a text. */
int patterns_add(struct patterns *p, uint32_t subject, struct slice pattern, bool ignore_case,
		 struct pattern_ref *ret_ref, struct err *e);
int patterns_compile(struct patterns *p, struct err *e);

struct patterns_scratch *patterns_scratch_create(const struct patterns *p); /* NULL: no memory */
void patterns_scratch_destroy(struct patterns_scratch *s);

/* A new burst: what was found before is void. */
void patterns_begin(struct patterns_scratch *s);

/* For each row whether pattern @ref is in it; rows that are no value have anything. @v is scanned
 * once for all patterns of its group.
 */
const uint8_t *patterns_scan(struct patterns_scratch *s, struct pattern_ref ref,
			     const struct vec *v, unsigned n);

/* PostgreSQL's syntax to that of Hyperscan. Writes at most 16 * pattern.len + 64 bytes and a NUL.
 * -EINVAL with a text that says what is not supported.
 */
int pattern_translate(struct slice pattern, bool *io_ignore_case, char *out, struct err *e);

#endif
