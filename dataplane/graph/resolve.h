/* resolve.h - which function a call means: PostgreSQL's rules for overloaded names.
 *
 * In:     a name and the types of the arguments; SQL_UNKNOWN is that of a literal in quotes, and of
 *         NULL.
 * Out:    a row of the function tables.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: RESOLVE_MAX functions of one name.
 *
 * The manual's chapter 10 has the rules: an exact match; else of those that can be reached by
 * implicit casts the ones with most exact matches; then those that take most preferred types; then
 * literals are taken for text where that helps, else for what the others are.
 */
#ifndef SL_GRAPH_RESOLVE_H
#define SL_GRAPH_RESOLVE_H

#include "dataplane/graph/fn.h"

#define SQL_UNKNOWN SQL_N_TYPES
#define RESOLVE_MAX 128

enum resolve_fault {
	RESOLVE_NO_NAME,   /* there is no function of this name */
	RESOLVE_NO_MATCH,  /* there is, but not of these types */
	RESOLVE_AMBIGUOUS, /* more than one would do */
};

/* NULL, with *ret_fault. */
const struct fn *resolve(const char *name, const uint8_t *types, unsigned n,
			 enum resolve_fault *ret_fault);

/* The cast from one type to another, or NULL. */
const struct fn *resolve_cast(enum sql_type from, enum sql_type to);
bool resolve_implicit(uint8_t from, uint8_t to); /* the same type included */

/* A type by its name in SQL ("int4", "bigint"); false when there is none. */
bool resolve_type(const char *name, enum sql_type *ret_t);

/* The type of CASE, COALESCE, ... over branches of @types; false when they do not go together:
 * *ret_at is the one that does not.
 */
bool resolve_common(const uint8_t *types, unsigned n, enum sql_type *ret_t, unsigned *ret_at);

/* The known name nearest to @name, or NULL when none is near. */
const char *resolve_nearest_fn(const char *name);
const char *resolve_nearest_type(const char *name);

/* Is @candidate nearer to @name than the one of *io_distance? Then that is set. */
bool resolve_nearer(const char *name, const char *candidate, unsigned *io_distance);
#define RESOLVE_FAR(name) ((unsigned)strlen(name) / 3 + 2) /* to begin with */

#endif
