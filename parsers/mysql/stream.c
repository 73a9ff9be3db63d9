#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx: a decompressor in memory of ours */
#include "parsers/mysql/stream.h"

#include <errno.h>
#include <sys/mman.h>
#include <zlib.h>
#include <zstd.h>

#include "dataplane/base/mem.h"
#include "parsers/mysql/proto.h"
#include "parsers/mysql/wire.h"

/* inflate asks for its state (7 KiB) and, at the end of a call, for a window of 32 KiB. */
#define INFLATE_BYTES   (64u << 10)

/* A buffer that was filled beyond this goes back to the kernel when nothing is left in it. */
#define GIVE_BACK_BYTES (1u << 20)

/* Of a zstd packet all is decompressed to see its start: a command longer than this is none. */
#define START_BYTES     (4u << 20)

static const char too_long[] = "an event longer than the memory for it";
static const char bad_zlib[] = "a packet compressed with zlib that does not decompress";
static const char bad_zstd[] = "a packet compressed with zstd that does not decompress";

struct mysql_stream {
	uint32_t owner; /* 0: free */
	uint64_t used;  /* when, in calls */
	uint8_t *base;
	size_t at, len;  /* the bytes are base[at .. at + len - 1] */
	size_t len_most; /* what has been touched of it */
	size_t joined;   /* payload bytes of the first packet, when it was long; or 0 */
};

struct mysql_streams {
	struct mysql_stream items[MYSQL_STREAMS];
	uint64_t calls;
	ZSTD_DCtx *zstd;
	void *zstd_mem;
	uint8_t *start; /* START_BYTES */
	size_t inflate_used;
	uint8_t inflate_mem[INFLATE_BYTES];
};

int mysql_streams_create(struct mysql_streams **ret_ss)
{
	struct mysql_streams *ss = mem_alloc(sizeof(*ss));
	if (!ss)
		return -ENOMEM;
	ss->zstd_mem = mem_alloc(ZSTD_estimateDCtxSize());
	if (!ss->zstd_mem)
		goto fail;
	ss->zstd = ZSTD_initStaticDCtx(ss->zstd_mem, ZSTD_estimateDCtxSize());
	if (!ss->zstd)
		goto fail;
	ss->start = mem_map(START_BYTES);
	if (!ss->start)
		goto fail;
	for (unsigned i = 0; i < MYSQL_STREAMS; i++) {
		ss->items[i].base = mem_map(MYSQL_STREAM_BYTES);
		if (!ss->items[i].base)
			goto fail;
	}
	*ret_ss = ss;
	return 0;
fail:
	mysql_streams_destroy(ss);
	return -ENOMEM;
}

void mysql_streams_destroy(struct mysql_streams *ss)
{
	if (!ss)
		return;
	for (unsigned i = 0; i < MYSQL_STREAMS; i++)
		mem_unmap(ss->items[i].base, MYSQL_STREAM_BYTES);
	mem_unmap(ss->start, START_BYTES);
	mem_free(ss->zstd_mem);
	mem_free(ss);
}

struct mysql_stream *mysql_stream_of(struct mysql_streams *ss, uint32_t owner, bool lend)
{
	struct mysql_stream *oldest = &ss->items[0];
	for (unsigned i = 0; i < MYSQL_STREAMS; i++) {
		struct mysql_stream *s = &ss->items[i];
		if (s->owner == owner) {
			s->used = ++ss->calls;
			return s;
		}
		if (s->used < oldest->used)
			oldest = s;
	}
	if (!lend)
		return NULL;
	mysql_stream_give_back(oldest);
	oldest->owner = owner;
	oldest->used = ++ss->calls;
	return oldest;
}

void mysql_stream_give_back(struct mysql_stream *s)
{
	if (s->len_most > GIVE_BACK_BYTES)
		madvise(s->base, MYSQL_STREAM_BYTES, MADV_DONTNEED);
	*s = (struct mysql_stream){.base = s->base};
}

/* Room for @n bytes behind what is there, or NULL. */
static uint8_t *room(struct mysql_stream *s, size_t n)
{
	if (n > MYSQL_STREAM_BYTES - SL_PAD - s->len)
		return NULL;
	if (n > MYSQL_STREAM_BYTES - SL_PAD - s->at - s->len || s->len == 0) {
		memmove(s->base, s->base + s->at, s->len);
		s->at = 0;
	}
	if (s->at + s->len + n > s->len_most)
		s->len_most = s->at + s->len + n;
	return s->base + s->at + s->len;
}

const char *mysql_stream_add(struct mysql_stream *s, struct slice bytes)
{
	uint8_t *to = room(s, bytes.len);
	if (!to)
		return too_long;
	memcpy(to, bytes.ptr, bytes.len);
	s->len += bytes.len;
	return NULL;
}

/* --- Compressed packets ----------------------------------------------------------------------- */

static void *zalloc(void *opaque, unsigned n, unsigned size)
{
	struct mysql_streams *ss = opaque;
	size_t len = ((size_t)n * size + 15) & ~(size_t)15;
	if (len > INFLATE_BYTES - ss->inflate_used)
		return NULL;
	ss->inflate_used += len;
	return ss->inflate_mem + ss->inflate_used - len;
}

static void zfree(void *opaque, void *p)
{
	(void)opaque;
	(void)p;
}

static bool inflate_into(struct mysql_streams *ss, struct slice in, uint8_t *out, size_t len)
{
	z_stream z = {.zalloc = zalloc, .zfree = zfree, .opaque = ss};
	ss->inflate_used = 0;
	z.next_in = (uint8_t *)in.ptr;
	z.avail_in = (unsigned)in.len;
	z.next_out = out;
	z.avail_out = (unsigned)len;
	return inflateInit(&z) == Z_OK && inflate(&z, Z_FINISH) == Z_STREAM_END && z.avail_out == 0;
}

static bool unzstd_into(struct mysql_streams *ss, struct slice in, uint8_t *out, size_t len)
{
	return ZSTD_decompressDCtx(ss->zstd, out, len, in.ptr, in.len) == len;
}

const char *mysql_stream_add_squeezed(struct mysql_streams *ss, struct mysql_stream *s,
				      enum mysql_squeeze how, struct slice packet)
{
	size_t before = wire_le24(packet.ptr + 4);
	struct slice in = slice_from(packet, MYSQL_SQUEEZED_HEADER);
	if (before == 0)
		return mysql_stream_add(s, in);
	uint8_t *to = room(s, before);
	if (!to)
		return too_long;
	bool ok = how == MYSQL_ZSTD ? unzstd_into(ss, in, to, before)
				    : inflate_into(ss, in, to, before);
	if (!ok)
		return how == MYSQL_ZSTD ? bad_zstd : bad_zlib;
	s->len += before;
	return NULL;
}

static size_t inflate_start(struct mysql_streams *ss, struct slice in, uint8_t *out, size_t cap)
{
	z_stream z = {.zalloc = zalloc, .zfree = zfree, .opaque = ss};
	ss->inflate_used = 0;
	z.next_in = (uint8_t *)in.ptr;
	z.avail_in = (unsigned)in.len;
	z.next_out = out;
	z.avail_out = (unsigned)cap;
	if (inflateInit(&z) != Z_OK)
		return 0;
	int r = inflate(&z, Z_SYNC_FLUSH);
	return r == Z_OK || r == Z_STREAM_END || r == Z_BUF_ERROR ? cap - z.avail_out : 0;
}

size_t mysql_stream_start(struct mysql_streams *ss, enum mysql_squeeze how, struct slice packet,
			  uint8_t *out, size_t cap)
{
	size_t before = wire_le24(packet.ptr + 4);
	struct slice in = slice_from(packet, MYSQL_SQUEEZED_HEADER);
	if (before == 0) {
		size_t n = in.len < cap ? in.len : cap;
		memcpy(out, in.ptr, n);
		return n;
	}
	if (how == MYSQL_ZLIB)
		return inflate_start(ss, in, out, before < cap ? before : cap);
	if (before > START_BYTES || !unzstd_into(ss, in, ss->start, before))
		return 0;
	size_t n = before < cap ? before : cap;
	memcpy(out, ss->start, n);
	return n;
}

/* --- Packets ---------------------------------------------------------------------------------- */

/* Takes the headers out between the parts of a long packet, which is there to its end. */
static void join(struct mysql_stream *s)
{
	uint8_t *p = s->base + s->at;
	size_t len = MYSQL_PACKET_MAX, joined = len, from = MYSQL_PACKET_HEADER + len;
	while (len == MYSQL_PACKET_MAX) {
		len = wire_le24(p + from);
		memmove(p + MYSQL_PACKET_HEADER + joined, p + from + MYSQL_PACKET_HEADER, len);
		joined += len;
		from += MYSQL_PACKET_HEADER + len;
	}
	/* What lies behind stays where it is; the hole is closed from the front. */
	size_t hole = from - MYSQL_PACKET_HEADER - joined;
	memmove(p + hole, p, MYSQL_PACKET_HEADER + joined);
	s->at += hole;
	s->len -= hole;
	s->joined = joined;
}

static bool is_whole(const struct mysql_stream *s, bool *ret_long)
{
	const uint8_t *p = s->base + s->at;
	size_t at = 0, len;
	do {
		if (s->len - at < MYSQL_PACKET_HEADER)
			return false;
		len = wire_le24(p + at);
		if (s->len - at - MYSQL_PACKET_HEADER < len)
			return false;
		at += MYSQL_PACKET_HEADER + len;
		*ret_long = at > MYSQL_PACKET_HEADER + len || len == MYSQL_PACKET_MAX;
	} while (len == MYSQL_PACKET_MAX);
	return true;
}

bool mysql_stream_payload(struct mysql_stream *s, struct slice *ret_payload)
{
	bool is_long = false;
	if (!s->joined) {
		if (!is_whole(s, &is_long))
			return false;
		if (is_long)
			join(s);
	}
	const uint8_t *p = s->base + s->at;
	size_t len = s->joined ? s->joined : wire_le24(p);
	*ret_payload = slice_of(p + MYSQL_PACKET_HEADER, len);
	return true;
}

void mysql_stream_drop(struct mysql_stream *s)
{
	size_t len = s->joined ? s->joined : wire_le24(s->base + s->at);
	mysql_stream_skip(s, MYSQL_PACKET_HEADER + len);
}

struct slice mysql_stream_bytes(const struct mysql_stream *s)
{
	return slice_of(s->base + s->at, s->len);
}

void mysql_stream_skip(struct mysql_stream *s, size_t n)
{
	s->at += n;
	s->len -= n;
	s->joined = 0;
	if (s->len == 0)
		s->at = 0;
}
