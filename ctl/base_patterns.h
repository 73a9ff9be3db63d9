/* base_patterns.h - the pattern files of conf/patterns, taken into the program when it was built.
 *
 * In:     -
 * Out:    the text of the files.
 * Owns:   -
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_CTL_BASE_PATTERNS_H
#define SL_CTL_BASE_PATTERNS_H

#include <stddef.h>

extern const char base_patterns[]; /* NUL behind it */
extern const size_t base_patterns_len;

#endif
