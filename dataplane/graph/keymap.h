/* keymap.h - from keys to numbers of entries: open addressing, bounded, without allocation.
 *
 * In:     entries of the caller's, in an array: each begins with its struct key.
 * Out:    the number of the entry of a key.
 * Owns:   the index; entries are the caller's.
 * Runs:   init, fini: main. Else: worker.
 * Limits: @cap entries at once, at most 2^28.
 *
 * Where a key stands depends on a secret that each map draws for itself, so that a sender cannot
 * choose keys that all stand in one place, where each would be looked for behind all others. What
 * is found does not depend on it, and there is no way to go through a map in its order: the same
 * input gives the same output.
 */
#ifndef SL_GRAPH_KEYMAP_H
#define SL_GRAPH_KEYMAP_H

#include "dataplane/graph/key.h"

#define KEYMAP_NONE UINT32_MAX

struct keymap {
	const uint8_t *entries;
	size_t stride;
	uint32_t *slots; /* entry + 1; 0: empty */
	uint32_t mask;
	uint64_t secret[2];
};

/* 0, -ENOMEM, or -EIO without randomness. @stride: bytes from entry to entry. */
int keymap_init(struct keymap *m, const void *entries, size_t stride, uint32_t cap);
void keymap_fini(struct keymap *m);

uint32_t keymap_find(const struct keymap *m, struct key k); /* or KEYMAP_NONE */

/* The entry has its key by now, and no other entry has it. */
void keymap_put(struct keymap *m, uint32_t entry);

/* The entry is there. */
void keymap_del(struct keymap *m, uint32_t entry);

#endif
