#include "dataplane/sink/spool.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/sink/spool_priv.h"

#define IDLE_NS 10000000000ull /* then a file of which all is delivered goes */

LEDGER_DEFINE(spool, "spool", "records", SPOOL_COLS);

static const char *const full_choices[] = {"block", "drop_oldest", "drop_newest", NULL};
static const char *const sync_choices[] = {"batch", "interval", "off", NULL};

const struct opt spool_opts[] = {
	{.name = "dir",
	 .type = OPT_PATH,
	 .off = offsetof(struct spool_conf, dir),
	 .required = true,
	 .help = "Where the records wait; a directory in it for each queue."},
	{.name = "bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct spool_conf, bytes_max),
	 .min = 1 << 20,
	 .def = "10GiB",
	 .help = "On the disk, of one queue."},
	{.name = "age_max",
	 .type = OPT_DURATION,
	 .off = offsetof(struct spool_conf, age_max),
	 .def = "0s",
	 .help = "Records that have waited for longer are dropped, by segments. 0: never."},
	{.name = "segment_bytes",
	 .type = OPT_BYTES,
	 .off = offsetof(struct spool_conf, segment_bytes),
	 .min = 256 << 10,
	 .max = 4ll << 30,
	 .def = "64MiB",
	 .help = "Size of a file, at most a quarter of bytes_max: what is deleted at once."},
	{.name = "full",
	 .type = OPT_ENUM,
	 .off = offsetof(struct spool_conf, full),
	 .def = "block",
	 .choices = full_choices,
	 .help = "What happens when there is no room: block keeps new records waiting in front of "
		 "the spool, drop_oldest drops the oldest segment that was not begun to be "
		 "delivered, drop_newest what comes."},
	{.name = "sync",
	 .type = OPT_ENUM,
	 .off = offsetof(struct spool_conf, sync),
	 .def = "interval",
	 .choices = sync_choices,
	 .help = "When the disk is waited for: batch, at each of them; interval, every sync_every; "
		 "off, when a file is finished. A crash of the process alone loses nothing."},
	{.name = "sync_every",
	 .type = OPT_DURATION,
	 .off = offsetof(struct spool_conf, sync_every),
	 .min = 1000000,
	 .max = 60ll * 1000000000,
	 .def = "100ms",
	 .help = "Of sync: interval: a machine that loses power loses at most so much. Also how "
		 "often it is "
		 "written down what was delivered: so much is sent twice after a crash."},
	{.name = "level",
	 .type = OPT_INT,
	 .off = offsetof(struct spool_conf, level),
	 .min = -7,
	 .max = 19,
	 .def = "1",
	 .help = "Level of zstd: lower is faster. 0: records are stored as they are."},
	OPT_END};

static bool is_full(int rc)
{
	return rc == -ENOSPC || rc == -EDQUOT;
}

/* What is delivered, goes */

/* Is there a segment of which all is delivered? One that is written is kept for what comes next,
 * but for @all.
 */
static bool front_is_delivered(const struct spool *s, bool all)
{
	return s->n_segs && s->segs[0].end_seq <= s->ack && (all || !spool_is_writing(s, 0));
}

static void forget_lost(struct spool *s)
{
	unsigned n = 0;
	for (unsigned i = 0; i < s->n_lost; i++)
		if (s->lost[i].end > s->ack)
			s->lost[n++] = s->lost[i];
	s->n_lost = n;
}

/* Deletes what is delivered. The number is written down before: what the disk forgets of that is
 * sent twice, never lost. A failure is told, and tried again at the next call.
 */
static int settle(struct spool *s, bool all, struct err *e)
{
	int rc = s->ack != s->ack_disk ? spool_ack_write(s, e) : 0, removed = 0;
	bool full = is_full(rc); /* then what goes makes the room for it */
	while ((rc == 0 || full) && removed == 0 && front_is_delivered(s, all || full))
		removed = spool_seg_remove(s, 0, e);
	if (full && removed == 0)
		rc = spool_ack_write(s, e);
	rc = rc < 0 ? rc : removed;
	forget_lost(s);
	spool_row_begin(s);
	spool_row_end(s);
	return rc;
}

void spool_ack(struct spool *s, uint64_t seq)
{
	uint64_t n = 0;
	if (seq <= s->ack)
		return;
	for (unsigned i = 0; i < s->n_segs && s->segs[i].first_seq < seq; i++)
		if (s->segs[i].end_seq > s->ack)
			n += spool_seg_count(s, i, s->ack, seq);
	s->ack = seq;
	if (s->read < seq)
		spool_rewind(s, seq);
	s->next_seq = s->next_seq > seq ? s->next_seq : seq;
	spool_row_begin(s);
	n = n < s->row[SPOOL_held] ? n : s->row[SPOOL_held];
	spool_add(s, SPOOL_held, 0 - n);
	spool_add(s, SPOOL_acked, n);
	spool_row_end(s);
}

/* What is dropped */

/* The oldest of which nothing was given out, and which is not being written; n_segs: there is none.
 */
static unsigned oldest_untouched(const struct spool *s)
{
	for (unsigned i = 0; i < s->n_segs; i++)
		if (s->segs[i].first_seq >= s->read && !spool_is_writing(s, i))
			return i;
	return s->n_segs;
}

static int drop_segment(struct spool *s, unsigned at, unsigned col, struct err *e)
{
	uint64_t first = s->segs[at].first_seq, end = s->segs[at].end_seq;
	uint64_t n = spool_seg_count(s, at, first, end);
	int rc = spool_seg_remove(s, at, e);
	if (rc < 0)
		return rc;
	spool_row_begin(s);
	spool_add(s, SPOOL_held, 0 - n);
	spool_add(s, col, n);
	spool_row_end(s);
	return 0;
}

static int drop_aged(struct spool *s, struct err *e)
{
	uint64_t n = s->row[SPOOL_dropped_age];
	for (unsigned i; (i = oldest_untouched(s)) < s->n_segs;) {
		if (s->now_ns < s->segs[i].closed_ns ||
		    s->now_ns - s->segs[i].closed_ns <= s->conf->age_max)
			break;
		int rc = drop_segment(s, i, SPOOL_dropped_age, e);
		if (rc < 0)
			return rc;
	}
	if ((n = s->row[SPOOL_dropped_age] - n))
		err_set(e, 0,
			"queue %s: %llu records waited in the spool for too long, and are dropped",
			s->queue, (unsigned long long)n);
	return 0;
}

/* Writing */

static uint64_t segment_bytes(const struct spool *s)
{
	uint64_t quarter = s->conf->bytes_max / 4;
	return s->conf->segment_bytes < quarter ? s->conf->segment_bytes : quarter;
}

/* The segment at hand with its index. */
static void measure(struct spool *s)
{
	uint32_t n;
	seg_writer_frames(s->writer, &n);
	s->segs[s->writing].bytes = seg_writer_bytes(s->writer) + seg_index_bytes(n);
}

/* Keeps the table of frames where `ack` or `read` needs it. */
static int keep_frames(struct spool *s, struct spool_seg *g, struct err *e)
{
	uint32_t n;
	const struct seg_frame *frames = seg_writer_frames(s->writer, &n);
	if (s->ack <= g->first_seq && s->read <= g->first_seq)
		return 0;
	g->frames = mem_alloc(n * sizeof(*frames) + 1);
	if (!g->frames)
		return err_set(e, -ENOMEM, "no memory for a table of frames");
	memcpy(g->frames, frames, n * sizeof(*frames));
	g->n_frames = n;
	return 0;
}

/* Ends the segment at hand. A disk that is full is no reason to let go of it. */
static int finish(struct spool *s, struct err *e)
{
	if (!seg_writer_is_open(s->writer))
		return 0;
	struct spool_seg *g = &s->segs[s->writing];
	int rc = keep_frames(s, g, e);
	if (rc == 0)
		rc = seg_writer_finish(s->writer, e);
	if (is_full(rc) || rc == -ENOMEM) {
		mem_free(g->frames);
		g->frames = NULL; /* others may follow */
		return rc;
	}
	g->closed_ns = s->now_ns;
	g->open_name = !seg_writer_has_name(s->writer);
	if (rc < 0)
		seg_writer_leave(s->writer);
	spool_row_begin(s);
	if (rc == 0)
		spool_set(s, SPOOL_unsynced, 0);
	spool_row_end(s);
	return rc;
}

static int begin(struct spool *s, unsigned at, uint64_t seq, struct err *e)
{
	char path[FILE_OPS_PATH];
	struct spool_seg g = {.first_seq = seq, .end_seq = seq, .created_ns = s->now_ns};
	struct seg_head h = {.kind = SEG_RECORDS,
			     .created_ns = s->now_ns,
			     .first_seq = seq,
			     .name_len = (uint16_t)strlen(s->queue)};
	memcpy(h.name, s->queue, h.name_len);
	spool_seg_path(s, &g, path);
	int rc = seg_writer_begin(s->writer, path, &h, e);
	if (rc < 0)
		return rc;
	g.open_name = true;
	spool_seg_path(s, &g, path);
	s->writing = at; /* insert moves it only when it stands at or behind */
	rc = spool_seg_insert(s, at, &g);
	s->writing = at;
	if (rc < 0) {
		seg_writer_leave(s->writer);
		s->io->unlink(s->io->ctx, path);
		return err_set(e, rc, "no memory for a list of segments");
	}
	measure(s);
	return 0;
}

/* The place of records @seq up to @end: index of the segment behind which they come, plus one.
 * -EINVAL where some are already, or were.
 */
static int place(const struct spool *s, uint64_t seq, uint64_t end, struct err *e)
{
	unsigned at = s->n_segs;
	while (at > 0 && s->segs[at - 1].first_seq > seq)
		at--;
	bool free_before = at == 0 || s->segs[at - 1].end_seq <= seq;
	bool free_behind = at == s->n_segs || s->segs[at].first_seq >= end;
	if (seq < s->ack || !free_before || !free_behind)
		return err_set(e, -EINVAL,
			       "queue %s: records %llu to %llu are in the spool, or were", s->queue,
			       (unsigned long long)seq, (unsigned long long)end - 1);
	return (int)at;
}

static size_t frame_bytes_max(const struct out_batch *b)
{
	return SEG_FRAME_HEAD + b->len + (size_t)b->n_recs * 7 + b->mark_len + 40;
}

/* Puts the batch into the segment in front of place @at, or into a new one there. */
static int put(struct spool *s, unsigned at, const struct out_batch *b, uint64_t seq, struct err *e)
{
	uint32_t n = 0;
	if (seg_writer_is_open(s->writer)) {
		seg_writer_frames(s->writer, &n);
		uint64_t bytes = s->segs[s->writing].bytes + frame_bytes_max(b);
		if (s->writing + 1 != at || n == SEG_FRAMES_MAX ||
		    (n > 0 && bytes > segment_bytes(s))) {
			int rc = finish(s, e);
			if (rc < 0)
				return rc;
		}
	}
	if (!seg_writer_is_open(s->writer)) {
		int rc = begin(s, at, seq, e);
		if (rc < 0)
			return rc;
		at++;
		n = 0;
	}
	int rc = seg_writer_append(s->writer, b, seq, e);
	if (rc < 0 && n == 0)
		spool_seg_remove(s, s->writing, NULL);
	if (rc < 0)
		return rc;
	struct spool_seg *g = &s->segs[s->writing];
	g->end_seq = seq + b->n_recs;
	g->n_recs += b->n_recs;
	measure(s);
	return 0;
}

static uint64_t bytes_now(const struct spool *s)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < s->n_segs; i++)
		sum += s->segs[i].bytes;
	return sum;
}

/* As put, within bytes_max. */
static int put_within(struct spool *s, const struct out_batch *b, uint64_t seq, struct err *e)
{
	uint64_t end = seq + b->n_recs;
	int at = place(s, seq, end, e);
	if (at < 0)
		return at;
	if (bytes_now(s) + frame_bytes_max(b) + SEG_HEAD_BYTES_MAX > s->conf->bytes_max)
		return err_set(e, -ENOSPC, "the spool of queue %s is full: %llu bytes", s->queue,
			       (unsigned long long)s->conf->bytes_max);
	return put(s, (unsigned)at, b, seq, e);
}

/* Makes room by what is delivered, then as the configuration says. */
static int put_or_drop(struct spool *s, const struct out_batch *b, uint64_t seq, struct err *e)
{
	int rc = put_within(s, b, seq, e);
	if (is_full(rc) && front_is_delivered(s, true) && settle(s, true, NULL) == 0)
		rc = put_within(s, b, seq, e);
	while (is_full(rc) && s->conf->full == SPOOL_DROP_OLDEST) {
		unsigned i = oldest_untouched(s);
		if (i == s->n_segs || drop_segment(s, i, SPOOL_dropped_full, NULL) < 0)
			break;
		rc = put_within(s, b, seq, e);
	}
	return is_full(rc) && s->conf->full != SPOOL_BLOCK ? 1 : rc;
}

int spool_append(struct spool *s, const struct out_batch *b, uint64_t seq, struct err *e)
{
	uint64_t end = seq + b->n_recs;
	int rc = put_or_drop(s, b, seq, e);
	if (rc < 0)
		return rc;
	s->next_seq = s->next_seq > end ? s->next_seq : end;
	spool_row_begin(s);
	spool_add(s, SPOOL_appended, b->n_recs);
	spool_add(s, rc ? SPOOL_dropped_full : SPOOL_held, b->n_recs);
	if (rc == 0)
		spool_add(s, SPOOL_unsynced, b->n_recs);
	spool_row_end(s);
	s->appended_ns = s->now_ns;
	if (rc == 0 && s->conf->sync == SPOOL_SYNC_BATCH)
		spool_sync(s, e);
	return rc;
}

int spool_sync(struct spool *s, struct err *e)
{
	s->synced_ns = s->now_ns;
	if (!seg_writer_is_open(s->writer) || s->row[SPOOL_unsynced] == 0 ||
	    s->conf->sync == SPOOL_SYNC_OFF)
		return 0;
	int rc = seg_writer_sync(s->writer, e);
	if (rc < 0) {
		/* The kernel may have dropped what it could not write, and would not say so again.
		 */
		seg_writer_leave(s->writer);
	}
	spool_row_begin(s);
	spool_add(s, SPOOL_syncs, 1);
	if (rc == 0)
		spool_set(s, SPOOL_unsynced, 0);
	spool_row_end(s);
	return rc;
}

/* The clock may be set while we run: what seems to be in the future is due. */
static bool is_due(const struct spool *s, uint64_t since_ns, uint64_t every_ns)
{
	return s->now_ns < since_ns || s->now_ns - since_ns >= every_ns;
}

/* The segment that is written is not older than the others by more than an eighth of the age. */
static int finish_aged(struct spool *s, struct err *e)
{
	if (!seg_writer_is_open(s->writer) ||
	    !is_due(s, s->segs[s->writing].created_ns, s->conf->age_max / 8))
		return 0;
	int rc = finish(s, e);
	return is_full(rc) ? 0 : rc;
}

int spool_tick(struct spool *s, uint64_t now_ns, struct err *e)
{
	int rc = 0;
	s->now_ns = now_ns;
	if (s->conf->sync == SPOOL_SYNC_INTERVAL && is_due(s, s->synced_ns, s->conf->sync_every))
		rc = spool_sync(s, e);
	bool idle = is_due(s, s->appended_ns, IDLE_NS);
	bool news = s->n_segs && s->ack != s->ack_disk;
	if (rc == 0 && (front_is_delivered(s, idle) ||
			(news && is_due(s, s->ack_written_ns, s->conf->sync_every))))
		rc = settle(s, idle, e);
	if (rc == 0 && s->conf->age_max) {
		rc = finish_aged(s, e);
		if (rc == 0)
			rc = drop_aged(s, e);
	}
	return rc;
}

/* Opening and closing */

static void put_dir_char(char **io_o, char c)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-.";
	if (c == '/')
		*(*io_o)++ = '@';
	else if (strchr(plain, c))
		*(*io_o)++ = c;
	else
		*io_o += snprintf(*io_o, 4, "%%%02x", (unsigned)(uint8_t)c);
}

void spool_dir_name(const char *queue, char ret_name[3 * SPOOL_QUEUE_MAX + 1])
{
	char *o = ret_name;
	size_t len = strlen(queue);
	for (size_t i = 0; i < len && i < SPOOL_QUEUE_MAX; i++) {
		if (i == 0 && queue[i] == '.') /* hidden, or another directory */
			o += snprintf(o, 4, "%%2e");
		else
			put_dir_char(&o, queue[i]);
	}
	*o = '\0';
}

bool spool_queue_name(const char *dir_name, char ret_queue[SPOOL_QUEUE_MAX + 1])
{
	char again[3 * SPOOL_QUEUE_MAX + 1];
	size_t n = 0;
	for (const char *p = dir_name; *p; n++) {
		unsigned c = (uint8_t)*p;
		if (n == SPOOL_QUEUE_MAX)
			return false;
		int hi = c == '%' ? text_hex_digit((uint8_t)p[1]) : 0;
		int lo = c == '%' && hi >= 0 ? text_hex_digit((uint8_t)p[2]) : 0;
		if (hi < 0 || lo < 0)
			return false;
		ret_queue[n] = c == '@' ? '/' : c == '%' ? (char)(hi << 4 | lo) : (char)c;
		p += c == '%' ? 3 : 1;
	}
	ret_queue[n] = '\0';
	spool_dir_name(ret_queue, again);
	return n > 0 && strcmp(again, dir_name) == 0;
}

static int lock(struct spool *s, struct err *e)
{
	char path[FILE_OPS_PATH];
	int pid;
	spool_path(s, "lock", path);
	s->lock_fd = s->io->lock(s->io->ctx, path, &pid);
	if (s->lock_fd == -EBUSY)
		return err_set(e, -EBUSY, "%s is in use by process %d", s->dir, pid);
	return s->lock_fd < 0 ? err_set(e, s->lock_fd, "lock %s: %s", path, strerror(-s->lock_fd))
			      : 0;
}

/* Makes the directory, and its name outlasts a crash. */
static int make_dir(struct spool *s, struct err *e)
{
	char name[3 * SPOOL_QUEUE_MAX + 1];
	spool_dir_name(s->queue, name);
	if (strlen(s->conf->dir) + sizeof(name) + 64 > FILE_OPS_PATH)
		return err_set(e, -ENAMETOOLONG, "%s: a path that is too long", s->conf->dir);
	snprintf(s->dir, sizeof(s->dir), "%s/%s", s->conf->dir, name);
	int rc = s->io->mkdir(s->io->ctx, s->dir);
	if (rc == 0)
		rc = s->io->sync_dir(s->io->ctx, s->conf->dir);
	return rc < 0 ? err_set(e, rc, "directory %s: %s", s->dir, strerror(-rc)) : 0;
}

static void spool_free(struct spool *s)
{
	spool_reader_close(s);
	seg_writer_destroy(s->writer);
	for (unsigned i = 0; i < s->n_segs; i++)
		mem_free(s->segs[i].frames);
	mem_free(s->segs);
	if (s->ack_fd >= 0)
		s->io->close(s->io->ctx, s->ack_fd);
	if (s->lock_fd >= 0)
		s->io->close(s->io->ctx, s->lock_fd);
	mem_free(s);
}

int spool_open(const struct spool_conf *conf, const char *queue, const struct file_ops *io,
	       uint64_t now_ns, struct spool **ret_s, struct err *e)
{
	if (strlen(queue) == 0 || strlen(queue) > SPOOL_QUEUE_MAX)
		return err_set(e, -EINVAL, "queue %.32s: a name of 1 to %d bytes is expected",
			       queue, SPOOL_QUEUE_MAX);
	struct spool *s = mem_alloc(sizeof(*s));
	if (!s)
		return err_set(e, -ENOMEM, "no memory for a spool");
	s->conf = conf;
	s->io = io;
	s->now_ns = s->synced_ns = s->ack_written_ns = now_ns;
	s->lock_fd = s->ack_fd = -1;
	snprintf(s->queue, sizeof(s->queue), "%s", queue);
	struct err why;
	int rc = seg_writer_create(io, (int)conf->level, &s->writer);
	if (rc < 0)
		err_set(&why, rc, "no memory for a spool");
	if (rc == 0)
		rc = make_dir(s, &why);
	if (rc == 0)
		rc = lock(s, &why);
	if (rc == 0)
		rc = spool_recover(s, &why);
	if (rc < 0) {
		spool_free(s);
		return err_set(e, rc, "spool of queue %s: %s", queue, why.text);
	}
	*ret_s = s;
	return 0;
}

int spool_close(struct spool *s, struct err *e)
{
	if (!s)
		return 0;
	int rc = s->n_segs ? settle(s, true, e) : 0;
	if (rc == 0)
		rc = spool_sync(s, e);
	if (rc == 0)
		rc = finish(s, e);
	if (is_full(rc)) /* the index is made at the next start */
		rc = 0;
	if (rc < 0)
		err_prefix(e, rc, "spool of queue %s: ", s->queue);
	spool_free(s);
	return rc;
}

const struct spool_found *spool_found(const struct spool *s)
{
	return &s->found;
}

uint64_t spool_held(const struct spool *s)
{
	return s->row[SPOOL_held];
}

bool spool_unread(const struct spool *s)
{
	return s->n_segs && s->segs[s->n_segs - 1].end_seq > s->read;
}

uint64_t spool_next_seq(const struct spool *s)
{
	return s->next_seq;
}
