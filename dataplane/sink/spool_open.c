#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/sink/spool_priv.h"

#define SEG_SUFFIX ".seg"
#define BAD_MAX    100

/* A file of this directory that is named as a segment is. */
static bool is_segment(const char *name, struct spool_seg *ret_g)
{
	size_t len = strlen(name);
	uint64_t seq = 0;
	for (unsigned i = 0; i < 16; i++) {
		int d = i < len ? text_hex_digit((uint8_t)name[i]) : -1;
		if (d < 0)
			return false;
		seq = seq << 4 | (unsigned)d;
	}
	*ret_g = (struct spool_seg){
		.first_seq = seq, .open_name = strcmp(name + 16, SEG_SUFFIX SEG_OPEN_SUFFIX) == 0};
	return ret_g->open_name || strcmp(name + 16, SEG_SUFFIX) == 0;
}

static int add_file(void *arg, const char *name)
{
	struct spool *s = arg;
	struct spool_seg g;
	if (!is_segment(name, &g))
		return 0;
	return spool_seg_insert(s, s->n_segs, &g);
}

static int by_number(const void *a, const void *b)
{
	const struct spool_seg *x = a, *y = b;
	if (x->first_seq != y->first_seq)
		return x->first_seq < y->first_seq ? -1 : 1;
	return x->open_name - y->open_name;
}

static void notice(struct spool *s, const char *path, const char *what)
{
	if (s->found.notice.text[0] == '\0')
		err_set(&s->found.notice, 0, "%s: %s", path, what);
}

/* Puts a file that is of no use aside, for people. */
static int set_aside(struct spool *s, unsigned at, const char *why, struct err *e)
{
	char path[FILE_OPS_PATH], bad[FILE_OPS_PATH + 16];
	spool_seg_path(s, &s->segs[at], path);
	int rc = -EEXIST;
	for (unsigned i = 0; rc == -EEXIST && i < BAD_MAX; i++) {
		snprintf(bad, sizeof(bad), "%s.bad%.0u", path, i);
		rc = s->io->rename(s->io->ctx, path, bad);
	}
	if (rc < 0)
		return err_set(e, rc, "rename to %s: %s", bad, strerror(-rc));
	notice(s, bad, why);
	memmove(&s->segs[at], &s->segs[at + 1], (--s->n_segs - at) * sizeof(s->segs[0]));
	return 0;
}

/* What has become of a file. */
enum { SEG_FINE, SEG_GONE, SEG_CUT };

/* A file that is no segment any more. One that died before its first frame was whole has nothing;
 * another is put aside.
 */
static int no_segment(struct spool *s, unsigned at, const char *why, struct err *e)
{
	struct err text;
	err_set(&text, 0, "%s", why);
	spool_reader_close(s);
	int rc =
		s->segs[at].open_name ? spool_seg_remove(s, at, e) : set_aside(s, at, text.text, e);
	return rc < 0 ? rc : SEG_GONE;
}

/* A file that was not finished, or has lost its index: its sound frames get one. Without any it
 * goes.
 */
static int mend(struct spool *s, unsigned at, const struct seg_check *c,
		const struct seg_frame *frames, uint64_t id, struct err *e)
{
	char path[FILE_OPS_PATH], final[FILE_OPS_PATH];
	struct spool_seg *g = &s->segs[at];
	struct spool_seg finished = {.first_seq = g->first_seq};
	spool_seg_path(s, g, path);
	spool_seg_path(s, &finished, final);
	s->found.torn_bytes += c->torn_bytes;
	s->found.torn_recs += c->torn_recs;
	if (c->n_frames == 0)
		return no_segment(s, at, "no record in it is sound", e);
	spool_reader_close(s);
	int rc = seg_seal(s->io, path, final, id, frames, c, e);
	if (rc < 0)
		return rc;
	g->bytes = c->data_end + seg_index_bytes(c->n_frames);
	if (g->open_name) {
		g->open_name = false;
		return SEG_FINE;
	}
	notice(s, path, "its index was lost, and is made anew");
	return SEG_CUT;
}

static void see_damage(void *ctx, const struct seg_damage *d)
{
	struct spool *s = ctx;
	if (!d->torn && d->seq + d->n_recs > s->ack)
		s->found.corrupt_recs += d->n_recs;
}

static void see_frames(struct spool *s, const struct seg_frame *frames, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		if (frames[i].rec_bytes > s->found.batch_bytes)
			s->found.batch_bytes = frames[i].rec_bytes;
}

/* Of a segment that has its index: what it says. Its records are looked at when they are read. */
static int read_finished(struct spool *s, struct spool_seg *g, struct seg_frame *frames,
			 struct err *e)
{
	int64_t n = seg_file_frames(s->file, frames, e);
	for (int64_t i = 0; i < n; i++)
		g->n_recs += frames[i].n_recs;
	see_frames(s, frames, n);
	g->end_seq = n > 0 ? frames[n - 1].seq + frames[n - 1].n_recs : g->first_seq;
	return n < 0 ? (int)n : 0;
}

static int recover_seg(struct spool *s, unsigned at, struct seg_frame *frames, struct err *e)
{
	struct seg_check c = {0};
	struct spool_seg *g = &s->segs[at];
	int rc = spool_reader_open(s, g, e);
	if (rc == -EBADMSG)
		return no_segment(s, at, e->text, e);
	if (rc < 0)
		return rc;
	const struct seg_head *h = seg_file_head(s->file);
	if (h->first_seq != g->first_seq && !seg_file_head_why(s->file))
		return no_segment(s, at, "its name is not the number of its first record", e);
	g->created_ns = h->created_ns;
	g->bytes = seg_file_bytes(s->file);
	if (!g->open_name && seg_file_indexed(s->file))
		return read_finished(s, g, frames, e);
	uint64_t id = h->id;
	rc = seg_check(s->file, frames, &c, see_damage, s, e);
	if (rc < 0)
		return rc;
	g->n_recs = c.n_recs;
	g->end_seq = c.end_seq;
	see_frames(s, frames, c.n_frames);
	return mend(s, at, &c, frames, id, e);
}

/* Numbers from @from up to those of segment @at were used, and are not there. */
static void count_gap(struct spool *s, unsigned at, uint64_t from)
{
	uint64_t lo = from > s->ack ? from : s->ack;
	if (at < s->n_segs && s->segs[at].first_seq > lo)
		s->found.corrupt_recs += s->segs[at].first_seq - lo;
}

static int recover_segs(struct spool *s, struct seg_frame *frames, struct err *e)
{
	uint64_t end = 0;
	for (unsigned i = 0; i < s->n_segs;) {
		uint64_t first = s->segs[i].first_seq;
		bool was_open = s->segs[i].open_name;
		int rc = first < end ? set_aside(s, i, "its records are in another file too", e)
				     : recover_seg(s, i, frames, e);
		if (rc < 0)
			return rc;
		if (first < end)
			continue;
		if (rc == SEG_GONE && !was_open)
			count_gap(s, i, first);
		if (rc == SEG_CUT)
			count_gap(s, i + 1, s->segs[i].end_seq);
		if (rc == SEG_GONE)
			continue;
		end = s->segs[i].end_seq;
		i++;
	}
	return 0;
}

/* What is acknowledged goes; the rest is counted. A segment was closed, as far as one can tell,
 * when the next was begun.
 */
static int take_stock(struct spool *s, struct err *e)
{
	struct spool_found *f = &s->found;
	while (s->n_segs && s->segs[0].end_seq <= s->ack) {
		int rc = spool_seg_remove(s, 0, e);
		if (rc < 0)
			return rc;
	}
	s->read = s->next_seq = s->ack;
	for (unsigned i = 0; i < s->n_segs; i++) {
		struct spool_seg *g = &s->segs[i];
		bool last = i + 1 == s->n_segs;
		g->closed_ns = last ? s->now_ns : s->segs[i + 1].created_ns;
		f->recs += spool_seg_count(s, i, s->ack, UINT64_MAX);
		f->bytes += g->bytes;
		s->next_seq = g->end_seq > s->next_seq ? g->end_seq : s->next_seq;
	}
	f->segments = s->n_segs;
	f->next_seq = s->next_seq;
	spool_row_begin(s);
	spool_add(s, SPOOL_recovered, f->recs + f->corrupt_recs);
	spool_add(s, SPOOL_held, f->recs);
	spool_add(s, SPOOL_corrupt, f->corrupt_recs);
	spool_row_end(s);
	return 0;
}

static void tell_losses(struct spool *s)
{
	struct spool_found *f = &s->found;
	if (f->corrupt_recs)
		err_set(&f->notice, 0, "%s: %llu records are lost: they are damaged on the disk",
			s->dir, (unsigned long long)f->corrupt_recs);
	else if (f->torn_bytes)
		notice(s, s->dir,
		       "the end of its last file was being written at a crash, and is cut off");
}

int spool_recover(struct spool *s, struct err *e)
{
	struct seg_frame *frames = mem_map(SEG_FRAMES_MAX * sizeof(*frames));
	int rc = frames ? spool_ack_read(s, e) : err_set(e, -ENOMEM, "no memory for an index");
	if (rc == 0 && (rc = s->io->list(s->io->ctx, s->dir, add_file, s)) < 0)
		err_set(e, rc, "directory %s: %s", s->dir, strerror(-rc));
	if (s->n_segs)
		qsort(s->segs, s->n_segs, sizeof(s->segs[0]), by_number);
	if (rc == 0)
		rc = recover_segs(s, frames, e);
	if (rc == 0)
		rc = take_stock(s, e);
	if (rc == 0)
		tell_losses(s);
	mem_unmap(frames, SEG_FRAMES_MAX * sizeof(*frames));
	return rc;
}

/* Queues that have something */

struct queue_list {
	const struct file_ops *io;
	const char *dir;
	int (*each)(void *arg, const char *queue);
	void *arg;
};

static int find_segment(void *arg, const char *name)
{
	struct spool_seg g;
	(void)arg;
	return is_segment(name, &g);
}

static int see_dir(void *arg, const char *name)
{
	struct queue_list *l = arg;
	char queue[SPOOL_QUEUE_MAX + 1], path[FILE_OPS_PATH];
	if (!spool_queue_name(name, queue))
		return 0;
	snprintf(path, sizeof(path), "%s/%s", l->dir, name);
	/* What is no directory, or cannot be read, is none of ours. */
	return l->io->list(l->io->ctx, path, find_segment, NULL) == 1 ? l->each(l->arg, queue) : 0;
}

int spool_queues(const struct file_ops *io, const char *dir,
		 int (*each)(void *arg, const char *queue), void *arg)
{
	struct queue_list l = {.io = io, .dir = dir, .each = each, .arg = arg};
	return io->list(io->ctx, dir, see_dir, &l);
}
