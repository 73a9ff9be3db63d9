/* sink_file.c - records to files, as lines, plain or in zstd frames.
 *
 * In:     batches.
 * Out:    NAME.part while it is written; NAME, synced, when it is complete. Files that exist are
 * never written over. A record is never split between files. DONE: the records are in the file,
 * which is synced when it is finished, at the latest by `rotate_every`; a crash of the process
 * leaves all of them in NAME.part (a zstd frame that was not ended is readable to its last batch).
 * QUEUED: full batches of plain files are gathered into a block, and DONE when that is in the file:
 * when it is full, when a batch comes that is not, or after GATHER_NS.
 * Owns:   the open file, the compressor, how much of the batch at hand is written; the batches of
 * the block.
 * Runs:   sink thread.
 * Limits: FILE_NUMBERS_MAX names are tried for a file. NAME.part of an earlier run is left as it is
 * and reported. HELD_MAX batches are gathered.
 */
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/file_name.h"
#include "dataplane/sink/file_stage.h"
#include "dataplane/sink/sinks.h"

#define FILE_NUMBERS_MAX 1000000 /* a second of looking for a name */
#define PART             ".part"
#define HELD_MAX         64
#define GATHER_NS        4000000ull   /* a batch waits so long for others */
#define RETRY_NS         100000000ull /* the disk did not take the block */

enum { COMPRESS_NONE, COMPRESS_ZSTD };
static const char *const compress_choices[] = {"none", "zstd", NULL};
static const char *const direct_choices[] = {"auto", "off", "on", NULL}; /* file_stage_mode */

struct file_conf {
	const char *path;
	int compress;
	int direct;
	int64_t level;
	uint64_t frame_bytes;
	uint64_t rotate_bytes;
	uint64_t rotate_every; /* ns */
};

static const struct opt file_opts[] = {
	{.name = "path",
	 .type = OPT_PATH,
	 .off = offsetof(struct file_conf, path),
	 .required = true,
	 .live = true,
	 .help = "Names of the files: %Y %m %d %H %M %S are the time of the first record in UTC, "
		 "%n is a "
		 "number; -%n is added where there is none."},
	{.name = "compress",
	 .type = OPT_ENUM,
	 .off = offsetof(struct file_conf, compress),
	 .def = "none",
	 .choices = compress_choices,
	 .live = true,
	 .help = "none, or zstd: the names then end in .zst."},
	{.name = "direct",
	 .type = OPT_ENUM,
	 .off = offsetof(struct file_conf, direct),
	 .def = "auto",
	 .choices = direct_choices,
	 .live = true,
	 .help = "Whether full batches of plain files go past the page cache (O_DIRECT), which "
		 "takes less processor time. auto: where the file system says that it can, and "
		 "while the disk keeps up. on: wherever it is not refused."},
	{.name = "level",
	 .type = OPT_INT,
	 .off = offsetof(struct file_conf, level),
	 .min = -7,
	 .max = 19,
	 .def = "1",
	 .live = true,
	 .help = "Level of zstd: lower is faster."},
	{.name = "frame_bytes",
	 .type = OPT_BYTES,
	 .off = offsetof(struct file_conf, frame_bytes),
	 .min = 64 << 10,
	 .max = 1 << 30,
	 .def = "4MiB",
	 .live = true,
	 .help = "Records are compressed in frames of so many bytes; each can be read alone."},
	{.name = "rotate_bytes",
	 .type = OPT_BYTES,
	 .off = offsetof(struct file_conf, rotate_bytes),
	 .def = "1GiB",
	 .live = true,
	 .help = "A file is finished before it passes this size; a compressed one after the batch "
		 "that "
		 "passes it. 0: no limit."},
	{.name = "rotate_every",
	 .type = OPT_DURATION,
	 .off = offsetof(struct file_conf, rotate_every),
	 .def = "1h",
	 .live = true,
	 .help = "A file is finished when it has been open for so long. 0: no limit."},
	OPT_END};

enum stage {
	STAGE_NONE,   /* no file */
	STAGE_OPEN,   /* takes records */
	STAGE_ENDING, /* takes no more: its last frame is being ended */
	STAGE_CLOSED, /* synced and closed, not yet renamed */
	STAGE_NAMED,  /* its directory is not yet synced */
};

struct file_state {
	const struct file_conf *conf;
	char template[FILE_NAME_MAX];
	char name[FILE_NAME_MAX]; /* what it will be called */
	char part[FILE_NAME_MAX + sizeof(PART)];
	enum stage stage;
	int fd;
	uint64_t time_ns;   /* packet time that its name is made of */
	uint64_t number;    /* of the next name */
	uint64_t kept;      /* bytes of the file, up to the end of its last whole piece */
	uint64_t opened_ns; /* wall time */

	struct file_stage *block;
	struct held {
		struct out_batch *b;
		uint64_t end;  /* in its file */
	} held[HELD_MAX];      /* batches that were QUEUED */
	unsigned n_held, n_in; /* of these the first are in the file */
	uint64_t due_ns;       /* the block is written, be it full or not */
	struct err why;        /* it was not, the last time; empty: it was */
	enum sink_answer why_answer;
	bool gave_up;

	/* The batch at hand: pieces of whole records, each for one file. */
	uint32_t rec;       /* the first that is not written */
	size_t at;          /* where it begins */
	size_t piece_len;   /* of the piece that is being written; 0: none */
	uint32_t piece_end; /* the first record behind it */
	size_t fed;         /* of the piece, to the file or to the compressor */

	ZSTD_CCtx *zstd;
	uint64_t frame_in; /* bytes that went into the open frame */
	uint8_t *out;      /* compressed, on its way to the file */
	size_t out_cap, out_len, out_at;
	bool pumped; /* the compressor has nothing left of this step, though `out` may have */
};

/* What can pass, or be mended from outside, is worth another try; the rest is a mistake. */
static enum sink_answer trouble(int code, const char *what, const char *path, struct err *e)
{
	err_set(e, -code, "%s %s: %s", what, path, strerror(code));
	switch (code) {
	case EBADF:
	case EINVAL:
	case ENAMETOOLONG:
		return SINK_FATAL;
	default:
		return SINK_BUSY;
	}
}

/* Opening */

/* Makes the directories of @path that the template's dates ask for; those in front of them exist.
 */
static int make_dirs(const struct file_state *st, char *path)
{
	char fixed[FILE_NAME_MAX];
	file_name_fixed_dir(st->template, fixed);
	size_t from = strcmp(fixed, ".") == 0 ? 0 : strlen(fixed);
	for (char *s = strchr(path + from + 1, '/'); s; s = strchr(s + 1, '/')) {
		*s = '\0';
		int rc = mkdir(path, 0755);
		*s = '/';
		if (rc < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Tries one name. Returns 0, -EEXIST when it is taken, or another -errno. */
static int create_part(struct file_state *st)
{
	struct stat about;
	snprintf(st->part, sizeof(st->part), "%s" PART, st->name);
	if (lstat(st->name, &about) == 0)
		return -EEXIST;
	for (int i = 0; i < 2; i++) {
		st->fd = open(st->part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (st->fd >= 0) {
			flock(st->fd, LOCK_EX | LOCK_NB); /* tells that it is being written */
			return 0;
		}
		if (errno != ENOENT)
			return -errno;
		int rc = make_dirs(st, st->part);
		if (rc < 0)
			return rc;
	}
	return -ENOENT;
}

static enum sink_answer open_next(struct file_state *st, uint64_t time_ns, struct err *e)
{
	for (unsigned tries = 0; tries < FILE_NUMBERS_MAX; tries++) {
		if (!file_name_expand(st->template, (int64_t)time_ns, st->number++, st->name))
			return trouble(ENAMETOOLONG, "open", st->template, e);
		int rc = create_part(st);
		if (rc == -EEXIST)
			continue;
		if (rc < 0) {
			st->number--;
			return trouble(-rc, "open", st->part, e);
		}
		st->stage = STAGE_OPEN;
		st->time_ns = time_ns;
		st->kept = 0;
		file_stage_begin(st->block, st->fd);
		st->opened_ns = clock_mono_ns();
		return SINK_DONE;
	}
	err_set(e, -EEXIST, "open %s: %d files of this name exist", st->name, FILE_NUMBERS_MAX);
	return SINK_FATAL;
}

/* Writing */

/* Of the file, when all that is gathered is in it. */
static uint64_t bytes_of(const struct file_state *st)
{
	return file_stage_written(st->block) + file_stage_held(st->block);
}

/* Writes @p[*io_at..len-1]; after an error the rest is still to be written. */
static enum sink_answer put(struct file_state *st, const uint8_t *p, size_t len, size_t *io_at,
			    struct err *e)
{
	int rc = file_stage_pass(st->block, p, len, io_at);
	return rc == 0 ? SINK_DONE : trouble(-rc, "write", st->part, e);
}

/* Writes what is gathered; after an error some of it. */
static enum sink_answer write_block(struct file_state *st, struct err *e)
{
	int rc = file_stage_write(st->block);
	for (; st->n_in < st->n_held; st->n_in++) {
		if (st->held[st->n_in].end > file_stage_written(st->block))
			break;
		st->kept = st->held[st->n_in].end;
	}
	st->why.text[0] = '\0';
	if (rc == 0)
		return SINK_DONE;
	st->due_ns = clock_mono_ns() + RETRY_NS;
	st->why_answer = trouble(-rc, "write", st->part, &st->why);
	if (e)
		*e = st->why;
	return st->why_answer;
}

static enum sink_answer gather(struct file_state *st, const uint8_t *p, size_t len, size_t *io_at,
			       struct err *e)
{
	while (*io_at < len) {
		if (file_stage_held(st->block) == 0)
			st->due_ns = clock_mono_ns() + GATHER_NS;
		*io_at += file_stage_add(st->block, p + *io_at, len - *io_at);
		enum sink_answer answer =
			file_stage_is_full(st->block) ? write_block(st, e) : SINK_DONE;
		if (answer != SINK_DONE)
			return answer;
	}
	return SINK_DONE;
}

/* One step of the compressor: takes in @p[fed..len-1], and flushes or ends the frame. It may be
 * interrupted by a full disk at every write, and goes on where it was when it is called again.
 */
static enum sink_answer pump(struct file_state *st, const uint8_t *p, size_t len,
			     ZSTD_EndDirective mode, struct err *e)
{
	for (;;) {
		enum sink_answer answer = put(st, st->out, st->out_len, &st->out_at, e);
		if (answer != SINK_DONE)
			return answer;
		if (st->pumped)
			break;
		ZSTD_inBuffer in = {p, len, st->fed};
		ZSTD_outBuffer out = {st->out, st->out_cap, 0};
		size_t left = ZSTD_compressStream2(st->zstd, &out, &in, mode);
		if (ZSTD_isError(left)) {
			err_set(e, -EIO, "zstd: %s", ZSTD_getErrorName(left));
			return SINK_FATAL;
		}
		st->fed = in.pos;
		st->out_len = out.pos;
		st->out_at = 0;
		st->pumped = left == 0 && in.pos == len;
	}
	st->pumped = false;
	st->frame_in = mode == ZSTD_e_end ? 0 : st->frame_in + len;
	return SINK_DONE;
}

/* It was not handed over because no more came. */
static bool is_full(const struct out_batch *b)
{
	return b->len >= OUT_BATCH_BYTES || b->n_recs == OUT_BATCH_RECS_MAX;
}

static enum sink_answer put_piece(struct file_state *st, const struct out_batch *b, struct err *e)
{
	const uint8_t *p = b->buf + st->at;
	if (file_stage_held(st->block) || (is_full(b) && !st->zstd && file_stage_wants(st->block)))
		return gather(st, p, st->piece_len, &st->fed, e);
	if (!st->zstd)
		return put(st, p, st->piece_len, &st->fed, e);
	bool ends = st->frame_in + st->piece_len >= st->conf->frame_bytes;
	return pump(st, p, st->piece_len, ends ? ZSTD_e_end : ZSTD_e_flush, e);
}

/* Finishing: each step can fail, and is not repeated after it was done. */

static enum sink_answer sync_dir(const char *path, struct err *e)
{
	char dir[FILE_NAME_MAX];
	const char *slash = strrchr(path, '/');
	size_t len = slash && slash > path ? (size_t)(slash - path) : 1;
	memcpy(dir, slash ? path : ".", len);
	dir[len] = '\0';
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return trouble(errno, "open", dir, e);
	int rc = fsync(fd);
	int code = errno;
	close(fd);
	if (rc < 0 && code != EINVAL) /* a file system that has no such thing */
		return trouble(code, "sync", dir, e);
	return SINK_DONE;
}

/* A failed fsync may have dropped the pages that it could not write, and the next one would not say
 * so: what the file holds is not known any more.
 */
static enum sink_answer sync_file(struct file_state *st, struct err *e)
{
	if (fsync(st->fd) == 0)
		return SINK_DONE;
	err_set(e, -errno, "sync %s: %s; its last records may be lost", st->part, strerror(errno));
	return SINK_FATAL;
}

/* Renames, never over another file. A file system that cannot promise that gets a look first. */
static int rename_to(const struct file_state *st)
{
	struct stat about;
	if (renameat2(AT_FDCWD, st->part, AT_FDCWD, st->name, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (lstat(st->name, &about) == 0)
		return -EEXIST;
	return rename(st->part, st->name) == 0 ? 0 : -errno;
}

/* Gives the file its name, or the next free one when somebody took that meanwhile. */
static enum sink_answer name_part(struct file_state *st, struct err *e)
{
	int rc = rename_to(st);
	for (unsigned tries = 0; rc == -EEXIST && tries < FILE_NUMBERS_MAX; tries++) {
		if (!file_name_expand(st->template, (int64_t)st->time_ns, st->number++, st->name))
			rc = -ENAMETOOLONG;
		else
			rc = rename_to(st);
	}
	return rc == 0 ? SINK_DONE : trouble(-rc, "rename to", st->name, e);
}

static enum sink_answer finish(struct file_state *st, struct err *e)
{
	enum sink_answer answer;
	if (st->stage == STAGE_OPEN)
		st->stage = STAGE_ENDING;
	if (st->stage == STAGE_ENDING) {
		answer = st->frame_in > 0 ? pump(st, NULL, 0, ZSTD_e_end, e) : write_block(st, e);
		if (answer == SINK_DONE)
			answer = sync_file(st, e);
		if (answer != SINK_DONE)
			return answer;
		close(st->fd);
		st->stage = STAGE_CLOSED;
	}
	if (st->stage == STAGE_CLOSED) {
		answer = name_part(st, e);
		if (answer != SINK_DONE)
			return answer;
		st->stage = STAGE_NAMED;
	}
	answer = sync_dir(st->name, e);
	if (answer == SINK_DONE)
		st->stage = STAGE_NONE;
	return answer;
}

/* The sink */

/* As many records as the file may still take; a record larger than a file has one of its own. */
static void pick_piece(struct file_state *st, const struct out_batch *b)
{
	uint64_t limit = st->conf->rotate_bytes ? st->conf->rotate_bytes : UINT64_MAX;
	uint64_t bytes = bytes_of(st);
	uint32_t i = st->rec;
	if (st->zstd)
		i = bytes < limit ? b->n_recs : i;
	else
		while (i < b->n_recs && bytes + (b->ends[i] - st->at) <= limit)
			i++;
	if (i == st->rec && bytes == 0)
		i++;
	st->piece_end = i;
	st->piece_len = i > st->rec ? b->ends[i - 1] - st->at : 0;
}

/* One step of a batch: a file opened, a piece written, or a full file finished. */
static enum sink_answer step(struct file_state *st, const struct out_batch *b, struct err *e)
{
	if (st->stage == STAGE_NONE)
		return open_next(st, b->first_ns, e);
	if (st->stage != STAGE_OPEN)
		return finish(st, e);
	if (st->piece_len == 0)
		pick_piece(st, b);
	if (st->piece_len == 0)
		return finish(st, e);
	enum sink_answer answer = put_piece(st, b, e);
	if (answer != SINK_DONE)
		return answer;
	st->rec = st->piece_end;
	st->at += st->piece_len;
	st->piece_len = 0;
	st->fed = 0;
	if (file_stage_held(st->block) == 0)
		st->kept = bytes_of(st);
	return SINK_DONE;
}

/* All of the batch is in files, or gathered. What came before it is reported before it. */
static enum sink_answer settle(struct file_state *st, const struct out_batch *batch)
{
	/* It is given back, by its report or now, so it is not only looked at. */
	struct out_batch *b = (struct out_batch *)(uintptr_t)batch;
	out_batch_ends_at(b, bytes_of(st));
	if (file_stage_held(st->block) == 0 && st->n_held == 0)
		return SINK_DONE;
	st->held[st->n_held++] = (struct held){b, bytes_of(st)};
	if (file_stage_held(st->block) == 0)
		st->n_in = st->n_held;
	else if (!is_full(b) || st->n_held == HELD_MAX)
		write_block(st, NULL); /* or poll does */
	return SINK_QUEUED;
}

static enum sink_answer file_write(void *state, const struct out_batch *b, struct err *e)
{
	struct file_state *st = state;
	if (st->n_held == HELD_MAX) {
		err_set(e, -EBUSY, "write %s: too much is not written yet", st->part);
		if (st->why.text[0])
			*e = st->why;
		return SINK_BUSY;
	}
	while (st->rec < b->n_recs) {
		enum sink_answer answer = step(st, b, e);
		if (answer != SINK_DONE)
			return answer;
	}
	st->rec = 0;
	st->at = 0;
	return settle(st, b);
}

static bool file_report(void *state, struct sink_report *ret)
{
	struct file_state *st = state;
	if (st->n_held == 0 || (st->n_in == 0 && !st->gave_up))
		return false;
	struct out_batch *b = st->held[0].b;
	*ret = (struct sink_report){.b = b};
	if (st->n_in > 0) {
		ret->recs[SINK_WRITTEN] = b->n_recs;
		ret->bytes_written = b->len;
		st->n_in--;
	} else {
		ret->recs[SINK_FAILED] = b->n_recs;
		err_set(&ret->why, -EIO, "given up before they were in %s", st->part);
	}
	memmove(st->held, st->held + 1, --st->n_held * sizeof(st->held[0]));
	return true;
}

static void file_give_up(void *state)
{
	struct file_state *st = state;
	st->gave_up = true;
}

static enum sink_answer file_poll(void *state, struct err *e)
{
	struct file_state *st = state;
	uint64_t every = st->conf->rotate_every;
	uint64_t now_ns = clock_mono_ns();
	if (file_stage_held(st->block) && now_ns >= st->due_ns)
		write_block(st, NULL);
	if (file_stage_held(st->block) && st->why.text[0]) {
		if (e)
			*e = st->why;
		return st->why_answer;
	}
	/* Not in the middle of a piece, of which the rest would go to the next file. */
	bool is_old = st->stage == STAGE_OPEN && st->piece_len == 0 && every &&
		      now_ns - st->opened_ns >= every;
	if (is_old || st->stage > STAGE_OPEN)
		return finish(st, e);
	return SINK_DONE;
}

static int file_flush(void *state, struct err *e)
{
	struct file_state *st = state;
	if (st->stage == STAGE_NONE)
		return 0;
	return finish(st, e) == SINK_DONE ? 0 : -EIO;
}

/* A batch was given up in the middle of a piece, or what was gathered was: the file ends where the
 * last whole one ended. */
static int drop_piece(struct file_state *st, struct err *e)
{
	st->piece_len = 0;
	file_stage_forget(st->block);
	if (ftruncate(st->fd, (off_t)st->kept) < 0)
		return err_set(e, -errno, "cut %s: %s", st->part, strerror(errno));
	if (st->kept == 0) {
		close(st->fd);
		st->stage = STAGE_NONE;
		return unlink(st->part) == 0
			       ? 0
			       : err_set(e, -errno, "remove %s: %s", st->part, strerror(errno));
	}
	if (st->zstd) /* the frame cannot be ended without the batch that the compressor has seen */
		return err_set(e, -EIO, "%s is left: its last frame is readable but not ended",
			       st->part);
	return 0;
}

static int file_close(void *state, struct err *e)
{
	struct file_state *st = state;
	/* A batch in the middle of which we are, maybe between two files, was given up. */
	bool given_up = st->gave_up || st->rec > 0;
	bool drops = st->piece_len > 0 || (given_up && st->block && file_stage_held(st->block) > 0);
	int rc = drops ? drop_piece(st, e) : 0;
	if (rc == 0)
		rc = file_flush(st, e);
	if (st->stage == STAGE_OPEN || st->stage == STAGE_ENDING)
		close(st->fd);
	st->stage = STAGE_NONE;
	ZSTD_freeCCtx(st->zstd);
	mem_free(st->out);
	file_stage_destroy(st->block);
	st->block = NULL;
	st->gave_up = false;
	st->zstd = NULL;
	st->out = NULL;
	return rc;
}

/* By this process, which a reload makes open the same sink again, or by another. */
static bool is_being_written(const char *part)
{
	int fd = open(part, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	bool written = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (fd >= 0)
		close(fd);
	return written;
}

/* Files that a crash has left are somebody's records: told, not touched. */
static void tell_leftovers(const struct file_state *st, struct err *e)
{
	char pattern[FILE_NAME_MAX];
	glob_t found;
	const char *first = NULL;
	size_t n = 0;
	if (!file_name_pattern(st->template, PART, pattern) ||
	    glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
		return;
	for (size_t i = 0; i < found.gl_pathc; i++) {
		if (is_being_written(found.gl_pathv[i]))
			continue;
		first = first ? first : found.gl_pathv[i];
		n++;
	}
	if (n)
		err_set(e, 0, "%zu unfinished file(s) of an earlier run are left as they are: %s%s",
			n, first, n > 1 ? ", ..." : "");
	globfree(&found);
}

static int file_open(void *state, const void *conf, struct err *e)
{
	struct file_state *st = state;
	st->conf = conf;
	bool zstd = st->conf->compress == COMPRESS_ZSTD;
	int rc = file_name_prepare(st->conf->path, zstd ? ".zst" : "", st->template, e);
	if (rc < 0)
		return rc;
	char dir[FILE_NAME_MAX];
	file_name_fixed_dir(st->template, dir);
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || faccessat(fd, ".", W_OK | X_OK, AT_EACCESS) < 0)
		rc = err_set(e, -errno, "directory %s: %s", dir, strerror(errno));
	if (fd >= 0)
		close(fd);
	if (rc < 0)
		return rc;
	st->block = file_stage_create((enum file_stage_mode)st->conf->direct);
	if (!st->block)
		return err_set(e, -ENOMEM, "out of memory");
	if (zstd) {
		st->zstd = ZSTD_createCCtx();
		st->out_cap = ZSTD_CStreamOutSize();
		st->out = mem_alloc(st->out_cap);
		if (!st->zstd || !st->out)
			return err_set(e, -ENOMEM, "out of memory");
		ZSTD_CCtx_setParameter(st->zstd, ZSTD_c_compressionLevel, (int)st->conf->level);
		ZSTD_CCtx_setParameter(st->zstd, ZSTD_c_checksumFlag, 1);
	}
	tell_leftovers(st, e);
	return 0;
}

const struct sink_ops sink_file = {
	.name = "file",
	.summary = "lines in files, plain or zstd, by size and time",
	.opts = file_opts,
	.conf_size = sizeof(struct file_conf),
	.state_size = sizeof(struct file_state),
	.open = file_open,
	.holds = FILE_STAGE_BYTES / OUT_BATCH_BYTES / 2, /* a worker has as many already */
	.write = file_write,
	.report = file_report,
	.give_up = file_give_up,
	.poll = file_poll,
	.flush = file_flush,
	.close = file_close,
};
