#include "dataplane/sink/cut_file.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

/* Names and texts are short; each place is at most 11 + 2 * 20 digits, and 7 signs. */
#define LINE_MAX_BYTES (4096 + SINK_PLACES_MAX * 64)

struct cut_file {
	const struct file_ops *io;
	int fd;
	char path[FILE_OPS_PATH];
	char line[LINE_MAX_BYTES];
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

/* The places, to the end of the line, which all of them fit into. */
static size_t put_places(char *at, size_t cap, const struct sink_place *p, unsigned n_places)
{
	size_t n = (size_t)snprintf(at, cap, ",\"written\":{");
	for (unsigned i = 0; i < n_places; i++)
		n += (size_t)snprintf(at + n, cap - n, "%s\"%d\":[%" PRId64 ",%" PRId64 "]",
				      i ? "," : "", (int)p[i].partition, p[i].first, p[i].last);
	return n + (size_t)snprintf(at + n, cap - n, "}}\n");
}

int cut_file_add(struct cut_file *f, const struct cut_line *l, struct err *e)
{
	char time[64];
	size_t cap = sizeof(f->line);
	size_t n_time = civil_put_rfc3339_9(time, (int64_t)clock_wall_ns());
	int head = snprintf(f->line, cap, "{\"time\":\"%.*s\",\"queue\":\"%s\",", (int)n_time, time,
			    l->queue);
	size_t n = (size_t)head;
	if (l->from)
		n += (size_t)snprintf(f->line + n, cap - n,
				      "\"from\":\"%s\",\"to\":\"%s\",\"acked\":%" PRIu64
				      ",\"why\":\"%s\"",
				      l->from, l->to, l->acked, l->why);
	else
		n += (size_t)snprintf(f->line + n, cap - n, "\"sink\":\"%s\",\"since\":%" PRIu64,
				      l->to, l->acked);
	n += put_places(f->line + n, cap - n, l->places, l->n_places);
	int64_t at = f->io->size(f->io->ctx, f->fd);
	int rc = at < 0 ? (int)at : file_ops_write(f->io, f->fd, f->line, n, (uint64_t)at);
	if (rc >= 0)
		rc = f->io->sync(f->io->ctx, f->fd);
	return rc < 0 ? err_set(e, rc, "%s: %s", f->path, strerror(-rc)) : 0;
}
