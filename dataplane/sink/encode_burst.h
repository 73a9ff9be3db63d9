/* encode_burst.h - which records of a burst are alike, so that what they have in common is worked
 * out once (encoder.put_burst).
 *
 * In:     records of one batch, the batch that they are written to.
 * Out:    is one alike; where there is room for one.
 * Owns:   nothing.
 * Runs:   worker. Private to encode_*_burst.c.
 * Limits: -
 */
#ifndef SL_SINK_ENCODE_BURST_H
#define SL_SINK_ENCODE_BURST_H

#include "dataplane/rec/rec.h"
#include "dataplane/sink/out_batch.h"

/* What each record of a burst has. */
struct encode_alike {
	const struct schema *schema;
	uint64_t word;
	const uint8_t *last; /* the last place where there is room for one, whatever it holds */
};

/* Four fields of a record as one word: flags 8 | dir, hops 8 | pairs 16 | source 16 | origin 16.
 * All but the second and the last are the same in a burst.
 */
#define ENCODE_ALIKE_WORD  0xff00ffffffff0000ull
#define ENCODE_ALIKE_PAIRS 0x0000ffff00000000ull
static inline uint64_t encode_word_of(const struct rec *r)
{
	uint64_t word;
	static_assert(offsetof(struct rec, flags) == offsetof(struct rec, origin_len) + 7,
		      "a word");
	memcpy(&word, &r->origin_len, sizeof(word));
	return word;
}

/* Can @r begin a burst? Asked first, since what a burst has in common is not worked out for one. */
static inline bool encode_may_be_alike(const struct rec *r)
{
	uint64_t source = (uint64_t)r->source << 16;
	return (encode_word_of(r) & ENCODE_ALIKE_WORD) == source && r->stream.type == VAL_ABSENT;
}

/* A burst of records like @r, which take @max bytes in @to at most: of its source and its schema,
 * without pairs, flags and a stream of their own.
 */
static inline struct encode_alike encode_alike_to(const struct rec *r, size_t max,
						  const struct out_batch *to)
{
	struct encode_alike like = {.schema = r->schema, .word = (uint64_t)r->source << 16};
	if (max <= to->cap - to->len) {
		size_t last = to->cap - max;
		like.last = to->buf + (last < OUT_BATCH_BYTES ? last : OUT_BATCH_BYTES - 1);
	}
	return like;
}

/* Is @r of their schema and without a stream of its own, and like them in the fields of @mask? */
static inline bool encode_has_word(const struct encode_alike *like, const struct rec *r,
				   uint64_t mask)
{
	return r->schema == like->schema && (encode_word_of(r) & mask) == like->word &&
	       r->stream.type == VAL_ABSENT;
}

/* Is @r one of them? And is there room for it at @o? */
static inline bool encode_is_alike(const struct encode_alike *like, const struct rec *r,
				   const uint8_t *o)
{
	return encode_has_word(like, r, ENCODE_ALIKE_WORD) && o <= like->last;
}

/* So many of @n are looked at: a batch holds no more. */
static inline unsigned encode_burst_n(const struct out_batch *to, unsigned n)
{
	unsigned room = to->recs_max - to->n_recs;
	return n < room ? n : room;
}

#endif
