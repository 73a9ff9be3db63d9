#include "dataplane/sink/segment.h"

#include <assert.h>
#include <fcntl.h>
#include <stdio.h>

#include "dataplane/base/mem.h"

#define PATH_CAP FILE_OPS_PATH

/* Writing */

struct seg_writer {
	const struct file_ops *io;
	struct seg_packer *packer;
	struct seg_head head;
	int fd; /* -1: none open */
	bool ragged, dir_synced, closed, renamed;
	uint64_t bytes, next_seq;
	uint32_t n_frames;
	struct seg_frame *frames; /* SEG_FRAMES_MAX, in memory that is touched as it fills */
	uint8_t *index;
	char path[PATH_CAP], open_path[PATH_CAP + sizeof(SEG_OPEN_SUFFIX)];
};

#define TABLE_BYTES (SEG_FRAMES_MAX * sizeof(struct seg_frame))

int seg_writer_create(const struct file_ops *io, int level, struct seg_writer **ret_w)
{
	struct seg_writer *w = mem_alloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	w->io = io;
	w->fd = -1;
	w->frames = mem_map(TABLE_BYTES);
	w->index = mem_map(seg_index_bytes(SEG_FRAMES_MAX));
	if (!w->frames || !w->index || seg_packer_create(level, &w->packer) < 0) {
		seg_writer_destroy(w);
		return -ENOMEM;
	}
	*ret_w = w;
	return 0;
}

void seg_writer_destroy(struct seg_writer *w)
{
	if (!w)
		return;
	seg_writer_leave(w);
	seg_packer_destroy(w->packer);
	mem_unmap(w->frames, TABLE_BYTES);
	mem_unmap(w->index, seg_index_bytes(SEG_FRAMES_MAX));
	mem_free(w);
}

void seg_writer_leave(struct seg_writer *w)
{
	if (w->fd >= 0 && !w->closed)
		w->io->close(w->io->ctx, w->fd);
	w->fd = -1;
}

bool seg_writer_is_open(const struct seg_writer *w)
{
	return w->fd >= 0;
}

bool seg_writer_has_name(const struct seg_writer *w)
{
	return w->renamed;
}

uint64_t seg_writer_bytes(const struct seg_writer *w)
{
	return w->bytes;
}

const struct seg_frame *seg_writer_frames(const struct seg_writer *w, uint32_t *ret_n)
{
	*ret_n = w->n_frames;
	return w->frames;
}

static int io_error(int rc, const char *what, const char *path, struct err *e)
{
	return err_set(e, rc, "%s %s: %s", what, path, strerror(-rc));
}

int seg_writer_begin(struct seg_writer *w, const char *path, struct seg_head *h, struct err *e)
{
	uint8_t head[SEG_HEAD_BYTES_MAX];
	const struct file_ops *io = w->io;
	assert(w->fd < 0);
	if (strlen(path) >= PATH_CAP)
		return io_error(-ENAMETOOLONG, "open", path, e);
	snprintf(w->path, sizeof(w->path), "%s", path);
	snprintf(w->open_path, sizeof(w->open_path), "%s" SEG_OPEN_SUFFIX, path);
	seg_head_encode(h, head);
	int fd = io->open(io->ctx, w->open_path, O_RDWR | O_CREAT | O_EXCL);
	if (fd < 0)
		return io_error(fd, "open", w->open_path, e);
	int rc = file_ops_write(io, fd, head, h->head_bytes, 0);
	if (rc < 0) {
		io->close(io->ctx, fd);
		io->unlink(io->ctx, w->open_path);
		return io_error(rc, "write", w->open_path, e);
	}
	w->fd = fd;
	w->head = *h;
	w->bytes = h->head_bytes;
	w->next_seq = h->first_seq;
	w->n_frames = 0;
	w->ragged = w->dir_synced = w->closed = w->renamed = false;
	return 0;
}

/* A write that failed may have left a part of itself: the file ends where the last whole frame
 * ends.
 */
static int trim(struct seg_writer *w, struct err *e)
{
	if (!w->ragged)
		return 0;
	int rc = w->io->truncate(w->io->ctx, w->fd, w->bytes);
	if (rc < 0)
		return io_error(rc, "cut", w->open_path, e);
	w->ragged = false;
	return 0;
}

static struct seg_rec batch_rec(const void *ctx, uint32_t i)
{
	const struct out_batch *b = ctx;
	uint32_t begin = i ? b->ends[i - 1] : 0;
	struct seg_rec r = {.bytes = slice_of(b->buf + begin, b->ends[i] - begin)};
	if (b->marks && b->mark_len) {
		const uint8_t *mark = b->mark_buf + b->marks[i].off;
		r.key = slice_of(mark, b->marks[i].key_len);
		r.id = slice_of(mark + r.key.len, b->marks[i].id_len);
	}
	return r;
}

int seg_writer_append(struct seg_writer *w, const struct out_batch *b, uint64_t seq, struct err *e)
{
	assert(w->fd >= 0 && !w->closed);
	if (w->n_frames == SEG_FRAMES_MAX)
		return err_set(e, -EFBIG, "%s has %d frames, and takes no more", w->open_path,
			       SEG_FRAMES_MAX);
	if (seq < w->next_seq)
		return err_set(e, -EINVAL, "%s: record %llu comes behind %llu: numbers must ascend",
			       w->open_path, (unsigned long long)seq,
			       (unsigned long long)w->next_seq);
	int rc = trim(w, e);
	if (rc < 0)
		return rc;
	struct slice bytes;
	struct seg_frame f = {.seq = seq,
			      .off = w->bytes,
			      .first_ns = b->first_ns,
			      .last_ns = b->last_ns,
			      .n_recs = b->n_recs};
	rc = seg_pack(w->packer, w->head.id, &f, batch_rec, b, b->len, b->marks ? b->mark_len : 0,
		      &bytes);
	if (rc < 0)
		return err_set(e, rc, "a batch of %u records and %zu bytes makes no frame: %s",
			       b->n_recs, b->len, strerror(-rc));
	rc = file_ops_write(w->io, w->fd, bytes.ptr, bytes.len, w->bytes);
	if (rc < 0) {
		w->ragged = true;
		trim(w, NULL);
		return io_error(rc, "write", w->open_path, e);
	}
	w->frames[w->n_frames++] = f;
	w->bytes += bytes.len;
	w->next_seq = seq + b->n_recs;
	return 0;
}

static int sync_file(struct seg_writer *w, struct err *e)
{
	int rc = w->io->sync(w->io->ctx, w->fd);
	return rc < 0 ? io_error(rc, "sync", w->open_path, e) : 0;
}

int seg_writer_sync(struct seg_writer *w, struct err *e)
{
	int rc = sync_file(w, e);
	if (rc == 0 && !w->dir_synced) {
		rc = file_ops_sync_parent(w->io, w->path);
		if (rc < 0)
			io_error(rc, "sync the directory of", w->path, e);
	}
	w->dir_synced |= rc == 0;
	return rc;
}

static int write_index(struct seg_writer *w, struct err *e)
{
	size_t len = seg_index_bytes(w->n_frames);
	int rc = trim(w, e);
	if (rc < 0)
		return rc;
	seg_index_encode(w->frames, w->n_frames, w->bytes, w->head.id, w->index);
	w->ragged = true; /* frames can follow only once it is cut off again */
	rc = file_ops_write(w->io, w->fd, w->index, len, w->bytes);
	return rc < 0 ? io_error(rc, "write", w->open_path, e) : 0;
}

int seg_writer_finish(struct seg_writer *w, struct err *e)
{
	const struct file_ops *io = w->io;
	int rc;
	assert(w->fd >= 0);
	if (!w->closed) {
		if ((rc = write_index(w, e)) < 0 || (rc = sync_file(w, e)) < 0)
			return rc;
		io->close(io->ctx, w->fd);
		w->closed = true;
	}
	if (!w->renamed) {
		rc = io->rename(io->ctx, w->open_path, w->path);
		if (rc < 0)
			return io_error(rc, "rename to", w->path, e);
		w->renamed = true;
	}
	rc = file_ops_sync_parent(io, w->path);
	if (rc < 0)
		return io_error(rc, "sync the directory of", w->path, e);
	w->fd = -1;
	return 0;
}

/* Reading */

struct seg_file {
	const struct file_ops *io;
	int fd;
	struct seg_head head;
	const char *head_why;
	bool id_known, indexed;
	uint64_t bytes, data_begin, data_end; /* of the file; of its frames */
	uint64_t index_off;
	struct seg_unpacker *unpacker;
	struct seg_frame loaded;
	struct seg_rec ahead;
	bool has_ahead;
	uint8_t *window; /* SEG_WINDOW, and more for a large frame */
	size_t window_cap;
	char path[PATH_CAP];
};

static bool window_fit(struct seg_file *f, size_t len)
{
	if (len <= f->window_cap)
		return true;
	mem_unmap(f->window, f->window_cap);
	f->window = mem_map(len);
	f->window_cap = f->window ? len : 0;
	return f->window != NULL;
}

static int read_at(struct seg_file *f, void *p, size_t len, uint64_t off, struct err *e)
{
	int rc = file_ops_read(f->io, f->fd, p, len, off);
	if (rc == -ENODATA)
		return err_set(e, -EIO, "%s: offset %llu: the file has become shorter", f->path,
			       (unsigned long long)off);
	return rc < 0 ? err_set(e, rc, "read %s: offset %llu: %s", f->path, (unsigned long long)off,
				strerror(-rc))
		      : 0;
}

/* The next sound head at or behind @off, or data_end. Whatever segment it belongs to while ours is
 * not known.
 */
static int find_frame(struct seg_file *f, uint64_t off, struct seg_frame_head *ret_h,
		      uint64_t *ret_off, struct err *e)
{
	while (f->data_end - off >= SEG_FRAME_HEAD) {
		uint64_t left = f->data_end - off;
		size_t len = left < SEG_WINDOW ? (size_t)left : SEG_WINDOW;
		int rc = read_at(f, f->window, len, off, e);
		if (rc < 0)
			return rc;
		struct slice s = slice_of(f->window, len);
		size_t at = seg_frame_find(s, 0, f->id_known ? &f->head.id : NULL);
		if (seg_frame_head_decode(slice_from(s, at), ret_h)) {
			*ret_off = off + at;
			return 1;
		}
		if (len == left)
			break;
		off += at;
	}
	*ret_off = f->data_end;
	return 0;
}

static int read_head(struct seg_file *f, struct err *e)
{
	struct seg_frame_head first;
	uint8_t head[SEG_HEAD_BYTES_MAX];
	size_t len = f->bytes < sizeof(head) ? (size_t)f->bytes : sizeof(head);
	int rc = read_at(f, head, len, 0, e);
	if (rc == 0)
		rc = seg_head_decode(slice_of(head, len), &f->head, e);
	f->data_end = f->bytes;
	if (rc == 0) {
		f->id_known = true;
		f->data_begin = f->head.head_bytes;
		return 0;
	}
	if (rc != -EBADMSG && rc != -ENODATA)
		return err_prefix(e, rc, "%s: ", f->path);
	/* Its frames say which segment they are of. */
	rc = find_frame(f, 0, &first, &f->data_begin, NULL);
	if (rc <= 0)
		return err_prefix(e, rc < 0 ? rc : -EBADMSG, "%s: ", f->path);
	f->head_why = "its head is damaged";
	f->head.id = first.segment_id;
	f->head.first_seq = first.at.seq;
	f->id_known = true;
	return 0;
}

/* Only sets data_end and index_off: what the index says is read when it is asked for. */
static int look_for_index(struct seg_file *f, struct err *e)
{
	uint8_t tail[SEG_INDEX_TAIL];
	if (f->bytes < f->data_begin + seg_index_bytes(0))
		return 0;
	int rc = read_at(f, tail, sizeof(tail), f->bytes - sizeof(tail), e);
	if (rc < 0)
		return rc;
	uint64_t off;
	if (!seg_index_find(slice_of(tail, sizeof(tail)), f->bytes, &off) || off < f->data_begin)
		return 0;
	size_t len = (size_t)(f->bytes - off);
	struct seg_frame *frames = mem_map(TABLE_BYTES);
	if (!frames || !window_fit(f, len))
		rc = err_set(e, -ENOMEM, "no memory for an index");
	else
		rc = read_at(f, f->window, len, off, e);
	f->indexed =
		rc == 0 && seg_index_decode(slice_of(f->window, len), off, f->head.id, frames) >= 0;
	if (f->indexed)
		f->data_end = f->index_off = off;
	mem_unmap(frames, TABLE_BYTES);
	return rc;
}

int seg_file_open(const struct file_ops *io, const char *path, struct seg_file **ret_f,
		  struct err *e)
{
	struct seg_file *f = mem_alloc(sizeof(*f));
	if (!f)
		return err_set(e, -ENOMEM, "no memory for a segment");
	f->io = io;
	snprintf(f->path, sizeof(f->path), "%s", path);
	f->fd = io->open(io->ctx, path, O_RDONLY);
	int rc = 0;
	if (f->fd < 0)
		rc = io_error(f->fd, "open", path, e);
	int64_t size = f->fd < 0 ? 0 : io->size(io->ctx, f->fd);
	if (rc == 0 && size < 0)
		rc = io_error((int)size, "open", path, e);
	f->bytes = (uint64_t)size;
	if (rc == 0 && (!window_fit(f, SEG_WINDOW) || seg_unpacker_create(&f->unpacker) < 0))
		rc = err_set(e, -ENOMEM, "no memory for a segment");
	if (rc == 0)
		rc = read_head(f, e);
	if (rc == 0)
		rc = look_for_index(f, e);
	if (rc < 0) {
		seg_file_close(f);
		return rc;
	}
	*ret_f = f;
	return 0;
}

void seg_file_close(struct seg_file *f)
{
	if (!f)
		return;
	if (f->fd >= 0)
		f->io->close(f->io->ctx, f->fd);
	seg_unpacker_destroy(f->unpacker);
	mem_unmap(f->window, f->window_cap);
	mem_free(f);
}

const struct seg_head *seg_file_head(const struct seg_file *f)
{
	return &f->head;
}

const char *seg_file_head_why(const struct seg_file *f)
{
	return f->head_why;
}

uint64_t seg_file_bytes(const struct seg_file *f)
{
	return f->bytes;
}

bool seg_file_indexed(const struct seg_file *f)
{
	return f->indexed;
}

/* A head says more than there is: what was to come is known, but not there. */
static int found_cut(struct seg_file *f, const struct seg_frame_head *h, uint64_t *io_off,
		     struct seg_damage *ret_d)
{
	*ret_d = (struct seg_damage){.off = *io_off,
				     .bytes = f->data_end - *io_off,
				     .seq = h->at.seq,
				     .n_recs = h->at.n_recs,
				     .known = true,
				     .torn = true,
				     .why = "the file ends inside of a frame"};
	*io_off = f->data_end;
	return SEG_FOUND_DAMAGE;
}

int seg_file_scan(struct seg_file *f, uint64_t *io_off, struct seg_frame *ret_frame,
		  struct seg_damage *ret_damage, struct err *e)
{
	struct seg_frame_head h;
	uint64_t off = *io_off ? *io_off : f->data_begin, next;
	if (off >= f->data_end)
		return SEG_FOUND_END;
	uint8_t head[SEG_FRAME_HEAD];
	size_t len = f->data_end - off < sizeof(head) ? (size_t)(f->data_end - off) : sizeof(head);
	int rc = read_at(f, head, len, off, e);
	if (rc < 0)
		return rc;
	*io_off = off;
	if (seg_frame_head_decode(slice_of(head, len), &h) && h.segment_id == f->head.id) {
		if (h.at.stored_bytes > f->data_end - off - SEG_FRAME_HEAD)
			return found_cut(f, &h, io_off, ret_damage);
		*ret_frame = h.at;
		ret_frame->off = off;
		*io_off = off + SEG_FRAME_HEAD + h.at.stored_bytes;
		return SEG_FOUND_FRAME;
	}
	rc = find_frame(f, off + 1, &h, &next, e);
	if (rc < 0)
		return rc;
	*ret_damage = (struct seg_damage){.off = off,
					  .bytes = next - off,
					  .torn = rc == 0 && !f->indexed,
					  .why = "no frame begins where one is expected"};
	*io_off = next;
	return SEG_FOUND_DAMAGE;
}

int64_t seg_file_frames(struct seg_file *f, struct seg_frame *ret_frames, struct err *e)
{
	int64_t n = 0;
	uint64_t off = 0;
	struct seg_damage damage;
	if (f->indexed) {
		size_t len = (size_t)(f->bytes - f->index_off);
		if (!window_fit(f, len))
			return err_set(e, -ENOMEM, "no memory for an index");
		int rc = read_at(f, f->window, len, f->index_off, e);
		return rc < 0 ? rc
			      : seg_index_decode(slice_of(f->window, len), f->index_off, f->head.id,
						 ret_frames);
	}
	while (n < SEG_FRAMES_MAX) {
		int found = seg_file_scan(f, &off, &ret_frames[n], &damage, e);
		if (found < 0)
			return found;
		if (found == SEG_FOUND_END)
			break;
		n += found == SEG_FOUND_FRAME;
	}
	return n;
}

int seg_file_load(struct seg_file *f, const struct seg_frame *frame, struct err *e)
{
	struct seg_frame_head h;
	size_t len = SEG_FRAME_HEAD + (size_t)frame->stored_bytes;
	f->has_ahead = false;
	f->loaded = (struct seg_frame){0};
	if (!window_fit(f, len))
		return err_set(e, -ENOMEM, "no memory for a frame of %zu bytes", len);
	int rc = read_at(f, f->window, len, frame->off, e);
	if (rc < 0)
		return rc;
	if (!seg_frame_head_decode(slice_of(f->window, len), &h) || h.segment_id != f->head.id ||
	    h.at.seq != frame->seq || h.at.n_recs != frame->n_recs)
		rc = err_set(e, -EBADMSG, "the head of a frame is damaged");
	else
		rc = seg_unpack(f->unpacker, &h,
				slice_of(f->window + SEG_FRAME_HEAD, frame->stored_bytes), e);
	if (rc < 0)
		return err_prefix(e, rc, "%s: offset %llu: ", f->path,
				  (unsigned long long)frame->off);
	f->loaded = *frame;
	return 0;
}

bool seg_file_next(struct seg_file *f, struct seg_rec *ret_r)
{
	if (f->has_ahead) {
		*ret_r = f->ahead;
		f->has_ahead = false;
		return true;
	}
	return seg_unpack_next(f->unpacker, ret_r);
}

void seg_file_seek(struct seg_file *f, uint32_t rec)
{
	f->has_ahead = false;
	seg_unpack_seek(f->unpacker, rec);
}

/* Copies a record behind those that are there; false when it does not fit. */
static bool fill_one(struct out_batch *b, const struct seg_rec *r)
{
	size_t mark_bytes = r->key.len + r->id.len;
	if (b->n_recs == OUT_BATCH_RECS_MAX || r->bytes.len > b->cap - b->len)
		return false;
	if (b->marks) {
		bool fits = r->key.len <= OUT_KEY_MAX && mark_bytes <= OUT_MARK_BYTES - b->mark_len;
		if (!fits && b->n_recs > 0)
			return false;
		struct out_mark *m = &b->marks[b->n_recs];
		*m = (struct out_mark){.off = b->mark_len};
		if (fits) {
			m->key_len = (uint16_t)r->key.len;
			m->id_len = (uint8_t)r->id.len;
			if (mark_bytes) /* the id stands behind its key there, too */
				memcpy(b->mark_buf + b->mark_len,
				       r->key.len ? r->key.ptr : r->id.ptr, mark_bytes);
			b->mark_len += (uint32_t)mark_bytes;
		}
	}
	if (r->bytes.len)
		memcpy(b->buf + b->len, r->bytes.ptr, r->bytes.len);
	b->len += r->bytes.len;
	b->ends[b->n_recs++] = (uint32_t)b->len;
	return true;
}

int seg_file_fill(struct seg_file *f, struct out_batch *into)
{
	struct seg_rec r;
	into->len = 0;
	into->n_recs = 0;
	into->mark_len = 0;
	into->first_ns = f->loaded.first_ns;
	into->last_ns = f->loaded.last_ns;
	while (seg_file_next(f, &r)) {
		if (fill_one(into, &r))
			continue;
		f->ahead = r;
		f->has_ahead = true;
		return into->n_recs ? (int)into->n_recs : -EMSGSIZE;
	}
	return (int)into->n_recs;
}
