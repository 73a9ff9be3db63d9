/* sink_stdout.c - records to standard output, whatever that is: a pipe, a file, a terminal.
 *
 * In:     batches.
 * Out:    their bytes, in order. Delivery ends with write(2): what a reader has not read yet lies
 *         in the pipe. A reader that went away is FATAL; one that does not read makes it BUSY.
 * Owns:   how much of the batch at hand is written.
 * Runs:   sink thread, with SIGPIPE blocked or ignored.
 * Limits: PIPE_BUF bytes a write where it might block, since a thread inside of write(2) cannot be
 *         stopped.
 */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "dataplane/sink/sinks.h"

#define WAIT_MS 50 /* for a reader, before the answer is BUSY */

struct stdout_state {
	size_t written; /* bytes of the batch that was answered with BUSY; else 0 */
	bool may_block;
};

static const struct opt stdout_opts[] = {OPT_END};

static int stdout_open(void *state, const void *conf, struct err *e)
{
	struct stdout_state *st = state;
	struct stat about;
	int flags = fcntl(STDOUT_FILENO, F_GETFL);
	if (flags < 0 || fstat(STDOUT_FILENO, &about) < 0)
		return err_set(e, -errno, "standard output: %s", strerror(errno));
	bool is_null = S_ISCHR(about.st_mode) && about.st_rdev == makedev(1, 3);
	st->may_block = !(flags & O_NONBLOCK) && !S_ISREG(about.st_mode) && !is_null;
	return 0;
}

/* False when nobody makes room in time. */
static bool wait_for_room(void)
{
	struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};
	return poll(&p, 1, WAIT_MS) == 1;
}

static enum sink_answer stdout_error(int code, struct err *e)
{
	switch (code) {
	case EPIPE:
		err_set(e, -code, "the reader of standard output went away");
		return SINK_FATAL;
	case ENOSPC:
	case EDQUOT:
		err_set(e, -code, "standard output: %s", strerror(code));
		return SINK_BUSY;
	default:
		err_set(e, -code, "standard output: %s", strerror(code));
		return SINK_FATAL;
	}
}

static enum sink_answer stdout_write(void *state, const struct out_batch *b, struct err *e)
{
	struct stdout_state *st = state;
	while (st->written < b->len) {
		size_t n = b->len - st->written;
		bool room = true;
		if (st->may_block) {
			room = wait_for_room();
			/* POLLOUT of a pipe promises so much. */
			n = n < PIPE_BUF ? n : PIPE_BUF;
		}
		ssize_t w = room ? write(STDOUT_FILENO, b->buf + st->written, n) : 0;
		if (w > 0) {
			st->written += (size_t)w;
			continue;
		}
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0 && errno != EAGAIN)
			return stdout_error(errno, e);
		if (w < 0 && wait_for_room())
			continue;
		err_set(e, -EAGAIN, "the reader of standard output does not read");
		return SINK_BUSY;
	}
	st->written = 0;
	return SINK_DONE;
}

static enum sink_answer stdout_poll(void *state, struct err *e)
{
	return SINK_DONE;
}

static int stdout_end(void *state, struct err *e)
{
	return 0;
}

const struct sink_ops sink_stdout = {
	.name = "stdout",
	.summary = "lines on standard output",
	.opts = stdout_opts,
	.state_size = sizeof(struct stdout_state),
	.open = stdout_open,
	.write = stdout_write,
	.poll = stdout_poll,
	.flush = stdout_end,
	.close = stdout_end,
};
