/* dfa.h - does a text match a regular expression as a whole: one table look-up a byte.
 *
 * In:     a tree without an eye to its groups (shape.h); bytes.
 * Out:    yes or no.
 * Owns:   its tables.
 * Runs:   building: main. dfa_match: any thread.
 * Limits: DFA_STATES_MAX states; a larger one is not built.
 */
#ifndef SL_EXTRACT_DFA_H
#define SL_EXTRACT_DFA_H

#include "dataplane/extract/shape.h"

#define DFA_STATES_MAX 512

struct dfa;

struct dfa *dfa_create(const struct node *n); /* NULL: too large, or out of memory */
void dfa_destroy(struct dfa *d);
bool dfa_match(const struct dfa *d, const uint8_t *p, size_t len);

/* The same by hand. No step leads out of DFA_DEAD; from any other state texts are accepted. */
#define DFA_DEAD 0
uint16_t dfa_start(const struct dfa *d);
uint16_t dfa_step(const struct dfa *d, uint16_t state, uint8_t c);
bool dfa_accepts(const struct dfa *d, uint16_t state);

#endif
