#include "dataplane/graph/keymap.h"

#include <assert.h>
#include <errno.h>
#include <sys/random.h>

#include "dataplane/base/bytes.h"
#include "dataplane/base/mem.h"

static const struct key *key_at(const struct keymap *m, uint32_t slot)
{
	return (const struct key *)(m->entries + (size_t)(m->slots[slot] - 1) * m->stride);
}

static size_t slots_bytes(const struct keymap *m)
{
	return ((size_t)m->mask + 1) * sizeof(*m->slots);
}

int keymap_init(struct keymap *m, const void *entries, size_t stride, uint32_t cap)
{
	uint64_t n = 2;
	while (n < 2 * (uint64_t)cap)
		n *= 2;
	*m = (struct keymap){.entries = entries, .stride = stride, .mask = (uint32_t)(n - 1)};
	if (getrandom(m->secret, sizeof(m->secret), 0) != (ssize_t)sizeof(m->secret))
		return -EIO;
	m->slots = mem_map(slots_bytes(m));
	return m->slots ? 0 : -ENOMEM;
}

void keymap_fini(struct keymap *m)
{
	if (m->slots)
		mem_unmap(m->slots, slots_bytes(m));
	m->slots = NULL;
}

/* Where @k stands when nobody else does. */
static uint32_t home_of(const struct keymap *m, struct key k)
{
	return (uint32_t)bytes_fold(k.lo ^ m->secret[0], k.hi ^ m->secret[1]) & m->mask;
}

/* The slot of @k, or the empty one where it would stand. */
static uint32_t slot_of(const struct keymap *m, struct key k)
{
	uint32_t i = home_of(m, k);
	while (m->slots[i] && !key_eq(*key_at(m, i), k))
		i = (i + 1) & m->mask;
	return i;
}

uint32_t keymap_find(const struct keymap *m, struct key k)
{
	return m->slots[slot_of(m, k)] - 1; /* 0 - 1 is KEYMAP_NONE */
}

void keymap_put(struct keymap *m, uint32_t entry)
{
	const struct key *k = (const struct key *)(m->entries + (size_t)entry * m->stride);
	uint32_t slot = slot_of(m, *k);
	assert(!m->slots[slot]);
	m->slots[slot] = entry + 1;
}

/* Those that the entry stood in the way of move up. */
void keymap_del(struct keymap *m, uint32_t entry)
{
	const struct key *k = (const struct key *)(m->entries + (size_t)entry * m->stride);
	uint32_t hole = slot_of(m, *k);
	assert(m->slots[hole] == entry + 1);
	for (uint32_t i = (hole + 1) & m->mask; m->slots[i]; i = (i + 1) & m->mask) {
		uint32_t home = home_of(m, *key_at(m, i));
		/* Does its way from home come by the hole? */
		if (((i - home) & m->mask) >= ((i - hole) & m->mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = 0;
}
