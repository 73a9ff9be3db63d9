#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/config_read.h"
#include "dataplane/base/regular.h"

/* Reads to the end of @fd, but not far beyond YAML_BYTES_MAX. */
static int read_all(int fd, uint8_t **ret_bytes, size_t *ret_len)
{
	size_t cap = 64 << 10, len = 0;
	uint8_t *bytes = malloc(cap);
	int r = bytes ? 0 : -ENOMEM;
	while (r == 0) {
		ssize_t n = read(fd, bytes + len, cap - len);
		if (n == 0)
			break;
		if (n < 0) {
			r = errno == EINTR ? 0 : -errno;
			continue;
		}
		len += (size_t)n;
		if (len > YAML_BYTES_MAX) {
			r = -EFBIG;
		} else if (len == cap) {
			cap *= 2;
			uint8_t *more = realloc(bytes, cap);
			if (more)
				bytes = more;
			else
				r = -ENOMEM;
		}
	}
	if (r < 0) {
		free(bytes);
		return r;
	}
	*ret_bytes = bytes;
	*ret_len = len;
	return 0;
}

static int read_path(const char *path, bool regular, uint8_t **ret_bytes, size_t *ret_len,
		     struct err *e)
{
	int fd = regular ? regular_open(path) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(e, regular ? fd : -errno, "%s", regular_why(regular ? fd : -errno));
	struct stat st;
	int r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && S_ISDIR(st.st_mode))
		r = -EISDIR;
	if (r == 0)
		r = read_all(fd, ret_bytes, ret_len);
	close(fd);
	if (r == -EFBIG)
		return err_set(e, r, "too long; expected at most %u MiB", YAML_BYTES_MAX >> 20);
	if (r < 0)
		return err_set(e, r, "%s", strerror(-r));
	return 0;
}

static int disk_read(void *arg, const char *path, uint8_t **ret_bytes, size_t *ret_len,
		     struct err *e)
{
	return read_path(path, false, ret_bytes, ret_len, e);
}

static int read_regular(void *arg, const char *path, uint8_t **ret_bytes, size_t *ret_len,
			struct err *e)
{
	return read_path(path, true, ret_bytes, ret_len, e);
}

const struct config_files config_disk = {.read = disk_read};
const struct config_files config_regular = {.read = read_regular};
