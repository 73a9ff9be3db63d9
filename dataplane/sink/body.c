#include "dataplane/sink/body.h"

#include <errno.h>
#include <string.h>

#include "dataplane/base/mem.h"

#define GZIP_LEVEL  1
#define GZIP_WINDOW (15 + 16) /* zlib: the largest, and with gzip's header */
#define ZSTD_LEVEL  1

int body_init(struct body *b)
{
	b->buf = mem_map(BODY_BYTES_MAX);
	b->zstd = ZSTD_createCCtx();
	b->z_ready = deflateInit2(&b->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
				  Z_DEFAULT_STRATEGY) == Z_OK;
	if (!b->buf || !b->zstd || !b->z_ready)
		return -ENOMEM;
	ZSTD_CCtx_setParameter(b->zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL);
	return 0;
}

void body_fini(struct body *b)
{
	if (b->z_ready)
		deflateEnd(&b->z);
	ZSTD_freeCCtx(b->zstd);
	if (b->buf)
		mem_unmap(b->buf, BODY_BYTES_MAX);
	*b = (struct body){0};
}

void body_begin(struct body *b, enum body_form form)
{
	b->form = form;
	b->len = 0;
	b->failed = false;
	if (form == BODY_GZIP)
		b->failed = deflateReset(&b->z) != Z_OK;
	if (form == BODY_ZSTD)
		ZSTD_CCtx_reset(b->zstd, ZSTD_reset_session_only);
}

static void put_gzip(struct body *b, const void *p, size_t len, int flush)
{
	b->z.next_in = (Bytef *)(uintptr_t)p;
	b->z.avail_in = (uInt)len;
	b->z.next_out = b->buf + b->len;
	b->z.avail_out = (uInt)(BODY_BYTES_MAX - b->len);
	int rc = deflate(&b->z, flush);
	b->len = BODY_BYTES_MAX - b->z.avail_out;
	b->failed |= b->z.avail_in > 0 || rc != (flush == Z_FINISH ? Z_STREAM_END : Z_OK);
}

static void put_zstd(struct body *b, const void *p, size_t len, ZSTD_EndDirective flush)
{
	ZSTD_inBuffer in = {p, len, 0};
	ZSTD_outBuffer out = {b->buf, BODY_BYTES_MAX, b->len};
	size_t rc;
	do
		rc = ZSTD_compressStream2(b->zstd, &out, &in, flush);
	while (!ZSTD_isError(rc) && out.pos < out.size &&
	       (in.pos < in.size || (flush == ZSTD_e_end && rc > 0)));
	b->len = out.pos;
	b->failed |= ZSTD_isError(rc) || in.pos < in.size || (flush == ZSTD_e_end && rc > 0);
}

void body_put(struct body *b, const void *p, size_t len)
{
	if (b->failed || len == 0)
		return;
	if (b->form == BODY_GZIP) {
		put_gzip(b, p, len, Z_NO_FLUSH);
	} else if (b->form == BODY_ZSTD) {
		put_zstd(b, p, len, ZSTD_e_continue);
	} else if (len > BODY_BYTES_MAX - b->len) {
		b->failed = true;
	} else {
		memcpy(b->buf + b->len, p, len);
		b->len += len;
	}
}

bool body_end(struct body *b)
{
	if (!b->failed && b->form == BODY_GZIP)
		put_gzip(b, "", 0, Z_FINISH);
	if (!b->failed && b->form == BODY_ZSTD)
		put_zstd(b, "", 0, ZSTD_e_end);
	return !b->failed;
}

const char *body_encoding(enum body_form form)
{
	return form == BODY_GZIP ? "gzip" : form == BODY_ZSTD ? "zstd" : NULL;
}
