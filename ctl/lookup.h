/* lookup.h - find a name among many, or the one that was probably meant.
 *
 * In:     names.
 * Out:    indexes, suggestions.
 * Owns:   its sorted index; the names are borrowed.
 * Runs:   main.
 * Limits: no suggestion for names of more than LOOKUP_NEAR_MAX bytes.
 */
#ifndef SL_CTL_LOOKUP_H
#define SL_CTL_LOOKUP_H

#include <stddef.h>

#define LOOKUP_NEAR_MAX 64

/* How far @a is from @b: single letters changed, added, left out or swapped with the next one.
 * ASCII case does not count. Names longer than LOOKUP_NEAR_MAX are infinitely far (SIZE_MAX).
 */
size_t lookup_distance(const char *a, const char *b);

/* Offers @candidate: it becomes *io_best when it is nearer to @name than what was offered before,
 * and near enough to be a slip of the fingers. *io_best begins as NULL.
 */
void lookup_offer(const char *name, const char *candidate, const char **io_best);

struct lookup {
	struct lookup_name {
		const char *name;
		size_t idx;
	} * names; /* sorted by name, then by idx */
	size_t n;
};

struct memlist;

/* @names[i * stride] bytes apart: names are members of larger structs. Returns 0 or -ENOMEM. */
int lookup_init(struct lookup *l, struct memlist *m, const void *first_name, size_t n,
		size_t stride);

/* The lowest index that has this name, or -1. */
long lookup_find(const struct lookup *l, const char *name);

/* The name that was probably meant, or NULL. */
const char *lookup_nearest(const struct lookup *l, const char *name);

#endif
