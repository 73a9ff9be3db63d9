/* options.h - a map of the configuration, read by one or more option tables.
 *
 * In:     a map of YAML; tables of struct opt, each with the struct that it fills.
 * Out:    the structs, every field set: by the file, else by its default.
 * Owns:   nothing: see option_value.h.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_CTL_OPTIONS_H
#define SL_CTL_OPTIONS_H

#include "ctl/option_value.h"

struct options_part {
	const struct opt *opts; /* closed by OPT_END; NULL: none */
	void *conf;
};

/* How a map is to be read. All lists are closed by NULL; each may be NULL. */
struct options_shape {
	const struct options_part *parts;
	size_t n_parts;
	const char *const *others;    /* keys that belong here and that the caller reads himself */
	const char *const *later;     /* keys of the design that this version does not have */
	const char *const *elsewhere; /* known keys that belong somewhere else ... */
	const char *elsewhere_where;  /* ... "inside of match" */
};

/* Fills the structs with their defaults, then with what @map (NULL: nothing) says. What is wrong is
 * in r->errs. A required option is looked for only where a map is given. Returns false when
 * anything was wrong.
 */
bool options_read(const struct option_reader *r, const struct options_shape *shape,
		  const struct yaml_val *map);

/* Sets every field of @conf to its default. False (with a message) when a table is wrong. */
bool options_default(const struct option_reader *r, const struct opt *opts, void *conf);

/* Do two structs of one table say the same in @o? Secrets too. */
bool options_equal(const struct opt *o, const void *a, const void *b);

/* True when the field says something else than its default. */
bool options_differs(const struct opt *o, const void *conf);

/* A copy of @conf, of @size bytes, and of all that its options point to. NULL when out of memory.
 */
void *options_copy(struct memlist *mem, const struct opt *opts, const void *conf, size_t size);

/* Is @v there and a map? Else a message (for NULL: none). */
bool options_is_map(const struct option_reader *r, const struct yaml_val *v);

#endif
