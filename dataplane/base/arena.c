#include "dataplane/base/arena.h"

#include <errno.h>

#include "dataplane/base/mem.h"

int arena_init(struct arena *a, size_t cap)
{
	a->base = mem_map(cap + SL_PAD);
	if (!a->base)
		return -ENOMEM;
	a->cap = cap;
	arena_reset(a);
	return 0;
}

void arena_fini(struct arena *a)
{
	mem_unmap(a->base, a->cap + SL_PAD);
	*a = (struct arena){0};
}
