/* file_block.h - the block reader: a window over the bytes of a file, parsed in place.
 *
 * In:     a file, a pipe or memory; plain, gzip or zstd.
 * Out:    at..end: bytes read and not yet used. They stay where they are until block_fill.
 * Owns:   the file descriptor (not that of standard input), the buffer, the decompressor.
 * Runs:   open, close: main. The rest: the worker that reads.
 * Limits: BLOCK_NEED_MAX bytes at once.
 *
 *     buf                at           end       end + read_bytes                     buf + cap
 *     | used, forgotten  | left       | free    |                                    |
 *
 * block_fill moves what is left to the front of the buffer and reads behind it, one read_bytes at
 * a time until there is enough: the part of the buffer in use stays small and in the cache, and a
 * packet is moved at most once. The buffer has room for the largest packet, in memory that is
 * only touched when one comes.
 */
#ifndef SL_CAPTURE_FILE_BLOCK_H
#define SL_CAPTURE_FILE_BLOCK_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"
#include "dataplane/capture/capture.h"
#include "dataplane/capture/file_unpack.h"
#include "dataplane/capture/replay.h"

/* A packet with the options of its block. */
#define BLOCK_NEED_MAX (REPLAY_PACKET_MAX + (64u << 10))

struct block {
	/* line 1: what parsers see */
	const uint8_t *at, *end;
	uint64_t filled; /* bytes that ever came into the window */
	int state;       /* 0, or why no more bytes come: -ENODATA at the end, or an error */
	bool pipe;       /* cannot seek; may have no bytes just now */
	bool memory;     /* at..end is the source itself */

	uint8_t *buf;
	size_t cap, read_bytes;
	int fd; /* -1: memory */
	const char *name;
	struct slice source;   /* of memory: all of it */
	uint64_t source_bytes; /* size of the file; 0 when unknown */

	struct unpack *unpack; /* NULL: plain */
	struct slice packed;   /* compressed bytes not yet used */
	uint8_t *packed_buf;
	uint64_t packed_read;

	uint64_t counted; /* of stats->bytes */
	struct capture_stats *stats;
	struct err err;
};

/* Open @path ("-": standard input) and look whether it is compressed. The block is zeroed before.
 * @name (for messages) and @stats must outlive it. After an error block_fini is right too.
 */
int block_init_file(struct block *b, const char *path, size_t read_bytes,
		    struct capture_stats *stats, struct err *e);
int block_init_memory(struct block *b, struct slice bytes, struct capture_stats *stats,
		      struct err *e);
void block_fini(struct block *b);

/* Back to the first byte. 0, or -errno with text. Not for pipes. */
int block_rewind(struct block *b);

/* Makes at least @need bytes available; what was borrowed of the window is lost. 0, or -EAGAIN (a
 * pipe that is slow), or -ENODATA (fewer than @need are left), or an error with text.
 */
int block_fill(struct block *b, size_t need);

/* Tells stats->bytes that @used bytes of the file as it is have been used. */
void block_count_to(struct block *b, uint64_t used);

/* "FILE: offset N: text" into b->err; returns @code. */
int block_fail(struct block *b, int code, uint64_t offset, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The same for data that ends too early: unless the source itself broke, then its error. @rc is
 * what block_fill returned; -EAGAIN is passed on.
 */
int block_cut(struct block *b, int rc, const char *what, size_t need);

static inline size_t block_left(const struct block *b)
{
	return (size_t)(b->end - b->at);
}

/* Of b->at. */
static inline uint64_t block_offset(const struct block *b)
{
	return b->filled - block_left(b);
}

#endif
