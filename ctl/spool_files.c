#include "ctl/spool_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/seg_check.h"
#include "dataplane/sink/spool.h"

#define SEG_SUFFIX ".seg"

/* Segments, in the order of their names. */
struct files {
	char **paths;
	size_t n, cap;
	const char *dir; /* while it is looked through */
	int depth;
	struct err *e;
};

static bool ends_in(const char *s, const char *tail)
{
	size_t n = strlen(s), t = strlen(tail);
	return n >= t && strcmp(s + n - t, tail) == 0;
}

static bool is_open_name(const char *path)
{
	return ends_in(path, SEG_SUFFIX SEG_OPEN_SUFFIX);
}

static int add_path(struct files *f, const char *path)
{
	if (f->n == SPOOL_FILES_MAX)
		return err_set(f->e, -E2BIG, "%s: more than %d segments", path, SPOOL_FILES_MAX);
	if (f->n == f->cap) {
		size_t cap = f->cap ? 2 * f->cap : 64;
		char **paths = realloc(f->paths, cap * sizeof(*paths));
		if (!paths)
			return err_set(f->e, -ENOMEM, "out of memory");
		f->paths = paths;
		f->cap = cap;
	}
	f->paths[f->n] = strdup(path);
	return f->paths[f->n++] ? 0 : err_set(f->e, -ENOMEM, "out of memory");
}

static int look_through(struct files *f, const char *dir);

static int see_name(void *arg, const char *name)
{
	struct files *f = arg;
	struct stat about;
	char path[FILE_OPS_PATH];
	snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	if (ends_in(name, SEG_SUFFIX) || is_open_name(name))
		return add_path(f, path);
	if (f->depth == 1 && stat(path, &about) == 0 && S_ISDIR(about.st_mode))
		return look_through(f, path);
	return 0;
}

static int look_through(struct files *f, const char *dir)
{
	const char *outer = f->dir;
	f->dir = dir;
	f->depth++;
	int rc = file_ops_real.list(NULL, dir, see_name, f);
	if (rc < 0 && f->e->text[0] == '\0')
		err_set(f->e, rc, "%s: %s", dir, strerror(-rc));
	f->depth--;
	f->dir = outer;
	return rc;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void files_fini(struct files *f)
{
	for (size_t i = 0; i < f->n; i++)
		free(f->paths[i]);
	free(f->paths);
}

static int files_find(struct files *f, const char *path, struct err *e)
{
	struct stat about;
	*f = (struct files){.e = e};
	e->text[0] = '\0';
	if (stat(path, &about) < 0)
		return err_set(e, -errno, "%s: %s", path, strerror(errno));
	int rc = S_ISDIR(about.st_mode) ? look_through(f, path) : add_path(f, path);
	if (rc == 0 && f->n)
		qsort(f->paths, f->n, sizeof(*f->paths), by_name);
	if (rc < 0)
		files_fini(f);
	return rc;
}

static struct seg_frame *table_create(struct err *e)
{
	struct seg_frame *frames = mem_map(SEG_FRAMES_MAX * sizeof(*frames));
	if (!frames)
		err_set(e, -ENOMEM, "out of memory");
	return frames;
}

static void table_destroy(struct seg_frame *frames)
{
	mem_unmap(frames, SEG_FRAMES_MAX * sizeof(*frames));
}

static json_t *time_of(uint64_t ns)
{
	char text[32];
	return json_stringn(text, civil_put_rfc3339(text, (int64_t)ns));
}

/* The directory that @path is in, or is. */
static void dir_of(const char *path, bool is_dir, char ret[FILE_OPS_PATH])
{
	const char *slash = is_dir ? NULL : strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : strlen(path);
	while (is_dir && len > 1 && path[len - 1] == '/')
		len--;
	snprintf(ret, FILE_OPS_PATH, "%.*s", slash || is_dir ? (int)len : 1,
		 slash || is_dir ? path : ".");
}

/* ---- ls ---- */

/* Records of the queue that are not delivered; all of them where nobody says. */
static uint64_t waiting(const char *path, const struct seg_frame *frames, int64_t n)
{
	char dir[FILE_OPS_PATH];
	uint64_t ack = 0, sum = 0;
	dir_of(path, false, dir);
	spool_ack_of(&file_ops_real, dir, &ack);
	for (int64_t i = 0; i < n; i++) {
		uint64_t end = frames[i].seq + frames[i].n_recs;
		uint64_t from = frames[i].seq > ack ? frames[i].seq : ack;
		sum += end > from ? end - from : 0;
	}
	return sum;
}

static void add_to(json_t *reply, const char *key, uint64_t n)
{
	json_int_t sum = json_integer_value(json_object_get(reply, key)) + (json_int_t)n;
	json_object_set_new(reply, key, json_integer(sum));
}

static const char *state_of(const struct seg_file *f, const char *path)
{
	if (seg_file_head_why(f))
		return "damaged head";
	if (is_open_name(path))
		return "being written";
	return seg_file_indexed(f) ? "finished" : "index lost";
}

static int ls_one(const char *path, struct seg_frame *frames, json_t *reply, json_t *rows)
{
	struct err why = {0};
	struct seg_file *f = NULL;
	uint64_t recs = 0, bytes = 0;
	int rc = seg_file_open(&file_ops_real, path, &f, &why);
	int64_t n = rc < 0 ? rc : seg_file_frames(f, frames, &why);
	if (rc == -ENOENT) /* delivered meanwhile, or finished: it has another name */
		return 0;
	json_t *row = json_object();
	json_object_set_new(row, "file", json_string(path));
	if (n < 0) {
		json_object_set_new(row, "state", json_string(why.text));
		json_object_set_new(reply, "sound", json_false());
	} else {
		for (int64_t i = 0; i < n; i++)
			recs += frames[i].n_recs;
		bytes = seg_file_bytes(f);
		json_object_set_new(row, "queue", json_string(seg_file_head(f)->name));
		json_object_set_new(row, "first",
				    json_integer((json_int_t)seg_file_head(f)->first_seq));
		json_object_set_new(row, "records", json_integer((json_int_t)recs));
		json_object_set_new(row, "bytes", json_integer((json_int_t)bytes));
		json_object_set_new(row, "from", n ? time_of(frames[0].first_ns) : json_null());
		json_object_set_new(row, "to", n ? time_of(frames[n - 1].last_ns) : json_null());
		json_object_set_new(row, "state", json_string(state_of(f, path)));
		add_to(reply, "waiting", waiting(path, frames, n));
	}
	add_to(reply, "files", 1);
	add_to(reply, "records", recs);
	add_to(reply, "bytes", bytes);
	seg_file_close(f);
	return json_array_append_new(rows, row);
}

int spool_ls(const char *path, json_t *reply, struct err *e)
{
	static const char *const sums[] = {"files", "records", "bytes", "waiting"};
	struct files files;
	json_t *rows = json_array();
	struct seg_frame *frames = table_create(e);
	int rc = frames ? files_find(&files, path, e) : -ENOMEM;
	for (unsigned i = 0; i < 4; i++)
		json_object_set_new(reply, sums[i], json_integer(0));
	json_object_set_new(reply, "sound", json_true());
	json_object_set_new(reply, "rows", rows);
	if (rc == 0) {
		for (size_t i = 0; i < files.n; i++)
			ls_one(files.paths[i], frames, reply, rows);
		files_fini(&files);
	}
	table_destroy(frames);
	return rc;
}

/* ---- fsck ---- */

struct fsck {
	json_t *reply, *rows;
	struct seg_frame *frames;
	const char *path;
	bool repair;
	char locked[FILE_OPS_PATH]; /* the directory whose lock is held */
	int lock_fd;
};

static void add_damage(struct fsck *k, const struct seg_damage *d, const char *what)
{
	json_t *row = json_object();
	json_object_set_new(row, "file", json_string(k->path));
	json_object_set_new(row, "offset", json_integer((json_int_t)d->off));
	json_object_set_new(row, "bytes", json_integer((json_int_t)d->bytes));
	if (d->n_recs) {
		json_object_set_new(row, "first", json_integer((json_int_t)d->seq));
		json_object_set_new(row, "records", json_integer(d->n_recs));
	}
	json_object_set_new(row, "what", json_string(what));
	json_object_set_new(k->reply, "sound", json_false());
	json_array_append_new(k->rows, row);
}

static void see_damage(void *ctx, const struct seg_damage *d)
{
	add_damage(ctx, d,
		   d->torn ? "a torn end: it was being written, and was not whole yet" : d->why);
}

/* Whoever writes here must not be at it. */
static int take_lock(struct fsck *k, struct err *e)
{
	char dir[FILE_OPS_PATH], path[FILE_OPS_PATH + 8];
	int pid;
	dir_of(k->path, false, dir);
	if (k->lock_fd >= 0 && strcmp(dir, k->locked) == 0)
		return 0;
	if (k->lock_fd >= 0)
		file_ops_real.close(NULL, k->lock_fd);
	snprintf(path, sizeof(path), "%s/lock", dir);
	snprintf(k->locked, sizeof(k->locked), "%s", dir);
	k->lock_fd = file_ops_real.lock(NULL, path, &pid);
	if (k->lock_fd == -EBUSY)
		return err_set(e, -EBUSY, "%s is in use by process %d: it is not repaired now", dir,
			       pid);
	return k->lock_fd < 0 ? err_set(e, k->lock_fd, "lock %s: %s", path, strerror(-k->lock_fd))
			      : 0;
}

/* Gives a file its index; without a sound frame there is nothing to keep. */
static int repair_one(struct fsck *k, const struct seg_check *c, uint64_t id, struct err *e)
{
	char final[FILE_OPS_PATH];
	size_t len = strlen(k->path) - (is_open_name(k->path) ? strlen(SEG_OPEN_SUFFIX) : 0);
	snprintf(final, sizeof(final), "%.*s", (int)len, k->path);
	int rc = take_lock(k, e);
	if (rc < 0)
		return rc;
	if (c->n_frames == 0) {
		rc = file_ops_real.unlink(NULL, k->path);
		return rc < 0 ? err_set(e, rc, "remove %s: %s", k->path, strerror(-rc)) : 0;
	}
	rc = seg_seal(&file_ops_real, k->path, final, id, k->frames, c, e);
	if (rc == 0)
		add_to(k->reply, "repaired", 1);
	return rc;
}

static int fsck_one(struct fsck *k, struct err *e)
{
	struct err why = {0};
	struct seg_file *f = NULL;
	struct seg_check c;
	int rc = seg_file_open(&file_ops_real, k->path, &f, &why);
	if (rc == -ENOENT) /* delivered meanwhile, or finished: it has another name */
		return 0;
	if (rc < 0) {
		add_damage(k, &(struct seg_damage){0}, why.text);
		return 0;
	}
	if (seg_file_head_why(f))
		add_damage(k, &(struct seg_damage){0},
			   "its head is damaged; its records can be read");
	if (!is_open_name(k->path) && !seg_file_indexed(f))
		add_damage(k, &(struct seg_damage){.off = seg_file_bytes(f)},
			   "its index is lost; the end may be, too");
	rc = seg_check(f, k->frames, &c, see_damage, k, &why);
	bool whole = seg_file_indexed(f) && !is_open_name(k->path);
	uint64_t id = seg_file_head(f)->id;
	seg_file_close(f);
	if (rc < 0) {
		add_damage(k, &(struct seg_damage){0}, why.text);
		return 0;
	}
	add_to(k->reply, "files", 1);
	add_to(k->reply, "records", c.n_recs);
	add_to(k->reply, "lost", c.corrupt_recs);
	if (!k->repair || (whole && c.n_damages == 0))
		return 0;
	return repair_one(k, &c, id, e);
}

int spool_fsck(const char *path, bool repair, json_t *reply, struct err *e)
{
	struct files files;
	struct fsck k = {.reply = reply,
			 .rows = json_array(),
			 .frames = table_create(e),
			 .repair = repair,
			 .lock_fd = -1};
	int rc = k.frames ? files_find(&files, path, e) : -ENOMEM;
	json_object_set_new(reply, "files", json_integer(0));
	json_object_set_new(reply, "records", json_integer(0));
	json_object_set_new(reply, "lost", json_integer(0));
	json_object_set_new(reply, "repaired", json_integer(0));
	json_object_set_new(reply, "sound", json_true());
	json_object_set_new(reply, "rows", k.rows);
	if (rc == 0) {
		for (size_t i = 0; rc == 0 && i < files.n; i++) {
			k.path = files.paths[i];
			rc = fsck_one(&k, e);
		}
		files_fini(&files);
	}
	if (k.lock_fd >= 0)
		file_ops_real.close(NULL, k.lock_fd);
	table_destroy(k.frames);
	return rc;
}

/* ---- cut ---- */

/* Files of a spool are named by number, those of an archive by time. */
static int check_spool(const char *dir, struct err *e)
{
	struct files files;
	int rc = files_find(&files, dir, e);
	if (rc < 0)
		return rc;
	const char *slash = files.n ? strrchr(files.paths[0], '/') : NULL;
	if (!slash || strspn(slash + 1, "0123456789abcdef") != 16)
		rc = err_set(e, -EINVAL, "%s: expected the directory of one queue in a spool", dir);
	files_fini(&files);
	return rc;
}

int spool_cut(const char *path, uint64_t seq, json_t *reply, struct err *e)
{
	char dir[FILE_OPS_PATH], parent[FILE_OPS_PATH], queue[SPOOL_QUEUE_MAX + 1];
	uint64_t row[SPOOL_N_COLS];
	struct spool *s;
	dir_of(path, true, dir);
	const char *slash = strrchr(dir, '/');
	if (!slash)
		snprintf(parent, sizeof(parent), ".");
	else
		snprintf(parent, sizeof(parent), "%.*s", slash == dir ? 1 : (int)(slash - dir),
			 dir);
	if (!spool_queue_name(slash ? slash + 1 : dir, queue))
		return err_set(e, -EINVAL, "%s: expected the directory of one queue in a spool",
			       path);
	int rc = check_spool(dir, e);
	if (rc < 0)
		return rc;
	const struct spool_conf conf = {.dir = parent,
					.bytes_max = UINT64_MAX,
					.segment_bytes = 64 << 20,
					.sync = SPOOL_SYNC_OFF};
	rc = spool_open(&conf, queue, &file_ops_real, clock_wall_ns(), &s, e);
	if (rc < 0)
		return rc;
	if (seq > spool_next_seq(s))
		seq = spool_next_seq(s);
	spool_ack(s, seq);
	spool_row(s, row);
	json_object_set_new(reply, "queue", json_string(queue));
	json_object_set_new(reply, "cut", json_integer((json_int_t)row[SPOOL_acked]));
	json_object_set_new(reply, "left", json_integer((json_int_t)row[SPOOL_held]));
	return spool_close(s, e);
}

/* ---- cat ---- */

/* False: the reader wants no more. */
static bool cat_frame(struct seg_file *f, const struct seg_frame *fr, const struct spool_reader *to)
{
	struct seg_rec r;
	for (uint64_t seq = fr->seq; seg_file_next(f, &r); seq++)
		if (seq >= to->from && !to->rec(to->ctx, seg_file_head(f), seq, &r))
			return false;
	return true;
}

/* 1: the reader wants no more. */
static int cat_one(const char *path, struct seg_frame *frames, const struct spool_reader *to,
		   uint64_t *io_lost, struct err *e)
{
	struct seg_file *f;
	struct seg_check c = {0};
	int rc = seg_file_open(&file_ops_real, path, &f, e);
	if (rc < 0)
		return rc;
	int64_t n = seg_file_indexed(f) ? seg_file_frames(f, frames, e)
					: seg_check(f, frames, &c, NULL, NULL, e);
	n = n < 0 || seg_file_indexed(f) ? n : c.n_frames;
	*io_lost += c.corrupt_recs;
	rc = n < 0 ? (int)n : 0;
	for (int64_t i = 0; rc == 0 && i < n; i++) {
		if (frames[i].seq + frames[i].n_recs <= to->from)
			continue;
		rc = seg_file_load(f, &frames[i], e);
		if (rc == 0) {
			rc = !cat_frame(f, &frames[i], to);
		} else if (rc == -EBADMSG) {
			*io_lost += frames[i].n_recs;
			rc = 0;
		}
	}
	seg_file_close(f);
	return rc;
}

int spool_cat(const char *path, const struct spool_reader *to, uint64_t *ret_lost, struct err *e)
{
	struct files files;
	struct seg_frame *frames = table_create(e);
	int rc = frames ? files_find(&files, path, e) : -ENOMEM, first = 0;
	*ret_lost = 0;
	if (rc == 0) {
		for (size_t i = 0; rc != 1 && i < files.n; i++) {
			struct err why = {0};
			rc = cat_one(files.paths[i], frames, to, ret_lost, &why);
			if (rc < 0 && first == 0)
				first = err_set(e, rc, "%s", why.text);
		}
		rc = first;
		files_fini(&files);
	}
	table_destroy(frames);
	return rc;
}
