#include "dataplane/sink/cut_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

struct cut_file {
	const struct file_ops *io;
	int fd;
	char path[FILE_OPS_PATH];
};

int cut_file_open(const char *dir, const struct file_ops *io, struct cut_file **ret_f,
		  struct err *e)
{
	struct cut_file *f = mem_alloc(sizeof(*f));
	if (!f)
		return err_set(e, -ENOMEM, "no memory");
	f->io = io;
	if (snprintf(f->path, sizeof(f->path), "%s/cuts.ndjson", dir) >= (int)sizeof(f->path)) {
		mem_free(f);
		return err_set(e, -ENAMETOOLONG, "%s: the path is too long", dir);
	}
	int rc = io->mkdir(io->ctx, dir);
	f->fd = rc < 0 ? rc : io->open(io->ctx, f->path, O_RDWR | O_CREAT);
	if (f->fd < 0) {
		rc = err_set(e, f->fd, "%s: %s", f->path, strerror(-f->fd));
		mem_free(f);
		return rc;
	}
	*ret_f = f;
	return 0;
}

void cut_file_close(struct cut_file *f)
{
	if (!f)
		return;
	f->io->close(f->io->ctx, f->fd);
	mem_free(f);
}

int cut_file_add(struct cut_file *f, const char *queue, const char *from, const char *to,
		 uint64_t acked, const char *why, struct err *e)
{
	char line[2048], time[64];
	size_t n = civil_put_rfc3339_9(time, (int64_t)clock_wall_ns());
	int len = snprintf(line, sizeof(line),
			   "{\"time\":\"%.*s\",\"queue\":\"%s\",\"from\":\"%s\",\"to\":\"%s\","
			   "\"acked\":%" PRIu64 ",\"why\":\"%s\"}\n",
			   (int)n, time, queue, from, to, acked, why);
	int64_t at = f->io->size(f->io->ctx, f->fd);
	int rc = at < 0 ? (int)at : file_ops_write(f->io, f->fd, line, (size_t)len, (uint64_t)at);
	if (rc >= 0)
		rc = f->io->sync(f->io->ctx, f->fd);
	return rc < 0 ? err_set(e, rc, "%s: %s", f->path, strerror(-rc)) : 0;
}
