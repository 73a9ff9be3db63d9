/* file_ops.h - what segments and spools do with files, as a table: tests put a disk of their own
 * behind it, that fails, fills up or loses power at any operation.
 *
 * In:     paths, descriptors, bytes.
 * Out:    0 or more, or -errno.
 * Owns:   descriptors, until close.
 * Runs:   any thread.
 * Limits: FILE_OPS_PATH bytes a path.
 */
#ifndef SL_SINK_FILE_OPS_H
#define SL_SINK_FILE_OPS_H

#include <stdint.h>
#include <sys/types.h>

#define FILE_OPS_PATH 4096

struct file_ops {
	void *ctx;
	/* @flags of open(2): O_RDONLY, or O_RDWR with O_CREAT and O_EXCL. */
	int (*open)(void *ctx, const char *path, int flags);
	int (*close)(void *ctx, int fd);
	/* Bytes moved, perhaps fewer than asked for; 0 at the end of the file. */
	ssize_t (*read_at)(void *ctx, int fd, void *p, size_t len, uint64_t off);
	ssize_t (*write_at)(void *ctx, int fd, const void *p, size_t len, uint64_t off);
	int64_t (*size)(void *ctx, int fd);
	int (*truncate)(void *ctx, int fd, uint64_t len);
	int (*sync)(void *ctx, int fd);
	int (*rename)(void *ctx, const char *from, const char *to); /* never over a file */
	int (*unlink)(void *ctx, const char *path);
	int (*mkdir)(void *ctx, const char *path); /* 0 also when it is there */
	int (*sync_dir)(void *ctx, const char *path);
	/* Calls @each with every name but . and .. until it returns other than 0, and returns that.
	 */
	int (*list)(void *ctx, const char *path, int (*each)(void *arg, const char *name),
		    void *arg);
	/* Makes @path and keeps it to this process until close or its end; the file has the id of
	 * the process. -EBUSY: another has it, *@ret_pid says which (0: unknown). Else a
	 * descriptor.
	 */
	int (*lock)(void *ctx, const char *path, int *ret_pid);
};

extern const struct file_ops file_ops_real;

/* All of it, or -errno: -ENOSPC for a disk that takes no more. */
int file_ops_write(const struct file_ops *io, int fd, const void *p, size_t len, uint64_t off);
/* @len bytes; -ENODATA when the file has fewer. */
int file_ops_read(const struct file_ops *io, int fd, void *p, size_t len, uint64_t off);
/* Names in the directory of @path are on the disk. */
int file_ops_sync_parent(const struct file_ops *io, const char *path);

#endif
