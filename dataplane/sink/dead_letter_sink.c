#include "dataplane/sink/dead_letter_sink.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/dead_letter_store.h"
#include "dataplane/sink/segment.h"

#define LOOK_EVERY_NS (60ull * 1000000000) /* for segments that are too old, or done with */

const struct opt dead_letter_opts[] = {
	{.name = "dir",
	 .type = OPT_PATH,
	 .off = offsetof(struct dead_letter_conf, dir),
	 .required = true,
	 .help = "The folder of the letters, such as /var/lib/sluice/dlq. It is made when it is "
		 "not there."},
	{.name = "bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct dead_letter_conf, bytes_max),
	 .min = 1 << 20,
	 .max = 1ll << 50,
	 .def = "1GiB",
	 .help = "What the folder may hold. Segments whose letters have all gone through are "
		 "removed first; then letters that come are refused, and count as lost."},
	{.name = "age_max",
	 .type = OPT_DURATION,
	 .off = offsetof(struct dead_letter_conf, age_max_ns),
	 .def = "0s",
	 .help = "Segments that were begun before are removed, and told of; 0: never."},
	{.name = "segment",
	 .type = OPT_BYTES,
	 .off = offsetof(struct dead_letter_conf, segment_bytes),
	 .min = 1 << 16,
	 .max = 1ll << 40,
	 .def = "16MiB",
	 .help = "A file of letters is finished when it has grown to this."},
	{.name = "level",
	 .type = OPT_INT,
	 .off = offsetof(struct dead_letter_conf, level),
	 .min = -7,
	 .max = 19,
	 .def = "3",
	 .help = "Level of zstd: lower is faster; 0: letters are not compressed."},
	{.name = "unparsed",
	 .type = OPT_BOOL,
	 .off = offsetof(struct dead_letter_conf, unparsed),
	 .def = "true",
	 .help = "Frames that cannot be read as their source says become letters. false: they go "
		 "on as records with their text and _error, as without this section."},
	{.name = "no_format",
	 .type = OPT_BOOL,
	 .off = offsetof(struct dead_letter_conf, no_format),
	 .def = "false",
	 .help = "Lines that none of their source's formats fits become letters. false: they go on "
		 "with their message and _format null."},
	OPT_END,
};

struct writer {
	const struct dead_letter_conf *conf;
	const struct file_ops *io;
	struct seg_writer *seg;
	uint64_t seq;       /* of the next letter */
	uint64_t bytes;     /* of the finished segments */
	uint64_t looked_ns; /* when it was looked for what may go */
	int64_t marks;      /* bytes of the marks at that time */
	bool refused;       /* the last batch: told once */
	int lock_fd;        /* and 1: 0 is none */
	struct err notice;
};

static int path_in(const struct writer *w, const char *name, char *out, struct err *e)
{
	int n = snprintf(out, FILE_OPS_PATH, "%s/%s", w->conf->dir, name);
	return n < FILE_OPS_PATH ? 0
				 : err_set(e, -ENAMETOOLONG, "%s/%s: too long", w->conf->dir, name);
}

static int take_lock(struct writer *w, struct err *e)
{
	char path[FILE_OPS_PATH];
	int pid, rc = path_in(w, "writer.lock", path, e);
	if (rc < 0)
		return rc;
	rc = w->io->lock(w->io->ctx, path, &pid);
	if (rc == -EBUSY)
		return err_set(e, rc, "%s: process %d writes its letters there", w->conf->dir, pid);
	if (rc < 0)
		return err_set(e, rc, "%s: %s", path, strerror(-rc));
	w->lock_fd = rc + 1;
	return 0;
}

/* What an earlier process left open is as finished as it will be. */
struct closing {
	const struct writer *w;
	struct err *e;
};

static int close_left(void *arg, const char *name)
{
	const struct closing *c = arg;
	const struct file_ops *io = c->w->io;
	char from[FILE_OPS_PATH], to[FILE_OPS_PATH];
	size_t len = strlen(name), suffix = strlen(SEG_OPEN_SUFFIX);
	if (len <= suffix || strcmp(name + len - suffix, SEG_OPEN_SUFFIX) != 0)
		return 0;
	int rc = path_in(c->w, name, from, c->e);
	if (rc < 0)
		return rc;
	snprintf(to, sizeof(to), "%.*s", (int)(strlen(from) - suffix), from);
	rc = io->rename(io->ctx, from, to);
	return rc < 0 ? err_set(c->e, rc, "%s: %s", from, strerror(-rc)) : 0;
}

/* Looks at the folder: where the numbers go on, what it holds, and what may go. */
static int look(struct writer *w, struct err *e)
{
	struct dead_letter_store *s;
	struct dead_swept swept = {0};
	uint64_t now_ns = clock_wall_ns(), age = w->conf->age_max_ns;
	int rc = dead_letter_store_open(w->io, w->conf->dir, &s, e);
	if (rc < 0)
		return rc;
	uint64_t end = dead_letter_store_end(s);
	w->seq = end > w->seq ? end : w->seq;
	rc = dead_letter_store_sweep(s, age && age < now_ns ? now_ns - age : 0, &swept, e);
	w->bytes = dead_letter_store_bytes(s);
	if (seg_writer_is_open(w->seg))
		w->bytes -= seg_writer_bytes(w->seg);
	if (swept.not_retried)
		err_set(&w->notice, 0,
			"%" PRIu64 " letters older than dead_letters.age_max were removed from %s, "
			"%" PRIu64 " of them never retried",
			swept.letters, w->conf->dir, swept.not_retried);
	dead_letter_store_close(s);
	return rc;
}

static int dead_open(void *state, const void *conf, struct err *e)
{
	struct writer *w = state;
	w->conf = conf;
	w->io = w->conf->io ? w->conf->io : &file_ops_real;
	int rc = w->io->mkdir(w->io->ctx, w->conf->dir);
	if (rc < 0)
		return err_set(e, rc, "%s: %s", w->conf->dir, strerror(-rc));
	rc = seg_writer_create(w->io, (int)w->conf->level, &w->seg);
	if (rc < 0)
		return err_set(e, rc, "no memory");
	rc = take_lock(w, e);
	if (rc < 0)
		return rc;
	struct closing c = {w, e};
	rc = w->io->list(w->io->ctx, w->conf->dir, close_left, &c);
	return rc < 0 ? rc : look(w, e);
}

static int finish(struct writer *w, struct err *e)
{
	uint64_t bytes = seg_writer_bytes(w->seg);
	int rc = seg_writer_is_open(w->seg) ? seg_writer_finish(w->seg, e) : 0;
	w->bytes += rc == 0 ? bytes : 0;
	return rc;
}

static int begin(struct writer *w, struct err *e)
{
	char name[32], path[FILE_OPS_PATH];
	struct seg_head h = {.kind = SEG_DEAD_LETTERS,
			     .created_ns = clock_wall_ns(),
			     .first_seq = w->seq,
			     .name_len = 12,
			     .name = "dead letters"};
	snprintf(name, sizeof(name), "%016" PRIx64 ".seg", w->seq);
	int rc = path_in(w, name, path, e);
	return rc < 0 ? rc : seg_writer_begin(w->seg, path, &h, e);
}

/* Room for @len more bytes. */
static bool fits(const struct writer *w, size_t len)
{
	uint64_t open = seg_writer_is_open(w->seg) ? seg_writer_bytes(w->seg) : 0;
	return w->bytes + open + len <= w->conf->bytes_max;
}

/* Of the marks beside the letters: what was retried since may make room. */
static int64_t marks_bytes(const struct writer *w)
{
	char path[FILE_OPS_PATH];
	int fd = path_in(w, "retried", path, NULL) < 0 ? -1
						       : w->io->open(w->io->ctx, path, O_RDONLY);
	if (fd < 0)
		return 0;
	int64_t size = w->io->size(w->io->ctx, fd);
	w->io->close(w->io->ctx, fd);
	return size;
}

/* Room for @len bytes, after a look at a full folder where that can have changed anything: letters
 * may come in a flood.
 */
static bool make_room(struct writer *w, size_t len)
{
	if (fits(w, len))
		return true;
	int64_t marks = marks_bytes(w);
	uint64_t now_ns = clock_mono_ns();
	if (w->refused && marks == w->marks && now_ns - w->looked_ns < LOOK_EVERY_NS)
		return false;
	w->marks = marks;
	w->looked_ns = now_ns;
	return look(w, NULL) == 0 && fits(w, len);
}

static enum sink_answer dead_write(void *state, const struct out_batch *b, struct err *e)
{
	struct writer *w = state;
	if (!make_room(w, b->len)) {
		err_set(e, -EDQUOT,
			"%s is full: letters are lost until dead_letters.bytes_max is raised, or "
			"letters are retried or removed",
			w->conf->dir);
		if (!w->refused)
			w->notice = *e;
		w->refused = true;
		return SINK_REJECT;
	}
	w->refused = false;
	if (seg_writer_is_open(w->seg) && seg_writer_bytes(w->seg) >= w->conf->segment_bytes &&
	    finish(w, e) < 0)
		return SINK_BUSY;
	if (!seg_writer_is_open(w->seg) && begin(w, e) < 0)
		return SINK_BUSY;
	int rc = seg_writer_append(w->seg, b, w->seq, e);
	if (rc == -EFBIG)
		return finish(w, e) < 0 ? SINK_BUSY : dead_write(state, b, e);
	if (rc == 0) {
		w->seq += b->n_recs;
		rc = seg_writer_sync(w->seg, e);
		if (rc < 0) /* nobody knows what is on the disk: not to be written twice */
			return SINK_FATAL;
	}
	return rc == 0 ? SINK_DONE : rc == -E2BIG ? SINK_REJECT : SINK_BUSY;
}

static bool dead_report(void *state, struct sink_report *ret)
{
	struct writer *w = state;
	if (!w->notice.text[0])
		return false;
	*ret = (struct sink_report){.why = w->notice};
	w->notice.text[0] = '\0';
	return true;
}

static void dead_give_up(void *state)
{
}

static enum sink_answer dead_poll(void *state, struct err *e)
{
	struct writer *w = state;
	uint64_t now_ns = clock_mono_ns();
	if (now_ns - w->looked_ns < LOOK_EVERY_NS)
		return SINK_DONE;
	w->looked_ns = now_ns;
	return w->conf->age_max_ns && look(w, e) < 0 ? SINK_BUSY : SINK_DONE;
}

static int dead_flush(void *state, struct err *e)
{
	return 0; /* every batch was synced */
}

static int dead_close(void *state, struct err *e)
{
	struct writer *w = state;
	int rc = w->seg ? finish(w, e) : 0;
	seg_writer_destroy(w->seg);
	if (w->lock_fd)
		w->io->close(w->io->ctx, w->lock_fd - 1);
	*w = (struct writer){0};
	return rc;
}

const struct sink_ops sink_dead_letter = {
	.name = "dead letters",
	.summary = "segments of dead letters in a folder",
	.opts = dead_letter_opts,
	.conf_size = sizeof(struct dead_letter_conf),
	.state_size = sizeof(struct writer),
	.open = dead_open,
	.write = dead_write,
	.report = dead_report,
	.give_up = dead_give_up,
	.poll = dead_poll,
	.flush = dead_flush,
	.close = dead_close,
};
