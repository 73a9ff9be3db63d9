/* out_batch.h - encoded records of one queue, on their way to its sink.
 *
 * In:     records, one behind the other.
 * Out:    the same as one block, with where each ends.
 * Owns:   its memory, or borrows it (out_batch_place).
 * Runs:   init and fini: main. Else one thread at a time: worker, then sink, then worker again.
 * Limits: OUT_BATCH_RECS_MAX records.
 */
#ifndef SL_SINK_OUT_BATCH_H
#define SL_SINK_OUT_BATCH_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/mem.h"

#define OUT_BATCH_BYTES    (256u << 10) /* handed over when it reaches this: stay inside L2 */
#define OUT_BATCH_RECS_MAX 4096

#define OUT_KEY_MAX        1024 /* bytes of a record's key; what is longer is cut */
#define OUT_ID_MAX         64
#define OUT_MARK_MAX       (OUT_KEY_MAX + OUT_ID_MAX)
#define OUT_MARK_BYTES     (64u << 10) /* of the keys and ids of a batch */

/* What goes beside a record: `key` and `id` stand in out_batch.mark_buf, one behind the other. */
struct out_mark {
	uint32_t off;     /* of the key */
	uint16_t key_len; /* 0: it has none */
	uint8_t id_len;   /* behind the key; 0: not wanted */
};

/*     memory: | ends | marks | mark_buf | up to a page | buf: cap bytes |      touched as needed
 */
struct out_batch {
	uint8_t *buf;
	size_t cap;
	size_t len; /* bytes in buf */
	uint32_t n_recs, recs_max;
	uint16_t queue;             /* index of the queue */
	uint16_t worker;            /* who gets it back */
	uint64_t first_ns, last_ns; /* packet times of the first and last record */
	uint32_t *ends;             /* end of each record in buf (its newline included) */
	struct out_mark *marks;     /* OUT_BATCH_RECS_MAX, of a queue with keys or ids; else NULL */
	uint8_t *mark_buf;
	uint32_t mark_len;
	uint16_t skew; /* by so much a file is ahead of `pos`, modulo a page (out_batch_lay) */
	uint64_t pos;  /* bytes of the batches before it, from the same worker for the same queue */
};

/* Is there room for one more record, of at most @len bytes? */
static inline bool out_batch_holds(const struct out_batch *b, size_t len)
{
	return b->len < OUT_BATCH_BYTES && b->n_recs < b->recs_max && len <= b->cap - b->len;
}

/* A record of @len bytes stands at buf + len now, of packet time @time_ns. */
static inline void out_batch_add(struct out_batch *b, size_t len, uint64_t time_ns)
{
	if (b->n_recs == 0)
		b->first_ns = time_ns;
	b->last_ns = time_ns;
	b->len += len;
	b->ends[b->n_recs++] = (uint32_t)b->len;
}

/* @n > 0 records more stand at buf + len now, whose ends are written; packet times of the first and
 * the last of them.
 */
static inline void out_batch_added(struct out_batch *b, unsigned n, uint64_t first_ns,
				   uint64_t last_ns)
{
	if (b->n_recs == 0)
		b->first_ns = first_ns;
	b->last_ns = last_ns;
	b->n_recs += n;
	b->len = b->ends[b->n_recs - 1];
}

#define OUT_BATCH_MARKS (OUT_BATCH_RECS_MAX * sizeof(uint32_t))
#define OUT_BATCH_TEXTS (OUT_BATCH_MARKS + OUT_BATCH_RECS_MAX * sizeof(struct out_mark))
#define OUT_BATCH_HEAD  (OUT_BATCH_TEXTS + OUT_MARK_BYTES)

#define OUT_BATCH_PAGE  4096u
static_assert(OUT_BATCH_HEAD % OUT_BATCH_PAGE == 0, "buf begins with a page, if nothing is before");

/* Bytes that a batch of @cap takes. */
static inline size_t out_batch_room(size_t cap)
{
	return OUT_BATCH_HEAD + OUT_BATCH_PAGE + cap;
}

/* Before its first record, behind @pos bytes: it begins at the place in a page that its file would
 * have it at, as far as the last one that it held tells, so that the file can be written from here
 * (file_stage.h).
 */
static inline void out_batch_lay(struct out_batch *b, uint64_t pos)
{
	b->pos = pos;
	b->buf = (uint8_t *)b->ends + OUT_BATCH_HEAD + (pos + b->skew) % OUT_BATCH_PAGE;
}

/* It ends at @end of its file. */
static inline void out_batch_ends_at(struct out_batch *b, uint64_t end)
{
	b->skew = (uint16_t)((end - b->pos - b->len) % OUT_BATCH_PAGE);
}

/* The buffer takes memory only where it is written to. @cap: OUT_BATCH_BYTES and the largest record
 * that can be, by encode_json_max(), so that a record is never cut. 0 or -ENOMEM.
 */
int out_batch_init(struct out_batch *b, size_t cap);
/* One of its own memory that is used now and then; main, after init. */
static inline void out_batch_rare(struct out_batch *b)
{
	mem_small_pages(b->ends, out_batch_room(b->cap));
}
/* It gets marks; once, after init or place. */
void out_batch_init_marks(struct out_batch *b);
void out_batch_fini(struct out_batch *b);

/* In place of init and fini: into zeroed memory of the caller's, out_batch_room(@cap) bytes, of
 * which none is touched. Any thread.
 */
void out_batch_place(struct out_batch *b, uint8_t *memory, size_t cap);

/* One of a few records in OUT_BATCH_SMALL bytes, without marks, until it grows: then it is placed
 * into such memory with what it has, and goes on at @b->pos.
 */
#define OUT_BATCH_SMALL      8192u
#define OUT_BATCH_SMALL_RECS 128u
void out_batch_place_small(struct out_batch *b, uint8_t *memory);
void out_batch_grow(struct out_batch *b, uint8_t *memory, size_t cap);
static inline bool out_batch_is_small(const struct out_batch *b)
{
	return b->recs_max == OUT_BATCH_SMALL_RECS;
}

/* A batch that is done with keeps so much memory: what a large record took is given back, else
 * each of the many batches would have held one some day, and keep it.
 */
#define OUT_BATCH_KEPT (2 * OUT_BATCH_BYTES)
static inline void out_batch_trim(struct out_batch *b)
{
	if (b->len > OUT_BATCH_KEPT)
		mem_shrink(b->buf + OUT_BATCH_KEPT, b->buf + b->len);
}

/* Bytes of @n records from @rec on. */
static inline uint32_t out_batch_bytes(const struct out_batch *b, uint32_t rec, uint32_t n)
{
	return b->ends[rec + n - 1] - (rec ? b->ends[rec - 1] : 0);
}

/* The _id of a record that is JSON and begins with one: its length, or 0. */
int out_batch_id(const struct out_batch *b, uint32_t rec, const char **ret_id);

#endif
