/* segment.h - segments as files: written frame by frame, read back, and what is damaged in them.
 *
 * In:     batches of encoded records, numbered; or a path.
 * Out:    NAME.open while it is written, NAME when it is finished; records, and damage by name.
 * Owns:   its file and buffers.
 * Runs:   one thread at a time.
 * Limits: rec/seg_format.h, which has the bytes. SEG_WINDOW bytes are looked at at once.
 *
 * A batch that was appended is in the file: a crash of the process leaves it there. After
 * seg_writer_sync it outlasts a crash of the machine too.
 */
#ifndef SL_SINK_SEGMENT_H
#define SL_SINK_SEGMENT_H

#include "dataplane/base/err.h"
#include "dataplane/rec/seg_format.h"
#include "dataplane/sink/file_ops.h"
#include "dataplane/sink/out_batch.h"

#define SEG_OPEN_SUFFIX ".open"
#define SEG_WINDOW      (1u << 20)

/* Writing */

struct seg_writer;

/* @level of zstd: -7 to 19; 0: records are stored as they are. @io is borrowed. 0 or -ENOMEM. */
int seg_writer_create(const struct file_ops *io, int level, struct seg_writer **ret_w);
/* Closes what is open and leaves it as NAME.open. */
void seg_writer_destroy(struct seg_writer *w);

/* Makes @path.open, which must not exist (-EEXIST), and writes its head. On success h->id and
 * h->head_bytes are set. None may be open.
 */
int seg_writer_begin(struct seg_writer *w, const char *path, struct seg_head *h, struct err *e);

/* One frame: all of it or, after an error, nothing. @seq is the number of its first record, above
 * those of the frame before. -ENOSPC and the like: it can be tried again. -EFBIG: SEG_FRAMES_MAX
 * frames are in it. -E2BIG: the batch is larger than a frame can be.
 */
int seg_writer_append(struct seg_writer *w, const struct out_batch *b, uint64_t seq, struct err *e);

/* What was appended is on the disk. After an error nobody knows how much of it is. */
int seg_writer_sync(struct seg_writer *w, struct err *e);

/* Index, sync, rename to @path, sync of the directory. After an error it can be called again, or
 * seg_writer_leave.
 */
int seg_writer_finish(struct seg_writer *w, struct err *e);

/* Closes it and leaves it as NAME.open. */
void seg_writer_leave(struct seg_writer *w);

bool seg_writer_is_open(const struct seg_writer *w);
/* After finish has failed: the file has its name already. */
bool seg_writer_has_name(const struct seg_writer *w);
uint64_t seg_writer_bytes(const struct seg_writer *w); /* of the file, without its index */
/* Its frames, borrowed until begin, finish or leave. */
const struct seg_frame *seg_writer_frames(const struct seg_writer *w, uint32_t *ret_n);

/* Reading */

struct seg_file;

struct seg_damage {
	uint64_t off, bytes;
	uint64_t seq;    /* of the first record that is lost; with `known` */
	uint32_t n_recs; /* lost; with `known` */
	bool known;      /* the head of a frame, or the index, says what was there */
	bool torn;       /* nothing sound follows: the end of a file that was being written */
	const char *why; /* static text */
};

enum seg_found { SEG_FOUND_END, SEG_FOUND_FRAME, SEG_FOUND_DAMAGE };

/* @io borrowed. -ENOENT and the like; -EBADMSG: it is no segment, nor was. A file whose head alone
 * is damaged is opened, see seg_file_head_why. A file that grows is read up to where it ended when
 * it was opened.
 */
int seg_file_open(const struct file_ops *io, const char *path, struct seg_file **ret_f,
		  struct err *e);
void seg_file_close(struct seg_file *f);

const struct seg_head *seg_file_head(const struct seg_file *f);
const char *seg_file_head_why(const struct seg_file *f); /* NULL: the head is sound */
uint64_t seg_file_bytes(const struct seg_file *f);
bool seg_file_indexed(const struct seg_file *f); /* finished, and its index is sound */

/* What stands at *io_off (0: the first frame), which is moved behind it. Looks at heads only: the
 * records are looked at by seg_file_load. Returns enum seg_found, or -EIO and the like.
 */
int seg_file_scan(struct seg_file *f, uint64_t *io_off, struct seg_frame *ret_frame,
		  struct seg_damage *ret_damage, struct err *e);

/* The frames of a finished segment, from its index; else from a scan, in which damage is left out.
 * @frames: room for SEG_FRAMES_MAX. Their number, or -errno.
 */
int64_t seg_file_frames(struct seg_file *f, struct seg_frame *ret_frames, struct err *e);

/* Reads a frame that scan or frames has given, and unpacks it. -EBADMSG: damaged. */
int seg_file_load(struct seg_file *f, const struct seg_frame *frame, struct err *e);
/* Its records, one after the other; borrowed until the next load. False after the last. */
bool seg_file_next(struct seg_file *f, struct seg_rec *ret_r);
void seg_file_seek(struct seg_file *f, uint32_t rec); /* next gives this one, counted from 0 */

/* As many records as fit, from the one that seg_file_next would give on; its times are the frame's.
 * The number; 0 after the last, or when the next alone is larger than the batch: -EMSGSIZE.
 */
int seg_file_fill(struct seg_file *f, struct out_batch *into);

#endif
