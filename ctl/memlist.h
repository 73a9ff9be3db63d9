/* memlist.h - memory that is given back all at once: the lifetime of one configuration.
 *
 * In:     sizes.
 * Out:    zeroed memory, aligned to 16 bytes.
 * Owns:   its blocks, until memlist_fini.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_CTL_MEMLIST_H
#define SL_CTL_MEMLIST_H

#include "dataplane/base/slice.h"

struct memlist {
	struct memlist_block *blocks; /* the newest first; NULL in an empty list */
	size_t used;                  /* bytes of the newest block */
};

/* NULL when out of memory. Zero bytes give a valid pointer. */
void *memlist_alloc(struct memlist *m, size_t bytes);

/* @n objects of @size bytes each; NULL also when the product does not fit. */
void *memlist_array(struct memlist *m, size_t n, size_t size);

/* A copy with a NUL behind it. */
char *memlist_text(struct memlist *m, const char *text, size_t len);

/* Puts a copy of its own in the place of *io_text, which may be NULL and then stays so. False when
 * out of memory.
 */
bool memlist_own(struct memlist *m, const char **io_text);

void memlist_fini(struct memlist *m);

#endif
