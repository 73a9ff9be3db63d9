#include "dataplane/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "dataplane/base/slice.h"

static _Thread_local bool sealed_here;

void mem_seal(bool sealed)
{
	sealed_here = sealed;
}

bool mem_sealed(void)
{
	return sealed_here;
}

/* A worker that allocates is a mistake of ours, so it ends at once and loudly. */
static void check_seal(void)
{
	if (sealed_here) {
		sealed_here = false; /* fputs may allocate */
		fputs("sluice: a worker allocated memory after its start\n", stderr);
		abort();
	}
}

#ifdef __SANITIZE_ADDRESS__
/* In a build for tests every allocation of a sealed thread is caught, those of libraries too: ASan
 * calls these two on each malloc and free of the process.
 */
void __sanitizer_malloc_hook(const volatile void *p, size_t bytes);
void __sanitizer_free_hook(const volatile void *p);

void __sanitizer_malloc_hook(const volatile void *p, size_t bytes)
{
	(void)p;
	(void)bytes;
	check_seal();
}

void __sanitizer_free_hook(const volatile void *p)
{
	if (p)
		check_seal();
}
#endif

/* Pages of the usual size, which memory is taken and given back by. */
#define PAGE           4096
#define CLEAR_LAZY_MIN 262144

static uint8_t *page_up(uint8_t *p)
{
	return (uint8_t *)(((uintptr_t)p + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
}

/* Zeroes, which of a large block cost no memory until it is used: its pages are given back to the
 * kernel, whose next ones are zero.
 */
static void clear(uint8_t *p, size_t bytes)
{
	uint8_t *end = p + bytes, *from = page_up(p), *to = end - (uintptr_t)end % PAGE;
	if (bytes < CLEAR_LAZY_MIN || madvise(from, (size_t)(to - from), MADV_DONTNEED) < 0) {
		memset(p, 0, bytes);
		return;
	}
	memset(p, 0, (size_t)(from - p));
	memset(to, 0, (size_t)(end - to));
}

void *mem_alloc(size_t bytes)
{
	check_seal();
	size_t padded = (bytes + SL_PAD + 63) & ~(size_t)63;
	if (padded < bytes)
		return NULL;
	uint8_t *p = aligned_alloc(64, padded);
	if (p)
		clear(p, padded);
	return p;
}

void mem_free(void *p)
{
	if (p)
		check_seal();
	free(p);
}

char *mem_strdup(const char *s)
{
	size_t len = strlen(s) + 1;
	char *p = mem_alloc(len);
	if (p)
		memcpy(p, s, len);
	return p;
}

void *mem_map(size_t bytes)
{
	check_seal();
	void *p = mmap(NULL, bytes + PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		return NULL;
	/* Worth 1.5 to 2 times in the hot tables; a kernel without it refuses, which costs nothing.
	 */
	if (bytes >= (2u << 20))
		madvise(p, bytes, MADV_HUGEPAGE);
	return p;
}

void mem_unmap(void *p, size_t bytes)
{
	if (!p)
		return;
	check_seal();
	munmap(p, bytes + PAGE);
}

void mem_shrink(uint8_t *from, uint8_t *to)
{
	from = page_up(from);
	to = page_up(to);
	if (from < to)
		madvise(from, (size_t)(to - from), MADV_DONTNEED);
}

void mem_small_pages(void *p, size_t bytes)
{
	if (p)
		madvise(p, bytes, MADV_NOHUGEPAGE);
}
