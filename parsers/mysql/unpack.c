#include "parsers/mysql/unpack.h"

#include <errno.h>

#include <zlib.h>

#include "dataplane/base/mem.h"
#include "parsers/mysql/wire.h"

/* What zlib takes for inflating with its largest window, and a margin for other versions of it. */
#define INFLATE_BYTES (128 * 1024)

struct mysql_unpack {
	size_t bytes_max;
	uint8_t *event; /* one event's body */
	uint8_t *value; /* one column's */
	z_stream z;
	size_t z_used;
	uint8_t *z_mem; /* zlib's own memory, handed out once */
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
	struct mysql_unpack *u = mem_alloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->bytes_max = bytes_max;
	u->event = mem_map(bytes_max + SL_PAD);
	u->value = mem_map(bytes_max + SL_PAD);
	u->z_mem = mem_alloc(INFLATE_BYTES);
	if (!u->event || !u->value || !u->z_mem)
		goto fail;
	u->z.zalloc = z_take;
	u->z.zfree = z_give;
	u->z.opaque = u;
	if (inflateInit(&u->z) != Z_OK)
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
	mem_unmap(u->event, u->bytes_max + SL_PAD);
	mem_unmap(u->value, u->bytes_max + SL_PAD);
	mem_free(u->z_mem);
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
