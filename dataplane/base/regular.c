#include "dataplane/base/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe that nobody writes to is opened at once, and so is seen for what it is. */
int regular_open(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &st) < 0     ? -errno
		 : S_ISDIR(st.st_mode)  ? -EISDIR
		 : !S_ISREG(st.st_mode) ? -ENOTSUP
					: 0;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

ssize_t regular_read(const char *path, void *buf, size_t cap)
{
	size_t n = 0;
	ssize_t got = 1;
	int fd = regular_open(path);
	if (fd < 0)
		return fd;
	while (n < cap && (got = read(fd, (char *)buf + n, cap - n)) > 0)
		n += (size_t)got;
	int rc = got < 0 ? -errno : 0;
	close(fd);
	return rc < 0 ? rc : (ssize_t)n;
}

const char *regular_why(int rc)
{
	return rc == -ENOTSUP ? "no regular file; expected one, no pipe, socket or device"
			      : strerror(-rc);
}

bool regular_may_block(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode);
}
