#include "dataplane/sink/dead_letter_store.h"

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/segment.h"

#define NAME_BYTES    16 /* hex digits of the first letter's number */
#define SUFFIX        ".seg"
#define NAME_CAP      (NAME_BYTES + sizeof(SUFFIX SEG_OPEN_SUFFIX))
#define MARK_BYTES    32
#define MARKS_AT_ONCE 2048

struct mark {
	uint64_t seq;
	uint64_t order; /* in the file */
	uint8_t state;
};

struct dead_letter_store {
	const struct file_ops *io;
	char dir[FILE_OPS_PATH];
	char (*names)[NAME_CAP]; /* of the segments, sorted */
	size_t n_names, cap_names;
	struct mark *marks; /* sorted, one a letter */
	size_t n_marks, cap_marks;

	/* Reading. */
	size_t at; /* in names: of `file` */
	struct seg_file *file;
	struct seg_frame frame;
	uint64_t off, damaged, cut;
	uint32_t rec; /* in the frame */
	bool loaded;

	int lock_fd, marks_fd; /* -1 */
	uint64_t marks_end;    /* bytes of the file */
	uint8_t buf[MARKS_AT_ONCE * MARK_BYTES];
	size_t buf_len; /* marks that are not written yet */
};

const char *const dead_state_names[DEAD_N_STATES] = {"new", "failed again", "retried"};

static int path_of(const struct dead_letter_store *s, const char *name, char *out, struct err *e)
{
	int n = snprintf(out, FILE_OPS_PATH, "%s/%s", s->dir, name);
	return n < FILE_OPS_PATH ? 0 : err_set(e, -ENAMETOOLONG, "%s/%s: too long", s->dir, name);
}

/* Makes room for one more of @n. */
static bool grow(void **io_items, size_t n, size_t *io_cap, size_t item)
{
	if (n < *io_cap)
		return true;
	size_t cap = *io_cap ? 2 * *io_cap : 64;
	void *more = mem_alloc(cap * item);
	if (!more)
		return false;
	if (n)
		memcpy(more, *io_items, n * item);
	mem_free(*io_items);
	*io_items = more;
	*io_cap = cap;
	return true;
}

/* ---- the folder ---- */

static bool is_segment(const char *name)
{
	size_t hex = strspn(name, "0123456789abcdef");
	return hex == NAME_BYTES &&
	       (strcmp(name + hex, SUFFIX) == 0 || strcmp(name + hex, SUFFIX SEG_OPEN_SUFFIX) == 0);
}

static bool is_open(const char *name)
{
	return strlen(name) > NAME_BYTES + strlen(SUFFIX);
}

static int add_name(void *arg, const char *name)
{
	struct dead_letter_store *s = arg;
	if (!is_segment(name))
		return 0;
	if (!grow((void **)&s->names, s->n_names, &s->cap_names, sizeof(*s->names)))
		return -ENOMEM;
	snprintf(s->names[s->n_names++], NAME_CAP, "%s", name);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(a, b);
}

static int list(struct dead_letter_store *s, struct err *e)
{
	s->n_names = 0;
	int rc = s->io->list(s->io->ctx, s->dir, add_name, s);
	if (rc < 0)
		return err_set(e, rc, "%s: %s", s->dir, strerror(-rc));
	if (s->n_names)
		qsort(s->names, s->n_names, sizeof(*s->names), by_name);
	return 0;
}

/* ---- marks ---- */

static void encode_mark(uint8_t out[MARK_BYTES], uint64_t seq, uint64_t when_ns, uint8_t state)
{
	uint64_t words[4] = {htole64(seq), htole64(when_ns), htole64(state)};
	words[3] = htole64(XXH64(words, 24, 0));
	memcpy(out, words, MARK_BYTES);
}

static bool decode_mark(const uint8_t *p, struct mark *ret_m)
{
	uint64_t words[4];
	memcpy(words, p, MARK_BYTES);
	if (le64toh(words[3]) != XXH64(words, 24, 0) || le64toh(words[2]) >= DEAD_N_STATES)
		return false;
	ret_m->seq = le64toh(words[0]);
	ret_m->state = (uint8_t)le64toh(words[2]);
	return true;
}

static int by_seq(const void *a, const void *b)
{
	const struct mark *x = a, *y = b;
	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/* Leaves the last mark of each letter. */
static void sort_marks(struct dead_letter_store *s)
{
	size_t n = 0;
	if (s->n_marks)
		qsort(s->marks, s->n_marks, sizeof(*s->marks), by_seq);
	for (size_t i = 0; i < s->n_marks; i++) {
		if (n && s->marks[n - 1].seq == s->marks[i].seq)
			n--;
		s->marks[n++] = s->marks[i];
	}
	s->n_marks = n;
}

static int read_marks(struct dead_letter_store *s, int fd, struct err *e)
{
	int64_t size = s->io->size(s->io->ctx, fd);
	if (size < 0)
		return err_set(e, (int)size, "%s/retried: %s", s->dir, strerror((int)-size));
	s->marks_end = (uint64_t)size / MARK_BYTES * MARK_BYTES; /* half a mark is written over */
	for (uint64_t off = 0; off < s->marks_end;) {
		size_t len = s->marks_end - off < sizeof(s->buf) ? (size_t)(s->marks_end - off)
								 : sizeof(s->buf);
		int rc = file_ops_read(s->io, fd, s->buf, len, off);
		if (rc < 0)
			return err_set(e, rc, "%s/retried: %s", s->dir, strerror(-rc));
		for (size_t i = 0; i < len; i += MARK_BYTES) {
			struct mark m = {.order = off + i};
			if (!decode_mark(s->buf + i, &m))
				continue;
			if (!grow((void **)&s->marks, s->n_marks, &s->cap_marks, sizeof(m)))
				return err_set(e, -ENOMEM, "no memory for the marks of letters");
			s->marks[s->n_marks++] = m;
		}
		off += len;
	}
	sort_marks(s);
	return 0;
}

static int load_marks(struct dead_letter_store *s, struct err *e)
{
	char path[FILE_OPS_PATH];
	s->n_marks = 0;
	int rc = path_of(s, "retried", path, e);
	if (rc < 0)
		return rc;
	int fd = s->io->open(s->io->ctx, path, O_RDONLY);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return err_set(e, fd, "%s: %s", path, strerror(-fd));
	rc = read_marks(s, fd, e);
	s->io->close(s->io->ctx, fd);
	return rc;
}

enum dead_state dead_letter_store_state(const struct dead_letter_store *s, uint64_t seq)
{
	size_t lo = 0, hi = s->n_marks;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (s->marks[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->n_marks && s->marks[lo].seq == seq ? s->marks[lo].state : DEAD_NEW;
}

int dead_letter_store_lock(struct dead_letter_store *s, struct err *e)
{
	char path[FILE_OPS_PATH];
	int pid, rc = path_of(s, "retry.lock", path, e);
	if (rc < 0)
		return rc;
	s->lock_fd = s->io->lock(s->io->ctx, path, &pid);
	if (s->lock_fd == -EBUSY)
		return err_set(e, -EBUSY, "%s: process %d tries its letters again", s->dir, pid);
	if (s->lock_fd < 0)
		return err_set(e, s->lock_fd, "%s: %s", path, strerror(-s->lock_fd));
	rc = path_of(s, "retried", path, e);
	if (rc == 0)
		s->marks_fd = s->io->open(s->io->ctx, path, O_RDWR | O_CREAT);
	if (rc == 0 && s->marks_fd < 0)
		rc = err_set(e, s->marks_fd, "%s: %s", path, strerror(-s->marks_fd));
	if (rc < 0)
		return rc;
	s->n_marks = 0; /* another may have marked since they were read */
	return read_marks(s, s->marks_fd, e);
}

static int write_marks(struct dead_letter_store *s, struct err *e)
{
	int rc = file_ops_write(s->io, s->marks_fd, s->buf, s->buf_len, s->marks_end);
	if (rc < 0)
		return err_set(e, rc, "%s/retried: %s", s->dir, strerror(-rc));
	s->marks_end += s->buf_len;
	s->buf_len = 0;
	return 0;
}

int dead_letter_store_mark(struct dead_letter_store *s, uint64_t seq, enum dead_state state,
			   uint64_t when_ns, struct err *e)
{
	encode_mark(s->buf + s->buf_len, seq, when_ns, (uint8_t)state);
	s->buf_len += MARK_BYTES;
	return s->buf_len == sizeof(s->buf) ? write_marks(s, e) : 0;
}

int dead_letter_store_sync(struct dead_letter_store *s, struct err *e)
{
	int rc = s->buf_len ? write_marks(s, e) : 0;
	if (rc == 0)
		rc = s->io->sync(s->io->ctx, s->marks_fd);
	if (rc == 0)
		rc = s->io->sync_dir(s->io->ctx, s->dir);
	if (rc < 0)
		return err_set(e, rc, "%s/retried: %s", s->dir, strerror(-rc));
	s->n_marks = 0;
	return read_marks(s, s->marks_fd, e);
}

/* ---- life ---- */

int dead_letter_store_open(const struct file_ops *io, const char *dir,
			   struct dead_letter_store **ret_s, struct err *e)
{
	struct dead_letter_store *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for dead letters");
	s->io = io;
	s->lock_fd = s->marks_fd = -1;
	snprintf(s->dir, sizeof(s->dir), "%s", dir);
	int rc = strlen(dir) < sizeof(s->dir) ? list(s, e)
					      : err_set(e, -ENAMETOOLONG, "%s: too long", dir);
	if (rc == 0)
		rc = load_marks(s, e);
	if (rc < 0) {
		dead_letter_store_close(s);
		return rc;
	}
	*ret_s = s;
	return 0;
}

void dead_letter_store_close(struct dead_letter_store *s)
{
	if (!s)
		return;
	seg_file_close(s->file);
	if (s->marks_fd >= 0)
		s->io->close(s->io->ctx, s->marks_fd);
	if (s->lock_fd >= 0)
		s->io->close(s->io->ctx, s->lock_fd);
	mem_free(s->names);
	mem_free(s->marks);
	mem_free(s);
}

/* ---- reading ---- */

void dead_letter_store_rewind(struct dead_letter_store *s)
{
	seg_file_close(s->file);
	s->file = NULL;
	s->at = 0;
	s->damaged = s->cut = 0;
	s->loaded = false;
}

/* Opens segment @i. One that is being written may have been finished since it was listed. 0: it is
 * gone, or none.
 */
static int open_segment(struct dead_letter_store *s, size_t i, struct seg_file **ret_f,
			struct err *e)
{
	char path[FILE_OPS_PATH];
	int rc = path_of(s, s->names[i], path, e);
	if (rc == 0)
		rc = seg_file_open(s->io, path, ret_f, e);
	if (rc == -ENOENT && is_open(s->names[i])) {
		path[strlen(path) - strlen(SEG_OPEN_SUFFIX)] = '\0';
		rc = seg_file_open(s->io, path, ret_f, e);
	}
	return rc == 0 ? 1 : rc == -ENOENT || rc == -EBADMSG ? 0 : rc;
}

/* The next frame, unpacked. 1; 0: the segment ends. */
static int next_frame(struct dead_letter_store *s, struct err *e)
{
	struct seg_damage d;
	for (;;) {
		int found = seg_file_scan(s->file, &s->off, &s->frame, &d, e);
		if (found < 0 || found == SEG_FOUND_END)
			return found < 0 ? found : 0;
		if (found == SEG_FOUND_DAMAGE) {
			*(d.torn ? &s->cut : &s->damaged) += d.bytes;
			continue;
		}
		int rc = seg_file_load(s->file, &s->frame, e);
		if (rc == 0)
			return 1;
		if (rc != -EBADMSG)
			return rc;
		s->damaged += s->frame.stored_bytes;
	}
}

static uint64_t file_bytes(const struct dead_letter_store *s, size_t i)
{
	char path[FILE_OPS_PATH];
	int fd = path_of(s, s->names[i], path, NULL) < 0 ? -1
							 : s->io->open(s->io->ctx, path, O_RDONLY);
	if (fd < 0)
		return 0;
	int64_t size = s->io->size(s->io->ctx, fd);
	s->io->close(s->io->ctx, fd);
	return size > 0 ? (uint64_t)size : 0;
}

/* A file that a crash left before its first letter was written is no damage. */
static void count_unreadable(struct dead_letter_store *s, size_t i)
{
	*(is_open(s->names[i]) ? &s->cut : &s->damaged) += file_bytes(s, i);
}

/* The next record of any segment. 1, 0 or -errno. */
static int next_rec(struct dead_letter_store *s, struct seg_rec *ret_r, struct err *e)
{
	for (;;) {
		if (s->loaded && seg_file_next(s->file, ret_r))
			return 1;
		s->loaded = false;
		int rc = s->file ? next_frame(s, e) : 0;
		if (rc < 0)
			return rc;
		s->loaded = rc;
		s->rec = 0;
		if (s->loaded)
			continue;
		s->at += s->file != NULL;
		seg_file_close(s->file);
		s->file = NULL;
		s->off = 0;
		if (s->at == s->n_names)
			return 0;
		rc = open_segment(s, s->at, &s->file, e);
		if (rc < 0)
			return rc;
		if (rc == 0)
			count_unreadable(s, s->at++);
	}
}

int dead_letter_store_next(struct dead_letter_store *s, uint64_t *ret_seq,
			   struct dead_letter *ret_l, struct err *e)
{
	struct seg_rec r;
	int rc;
	while ((rc = next_rec(s, &r, e)) > 0) {
		uint64_t seq = s->frame.seq + s->rec++;
		if (dead_letter_read(r.bytes, ret_l)) {
			*ret_seq = seq;
			return 1;
		}
		s->damaged += r.bytes.len;
	}
	return rc;
}

uint64_t dead_letter_store_damaged(const struct dead_letter_store *s, uint64_t *ret_cut)
{
	if (ret_cut)
		*ret_cut = s->cut;
	return s->damaged;
}

/* ---- whole segments ---- */

/* What a segment holds. */
struct content {
	uint64_t bytes, created_ns, end; /* end: behind its last letter */
	uint64_t letters, not_retried;
};

/* 1; 0: it cannot be read. */
static int look_at(struct dead_letter_store *s, size_t i, struct seg_frame *frames,
		   struct content *ret, struct err *e)
{
	struct seg_file *f;
	int rc = open_segment(s, i, &f, e);
	if (rc <= 0)
		return rc;
	*ret = (struct content){.bytes = seg_file_bytes(f),
				.created_ns = seg_file_head(f)->created_ns,
				.end = seg_file_head(f)->first_seq + 1};
	int64_t n = seg_file_frames(f, frames, e);
	for (int64_t k = 0; k < n; k++) {
		ret->end = frames[k].seq + frames[k].n_recs;
		ret->letters += frames[k].n_recs;
		for (uint32_t m = 0; m < frames[k].n_recs; m++)
			ret->not_retried +=
				dead_letter_store_state(s, frames[k].seq + m) != DEAD_RETRIED;
	}
	seg_file_close(f);
	return n < 0 ? (int)n : 1;
}

#define TABLE_BYTES (SEG_FRAMES_MAX * sizeof(struct seg_frame))

uint64_t dead_letter_store_end(const struct dead_letter_store *s)
{
	struct content c = {0};
	uint64_t end = s->n_marks ? s->marks[s->n_marks - 1].seq + 1 : 0;
	struct seg_frame *frames = mem_map(TABLE_BYTES);
	size_t last = s->n_names ? s->n_names - 1 : 0;
	if (frames && s->n_names &&
	    look_at((struct dead_letter_store *)s, last, frames, &c, NULL) <= 0) {
		char name[NAME_BYTES + 1];
		memcpy(name, s->names[last], NAME_BYTES);
		name[NAME_BYTES] = '\0';
		c.end = strtoull(name, NULL, 16) + 1;
	}
	mem_unmap(frames, frames ? TABLE_BYTES : 0);
	return c.end > end ? c.end : end;
}

uint64_t dead_letter_store_bytes(const struct dead_letter_store *s)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < s->n_names; i++)
		sum += file_bytes(s, i);
	return sum;
}

static int sweep_one(struct dead_letter_store *s, size_t i, uint64_t before_ns,
		     struct seg_frame *frames, struct dead_swept *io, struct err *e)
{
	struct content c;
	char path[FILE_OPS_PATH];
	if (is_open(s->names[i]))
		return 0;
	int rc = look_at(s, i, frames, &c, e);
	if (rc <= 0 || (c.not_retried && c.created_ns >= before_ns))
		return rc < 0 ? rc : 0;
	rc = path_of(s, s->names[i], path, e);
	if (rc == 0)
		rc = s->io->unlink(s->io->ctx, path);
	if (rc < 0)
		return rc == -ENOENT ? 0 : err_set(e, rc, "%s: %s", path, strerror(-rc));
	io->bytes += c.bytes;
	io->letters += c.letters;
	io->not_retried += c.not_retried;
	return 0;
}

int dead_letter_store_sweep(struct dead_letter_store *s, uint64_t before_ns, struct dead_swept *ret,
			    struct err *e)
{
	struct seg_frame *frames = mem_map(TABLE_BYTES);
	int rc = frames ? 0 : err_set(e, -ENOMEM, "no memory for an index");
	*ret = (struct dead_swept){0};
	for (size_t i = 0; rc == 0 && i < s->n_names; i++)
		rc = sweep_one(s, i, before_ns, frames, ret, e);
	mem_unmap(frames, frames ? TABLE_BYTES : 0);
	dead_letter_store_rewind(s);
	return rc < 0 ? rc : list(s, e);
}
