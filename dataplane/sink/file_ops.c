#include "dataplane/sink/file_ops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/slice.h"
#include "dataplane/base/text.h"

static int real_open(void *ctx, const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0640);
	return fd < 0 ? -errno : fd;
}

static int real_close(void *ctx, int fd)
{
	return close(fd) < 0 ? -errno : 0;
}

static ssize_t real_read_at(void *ctx, int fd, void *p, size_t len, uint64_t off)
{
	ssize_t n;
	do
		n = pread(fd, p, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static ssize_t real_write_at(void *ctx, int fd, const void *p, size_t len, uint64_t off)
{
	ssize_t n;
	do
		n = pwrite(fd, p, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int64_t real_size(void *ctx, int fd)
{
	struct stat about;
	return fstat(fd, &about) < 0 ? -errno : about.st_size;
}

static int real_truncate(void *ctx, int fd, uint64_t len)
{
	return ftruncate(fd, (off_t)len) < 0 ? -errno : 0;
}

static int real_sync(void *ctx, int fd)
{
	return fdatasync(fd) < 0 ? -errno : 0;
}

/* A file system that cannot promise to spare what is there gets a look first. */
static int real_rename(void *ctx, const char *from, const char *to)
{
	struct stat about;
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	if (lstat(to, &about) == 0)
		return -EEXIST;
	return rename(from, to) < 0 ? -errno : 0;
}

static int real_unlink(void *ctx, const char *path)
{
	return unlink(path) < 0 ? -errno : 0;
}

static int real_mkdir(void *ctx, const char *path)
{
	return mkdir(path, 0750) < 0 && errno != EEXIST ? -errno : 0;
}

static int real_sync_dir(void *ctx, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc == -EINVAL ? 0 : rc; /* a file system that has no such thing */
}

static int real_list(void *ctx, const char *path, int (*each)(void *arg, const char *name),
		     void *arg)
{
	DIR *d = opendir(path);
	if (!d)
		return -errno;
	int rc = 0;
	for (struct dirent *entry; rc == 0 && (entry = readdir(d));)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = each(arg, entry->d_name);
	closedir(d);
	return rc;
}

static int read_pid(int fd)
{
	char text[24];
	uint64_t pid;
	ssize_t n = pread(fd, text, sizeof(text), 0);
	while (n > 0 && text[n - 1] == '\n')
		n--;
	bool known = n > 0 && text_u64(slice_of(text, (size_t)n), &pid) && pid <= INT32_MAX;
	return known ? (int)pid : 0;
}

static int real_lock(void *ctx, const char *path, int *ret_pid)
{
	char text[24];
	*ret_pid = 0;
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return -errno;
	int rc = 0;
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		rc = errno == EWOULDBLOCK ? -EBUSY : -errno;
		*ret_pid = read_pid(fd);
	}
	int len = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	/* The number is for people; the lock holds without it, on a full disk too. */
	if (rc == 0 && (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)len, 0) < 0) &&
	    errno != ENOSPC && errno != EDQUOT)
		rc = -errno;
	if (rc < 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

const struct file_ops file_ops_real = {
	.open = real_open,
	.close = real_close,
	.read_at = real_read_at,
	.write_at = real_write_at,
	.size = real_size,
	.truncate = real_truncate,
	.sync = real_sync,
	.rename = real_rename,
	.unlink = real_unlink,
	.mkdir = real_mkdir,
	.sync_dir = real_sync_dir,
	.list = real_list,
	.lock = real_lock,
};

int file_ops_write(const struct file_ops *io, int fd, const void *p, size_t len, uint64_t off)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = io->write_at(io->ctx, fd, (const uint8_t *)p + done, len - done,
					 off + done);
		if (n <= 0)
			return n < 0 ? (int)n : -ENOSPC;
		done += (size_t)n;
	}
	return 0;
}

int file_ops_read(const struct file_ops *io, int fd, void *p, size_t len, uint64_t off)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = io->read_at(io->ctx, fd, (uint8_t *)p + done, len - done, off + done);
		if (n <= 0)
			return n < 0 ? (int)n : -ENODATA;
		done += (size_t)n;
	}
	return 0;
}

int file_ops_sync_parent(const struct file_ops *io, const char *path)
{
	char dir[FILE_OPS_PATH];
	const char *slash = strrchr(path, '/');
	size_t len = slash && slash > path ? (size_t)(slash - path) : 1;
	if (len >= sizeof(dir))
		return -ENAMETOOLONG;
	memcpy(dir, slash ? path : ".", len);
	dir[len] = '\0';
	return io->sync_dir(io->ctx, dir);
}
