/* file_unpack.h - streaming decompression of gzip and zstd in memory taken at the start.
 *
 * In:     compressed bytes in pieces of any size.
 * Out:    plain bytes, written to the caller's buffer.
 * Owns:   the decompressor's state and window.
 * Runs:   create, destroy: main. The rest: the worker that reads the file.
 * Limits: zstd windows up to 128 MiB (all that zstd writes without --long=28 and up).
 */
#ifndef SL_CAPTURE_FILE_UNPACK_H
#define SL_CAPTURE_FILE_UNPACK_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

enum unpack_kind { UNPACK_NONE, UNPACK_GZIP, UNPACK_ZSTD };

struct unpack;

/* What the first bytes say; four are enough. */
enum unpack_kind unpack_probe(struct slice head);

/* 0 or -ENOMEM. */
int unpack_create(enum unpack_kind kind, struct unpack **ret_u, struct err *e);
void unpack_destroy(struct unpack *u);

/* Back to the beginning of a file. */
void unpack_reset(struct unpack *u);

/* Takes bytes off the front of @in, writes at most @cap bytes to @out and returns their number.
 * 0 with bytes left in @in: broken, see unpack_why. 0 with none left: it needs more.
 */
size_t unpack_run(struct unpack *u, struct slice *in, uint8_t *out, size_t cap);

/* NULL, or what is wrong with the compressed bytes at the front of what was left of @in. */
const char *unpack_why(const struct unpack *u);

/* True between two members or frames: here a file may end. */
bool unpack_whole(const struct unpack *u);

const char *unpack_name(const struct unpack *u);

#endif
