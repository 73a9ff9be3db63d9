/* keys.h - names that the sender chose: kept apart from ours, and unique within a record.
 *
 * In:     keys as bytes of the frame.
 * Out:    keys of pairs; pairs of which the last of one name has won.
 * Owns:   a hash table for the keys of one record.
 * Runs:   create and destroy: main. The rest: worker.
 * Limits: KEYS_PROBES_MAX steps a key, so that a sender who makes keys collide loses keys, not us
 *         time.
 */
#ifndef SL_EXTRACT_KEYS_H
#define SL_EXTRACT_KEYS_H

#include "dataplane/rec/rec.h"

#define KEYS_PROBES_MAX 64

struct keys;

struct keys *keys_create(const struct names *names); /* NULL when out of memory */
void keys_destroy(struct keys *k);

/* The copy of @key with another '_' in front. */
struct val keys_apart(struct rec_builder *rb, enum val_type type, struct slice key);

/* A key that lies in the arena of @rb. Keys with '_' in front are sluice's own, so a sender's gets
 * another one.
 */
static inline struct val keys_of_sender(struct rec_builder *rb, enum val_type type,
					struct slice key)
{
	if (key.len == 0 || key.ptr[0] != '_')
		return rec_ref(rb, type, key);
	return keys_apart(rb, type, key);
}

/* Of pairs with one name the last value stays, at the place of the first. A pair that has the name
 * of a fixed field takes its place where the type allows, else the fixed field becomes absent.
 * Returns the pairs that were left out because their keys collided beyond the limit.
 */
unsigned keys_unique(struct keys *k, struct rec_builder *rb);

/* The last record given to keys_unique had neither repeats nor names of its fixed fields: nor has
 * one with the same keys beside the same fields, whatever its values.
 */
bool keys_were_clean(const struct keys *k);

/* For tables of other readers (form.c): the pair that has the same key as pair @i, among the pairs
 * looked up since keys_start; @i itself when it is the first, -1 beyond KEYS_PROBES_MAX.
 */
void keys_start(struct keys *k, unsigned n_pairs);
int keys_find(struct keys *k, const struct rec_builder *rb, unsigned i);

#endif
