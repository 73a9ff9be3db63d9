#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDCtx: a decompressor in memory of ours */
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "parsers/http1.h"

/* inflate asks for its state (7 KiB) and, at the end of a call, for a window of 32 KiB. */
#define INFLATE_BYTES (64u << 10)

void *http1_work_take(struct http1_work *w, size_t len)
{
	size_t at = (w->used + 15) & ~(size_t)15;
	if (at > w->cap || len > w->cap - at)
		return NULL;
	w->used = at + len;
	return w->base + at;
}

/* --- Chunks ----------------------------------------------------------------------------------- */

/* One chunk is read where it lies; more are joined in scratch. */
static const char *join_chunks(const struct http1_msg *m, struct slice in, struct http1_work *w,
			       struct slice *ret_body)
{
	struct http1_chunks k = {0};
	struct slice first = {0}, piece;
	uint8_t *joined = NULL;
	size_t len = 0;
	while (k.phase != CHUNK_DONE) {
		size_t n = http1_chunks_next(&k, in, UINT32_MAX, &piece);
		if (n == 0)
			return "chunked body is damaged";
		in = slice_from(in, n);
		if (piece.len == 0)
			continue;
		if (len == 0) {
			first = piece;
		} else if (!joined) {
			joined = http1_work_take(w, len + piece.len + in.len);
			if (!joined)
				return "body larger than body_bytes_max";
			memcpy(joined, first.ptr, first.len);
		}
		if (joined)
			memcpy(joined + len, piece.ptr, piece.len);
		len += piece.len;
	}
	*ret_body = joined ? slice_of(joined, len) : first;
	return NULL;
}

/* --- gzip and deflate ------------------------------------------------------------------------- */

static void *zalloc(void *opaque, unsigned n, unsigned size)
{
	return http1_work_take(opaque, (size_t)n * size);
}

static void zfree(void *opaque, void *p)
{
	(void)opaque;
	(void)p;
}

/* RFC 1950: compression method 8, check bits. */
static bool is_zlib(struct slice in)
{
	return in.len >= 2 && (in.ptr[0] & 0x0f) == 8 && (in.ptr[0] << 8 | in.ptr[1]) % 31 == 0;
}

static bool is_gzip(struct slice in)
{
	return in.len >= 2 && in.ptr[0] == 0x1f && in.ptr[1] == 0x8b;
}

/* One member of gzip, or one stream. Sets *io_in to what follows it. */
static const char *inflate_one(struct slice *io_in, int window_bits, uint8_t *out, size_t cap,
			       struct http1_work *w, size_t *ret_len)
{
	z_stream z = {.zalloc = zalloc, .zfree = zfree, .opaque = w};
	size_t mark = w->used;
	z.next_in = (uint8_t *)io_in->ptr;
	z.avail_in = (unsigned)io_in->len;
	z.next_out = out;
	z.avail_out = (unsigned)cap;
	int rc = inflateInit2(&z, window_bits);
	if (rc == Z_OK)
		rc = inflate(&z, Z_FINISH);
	w->used = mark;
	*ret_len = cap - z.avail_out;
	*io_in = slice_of(z.next_in, z.avail_in);
	if (rc == Z_STREAM_END)
		return NULL;
	if ((rc == Z_OK || rc == Z_BUF_ERROR) && z.avail_out == 0)
		return "body larger than body_bytes_max";
	if (rc == Z_OK || rc == Z_BUF_ERROR)
		return "compressed body ends early";
	return rc == Z_MEM_ERROR ? "body larger than body_bytes_max" : "compressed body is damaged";
}

/* "deflate" is a zlib stream by the standard, and raw deflate or gzip by custom. */
static const char *inflate_all(struct slice in, bool deflate, uint8_t *out, size_t cap,
			       struct http1_work *w, size_t *ret_len)
{
	size_t len = 0, n = 0;
	const char *why = "body is not gzip as its content-encoding says";
	if (!is_gzip(in)) {
		struct slice raw = in;
		bool zlib = is_zlib(in);
		if (zlib)
			why = inflate_one(&in, 15, out, cap, w, ret_len);
		if (!deflate || (zlib && !why))
			return why;
		/* The first bytes of raw deflate may look like a zlib header. */
		const char *why_raw = inflate_one(&raw, -15, out, cap, w, ret_len);
		return zlib && why_raw ? why : why_raw;
	}
	do {
		why = inflate_one(&in, 15 + 16, out + len, cap - len, w, &n);
		len += n;
	} while (!why && is_gzip(in));
	*ret_len = len;
	return why;
}

/* --- zstd ------------------------------------------------------------------------------------- */

static const char *unzstd(struct slice in, uint8_t *out, size_t cap, struct http1_work *w,
			  size_t *ret_len)
{
	size_t mark = w->used, size = ZSTD_estimateDCtxSize();
	void *area = http1_work_take(w, size);
	ZSTD_DCtx *ctx = area ? ZSTD_initStaticDCtx(area, size) : NULL;
	if (!ctx)
		return "body larger than body_bytes_max";
	size_t n = ZSTD_decompressDCtx(ctx, out, cap, in.ptr, in.len);
	w->used = mark;
	if (!ZSTD_isError(n)) {
		*ret_len = n;
		return NULL;
	}
	switch (ZSTD_getErrorCode(n)) {
	case ZSTD_error_dstSize_tooSmall:
		return "body larger than body_bytes_max";
	case ZSTD_error_srcSize_wrong:
		return "compressed body ends early";
	default:
		return "compressed body is damaged";
	}
}

/* --- All of it -------------------------------------------------------------------------------- */

/* Takes one coding off. Decoders write into what is left of scratch less their own state; what was
 * not written is given back.
 */
static const char *decode_one(enum http1_coding coding, uint64_t bytes_max, struct http1_work *w,
			      struct slice *io_body)
{
	if (coding == CODING_BROTLI)
		return "content-encoding br is not supported";
	if (coding == CODING_OTHER)
		return "content-encoding is not supported";
	size_t state = coding == CODING_ZSTD ? ZSTD_estimateDCtxSize() : INFLATE_BYTES;
	size_t left = w->cap - w->used, keep = state + SL_PAD + 64;
	if (left <= keep)
		return "body larger than body_bytes_max";
	size_t cap = left - keep < bytes_max ? left - keep : (size_t)bytes_max, n = 0;
	size_t mark = w->used;
	uint8_t *out = http1_work_take(w, cap + SL_PAD);
	const char *why = coding == CODING_ZSTD ? unzstd(*io_body, out, cap, w, &n)
						: inflate_all(*io_body, coding == CODING_DEFLATE,
							      out, cap, w, &n);
	w->used = why ? mark : (size_t)(out + n + SL_PAD - w->base);
	*io_body = slice_of(out, n);
	return why;
}

const char *http1_body_decode(const struct http1_msg *m, struct slice message, uint64_t bytes_max,
			      struct http1_work *w, struct slice *ret_body)
{
	struct slice body = slice_from(message, m->head_len);
	const char *why = NULL;
	if (m->flags & HEAD_CHUNKED)
		why = join_chunks(m, body, w, &body);
	if (!why && m->flags & HEAD_MANY_CODINGS)
		why = "more content-encodings than four";
	if (!why && body.len > bytes_max)
		why = "body larger than body_bytes_max";
	if (body.len == 0 || why) {
		*ret_body = body;
		return why;
	}
	/* The last one named was put on last. Transfer codings lie around content codings. */
	for (unsigned i = m->codings.n_transfer; i > 0 && !why; i--)
		why = decode_one(m->codings.transfer[i - 1], bytes_max, w, &body);
	for (unsigned i = m->codings.n_content; i > 0 && !why && body.len; i--)
		why = decode_one(m->codings.content[i - 1], bytes_max, w, &body);
	*ret_body = body;
	return why;
}
