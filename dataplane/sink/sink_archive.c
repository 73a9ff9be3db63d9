/* sink_archive.c - records to segments: files that `sluiced replay` reads again, and `sluicectl
 * spool` looks into.
 *
 * In:     batches, lines or not.
 * Out:    DIR/QUEUE/YYYYMMDDTHHMMSSZ-NNNNNN.seg, of the packet time of its first record; .open
 *         behind it while it is written. Files that exist are never written over. DONE: the batch
 * is in the file, with `sync` also on the disk. A file that was not finished is readable up to its
 *         last whole batch.
 * Owns:   a writer for each queue.
 * Runs:   sink thread.
 * Limits: rec/seg_format.h; NUMBERS_MAX names are tried for a file.
 */
#include <stdio.h>
#include <unistd.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/segment.h"
#include "dataplane/sink/sinks.h"
#include "dataplane/sink/spool.h"

#define NUMBERS_MAX 1000000

struct archive_conf {
	const char *dir;
	int64_t level;
	uint64_t rotate_bytes;
	uint64_t rotate_every; /* ns */
	bool sync;
};

static const struct opt archive_opts[] = {
	{.name = "dir",
	 .type = OPT_PATH,
	 .off = offsetof(struct archive_conf, dir),
	 .required = true,
	 .live = true,
	 .help = "A directory that exists; each queue gets one in it."},
	{.name = "level",
	 .type = OPT_INT,
	 .off = offsetof(struct archive_conf, level),
	 .min = -7,
	 .max = 19,
	 .def = "3",
	 .live = true,
	 .help = "Level of zstd: lower is faster. 0: records are stored as they are."},
	{.name = "rotate_bytes",
	 .type = OPT_BYTES,
	 .off = offsetof(struct archive_conf, rotate_bytes),
	 .min = 64 << 10,
	 .def = "1GiB",
	 .live = true,
	 .help = "A file is finished by the batch that passes this size."},
	{.name = "rotate_every",
	 .type = OPT_DURATION,
	 .off = offsetof(struct archive_conf, rotate_every),
	 .def = "1h",
	 .live = true,
	 .help = "A file is finished when it has been open for so long. 0: no limit."},
	{.name = "sync",
	 .type = OPT_BOOL,
	 .off = offsetof(struct archive_conf, sync),
	 .def = "false",
	 .live = true,
	 .help = "Wait for the disk at each batch, and not when a file is finished."},
	OPT_END};

struct archive_queue {
	unsigned index;
	char name[SPOOL_QUEUE_MAX + 1];
	struct seg_writer *writer;
	int lock_fd;        /* negative: taken for the first file */
	uint64_t seq;       /* of the next record */
	uint64_t opened_ns; /* monotonic */
	uint64_t number;    /* of the next file */
	bool unsynced;      /* the batch at hand is written, and waits for the disk */
};

struct archive_state {
	const struct archive_conf *conf;
	struct archive_queue *queues;
	unsigned n_queues, cap;
};

/* What can pass, or be mended from outside, is worth another try. A disk that did not take what it
 * was given is another matter: what the file holds is not known any more.
 */
static enum sink_answer trouble(int rc)
{
	switch (rc) {
	case -E2BIG:
		return SINK_REJECT;
	case -EIO:
	case -EBADF:
	case -EINVAL:
	case -ENAMETOOLONG:
		return SINK_FATAL;
	default:
		return SINK_BUSY;
	}
}

static int make_queue_dir(const struct archive_state *st, const struct archive_queue *q,
			  char ret[FILE_OPS_PATH], struct err *e)
{
	char name[3 * SPOOL_QUEUE_MAX + 1];
	spool_dir_name(q->name, name);
	if (strlen(st->conf->dir) + sizeof(name) + 64 > FILE_OPS_PATH)
		return err_set(e, -ENAMETOOLONG, "%s: a path that is too long", st->conf->dir);
	snprintf(ret, FILE_OPS_PATH, "%s/%s", st->conf->dir, name);
	int rc = file_ops_real.mkdir(NULL, ret);
	if (rc == 0)
		rc = file_ops_sync_parent(&file_ops_real, ret);
	return rc < 0 ? err_set(e, rc, "directory %s: %s", ret, strerror(-rc)) : 0;
}

static bool exists(const char *path)
{
	int fd = file_ops_real.open(NULL, path, 0);
	if (fd >= 0)
		file_ops_real.close(NULL, fd);
	return fd >= 0;
}

/* Nobody repairs what is being written. */
static int lock_dir(struct archive_queue *q, const char *dir, int *ret_pid, struct err *e)
{
	char path[FILE_OPS_PATH + 8];
	snprintf(path, sizeof(path), "%s/lock", dir);
	q->lock_fd = file_ops_real.lock(NULL, path, ret_pid);
	if (q->lock_fd == -EBUSY)
		return err_set(e, -EBUSY, "%s is in use by process %d", dir, *ret_pid);
	return q->lock_fd < 0 ? err_set(e, q->lock_fd, "lock %s: %s", path, strerror(-q->lock_fd))
			      : 0;
}

static int begin(struct archive_state *st, struct archive_queue *q, uint64_t time_ns, struct err *e)
{
	char dir[FILE_OPS_PATH], path[FILE_OPS_PATH + 64];
	int pid;
	struct civil c;
	struct seg_head h = {.kind = SEG_RECORDS,
			     .created_ns = time_ns,
			     .first_seq = q->seq,
			     .name_len = (uint16_t)strlen(q->name)};
	memcpy(h.name, q->name, h.name_len);
	int rc = make_queue_dir(st, q, dir, e);
	if (rc == 0 && q->lock_fd < 0)
		rc = lock_dir(q, dir, &pid, e);
	if (rc < 0)
		return rc;
	civil_from_ns((int64_t)time_ns, &c);
	for (unsigned tries = 0; tries < NUMBERS_MAX; tries++) {
		snprintf(path, sizeof(path), "%s/%04d%02d%02dT%02d%02d%02dZ-%06llu.seg", dir,
			 c.year, c.month, c.day, c.hour, c.min, c.sec,
			 (unsigned long long)q->number++);
		if (exists(path))
			continue;
		rc = seg_writer_begin(q->writer, path, &h, e);
		if (rc == -EEXIST)
			continue;
		if (rc < 0)
			q->number--;
		q->opened_ns = clock_mono_ns();
		return rc;
	}
	return err_set(e, -EINVAL, "open %s: %d files of this name exist", path, NUMBERS_MAX);
}

static struct archive_queue *queue_of(struct archive_state *st, unsigned index)
{
	for (unsigned i = 0; i < st->n_queues; i++)
		if (st->queues[i].index == index)
			return &st->queues[i];
	return NULL;
}

static enum sink_answer put(struct archive_state *st, struct archive_queue *q,
			    const struct out_batch *b, struct err *e)
{
	uint32_t n = 0;
	int rc = 0;
	seg_writer_frames(q->writer, &n);
	if (seg_writer_is_open(q->writer) && n > 0 &&
	    (seg_writer_bytes(q->writer) >= st->conf->rotate_bytes || n == SEG_FRAMES_MAX))
		rc = seg_writer_finish(q->writer, e);
	if (rc == 0 && !seg_writer_is_open(q->writer))
		rc = begin(st, q, b->first_ns, e);
	if (rc == 0)
		rc = seg_writer_append(q->writer, b, q->seq, e);
	if (rc < 0)
		return trouble(rc);
	q->unsynced = true;
	return SINK_DONE;
}

static enum sink_answer archive_write(void *state, const struct out_batch *b, struct err *e)
{
	struct archive_state *st = state;
	struct archive_queue *q = queue_of(st, b->queue);
	if (!q->unsynced) {
		enum sink_answer answer = put(st, q, b, e);
		if (answer != SINK_DONE)
			return answer;
	}
	int rc = st->conf->sync ? seg_writer_sync(q->writer, e) : 0;
	if (rc < 0)
		return trouble(rc);
	q->unsynced = false;
	q->seq += b->n_recs;
	return SINK_DONE;
}

static int finish(struct archive_queue *q, struct err *e)
{
	return seg_writer_is_open(q->writer) ? seg_writer_finish(q->writer, e) : 0;
}

static enum sink_answer archive_poll(void *state, struct err *e)
{
	struct archive_state *st = state;
	uint64_t every = st->conf->rotate_every;
	for (unsigned i = 0; every && i < st->n_queues; i++) {
		struct archive_queue *q = &st->queues[i];
		if (q->unsynced || !seg_writer_is_open(q->writer) ||
		    clock_mono_ns() - q->opened_ns < every)
			continue;
		int rc = finish(q, e);
		if (rc < 0)
			return trouble(rc);
	}
	return SINK_DONE;
}

static int archive_flush(void *state, struct err *e)
{
	struct archive_state *st = state;
	for (unsigned i = 0; i < st->n_queues; i++) {
		int rc = finish(&st->queues[i], e);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int archive_close(void *state, struct err *e)
{
	struct archive_state *st = state;
	int rc = archive_flush(st, e);
	for (unsigned i = 0; i < st->n_queues; i++) {
		seg_writer_destroy(st->queues[i].writer);
		if (st->queues[i].lock_fd >= 0)
			file_ops_real.close(NULL, st->queues[i].lock_fd);
	}
	mem_free(st->queues);
	st->queues = NULL;
	st->n_queues = 0;
	return rc;
}

static int grow(struct archive_state *st)
{
	unsigned cap = st->cap ? 2 * st->cap : 4;
	struct archive_queue *queues = mem_alloc(cap * sizeof(*queues));
	if (!queues)
		return -ENOMEM;
	if (st->n_queues)
		memcpy(queues, st->queues, st->n_queues * sizeof(*queues));
	mem_free(st->queues);
	st->queues = queues;
	st->cap = cap;
	return 0;
}

/* It may still write its first file: the lock is its until it has ended. */
static int leave_to_predecessor(struct archive_queue *q, struct err *e)
{
	if (q->lock_fd >= 0)
		file_ops_real.close(NULL, q->lock_fd);
	q->lock_fd = -1;
	e->text[0] = '\0';
	return 0;
}

static int archive_queue(void *state, unsigned queue, const struct sink_queue *conf, struct err *e)
{
	struct archive_state *st = state;
	char dir[FILE_OPS_PATH];
	if (strlen(conf->name) > SPOOL_QUEUE_MAX)
		return err_set(e, -EINVAL, "queue %.32s...: its name has more than %d bytes",
			       conf->name, SPOOL_QUEUE_MAX);
	if (st->n_queues == st->cap && grow(st) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	struct archive_queue *q = &st->queues[st->n_queues];
	*q = (struct archive_queue){.index = queue};
	snprintf(q->name, sizeof(q->name), "%s", conf->name);
	if (seg_writer_create(&file_ops_real, (int)st->conf->level, &q->writer) < 0)
		return err_set(e, -ENOMEM, "out of memory");
	q->lock_fd = -1;
	st->n_queues++;
	int pid = 0, rc = make_queue_dir(st, q, dir, e);
	if (rc == 0)
		rc = lock_dir(q, dir, &pid, e);
	if (conf->succeeds && (rc == 0 || (rc == -EBUSY && pid == (int)getpid())))
		rc = leave_to_predecessor(q, e);
	return rc;
}

static int archive_open(void *state, const void *conf, struct err *e)
{
	struct archive_state *st = state;
	st->conf = conf;
	int rc = file_ops_real.sync_dir(NULL, st->conf->dir);
	return rc < 0 ? err_set(e, rc, "directory %s: %s", st->conf->dir, strerror(-rc)) : 0;
}

const struct sink_ops sink_archive = {
	.name = "archive",
	.summary = "segments, to be replayed",
	.opts = archive_opts,
	.conf_size = sizeof(struct archive_conf),
	.state_size = sizeof(struct archive_state),
	.open = archive_open,
	.queue = archive_queue,
	.write = archive_write,
	.poll = archive_poll,
	.flush = archive_flush,
	.close = archive_close,
};
