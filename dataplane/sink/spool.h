/* spool.h - one queue's records on disk while its sink is slow or away.
 *
 * In:     batches, each with the number of its first record; numbers of records that are delivered.
 * Out:    the same records in the order of their numbers, as often as they are asked for, until
 *         they are acknowledged; also after a crash.
 * Owns:   its directory: segments (sink/segment.h), the file `ack`, the file `lock`.
 * Runs:   one thread at a time. spool_row: any thread.
 * Limits: spool_opts. A segment is the smallest thing that is deleted.
 *
 *     DIR/shop@orders/            a directory for each queue, `/` written @
 *         lock                    who uses it
 *         ack                     the number below which all is delivered, in two places in turn
 *         00000000000003e8.seg    finished; its first record is number 1000
 *         0000000000001f40.seg.open
 *
 * The promise: what was appended and synced, and is not below the number that was acknowledged, is
 * given again after any crash. What was acknowledged may be given again: as much as was
 * acknowledged since a spool_tick last wrote it down: of sync_every.
 */
#ifndef SL_SINK_SPOOL_H
#define SL_SINK_SPOOL_H

#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"
#include "dataplane/base/option.h"
#include "dataplane/sink/file_ops.h"
#include "dataplane/sink/out_batch.h"

#define SPOOL_QUEUE_MAX 200 /* bytes of a queue's name */

enum spool_full {
	SPOOL_BLOCK,       /* append answers -ENOSPC until there is room */
	SPOOL_DROP_OLDEST, /* the oldest segment of which nothing was read */
	SPOOL_DROP_NEWEST, /* what is to be appended */
};

enum spool_sync_when {
	SPOOL_SYNC_BATCH,    /* append waits for the disk */
	SPOOL_SYNC_INTERVAL, /* spool_tick does, when it is due */
	SPOOL_SYNC_OFF,      /* the kernel writes when it likes; spool_sync too waits for nothing */
};

struct spool_conf {
	const char *dir;        /* of all queues; must exist */
	uint64_t bytes_max;     /* of one queue */
	uint64_t age_max;       /* ns; 0: none */
	uint64_t segment_bytes; /* at most a quarter of bytes_max is used */
	int full;               /* enum spool_full */
	int sync;               /* enum spool_sync_when */
	uint64_t sync_every; /* ns, of SPOOL_SYNC_INTERVAL; and of writing down the acknowledged */
	int64_t level;       /* of zstd; 0: none */
};

extern const struct opt spool_opts[]; /* of struct spool_conf, closed by OPT_END */

#define SPOOL_COLS(X)                                                       \
	X(IN, recovered, "found in the spool at the start")                 \
	X(IN, appended, "put into the spool")                               \
	X(OUT, acked, "delivered by the sink")                              \
	X(LOSS, dropped_full, "the spool was full")                         \
	X(LOSS, dropped_age, "older than age_max")                          \
	X(LOSS, corrupt, "damaged on the disk, or refused by it")           \
	X(HELD, held, "in the spool")                                       \
	X(INFO, unsynced, "of these, not yet known to be on the disk")      \
	X(INFO, bytes, "on the disk")                                       \
	X(INFO, segments, "files")                                          \
	X(INFO, oldest_ns, "when the oldest segment was begun, since 1970") \
	X(INFO, syncs, "times that the disk was waited for")

#define SPOOL_COL(kind, name, help) SPOOL_##name,
enum { SPOOL_COLS(SPOOL_COL) SPOOL_N_COLS };
extern const struct ledger_table spool_ledger;

struct spool;

/* What was there when it was opened. */
struct spool_found {
	uint64_t recs, bytes; /* that are not acknowledged; on the disk */
	uint32_t segments;
	uint64_t next_seq;     /* for the next record of this queue: above all that were used */
	uint64_t torn_bytes;   /* cut off: written while the machine or the process died */
	uint64_t torn_recs;    /* in these, as far as is known; they were never held */
	uint64_t corrupt_recs; /* lost, counted as `corrupt` */
	size_t batch_bytes;    /* of the records of the largest batch: what `into` must hold */
	struct err notice;     /* for the user; empty: nothing but what is expected */
};

/* Makes or opens the directory of @queue and brings it into order. @now_ns: since 1970, for ages;
 * spool_tick goes on with it. @conf, @io are borrowed. -EBUSY: another process has it. Other
 * -errno, with a text: the disk. Damage is no error: see spool_found.
 */
int spool_open(const struct spool_conf *conf, const char *queue, const struct file_ops *io,
	       uint64_t now_ns, struct spool **ret_s, struct err *e);

/* Syncs, finishes the open segment, writes down what is acknowledged, unlocks. Frees it in any
 * case; NULL is accepted.
 */
int spool_close(struct spool *s, struct err *e);

const struct spool_found *spool_found(const struct spool *s);

/* Puts the batch behind all others, or, with a number below theirs, in front of or between them
 * where nothing is (batches that a sink gave back at a stop, in the order of their numbers): it is
 * read then after the next spool_rewind or spool_open. 0: appended; held for sure after spool_sync,
 * or with SPOOL_SYNC_BATCH at once. 1: dropped, as the configuration says, and counted. With 0 or 1
 * and a text in *@e: the disk could not be waited for (SPOOL_SYNC_BATCH), the records are not held
 * for sure. -ENOSPC: no room (SPOOL_BLOCK), or the disk has none; -EINVAL: there is something with
 * these numbers. -EIO and the like: the disk. After an error nothing of the batch is in the spool.
 */
int spool_append(struct spool *s, const struct out_batch *b, uint64_t seq, struct err *e);

/* All that was appended is on the disk. With SPOOL_SYNC_OFF nothing is waited for. After an error
 * the records are still read, but what was `unsynced` is not held for sure.
 */
int spool_sync(struct spool *s, struct err *e);

/* The next records: one frame, or as much of it as @into holds. 1, with the number of the first; 0:
 * there is nothing more now; -errno: could not be read just now, worth another try. What is damaged
 * is counted and left out; *@e then has a text although 0 or 1 is returned. -EMSGSIZE: @into does
 * not hold one record (see spool_found.batch_bytes). queue and worker of @into are left alone.
 */
int spool_read(struct spool *s, struct out_batch *into, uint64_t *ret_seq, struct err *e);

/* spool_read goes on with the first record that is not below @seq. */
void spool_rewind(struct spool *s, uint64_t seq);

/* All records below @seq are delivered, or will never be asked for again. What lies below is not
 * read any more. Segments are deleted as soon as that is written down.
 */
void spool_ack(struct spool *s, uint64_t seq);

/* To be called now and then, at least every 100 ms: syncs when it is due, writes down what is
 * acknowledged, deletes what is delivered or too old. Returns as spool_sync; a text in *@e with 0
 * is a notice (records were dropped for their age).
 */
int spool_tick(struct spool *s, uint64_t now_ns, struct err *e);

uint64_t spool_held(const struct spool *s);     /* records */
bool spool_unread(const struct spool *s);       /* spool_read has more to give */
uint64_t spool_next_seq(const struct spool *s); /* above all that were used */

/* One consistent copy. */
void spool_row(const struct spool *s, uint64_t ret_row[SPOOL_N_COLS]);

/* The number below which all is delivered, of a spool in @dir that may be in use. 0, or -ENOENT and
 * the like.
 */
int spool_ack_of(const struct file_ops *io, const char *dir, uint64_t *ret_seq);

/* Calls @each with every queue that has a segment in a spool of @dir, whether it is open or not,
 * until that returns other than 0. Returns what it returned, or -errno.
 */
int spool_queues(const struct file_ops *io, const char *dir,
		 int (*each)(void *arg, const char *queue), void *arg);

/* The name of @queue's directory, and back: false when it is none of a queue. */
void spool_dir_name(const char *queue, char ret_name[3 * SPOOL_QUEUE_MAX + 1]);
bool spool_queue_name(const char *dir_name, char ret_queue[SPOOL_QUEUE_MAX + 1]);

#endif
