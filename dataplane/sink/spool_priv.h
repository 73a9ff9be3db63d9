/* spool_priv.h - the inside of a spool, for spool.c and spool_*.c alone.
 *
 * In:     -
 * Out:    -
 * Owns:   -
 * Runs:   as spool.h.
 * Limits: as spool.h.
 *
 *     segs       0        1        2 (being written)
 *             |--------|--------|----->
 *                 ^ack      ^read     ^next_seq
 *
 * Records below `ack` are delivered; those up to `read` were given out. A segment has its table of
 * frames in memory while `ack` or `read` is inside of it.
 */
#ifndef SL_SINK_SPOOL_PRIV_H
#define SL_SINK_SPOOL_PRIV_H

#include <stdatomic.h>

#include "dataplane/sink/seg_check.h"
#include "dataplane/sink/spool.h"

#define SPOOL_LOST_MAX   256
#define SPOOL_ACK_SLOT   4096 /* apart, so that a write that is cut short spoils one */
#define SPOOL_READ_TRIES 3

struct spool_seg {
	uint64_t first_seq, end_seq; /* end_seq: above the last */
	uint64_t n_recs;             /* sound ones */
	uint64_t bytes;
	uint64_t created_ns, closed_ns;
	bool open_name;           /* the file is NAME.open */
	struct seg_frame *frames; /* NULL: not in memory, or the writer's */
	uint32_t n_frames;
};

/* Records that were found damaged after they were counted as held. */
struct spool_lost {
	uint64_t seq, end;
	uint64_t n_recs;
};

struct spool {
	const struct spool_conf *conf;
	const struct file_ops *io;
	char queue[SPOOL_QUEUE_MAX + 1];
	char dir[FILE_OPS_PATH];
	int lock_fd, ack_fd; /* -1: none */
	uint64_t now_ns;
	struct spool_found found;

	struct spool_seg *segs; /* in the order of their numbers */
	unsigned n_segs, cap_segs;
	struct seg_writer *writer;
	unsigned writing; /* index of the segment that is being written, while the writer is open */

	uint64_t ack, next_seq;
	uint64_t ack_disk, ack_number; /* what the file says; times it was written */
	uint64_t ack_written_ns, synced_ns, appended_ns;
	bool ack_made; /* the name of the file is on the disk */

	uint64_t read;
	struct seg_file *file;
	uint64_t file_seq;  /* first_seq of the segment that it is */
	uint64_t frame_seq; /* of the frame that is unpacked in it, with `unpacked` */
	bool unpacked;
	unsigned read_fails; /* in a row */
	struct spool_lost lost[SPOOL_LOST_MAX];
	unsigned n_lost;

	atomic_uint version; /* of the row; odd while it changes */
	uint64_t row[SPOOL_N_COLS];
};

/* spool_segs.c */
void spool_row_begin(struct spool *s);
void spool_row_end(struct spool *s);
void spool_add(struct spool *s, unsigned col, uint64_t n); /* between begin and end */
void spool_set(struct spool *s, unsigned col, uint64_t v);
void spool_path(const struct spool *s, const char *name, char ret[FILE_OPS_PATH]);
void spool_seg_path(const struct spool *s, const struct spool_seg *g, char ret[FILE_OPS_PATH]);
int spool_seg_insert(struct spool *s, unsigned at, const struct spool_seg *g);
/* Takes it out of the list and deletes its file. After an error it is still there. */
int spool_seg_remove(struct spool *s, unsigned at, struct err *e);
/* Its table of frames, read when it is not in memory. NULL: could not be read. */
const struct seg_frame *spool_seg_frames(struct spool *s, unsigned at, uint32_t *ret_n,
					 struct err *e);
/* The first frame that has a record of number @seq or above; @n: none. */
uint32_t spool_frame_of(const struct seg_frame *frames, uint32_t n, uint64_t seq);
/* Sound records of segment @at from number @from up to @to (not included), none lost counted. */
uint64_t spool_seg_count(struct spool *s, unsigned at, uint64_t from, uint64_t to);
void spool_set_lost(struct spool *s, uint64_t seq, uint64_t end, uint64_t n_recs);
int spool_ack_write(struct spool *s, struct err *e);
int spool_ack_read(struct spool *s, struct err *e);
bool spool_is_writing(const struct spool *s, unsigned at);

/* spool_read.c */
void spool_reader_close(struct spool *s); /* before a file goes away */
/* s->file is that of @g. -ENOENT and the like. */
int spool_reader_open(struct spool *s, const struct spool_seg *g, struct err *e);

/* spool_open.c */
int spool_recover(struct spool *s, struct err *e);

#endif
