/* err.h - the text of a failure, written where its cause is known.
 *
 * In:     a format string and its arguments.
 * Out:    struct err, one line of text without a newline.
 * Owns:   its own bytes; nothing to free.
 * Runs:   any thread, slow path only: a worker counts drops and writes no text.
 * Limits: text beyond 511 bytes is cut.
 */
#ifndef SL_BASE_ERR_H
#define SL_BASE_ERR_H

#include <errno.h>

struct err {
	char text[512];
};

/* Writes the text and returns @code (a negative errno), so that a caller can `return err_set(...)`.
 * @e may be NULL: then only the code is returned.
 */
int err_set(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts a prefix in front of the text that is already there ("conf/x.yaml:3: " + text). Returns
 * @code. */
int err_prefix(struct err *e, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

#endif
