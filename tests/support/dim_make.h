/* dim_make.h - a dimension as a configuration would make it, for tests and fuzz targets.
 *
 * In:     a kind, texts of its options.
 * Out:    struct dim_spec with two fields: name (string) and n (int); its key is k.
 * Owns:   the options, until dim_make_free.
 * Runs:   main.
 * Limits: text and enum options; the others are zero.
 */
#ifndef SL_TESTS_DIM_MAKE_H
#define SL_TESTS_DIM_MAKE_H

#include "dataplane/dim/dim.h"

struct dim_spec dim_make(const char *kind);
void dim_make_free(struct dim_spec *s);

/* Sets option @name; a choice by its name. */
void dim_make_set(struct dim_spec *s, const char *name, const char *value);
void dim_make_set_number(struct dim_spec *s, const char *name, uint64_t value);

#endif
