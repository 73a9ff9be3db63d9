#include "parsers/mysql/unpack.h"

#include <errno.h>

#define ZSTD_STATIC_LINKING_ONLY
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "dataplane/base/mem.h"
#include "parsers/mysql/wire.h"

/* What zlib takes for inflating with its largest window, and a margin for other versions of it. */
#define INFLATE_BYTES (128 * 1024)

struct mysql_unpack {
	size_t bytes_max;
	uint8_t *payload; /* the events of one transaction */
	uint8_t *event;   /* one event's body */
	uint8_t *value;   /* one column's */
	z_stream z;
	size_t z_used;
	uint8_t *z_mem;  /* zlib's own memory, handed out once */
	ZSTD_DCtx *zstd; /* static, inside zstd_mem */
	void *zstd_mem;
};

static void *z_take(void *opaque, uInt items, uInt size)
{
	struct mysql_unpack *u = opaque;
	size_t bytes = ((size_t)items * size + 15) & ~(size_t)15;
	if (bytes > INFLATE_BYTES - u->z_used)
		return NULL;
	void *p = u->z_mem + u->z_used;
	u->z_used += bytes;
	return p;
}

static void z_give(void *opaque, void *p)
{
	(void)opaque;
	(void)p;
}

int mysql_unpack_create(size_t bytes_max, struct mysql_unpack **ret_u)
{
	size_t zstd_bytes = ZSTD_estimateDCtxSize();
	struct mysql_unpack *u = mem_alloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->bytes_max = bytes_max;
	u->payload = mem_map(bytes_max + SL_PAD);
	u->event = mem_map(bytes_max + SL_PAD);
	u->value = mem_map(bytes_max + SL_PAD);
	u->z_mem = mem_alloc(INFLATE_BYTES);
	u->zstd_mem = mem_alloc(zstd_bytes);
	if (!u->payload || !u->event || !u->value || !u->z_mem || !u->zstd_mem)
		goto fail;
	u->z.zalloc = z_take;
	u->z.zfree = z_give;
	u->z.opaque = u;
	u->zstd = ZSTD_initStaticDCtx(u->zstd_mem, zstd_bytes);
	if (!u->zstd || inflateInit(&u->z) != Z_OK)
		goto fail;
	*ret_u = u;
	return 0;
fail:
	mysql_unpack_destroy(u);
	return -ENOMEM;
}

void mysql_unpack_destroy(struct mysql_unpack *u)
{
	if (!u)
		return;
	mem_unmap(u->payload, u->bytes_max + SL_PAD);
	mem_unmap(u->event, u->bytes_max + SL_PAD);
	mem_unmap(u->value, u->bytes_max + SL_PAD);
	mem_free(u->z_mem);
	mem_free(u->zstd_mem);
	mem_free(u);
}

/* Inflates all of @in, which must fill exactly @want bytes of @out. */
static bool inflate_exact(struct mysql_unpack *u, struct slice in, bool raw, uint8_t *out,
			  size_t want)
{
	if (in.len > UINT32_MAX || want > UINT32_MAX)
		return false;
	if (inflateReset2(&u->z, raw ? -MAX_WBITS : MAX_WBITS) != Z_OK)
		return false;
	u->z.next_in = (Bytef *)(uintptr_t)in.ptr;
	u->z.avail_in = (uInt)in.len;
	u->z.next_out = out;
	u->z.avail_out = (uInt)want;
	return inflate(&u->z, Z_FINISH) == Z_STREAM_END && u->z.avail_out == 0;
}

/*  0x80 | algorithm << 4 (0: zlib) | n (1 to 4 bytes of length), length big-endian, stream  */
enum mysql_fault mysql_unpack_event(struct mysql_unpack *u, struct slice block,
				    struct slice *ret_body)
{
	if (block.len < 2)
		return MYSQL_F_COMPRESSION;
	if ((block.ptr[0] & 0xf0) != 0x80)
		return MYSQL_F_ALGORITHM;
	unsigned n = block.ptr[0] & 7;
	if (n < 1 || n > 4 || block.len < 1 + n)
		return MYSQL_F_COMPRESSION;
	size_t want = (size_t)wire_be(block.ptr + 1, n);
	if (want > u->bytes_max)
		return MYSQL_F_TOO_LARGE;
	if (!inflate_exact(u, slice_from(block, 1 + n), false, u->event, want))
		return MYSQL_F_COMPRESSION;
	*ret_body = (struct slice){u->event, want};
	return MYSQL_F_OK;
}

/*  algorithm << 4 | raw stream (no zlib header) << 3 | n bytes of length, big-endian | stream
 *  algorithm 0: stored as it is (also an empty value, of no bytes at all); 8: zlib
 */
enum mysql_fault mysql_unpack_column(struct mysql_unpack *u, struct slice block,
				     struct slice *ret_value)
{
	unsigned algorithm = block.len ? block.ptr[0] >> 4 : 0;
	if (algorithm == 0) {
		*ret_value = slice_from(block, 1);
		return MYSQL_F_OK;
	}
	unsigned n = block.ptr[0] & 7;
	if (algorithm != 8)
		return MYSQL_F_ALGORITHM;
	if (n < 1 || n > 4 || block.len < 1 + n)
		return MYSQL_F_COMPRESSION;
	size_t want = (size_t)wire_be(block.ptr + 1, n);
	if (want > u->bytes_max)
		return MYSQL_F_TOO_LARGE;
	bool raw = block.ptr[0] & 8;
	if (!inflate_exact(u, slice_from(block, 1 + n), raw, u->value, want))
		return MYSQL_F_COMPRESSION;
	*ret_value = (struct slice){u->value, want};
	return MYSQL_F_OK;
}

/* The header of a transaction payload: { field packed, length packed, value }... 0 ends it; 1: size
 * of the compressed bytes; 2: algorithm, 0 zstd, 255 none; 3: size of the events.
 */
struct payload {
	uint64_t size, algorithm, size_unpacked;
};

static bool payload_head(struct wire *w, struct payload *p)
{
	while (!w->bad) {
		uint64_t field = wire_packed(w);
		if (field == 0)
			return !w->bad;
		uint64_t len = wire_packed(w);
		struct wire value = wire_of(wire_take(w, len));
		if (field == 1)
			p->size = wire_packed(&value);
		else if (field == 2)
			p->algorithm = wire_packed(&value);
		else if (field == 3)
			p->size_unpacked = wire_packed(&value);
		w->bad |= value.bad;
	}
	return false;
}

enum mysql_fault mysql_unpack_payload(struct mysql_unpack *u, const struct mysql_event *ev,
				      struct slice *ret_events)
{
	struct wire w = wire_of(ev->body);
	struct payload p = {.size = UINT64_MAX, .algorithm = 255};
	if (!payload_head(&w, &p))
		return MYSQL_F_BODY;
	if (p.size == UINT64_MAX)
		p.size = wire_left(&w);
	struct slice in = wire_take(&w, p.size);
	if (w.bad)
		return MYSQL_F_BODY;
	if (p.algorithm == 255) {
		*ret_events = in;
		return MYSQL_F_OK;
	}
	if (p.algorithm != 0)
		return MYSQL_F_ALGORITHM;
	if (p.size_unpacked > u->bytes_max)
		return MYSQL_F_TOO_LARGE;
	size_t len = ZSTD_decompressDCtx(u->zstd, u->payload, u->bytes_max, in.ptr, in.len);
	if (ZSTD_isError(len))
		return ZSTD_getErrorCode(len) == ZSTD_error_dstSize_tooSmall ? MYSQL_F_TOO_LARGE
									     : MYSQL_F_COMPRESSION;
	*ret_events = (struct slice){u->payload, len};
	return MYSQL_F_OK;
}
