#include "dataplane/capture/file_block.h"

#include <assert.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/mem.h"

#define PIPE_WAIT_MS 1

int block_fail(struct block *b, int code, uint64_t offset, const char *fmt, ...)
{
	char text[sizeof(b->err.text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(&b->err, code, "%s: offset %llu: %s", b->name, (unsigned long long)offset,
		       text);
}

int block_cut(struct block *b, int rc, const char *what, size_t need)
{
	if (rc != -ENODATA)
		return rc;
	return block_fail(b, -EBADMSG, block_offset(b), "%s is cut: %zu of %zu bytes are there",
			  what, block_left(b), need);
}

void block_count_to(struct block *b, uint64_t used)
{
	uint64_t sum = atomic_load_explicit(&b->stats->bytes, memory_order_relaxed);
	/* One writer, so load and store are enough. */
	atomic_store_explicit(&b->stats->bytes, sum + (used - b->counted), memory_order_relaxed);
	b->counted = used;
}

static void count_used(struct block *b)
{
	block_count_to(b, b->unpack ? b->packed_read - b->packed.len : block_offset(b));
}

/* Reads once. Returns the bytes, 0 at the end, -EAGAIN, or an error with text. */
static ssize_t read_some(struct block *b, uint8_t *to, size_t room)
{
	for (;;) {
		if (b->pipe) {
			struct pollfd p = {.fd = b->fd, .events = POLLIN};
			int n = poll(&p, 1, PIPE_WAIT_MS);
			if (n == 0 || (n < 0 && errno == EINTR))
				return -EAGAIN;
		}
		ssize_t n = read(b->fd, to, room);
		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			return -EAGAIN;
		if (errno != EINTR)
			break;
	}
	int code = -errno;
	return b->state = block_fail(b, code, b->unpack ? b->packed_read : b->filled,
				     "cannot read: %s", strerrordesc_np(-code));
}

static int fill_plain(struct block *b)
{
	size_t used = (size_t)(b->end - b->buf);
	size_t room = b->cap - used < b->read_bytes ? b->cap - used : b->read_bytes;
	if (!room) /* the buffer was made for the file as it was at the start */
		return b->state = block_fail(b, -EBADMSG, block_offset(b),
					     "the file grew while it was read");
	ssize_t n = read_some(b, b->buf + used, room);
	if (n < 0)
		return (int)n;
	if (n == 0)
		return b->state = -ENODATA;
	b->end += n;
	b->filled += (uint64_t)n;
	return 0;
}

/* Compressed bytes for the decompressor, when it has none. 0 with none: there are no more. */
static int fill_packed(struct block *b)
{
	if (b->packed.len || b->fd < 0)
		return 0;
	ssize_t n = read_some(b, b->packed_buf, b->read_bytes);
	if (n < 0)
		return (int)n;
	b->packed = slice_of(b->packed_buf, (size_t)n);
	b->packed_read += (uint64_t)n;
	return 0;
}

static int fill_unpacked(struct block *b)
{
	size_t used = (size_t)(b->end - b->buf);
	size_t room = b->cap - used < b->read_bytes ? b->cap - used : b->read_bytes;
	for (;;) {
		/* What the decompressor still holds back needs no new bytes. */
		size_t n = unpack_run(b->unpack, &b->packed, b->buf + used, room);
		if (n) {
			b->end += n;
			b->filled += n;
			return 0;
		}
		uint64_t offset = b->packed_read - b->packed.len;
		if (unpack_why(b->unpack))
			return b->state = block_fail(b, -EBADMSG, offset, "%s: %s",
						     unpack_name(b->unpack), unpack_why(b->unpack));
		int rc = fill_packed(b);
		if (rc)
			return rc;
		if (b->packed.len)
			continue;
		if (unpack_whole(b->unpack))
			return b->state = -ENODATA;
		return b->state = block_fail(b, -EBADMSG, offset, "the %s data is cut",
					     unpack_name(b->unpack));
	}
}

int block_fill(struct block *b, size_t need)
{
	size_t left = block_left(b);
	if (left >= need)
		return 0;
	count_used(b);
	if (b->state)
		return b->state;
	assert(need <= BLOCK_NEED_MAX);
	if (b->at != b->buf) {
		memmove(b->buf, b->at, left);
		b->at = b->buf;
		b->end = b->buf + left;
	}
	while (block_left(b) < need) {
		int rc = b->unpack ? fill_unpacked(b) : fill_plain(b);
		if (rc) {
			count_used(b);
			return rc;
		}
	}
	return 0;
}

/* The window: room for the largest packet there can be, and for one read behind it. */
static int make_buffer(struct block *b, struct err *e)
{
	size_t most = BLOCK_NEED_MAX;
	if (!b->unpack && b->source_bytes && b->source_bytes < most)
		most = b->source_bytes;
	b->cap = most + b->read_bytes;
	b->buf = mem_map(b->cap);
	if (!b->buf)
		return err_set(e, -ENOMEM, "%s: no memory for a buffer of %zu bytes", b->name,
			       b->cap);
	/* Measured no faster on huge pages, and of many files each would take 2 MiB at least. */
	madvise(b->buf, b->cap, MADV_NOHUGEPAGE);
	b->at = b->end = b->buf;
	return 0;
}

static int open_path(struct block *b, const char *path, struct err *e)
{
	b->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	if (b->fd < 0 || fstat(b->fd, &st) < 0) {
		int code = -errno;
		return err_set(e, code, "%s: cannot open: %s", b->name, strerrordesc_np(-code));
	}
	if (S_ISDIR(st.st_mode))
		return err_set(e, -EISDIR, "%s: a capture file was expected, this is a directory",
			       b->name);
	b->pipe = !S_ISREG(st.st_mode);
	if (!b->pipe && b->fd != STDIN_FILENO) {
		b->source_bytes = (uint64_t)st.st_size;
		posix_fadvise(b->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	}
	return 0;
}

/* The first bytes, waiting as long as it takes: a pipe may be slow to start. */
static int fill_head(struct block *b, struct err *e)
{
	int rc;
	do {
		rc = block_fill(b, 4);
	} while (rc == -EAGAIN);
	if (rc == 0 || rc == -ENODATA)
		return 0;
	return err_set(e, rc, "%s", b->err.text);
}

/* What was read so far is compressed: let it be the input of a decompressor. */
static int begin_unpack(struct block *b, enum unpack_kind kind, struct err *e)
{
	size_t left = block_left(b);
	int rc = unpack_create(kind, &b->unpack, e);
	if (rc)
		return err_prefix(e, rc, "%s: ", b->name);
	if (b->memory) {
		b->packed = b->source;
		b->packed_read = b->source.len;
		b->memory = false;
	} else {
		b->packed_buf = mem_map(b->read_bytes);
		if (!b->packed_buf)
			return err_set(e, -ENOMEM, "%s: no memory for a buffer", b->name);
		memcpy(b->packed_buf, b->at, left);
		b->packed = slice_of(b->packed_buf, left);
		b->packed_read = left;
		mem_unmap(b->buf, b->cap);
		b->buf = NULL;
	}
	b->filled = 0;
	b->state = 0;
	rc = make_buffer(b, e);
	return rc ? rc : fill_head(b, e);
}

int block_init_file(struct block *b, const char *path, size_t read_bytes,
		    struct capture_stats *stats, struct err *e)
{
	b->name = strcmp(path, "-") == 0 ? "standard input" : path;
	b->stats = stats;
	b->read_bytes = read_bytes;
	int rc = open_path(b, path, e);
	if (rc == 0)
		rc = make_buffer(b, e);
	if (rc == 0)
		rc = fill_head(b, e);
	if (rc)
		return rc;
	enum unpack_kind kind = unpack_probe(slice_of(b->at, block_left(b)));
	return kind == UNPACK_NONE ? 0 : begin_unpack(b, kind, e);
}

int block_init_memory(struct block *b, struct slice bytes, struct capture_stats *stats,
		      struct err *e)
{
	b->name = "memory";
	b->stats = stats;
	b->fd = -1;
	b->read_bytes = REPLAY_READ_DEFAULT;
	b->source = bytes;
	b->source_bytes = bytes.len;
	enum unpack_kind kind = unpack_probe(bytes);
	b->memory = true;
	if (kind != UNPACK_NONE)
		return begin_unpack(b, kind, e);
	return block_rewind(b);
}

void block_fini(struct block *b)
{
	if (b->fd > STDIN_FILENO)
		close(b->fd);
	unpack_destroy(b->unpack);
	mem_unmap(b->packed_buf, b->read_bytes);
	mem_unmap(b->buf, b->cap);
}

int block_rewind(struct block *b)
{
	b->counted = 0;
	b->state = 0;
	b->filled = 0;
	if (b->memory) {
		b->at = b->source.ptr;
		b->end = b->source.ptr + b->source.len;
		b->filled = b->source.len;
		b->state = -ENODATA;
		return 0;
	}
	b->at = b->end = b->buf;
	if (b->unpack)
		unpack_reset(b->unpack);
	b->packed = b->source;
	b->packed_read = b->source.len;
	if (b->fd >= 0 && lseek(b->fd, 0, SEEK_SET) < 0) {
		int code = -errno;
		return b->state =
			       block_fail(b, code, 0, "cannot rewind: %s", strerrordesc_np(-code));
	}
	return 0;
}
