#include "tests/support/disk.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FD_BASE 1000
#define FDS     64
#define NAMES   512 /* operations on names that are not synced */

struct bytes {
	uint8_t *ptr;
	size_t len;
};

struct inode {
	bool used;
	struct bytes now, safe;
};

struct entry {
	char path[192];
	int inode;
};

struct names {
	struct entry e[DISK_FILES];
	unsigned n;
};

struct disk {
	struct file_ops ops;
	struct inode inodes[DISK_FILES];
	struct names now;
	/* What a crash finds: the names as they were at each operation since the last sync of
	 * their directory. All tests have one directory, so one history does.
	 */
	struct names *history[NAMES];
	unsigned n_history;
	struct names safe;
	int fds[FDS]; /* inode; -1: free */
	int lock_fd;  /* -1: nobody has it */
	unsigned done, fail_at;
	int code, read_code;
	bool for_ever, failing;
	uint64_t room;
};

static void set_bytes(struct bytes *b, const void *p, size_t len)
{
	uint8_t *copy = malloc(len + 1);
	if (len)
		memcpy(copy, p, len);
	free(b->ptr);
	*b = (struct bytes){copy, len};
}

static struct entry *find(struct names *n, const char *path)
{
	for (unsigned i = 0; i < n->n; i++)
		if (strcmp(n->e[i].path, path) == 0)
			return &n->e[i];
	return NULL;
}

/* Before a change of names. */
static void remember(struct disk *d)
{
	assert(d->n_history < NAMES);
	d->history[d->n_history] = malloc(sizeof(d->now));
	*d->history[d->n_history++] = d->now;
}

static void forget_history(struct disk *d)
{
	while (d->n_history)
		free(d->history[--d->n_history]);
}

/* 0, or the error that this operation is to have. */
static int change(struct disk *d)
{
	d->done++;
	if (d->fail_at && d->done == d->fail_at)
		d->failing = true;
	else if (d->failing && !d->for_ever)
		d->failing = false;
	return d->failing ? -d->code : 0;
}

static struct inode *inode_of(struct disk *d, int fd)
{
	assert(fd >= FD_BASE && fd < FD_BASE + FDS && d->fds[fd - FD_BASE] >= 0);
	return &d->inodes[d->fds[fd - FD_BASE]];
}

static int new_inode(struct disk *d)
{
	for (int i = 0; i < DISK_FILES; i++) {
		bool named = false;
		for (unsigned k = 0; k < d->now.n; k++)
			named |= d->now.e[k].inode == i;
		for (unsigned k = 0; k < d->safe.n; k++)
			named |= d->safe.e[k].inode == i;
		for (unsigned h = 0; h < d->n_history; h++)
			for (unsigned k = 0; k < d->history[h]->n; k++)
				named |= d->history[h]->e[k].inode == i;
		for (int k = 0; k < FDS; k++)
			named |= d->fds[k] == i;
		if (named)
			continue;
		free(d->inodes[i].now.ptr);
		free(d->inodes[i].safe.ptr);
		d->inodes[i] = (struct inode){.used = true};
		return i;
	}
	assert(false);
	return -1;
}

static void add_name(struct disk *d, const char *path, int inode)
{
	assert(d->now.n < DISK_FILES && strlen(path) < sizeof(d->now.e[0].path));
	struct entry *e = &d->now.e[d->now.n++];
	snprintf(e->path, sizeof(e->path), "%s", path);
	e->inode = inode;
}

static void remove_name(struct disk *d, struct entry *e)
{
	memmove(e, e + 1, (size_t)(&d->now.e[--d->now.n] - e) * sizeof(*e));
}

static int disk_open(void *ctx, const char *path, int flags)
{
	struct disk *d = ctx;
	struct entry *e = find(&d->now, path);
	int inode;
	if (e && (flags & O_EXCL))
		return -EEXIST;
	if (e) {
		inode = e->inode;
	} else {
		if (!(flags & O_CREAT))
			return -ENOENT;
		int rc = change(d);
		if (rc < 0)
			return rc;
		remember(d);
		inode = new_inode(d);
		add_name(d, path, inode);
	}
	for (int i = 0; i < FDS; i++)
		if (d->fds[i] < 0) {
			d->fds[i] = inode;
			return FD_BASE + i;
		}
	return -EMFILE;
}

static int disk_close(void *ctx, int fd)
{
	struct disk *d = ctx;
	inode_of(d, fd);
	d->fds[fd - FD_BASE] = -1;
	if (fd == d->lock_fd)
		d->lock_fd = -1;
	return 0;
}

static ssize_t disk_read_at(void *ctx, int fd, void *p, size_t len, uint64_t off)
{
	struct disk *d = ctx;
	struct inode *f = inode_of(d, fd);
	if (d->read_code)
		return -d->read_code;
	if (off >= f->now.len)
		return 0;
	if (len > f->now.len - off)
		len = f->now.len - off;
	memcpy(p, f->now.ptr + off, len);
	return (ssize_t)len;
}

static void resize(struct bytes *b, size_t len)
{
	uint8_t *p = calloc(1, len + 1);
	if (b->len)
		memcpy(p, b->ptr, b->len < len ? b->len : len);
	free(b->ptr);
	*b = (struct bytes){p, len};
}

uint64_t disk_used(const struct disk *d)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < d->now.n; i++)
		sum += d->inodes[d->now.e[i].inode].now.len;
	return sum;
}

static ssize_t disk_write_at(void *ctx, int fd, const void *p, size_t len, uint64_t off)
{
	struct disk *d = ctx;
	struct inode *f = inode_of(d, fd);
	int rc = change(d);
	if (rc < 0)
		len /= 2;
	uint64_t used = disk_used(d);
	if (off + len > f->now.len && used + (off + len - f->now.len) > d->room) {
		if (used >= d->room)
			return rc < 0 ? rc : -ENOSPC;
		len = d->room - used < len ? (size_t)(d->room - used) : len;
	}
	if (off + len > f->now.len)
		resize(&f->now, off + len);
	memcpy(f->now.ptr + off, p, len);
	return rc < 0 ? rc : (ssize_t)len;
}

static int64_t disk_size(void *ctx, int fd)
{
	return (int64_t)inode_of(ctx, fd)->now.len;
}

static int disk_truncate(void *ctx, int fd, uint64_t len)
{
	struct disk *d = ctx;
	struct inode *f = inode_of(d, fd);
	int rc = change(d);
	if (rc == 0)
		resize(&f->now, len);
	return rc;
}

static int disk_sync(void *ctx, int fd)
{
	struct disk *d = ctx;
	struct inode *f = inode_of(d, fd);
	int rc = change(d);
	if (rc == 0)
		set_bytes(&f->safe, f->now.ptr, f->now.len);
	return rc;
}

static int disk_rename(void *ctx, const char *from, const char *to)
{
	struct disk *d = ctx;
	struct entry *e = find(&d->now, from);
	if (!e)
		return -ENOENT;
	if (find(&d->now, to))
		return -EEXIST;
	int rc = change(d);
	if (rc < 0)
		return rc;
	remember(d);
	snprintf(e->path, sizeof(e->path), "%s", to);
	return 0;
}

static int disk_unlink(void *ctx, const char *path)
{
	struct disk *d = ctx;
	struct entry *e = find(&d->now, path);
	if (!e)
		return -ENOENT;
	int rc = change(d);
	if (rc < 0)
		return rc;
	remember(d);
	remove_name(d, e);
	return 0;
}

static int disk_mkdir(void *ctx, const char *path)
{
	(void)path;
	return change(ctx);
}

static int disk_sync_dir(void *ctx, const char *path)
{
	struct disk *d = ctx;
	(void)path;
	int rc = change(d);
	if (rc < 0)
		return rc;
	forget_history(d);
	d->safe = d->now;
	return 0;
}

static int disk_list(void *ctx, const char *path, int (*each)(void *arg, const char *name),
		     void *arg)
{
	struct disk *d = ctx;
	size_t len = strlen(path);
	int rc = 0;
	char last[192] = "";
	/* A directory is there as long as something is in it; its names follow one another. */
	for (unsigned i = 0; rc == 0 && i < d->now.n; i++) {
		const char *p = d->now.e[i].path;
		char name[192];
		if (strncmp(p, path, len) != 0 || p[len] != '/')
			continue;
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(p + len + 1, "/"), p + len + 1);
		if (strcmp(name, last) != 0)
			rc = each(arg, name);
		snprintf(last, sizeof(last), "%s", name);
	}
	return rc;
}

static int disk_lock(void *ctx, const char *path, int *ret_pid)
{
	struct disk *d = ctx;
	*ret_pid = 4711;
	if (d->lock_fd >= 0)
		return -EBUSY;
	d->lock_fd = disk_open(d, path, O_RDWR | O_CREAT);
	return d->lock_fd;
}

struct disk *disk_create(void)
{
	struct disk *d = calloc(1, sizeof(*d));
	d->ops = (struct file_ops){.ctx = d,
				   .open = disk_open,
				   .close = disk_close,
				   .read_at = disk_read_at,
				   .write_at = disk_write_at,
				   .size = disk_size,
				   .truncate = disk_truncate,
				   .sync = disk_sync,
				   .rename = disk_rename,
				   .unlink = disk_unlink,
				   .mkdir = disk_mkdir,
				   .sync_dir = disk_sync_dir,
				   .list = disk_list,
				   .lock = disk_lock};
	memset(d->fds, 0xff, sizeof(d->fds));
	d->lock_fd = -1;
	d->room = UINT64_MAX;
	return d;
}

void disk_destroy(struct disk *d)
{
	if (!d)
		return;
	forget_history(d);
	for (unsigned i = 0; i < DISK_FILES; i++) {
		free(d->inodes[i].now.ptr);
		free(d->inodes[i].safe.ptr);
	}
	free(d);
}

struct disk *disk_copy(const struct disk *d)
{
	struct disk *c = disk_create();
	c->now = d->now;
	c->safe = d->safe;
	for (unsigned i = 0; i < d->n_history; i++) {
		c->history[i] = malloc(sizeof(d->now));
		*c->history[i] = *d->history[i];
	}
	c->n_history = d->n_history;
	for (unsigned i = 0; i < DISK_FILES; i++) {
		c->inodes[i].used = d->inodes[i].used;
		set_bytes(&c->inodes[i].now, d->inodes[i].now.ptr, d->inodes[i].now.len);
		set_bytes(&c->inodes[i].safe, d->inodes[i].safe.ptr, d->inodes[i].safe.len);
	}
	return c;
}

const struct file_ops *disk_ops(struct disk *d)
{
	return &d->ops;
}

void disk_fail(struct disk *d, unsigned op, int code, bool for_ever)
{
	d->done = 0;
	d->fail_at = op;
	d->code = code;
	d->for_ever = for_ever;
	d->failing = false;
}

unsigned disk_ops_done(const struct disk *d)
{
	return d->done;
}

void disk_read_fails(struct disk *d, int code)
{
	d->read_code = code;
}

void disk_room(struct disk *d, uint64_t bytes)
{
	d->room = bytes;
}

static uint64_t chance(uint64_t *seed)
{
	uint64_t x = *seed += 0x9e3779b97f4a7c15u;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
	return x ^ (x >> 31);
}

/* Pages that were not synced are there or not, and so is the new length. */
static void mix(struct inode *f, uint64_t *seed)
{
	size_t len = chance(seed) & 1 ? f->now.len : f->safe.len;
	uint8_t *p = calloc(1, len + 1);
	for (size_t at = 0; at < len; at += DISK_PAGE) {
		const struct bytes *b = chance(seed) & 1 ? &f->now : &f->safe;
		size_t n = len - at < DISK_PAGE ? len - at : DISK_PAGE;
		if (at < b->len)
			memcpy(p + at, b->ptr + at, b->len - at < n ? b->len - at : n);
	}
	free(f->now.ptr);
	f->now = (struct bytes){p, len};
}

void disk_reboot(struct disk *d, enum disk_reboot how, uint64_t seed)
{
	disk_fail(d, 0, 0, false);
	memset(d->fds, 0xff, sizeof(d->fds));
	d->lock_fd = -1;
	if (how == DISK_FORGETS)
		d->now = d->safe;
	if (how == DISK_MIXES && d->n_history) {
		unsigned at = (unsigned)(chance(&seed) % (d->n_history + 1));
		if (at < d->n_history)
			d->now = *d->history[at];
	}
	for (unsigned i = 0; i < d->now.n; i++) {
		struct inode *f = &d->inodes[d->now.e[i].inode];
		if (how == DISK_MIXES)
			mix(f, &seed);
		else if (how != DISK_KEEPS)
			set_bytes(&f->now, f->safe.ptr, f->safe.len);
		set_bytes(&f->safe, f->now.ptr, f->now.len);
	}
	forget_history(d);
	d->safe = d->now;
}

uint8_t *disk_bytes(struct disk *d, const char *path, size_t *ret_len)
{
	struct entry *e = find(&d->now, path);
	*ret_len = e ? d->inodes[e->inode].now.len : 0;
	return e ? d->inodes[e->inode].now.ptr : NULL;
}

void disk_put(struct disk *d, const char *path, const void *bytes, size_t len)
{
	struct entry *e = find(&d->now, path);
	if (!e) {
		add_name(d, path, new_inode(d));
		e = find(&d->now, path);
		d->safe = d->now;
	}
	set_bytes(&d->inodes[e->inode].now, bytes, len);
	set_bytes(&d->inodes[e->inode].safe, bytes, len);
}

void disk_remove(struct disk *d, const char *path)
{
	struct entry *e = find(&d->now, path);
	if (e)
		remove_name(d, e);
	d->safe = d->now;
}

const char *disk_path(struct disk *d, unsigned i)
{
	return i < d->now.n ? d->now.e[i].path : NULL;
}
