/* seg_check.h - looks at every byte of a segment, and gives one that was not finished its index.
 *
 * In:     an open segment.
 * Out:    the frames that are sound, and each damage with its place.
 * Owns:   nothing.
 * Runs:   one thread at a time.
 * Limits: rec/seg_format.h.
 */
#ifndef SL_SINK_SEG_CHECK_H
#define SL_SINK_SEG_CHECK_H

#include "dataplane/sink/segment.h"

struct seg_check {
	uint32_t n_frames; /* sound */
	uint64_t n_recs;   /* in these */
	uint64_t rec_bytes;
	uint64_t end_seq;      /* above all numbers that are known to have been used */
	uint64_t data_end;     /* behind the last sound frame */
	uint64_t torn_bytes;   /* behind data_end, in a file that was being written */
	uint64_t torn_recs;    /* in these, as far as is known */
	uint64_t corrupt_recs; /* lost between sound frames; where only their numbers tell, at most
				*/
	uint32_t n_damages;    /* places; the torn end is none */
};

/* @frames: room for SEG_FRAMES_MAX. @tell is called for each damage, in the order of the file; may
 * be NULL. 0, or -errno when the file cannot be read.
 */
int seg_check(struct seg_file *f, struct seg_frame *ret_frames, struct seg_check *ret_c,
	      void (*tell)(void *ctx, const struct seg_damage *d), void *ctx, struct err *e);

/* Cuts @path at c->data_end, puts an index of @frames there, syncs it and gives it the name
 * @final, which may be @path. It can be cut short by a crash anywhere and done again.
 */
int seg_seal(const struct file_ops *io, const char *path, const char *final, uint64_t id,
	     const struct seg_frame *frames, const struct seg_check *c, struct err *e);

#endif
