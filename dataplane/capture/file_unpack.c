#include "dataplane/capture/file_unpack.h"

/* The static decompressor, the only one that never allocates after its start, is behind this. */
#define ZSTD_STATIC_LINKING_ONLY
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "dataplane/base/mem.h"

#define ZSTD_WINDOW_MAX   ((size_t)1 << 27)
#define ZSTD_FIRST_BYTES  5 /* magic and the byte that tells how long the header is */
#define ZSTD_HEADER_AHEAD 3 /* it asks for a block and the header of the next */
/* inflate takes about 7 KiB of state and, at its first use, a window of 32 KiB. */
#define ZLIB_ROOM         (64u << 10)

struct unpack {
	enum unpack_kind kind;
	bool whole;
	const char *why;
	z_stream z;
	size_t z_used;
	ZSTD_DStream *zstd;
	size_t asked; /* bytes that zstd wants next */
	bool full;    /* its last output filled the room: there may be more */
	void *room;   /* of either decompressor */
	size_t room_bytes;
};

/* zlib's two blocks come out of the room and go with it. */
static void *room_take(void *opaque, unsigned items, unsigned size)
{
	struct unpack *u = opaque;
	size_t bytes = ((size_t)items * size + 63) & ~(size_t)63;
	if (bytes > u->room_bytes - u->z_used)
		return Z_NULL;
	void *p = (uint8_t *)u->room + u->z_used;
	u->z_used += bytes;
	return p;
}

static void room_give(void *opaque, void *p)
{
	(void)opaque;
	(void)p;
}

enum unpack_kind unpack_probe(struct slice head)
{
	if (slice_starts(head, SLICE_LIT("\x1f\x8b\x08")))
		return UNPACK_GZIP;
	if (slice_starts(head, SLICE_LIT("\x28\xb5\x2f\xfd")))
		return UNPACK_ZSTD;
	/* A skippable frame; parallel compressors begin with one. */
	if (head.len >= 4 && (head.ptr[0] & 0xf0) == 0x50 &&
	    memcmp(head.ptr + 1, "\x2a\x4d\x18", 3) == 0)
		return UNPACK_ZSTD;
	return UNPACK_NONE;
}

int unpack_create(enum unpack_kind kind, struct unpack **ret_u, struct err *e)
{
	struct unpack *u = mem_alloc(sizeof(*u));
	if (!u)
		return err_set(e, -ENOMEM, "no memory for a decompressor");
	u->kind = kind;
	u->room_bytes = kind == UNPACK_GZIP ? ZLIB_ROOM : ZSTD_estimateDStreamSize(ZSTD_WINDOW_MAX);
	u->room = mem_map(u->room_bytes);
	if (!u->room)
		goto out;
	/* As the window of file_block.c: small pages, so that a thousand files fit. */
	madvise(u->room, u->room_bytes, MADV_NOHUGEPAGE);
	if (kind == UNPACK_GZIP) {
		u->z.zalloc = room_take;
		u->z.zfree = room_give;
		u->z.opaque = u;
		if (inflateInit2(&u->z, 15 + 16) != Z_OK)
			goto out;
	} else {
		u->zstd = ZSTD_initStaticDStream(u->room, u->room_bytes);
		if (!u->zstd)
			goto out;
	}
	unpack_reset(u);
	*ret_u = u;
	return 0;
out:
	unpack_destroy(u);
	return err_set(e, -ENOMEM, "no memory for a decompressor");
}

void unpack_destroy(struct unpack *u)
{
	if (!u)
		return;
	mem_unmap(u->room, u->room_bytes);
	mem_free(u);
}

void unpack_reset(struct unpack *u)
{
	u->why = NULL;
	u->whole = true;
	if (u->kind == UNPACK_GZIP)
		inflateReset(&u->z);
	else
		ZSTD_DCtx_reset(u->zstd, ZSTD_reset_session_only);
	u->asked = ZSTD_FIRST_BYTES;
	u->full = false;
}

/* One call of inflate. @in is at most 4 GiB a time, which is enough for progress. */
static size_t gzip_run(struct unpack *u, struct slice *in, uint8_t *out, size_t cap)
{
	if (u->whole) {
		/* Zeros pad the last member of files that came from tapes and block devices. */
		while (in->len && *in->ptr == 0)
			*in = slice_from(*in, 1);
		if (!in->len)
			return 0;
		inflateReset(&u->z);
		u->whole = false;
	}
	uInt given = in->len < UINT32_MAX ? (uInt)in->len : UINT32_MAX;
	uInt room = cap < UINT32_MAX ? (uInt)cap : UINT32_MAX;
	u->z.next_in = (Bytef *)(uintptr_t)in->ptr;
	u->z.avail_in = given;
	u->z.next_out = out;
	u->z.avail_out = room;
	int rc = inflate(&u->z, Z_NO_FLUSH);
	*in = slice_from(*in, given - u->z.avail_in);
	if (rc == Z_STREAM_END)
		u->whole = true;
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		u->why = u->z.msg ? u->z.msg : "damaged";
	return room - u->z.avail_out;
}

/* How much of @in zstd gets at once. An error keeps to itself what the same call wrote before it,
 * so a call that writes must not meet the next header or checksum: none while output waits, else
 * not the header that it asks for in advance. Then what comes out of a damaged file does not depend
 * on the size of the pieces that went in.
 */
static size_t zstd_share(const struct unpack *u, size_t in_len)
{
	if (u->full)
		return 0;
	size_t share = u->asked > ZSTD_HEADER_AHEAD ? u->asked - ZSTD_HEADER_AHEAD : u->asked;
	return share < in_len ? share : in_len;
}

static size_t zstd_call(struct unpack *u, struct slice *in, uint8_t *out, size_t cap)
{
	ZSTD_inBuffer from = {.src = in->ptr, .size = zstd_share(u, in->len)};
	ZSTD_outBuffer to = {.dst = out, .size = cap};
	size_t rc = ZSTD_decompressStream(u->zstd, &to, &from);
	*in = slice_from(*in, from.pos);
	u->whole = rc == 0;
	u->asked = rc ? rc : ZSTD_FIRST_BYTES;
	u->full = to.pos == cap;
	if (ZSTD_isError(rc))
		u->why = ZSTD_getErrorName(rc);
	return to.pos;
}

static size_t zstd_run(struct unpack *u, struct slice *in, uint8_t *out, size_t cap)
{
	if (u->full && !u->whole) {
		size_t n = zstd_call(u, in, out, cap);
		if (n || u->why)
			return n;
	}
	u->full = false;
	return in->len ? zstd_call(u, in, out, cap) : 0;
}

size_t unpack_run(struct unpack *u, struct slice *in, uint8_t *out, size_t cap)
{
	/* An empty frame or the end of a member gives nothing: go on with what follows it. */
	while (!u->why) {
		size_t before = in->len;
		size_t made = u->kind == UNPACK_GZIP ? gzip_run(u, in, out, cap)
						     : zstd_run(u, in, out, cap);
		if (made)
			return made;
		if (!u->why && !in->len)
			return 0;
		if (!u->why && in->len == before)
			u->why = "no progress";
	}
	return 0;
}

const char *unpack_why(const struct unpack *u)
{
	return u->why;
}

bool unpack_whole(const struct unpack *u)
{
	return u->whole;
}

const char *unpack_name(const struct unpack *u)
{
	return u->kind == UNPACK_GZIP ? "gzip" : "zstd";
}
