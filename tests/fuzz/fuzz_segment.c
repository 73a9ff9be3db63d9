/* A segment file of any bytes; and, since checksums keep most of these out, one with a sound head
 * and a frame whose checksums are right, around any lengths and any payload:
 *
 *     0: the rest is the file
 *     1: flags u8, records u16, bytes of records u32, raw bytes u32, then the stored bytes
 *     2: the rest is a record of an archive
 */
#include <jansson.h>
#include <stdlib.h>
#include <xxhash.h>

#include "ctl/archive_feed.h"
#include "dataplane/base/mem.h"
#include "dataplane/sink/seg_check.h"
#include "tests/fuzz/fuzz.h"

static int mem_open(void *ctx, const char *path, int flags)
{
	(void)ctx, (void)path, (void)flags;
	return 1;
}

static int mem_close(void *ctx, int fd)
{
	(void)ctx, (void)fd;
	return 0;
}

static int64_t mem_size(void *ctx, int fd)
{
	(void)fd;
	return (int64_t)((struct slice *)ctx)->len;
}

static ssize_t mem_read(void *ctx, int fd, void *p, size_t len, uint64_t off)
{
	const struct slice *s = ctx;
	(void)fd;
	if (off >= s->len)
		return 0;
	if (len > s->len - off)
		len = s->len - off;
	memcpy(p, s->ptr + off, len);
	return (ssize_t)len;
}

static volatile uint64_t sum; /* every byte of every record is read */

static void see(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		sum += s.ptr[i];
}

static void read_all(struct seg_file *f, struct seg_frame *frames, struct out_batch *b)
{
	struct seg_check c;
	struct seg_rec r;
	int64_t n = seg_file_frames(f, frames, NULL);
	for (int64_t i = 0; i < n; i++) {
		if (seg_file_load(f, &frames[i], NULL) < 0)
			continue;
		while (seg_file_next(f, &r)) {
			see(r.bytes);
			see(r.key);
			see(r.id);
		}
		seg_file_seek(f, 1);
		while (seg_file_fill(f, b) > 0)
			;
	}
	if (seg_check(f, frames, &c, NULL, NULL, NULL) == 0)
		must(c.data_end <= seg_file_bytes(f));
}

static void run(struct slice bytes)
{
	static struct seg_frame *frames;
	static struct out_batch b;
	struct file_ops io = {.ctx = &bytes,
			      .open = mem_open,
			      .close = mem_close,
			      .size = mem_size,
			      .read_at = mem_read};
	struct seg_file *f;
	if (!frames) {
		frames = mem_map(SEG_FRAMES_MAX * sizeof(*frames));
		must(out_batch_init(&b, 4096) == 0);
		out_batch_init_marks(&b);
	}
	if (seg_file_open(&io, "x", &f, NULL) < 0)
		return;
	read_all(f, frames, &b);
	seg_file_close(f);
}

static void run_framed(const uint8_t *data, size_t len)
{
	if (len < 11)
		return;
	size_t stored = len - 11;
	uint8_t *file = calloc(1, SEG_HEAD_BYTES_MAX + SEG_FRAME_HEAD + stored);
	struct seg_head h = {.kind = SEG_RECORDS};
	seg_head_encode(&h, file);
	uint8_t *o = file + h.head_bytes;
	static const uint8_t magic[4] = {0xf5, 'S', 'L', 'F'};
	memcpy(o, magic, 4);
	o[4] = data[0];
	memcpy(o + 8, &h.id, 8);
	memcpy(o + 40, data + 1, 2);
	memcpy(o + 44, data + 7, 4);
	uint32_t stored32 = (uint32_t)stored;
	memcpy(o + 48, &stored32, 4);
	memcpy(o + 52, data + 3, 4);
	memcpy(o + SEG_FRAME_HEAD, data + 11, stored);
	uint64_t hash = XXH64(o + SEG_FRAME_HEAD, stored, 0);
	memcpy(o + 56, &hash, 8);
	hash = XXH64(o, 64, 0);
	memcpy(o + 64, &hash, 8);
	run(slice_of(file, h.head_bytes + SEG_FRAME_HEAD + stored));
	free(file);
}

/* What is taken for the front of a record goes out as it is: as JSON. */
static void run_record(struct slice line)
{
	struct archive_head h;
	if (!archive_head_read(line, &h))
		return;
	must(h.fields < line.len && h.origin.len < line.len);
	char *front = malloc(h.fields + 1);
	memcpy(front, line.ptr, h.fields);
	front[h.fields] = '}';
	json_t *o = json_loadb(front, h.fields + 1, JSON_ALLOW_NUL, NULL);
	must(o != NULL);
	json_decref(o);
	free(front);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0)
		return 0;
	if (data[0] & 2) {
		run_record(slice_of(data + 1, len - 1));
	} else if (data[0] & 1) {
		run_framed(data + 1, len - 1);
	} else {
		run(slice_of(data + 1, len - 1));
	}
	return 0;
}
