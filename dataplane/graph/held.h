/* held.h - records that wait beyond their batch, in the order of their coming.
 *
 * In:     records of a batch (rec_settled: nothing of them is LATER), a key and a time for each.
 * Out:    the same, copied into a later batch; without rec->change, which ended with theirs.
 * Owns:   copies, in memory of fixed size.
 * Runs:   create, destroy: main. The others: the worker.
 * Limits: recs_max records, bytes_max of them.
 */
#ifndef SL_GRAPH_HELD_H
#define SL_GRAPH_HELD_H

#include "dataplane/rec/names.h"
#include "dataplane/rec/rec.h"

struct held;

struct held *held_create(unsigned recs_max, size_t bytes_max); /* NULL when out of memory */
void held_destroy(struct held *h);

/* @about: bytes that are kept beside it. False: there is no room. */
bool held_put(struct held *h, const struct batch *b, const struct rec *r, struct slice key,
	      struct slice about, uint64_t until_ns);

/* The records from 0, the first that came; those that were taken stay until held_trim. */
unsigned held_n(const struct held *h);
bool held_is_taken(const struct held *h, unsigned i);
struct slice held_key(const struct held *h, unsigned i);
struct slice held_about(const struct held *h, unsigned i); /* until held_trim */
uint64_t held_until_ns(const struct held *h, unsigned i);
size_t held_bytes(const struct held *h, unsigned i); /* that it takes of an arena */

/* NULL: @b has no room; it is taken all the same. */
struct rec *held_take(struct held *h, unsigned i, struct batch *b);

/* From one to another that outlives what record @i's fields were named by, @names and its schema:
 * it names them itself there. @sources: by its source, which that is now; NULL: the same. False:
 * @to has no room, or @b; it stays where it is.
 */
bool held_move(struct held *h, unsigned i, struct held *to, const struct names *names,
	       const uint16_t *sources, struct batch *b);

/* Gives back the room of those that were taken, up to the first that was not. */
void held_trim(struct held *h);

#endif
