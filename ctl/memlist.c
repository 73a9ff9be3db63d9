#include "ctl/memlist.h"

#include <stdlib.h>

#define FIRST_BYTES (1u << 10) /* all of it, where a list has little */
#define BLOCK_BYTES (32u << 10)

struct memlist_block {
	struct memlist_block *next;
	size_t cap; /* bytes of data */
	_Alignas(16) uint8_t data[];
};

void *memlist_alloc(struct memlist *m, size_t bytes)
{
	if (bytes > SIZE_MAX / 2)
		return NULL;
	bytes = (bytes + 15) & ~(size_t)15;
	if (!m->blocks || bytes > m->blocks->cap - m->used) {
		size_t least = m->blocks ? BLOCK_BYTES : FIRST_BYTES;
		size_t cap = bytes > least ? bytes : least;
		struct memlist_block *b = calloc(1, sizeof(*b) + cap);
		if (!b)
			return NULL;
		b->cap = cap;
		b->next = m->blocks;
		m->blocks = b;
		m->used = 0;
	}
	void *p = m->blocks->data + m->used;
	m->used += bytes;
	return p;
}

void *memlist_array(struct memlist *m, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return memlist_alloc(m, bytes);
}

char *memlist_text(struct memlist *m, const char *text, size_t len)
{
	char *copy = memlist_alloc(m, len + 1);
	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

bool memlist_own(struct memlist *m, const char **io_text)
{
	if (!*io_text)
		return true;
	*io_text = memlist_text(m, *io_text, strlen(*io_text));
	return *io_text != NULL;
}

void memlist_fini(struct memlist *m)
{
	while (m->blocks) {
		struct memlist_block *b = m->blocks;
		m->blocks = b->next;
		free(b);
	}
	m->used = 0;
}
