#include "dataplane/sink/seg_check.h"

#include <fcntl.h>
#include <string.h>

#include "dataplane/base/mem.h"

struct walk {
	struct seg_file *f;
	struct seg_frame *frames;
	struct seg_check *c;
	void (*tell)(void *ctx, const struct seg_damage *d);
	void *ctx;
	uint64_t seq;           /* the number that is expected next */
	struct seg_damage open; /* all since the last sound frame; bytes 0: none */
};

/* What no sound frame parts is one damage. */
static void damaged(struct walk *w, const struct seg_damage *d)
{
	struct seg_damage *o = &w->open;
	if (o->bytes == 0) {
		*o = *d;
		if (!d->known)
			o->seq = w->seq;
		return;
	}
	o->bytes = d->off + d->bytes - o->off;
	o->n_recs += d->n_recs;
	o->known &= d->known;
}

/* A sound frame follows, or (@next_seq 0) the end. Of a file that was being written the end is what
 * was not whole yet; what sound frames follow was whole once.
 */
static void close_damage(struct walk *w, uint64_t next_seq)
{
	struct seg_damage *d = &w->open;
	struct seg_check *c = w->c;
	if (d->bytes == 0)
		return;
	d->torn = next_seq == 0 && !seg_file_indexed(w->f);
	if (!d->known && next_seq > w->seq)
		d->n_recs =
			(uint32_t)(next_seq - w->seq < UINT32_MAX ? next_seq - w->seq : UINT32_MAX);
	if (d->torn) {
		c->torn_bytes = d->bytes;
		c->torn_recs = d->n_recs;
	} else {
		c->n_damages++;
		c->corrupt_recs += d->n_recs;
	}
	if (w->tell)
		w->tell(w->ctx, d);
	d->bytes = 0;
}

static void sound(struct walk *w, const struct seg_frame *fr)
{
	struct seg_check *c = w->c;
	close_damage(w, fr->seq);
	c->rec_bytes += fr->rec_bytes;
	c->n_recs += fr->n_recs;
	c->data_end = fr->off + SEG_FRAME_HEAD + fr->stored_bytes;
	w->seq = fr->seq + fr->n_recs;
	w->frames[c->n_frames++] = *fr;
}

static int look_at(struct walk *w, const struct seg_frame *fr, struct err *e)
{
	struct seg_check *c = w->c;
	struct err why;
	int rc = seg_file_load(w->f, fr, &why);
	if (rc < 0 && rc != -EBADMSG)
		return err_set(e, rc, "%s", why.text);
	bool behind = fr->seq < w->seq;
	if (!behind && fr->seq + fr->n_recs > c->end_seq)
		c->end_seq = fr->seq + fr->n_recs;
	if (rc == 0 && !behind)
		sound(w, fr);
	else
		damaged(w, &(struct seg_damage){.off = fr->off,
						.bytes = SEG_FRAME_HEAD + fr->stored_bytes,
						.seq = fr->seq,
						.n_recs = behind ? 0 : fr->n_recs,
						.known = true,
						.why = behind ? "a frame has numbers that were "
								"used before"
							      : "the records of a frame are "
								"damaged"});
	return 0;
}

static int walk_index(struct walk *w, struct err *e)
{
	int64_t n = seg_file_frames(w->f, w->frames, e);
	for (int64_t i = 0; i < n; i++) {
		struct seg_frame fr = w->frames[i]; /* n_frames is at most i */
		int rc = look_at(w, &fr, e);
		if (rc < 0)
			return rc;
	}
	return n < 0 ? (int)n : 0;
}

static int walk_file(struct walk *w, struct err *e)
{
	struct seg_frame fr;
	struct seg_damage d;
	uint64_t off = 0;
	while (w->c->n_frames < SEG_FRAMES_MAX) {
		int found = seg_file_scan(w->f, &off, &fr, &d, e);
		if (found <= SEG_FOUND_END)
			return found;
		if (found == SEG_FOUND_DAMAGE) {
			damaged(w, &d);
			continue;
		}
		int rc = look_at(w, &fr, e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

int seg_check(struct seg_file *f, struct seg_frame *ret_frames, struct seg_check *ret_c,
	      void (*tell)(void *ctx, const struct seg_damage *d), void *ctx, struct err *e)
{
	const struct seg_head *h = seg_file_head(f);
	*ret_c = (struct seg_check){.end_seq = h->first_seq, .data_end = h->head_bytes};
	struct walk w = {.f = f,
			 .frames = ret_frames,
			 .c = ret_c,
			 .tell = tell,
			 .ctx = ctx,
			 .seq = h->first_seq};
	int rc = seg_file_indexed(f) ? walk_index(&w, e) : walk_file(&w, e);
	if (rc == 0)
		close_damage(&w, 0);
	return rc;
}

static int seal_open(const struct file_ops *io, int fd, uint64_t id, const struct seg_frame *frames,
		     const struct seg_check *c)
{
	size_t len = seg_index_bytes(c->n_frames);
	uint8_t *index = mem_map(len);
	if (!index)
		return -ENOMEM;
	seg_index_encode(frames, c->n_frames, c->data_end, id, index);
	int rc = io->truncate(io->ctx, fd, c->data_end);
	if (rc == 0)
		rc = file_ops_write(io, fd, index, len, c->data_end);
	if (rc == 0)
		rc = io->sync(io->ctx, fd);
	mem_unmap(index, len);
	return rc;
}

int seg_seal(const struct file_ops *io, const char *path, const char *final, uint64_t id,
	     const struct seg_frame *frames, const struct seg_check *c, struct err *e)
{
	int fd = io->open(io->ctx, path, O_RDWR);
	int rc = fd < 0 ? fd : seal_open(io, fd, id, frames, c);
	if (fd >= 0)
		io->close(io->ctx, fd);
	if (rc == 0 && strcmp(path, final) != 0)
		rc = io->rename(io->ctx, path, final);
	if (rc == 0)
		rc = file_ops_sync_parent(io, final);
	return rc < 0 ? err_set(e, rc, "finish %s: %s", path, strerror(-rc)) : 0;
}
