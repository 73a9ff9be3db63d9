#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/spool_priv.h"

#define ACK_MAGIC 0x4b434153u /* "SACK" */
#define ACK_BYTES 32

/* The row. One thread writes; stores are whole words for the readers. */

void spool_row_begin(struct spool *s)
{
	unsigned v = atomic_load_explicit(&s->version, memory_order_relaxed);
	atomic_store_explicit(&s->version, v + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

void spool_set(struct spool *s, unsigned col, uint64_t v)
{
	__atomic_store_n(&s->row[col], v, __ATOMIC_RELAXED);
}

void spool_add(struct spool *s, unsigned col, uint64_t n)
{
	spool_set(s, col, s->row[col] + n);
}

/* The gauges follow from what there is. */
void spool_row_end(struct spool *s)
{
	uint64_t bytes = 0;
	for (unsigned i = 0; i < s->n_segs; i++)
		bytes += s->segs[i].bytes;
	spool_set(s, SPOOL_bytes, bytes);
	spool_set(s, SPOOL_segments, s->n_segs);
	spool_set(s, SPOOL_oldest_ns, s->n_segs ? s->segs[0].created_ns : 0);
	if (s->row[SPOOL_unsynced] > s->row[SPOOL_held])
		spool_set(s, SPOOL_unsynced, s->row[SPOOL_held]);
	unsigned v = atomic_load_explicit(&s->version, memory_order_relaxed);
	atomic_store_explicit(&s->version, v + 1, memory_order_release);
}

void spool_row(const struct spool *s, uint64_t ret_row[SPOOL_N_COLS])
{
	unsigned before, after;
	do {
		before = atomic_load_explicit(&s->version, memory_order_acquire);
		for (unsigned i = 0; i < SPOOL_N_COLS; i++)
			ret_row[i] = __atomic_load_n(&s->row[i], __ATOMIC_RELAXED);
		atomic_thread_fence(memory_order_acquire);
		after = atomic_load_explicit(&s->version, memory_order_relaxed);
	} while (before != after || before & 1);
}

/* Segments */

void spool_path(const struct spool *s, const char *name, char ret[FILE_OPS_PATH])
{
	snprintf(ret, FILE_OPS_PATH, "%.*s/%s", FILE_OPS_PATH - 64, s->dir, name);
}

static void seg_name(const struct spool *s, const struct spool_seg *g, const char *suffix,
		     char ret[FILE_OPS_PATH])
{
	char name[48];
	snprintf(name, sizeof(name), "%016llx.seg%s", (unsigned long long)g->first_seq, suffix);
	spool_path(s, name, ret);
}

void spool_seg_path(const struct spool *s, const struct spool_seg *g, char ret[FILE_OPS_PATH])
{
	seg_name(s, g, g->open_name ? SEG_OPEN_SUFFIX : "", ret);
}

int spool_seg_insert(struct spool *s, unsigned at, const struct spool_seg *g)
{
	if (s->n_segs == s->cap_segs) {
		unsigned cap = s->cap_segs ? 2 * s->cap_segs : 64;
		struct spool_seg *segs = mem_alloc(cap * sizeof(*segs));
		if (!segs)
			return -ENOMEM;
		if (s->n_segs)
			memcpy(segs, s->segs, s->n_segs * sizeof(*segs));
		mem_free(s->segs);
		s->segs = segs;
		s->cap_segs = cap;
	}
	memmove(&s->segs[at + 1], &s->segs[at], (s->n_segs - at) * sizeof(*g));
	s->segs[at] = *g;
	s->n_segs++;
	if (seg_writer_is_open(s->writer) && s->writing >= at)
		s->writing++;
	return 0;
}

bool spool_is_writing(const struct spool *s, unsigned at)
{
	return seg_writer_is_open(s->writer) && s->writing == at;
}

int spool_seg_remove(struct spool *s, unsigned at, struct err *e)
{
	char path[FILE_OPS_PATH];
	struct spool_seg *g = &s->segs[at];
	spool_seg_path(s, g, path);
	if (s->file && s->file_seq == g->first_seq)
		spool_reader_close(s);
	int rc = s->io->unlink(s->io->ctx, path);
	if (rc < 0 && rc != -ENOENT)
		return err_set(e, rc, "remove %s: %s", path, strerror(-rc));
	if (spool_is_writing(s, at))
		seg_writer_leave(s->writer);
	mem_free(g->frames);
	memmove(g, g + 1, (--s->n_segs - at) * sizeof(*g));
	if (seg_writer_is_open(s->writer) && s->writing > at)
		s->writing--;
	return 0;
}

const struct seg_frame *spool_seg_frames(struct spool *s, unsigned at, uint32_t *ret_n,
					 struct err *e)
{
	struct spool_seg *g = &s->segs[at];
	if (spool_is_writing(s, at))
		return seg_writer_frames(s->writer, ret_n);
	if (!g->frames) {
		struct seg_frame *all = NULL;
		spool_reader_close(s); /* it may know less of the file than there is by now */
		int64_t n = spool_reader_open(s, g, e);
		if (n < 0)
			return NULL;
		all = mem_map(SEG_FRAMES_MAX * sizeof(*all));
		n = all ? seg_file_frames(s->file, all, e)
			: err_set(e, -ENOMEM, "no memory for a table of frames");
		if (n >= 0)
			g->frames = mem_alloc((size_t)n * sizeof(*all) + 1);
		if (g->frames) {
			memcpy(g->frames, all, (size_t)n * sizeof(*all));
			g->n_frames = (uint32_t)n;
		}
		mem_unmap(all, SEG_FRAMES_MAX * sizeof(*all));
	}
	*ret_n = g->n_frames;
	return g->frames;
}

uint32_t spool_frame_of(const struct seg_frame *frames, uint32_t n, uint64_t seq)
{
	uint32_t lo = 0, hi = n;
	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		if (frames[mid].seq + frames[mid].n_recs > seq)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Of a range that is cut by @from or @to as many as there can be. */
static uint64_t lost_within(const struct spool *s, uint64_t from, uint64_t to)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < s->n_lost; i++) {
		const struct spool_lost *l = &s->lost[i];
		uint64_t lo = l->seq > from ? l->seq : from, hi = l->end < to ? l->end : to;
		uint64_t n = hi > lo ? hi - lo : 0;
		sum += n < l->n_recs ? n : l->n_recs;
	}
	return sum;
}

uint64_t spool_seg_count(struct spool *s, unsigned at, uint64_t from, uint64_t to)
{
	const struct spool_seg *g = &s->segs[at];
	uint32_t n = 0;
	from = from > g->first_seq ? from : g->first_seq;
	to = to < g->end_seq ? to : g->end_seq;
	if (to <= from)
		return 0;
	uint64_t sum = g->n_recs;
	if (from > g->first_seq || to < g->end_seq) {
		const struct seg_frame *frames = spool_seg_frames(s, at, &n, NULL);
		sum = frames ? 0 : to - from; /* unreadable: as if no number was left out */
		for (uint32_t i = spool_frame_of(frames, n, from); i < n && frames[i].seq < to;
		     i++) {
			uint64_t lo = frames[i].seq > from ? frames[i].seq : from;
			uint64_t end = frames[i].seq + frames[i].n_recs;
			sum += (end < to ? end : to) - lo;
		}
	}
	uint64_t lost = lost_within(s, from, to);
	return sum > lost ? sum - lost : 0;
}

void spool_set_lost(struct spool *s, uint64_t seq, uint64_t end, uint64_t n_recs)
{
	struct spool_lost *l = s->n_lost ? &s->lost[s->n_lost - 1] : NULL;
	if (l && l->end == seq) {
		l->end = end;
		l->n_recs += n_recs;
	} else {
		s->lost[s->n_lost++] = (struct spool_lost){seq, end, n_recs};
	}
	spool_row_begin(s);
	spool_add(s, SPOOL_held, 0 - n_recs);
	spool_add(s, SPOOL_corrupt, n_recs);
	spool_row_end(s);
}

/* The file `ack`: | magic u32, 0 u32 | times written u64 | number u64 | XXH64 | at 0 and 4096 */

static int ack_open(struct spool *s, struct err *e)
{
	char path[FILE_OPS_PATH];
	if (s->ack_fd >= 0)
		return 0;
	spool_path(s, "ack", path);
	s->ack_fd = s->io->open(s->io->ctx, path, O_RDWR | O_CREAT);
	return s->ack_fd < 0 ? err_set(e, s->ack_fd, "open %s: %s", path, strerror(-s->ack_fd)) : 0;
}

int spool_ack_write(struct spool *s, struct err *e)
{
	uint8_t slot[ACK_BYTES] = {0};
	const struct file_ops *io = s->io;
	uint64_t number = s->ack_number + 1;
	uint32_t magic = ACK_MAGIC;
	memcpy(slot, &magic, sizeof(magic));
	memcpy(slot + 8, &number, 8);
	memcpy(slot + 16, &s->ack, 8);
	uint64_t hash = XXH64(slot, 24, 0);
	memcpy(slot + 24, &hash, 8);
	int rc = ack_open(s, e);
	if (rc < 0)
		return rc;
	rc = file_ops_write(io, s->ack_fd, slot, sizeof(slot), (number & 1) * SPOOL_ACK_SLOT);
	if (rc == 0)
		rc = io->sync(io->ctx, s->ack_fd);
	if (rc == 0 && !s->ack_made)
		rc = io->sync_dir(io->ctx, s->dir);
	if (rc < 0)
		return err_set(e, rc, "write %s/ack: %s", s->dir, strerror(-rc));
	s->ack_made = true;
	s->ack_number = number;
	s->ack_disk = s->ack;
	s->ack_written_ns = s->now_ns;
	return 0;
}

/* The newer of the two places that are sound. @ret_number 0: there is none. */
static int ack_load(const struct file_ops *io, int fd, uint64_t *ret_number, uint64_t *ret_seq)
{
	for (unsigned i = 0; i < 2; i++) {
		uint8_t slot[ACK_BYTES];
		uint32_t magic;
		uint64_t number, hash;
		int rc = file_ops_read(io, fd, slot, sizeof(slot), i * SPOOL_ACK_SLOT);
		if (rc == -ENODATA)
			continue;
		if (rc < 0)
			return rc;
		memcpy(&magic, slot, 4);
		memcpy(&number, slot + 8, 8);
		memcpy(&hash, slot + 24, 8);
		if (magic != ACK_MAGIC || hash != XXH64(slot, 24, 0) || number <= *ret_number)
			continue;
		*ret_number = number;
		memcpy(ret_seq, slot + 16, 8);
	}
	return 0;
}

int spool_ack_read(struct spool *s, struct err *e)
{
	int rc = ack_open(s, e);
	if (rc < 0)
		return rc;
	rc = ack_load(s->io, s->ack_fd, &s->ack_number, &s->ack);
	if (rc < 0)
		return err_set(e, rc, "read %s/ack: %s", s->dir, strerror(-rc));
	s->ack_disk = s->ack;
	if (s->ack_number == 0 && s->io->size(s->io->ctx, s->ack_fd) > 0)
		err_set(&s->found.notice, 0, "%s/ack is damaged: all that is there is sent again",
			s->dir);
	return 0;
}

int spool_ack_of(const struct file_ops *io, const char *dir, uint64_t *ret_seq)
{
	char path[FILE_OPS_PATH + 8];
	uint64_t number = 0, seq = 0;
	snprintf(path, sizeof(path), "%s/ack", dir);
	int fd = io->open(io->ctx, path, O_RDONLY);
	if (fd < 0)
		return fd;
	int rc = ack_load(io, fd, &number, &seq);
	io->close(io->ctx, fd);
	if (rc == 0)
		*ret_seq = seq;
	return rc;
}
