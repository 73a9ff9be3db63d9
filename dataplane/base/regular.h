/* regular.h - files that keep nobody waiting: regular ones, as no pipe, socket or device is.
 *
 * In:     a path from the configuration.
 * Out:    a descriptor to read from, or why not.
 * Owns:   nothing: the caller closes it.
 * Runs:   any thread but a worker.
 * Limits: -
 */
#ifndef SL_BASE_REGULAR_H
#define SL_BASE_REGULAR_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Opened for reading. -errno; -EISDIR: a folder; -ENOTSUP: another thing that is no file. */
int regular_open(const char *path);

/* What stands in it, at most @cap bytes. Their number or -errno, as above. */
ssize_t regular_read(const char *path, void *buf, size_t cap);

/* What is to be said of an error of it. */
const char *regular_why(int rc);

/* Is @path there, and something that a library, which opens it by itself, could wait for? */
bool regular_may_block(const char *path);

#endif
