/* mem.h - the only place that allocates in the data plane.
 *
 * In:     a size, in bytes.
 * Out:    zeroed memory, or NULL.
 * Owns:   the caller, until mem_free / mem_unmap.
 * Runs:   main (start-up and reload). A sealed thread that calls one of these aborts.
 * Limits: -
 */
#ifndef SL_BASE_MEM_H
#define SL_BASE_MEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, aligned to 64 bytes, followed by SL_PAD readable bytes. NULL when out of memory. */
void *mem_alloc(size_t bytes);
void mem_free(void *p);
char *mem_strdup(const char *s);

/* Address space that takes memory only where it is touched (big pools with a bound, rarely full).
 * Zeroed, page aligned, padded by a page; on huge pages where the kernel offers them. NULL on
 * failure.
 */
void *mem_map(size_t bytes);
void mem_unmap(void *p, size_t bytes);
/* Gives the memory of a mapping back from @from on, to @to, both rounded up to pages: it reads as 0
 * and is taken again when it is written to.
 */
void mem_shrink(uint8_t *from, uint8_t *to);
/* A mapping that is one of many and mostly empty: a huge page would take 2 MiB for its first byte.
 */
void mem_small_pages(void *p, size_t bytes);

/* From now on this thread must not allocate (true), or may again (false: at its end, or around a
 * library call that is known to). In builds with ASan any malloc or free of the thread aborts, not
 * only ours.
 */
void mem_seal(bool sealed);
bool mem_sealed(void);

/* What @a holds is @b's now, and the other way round: for parts that go from one owner to another.
 */
#define SL_EXCHANGE(a, b)                \
	do {                             \
		__typeof__(a) was = (a); \
		(a) = (b);               \
		(b) = was;               \
	} while (0)

#endif
