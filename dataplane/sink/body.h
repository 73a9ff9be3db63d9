/* body.h - the body of a request, compressed as it is put together.
 *
 * In:     pieces.
 * Out:    one block of bytes, borrowed until the next begin.
 * Owns:   its buffer, the compressor.
 * Runs:   init and fini: main. Else the sink's thread.
 * Limits: BODY_BYTES_MAX; what does not fit is an error.
 */
#ifndef SL_SINK_BODY_H
#define SL_SINK_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>
#include <zstd.h>

#define BODY_BYTES_MAX (128u << 20)

enum body_form { BODY_PLAIN, BODY_GZIP, BODY_ZSTD };

struct body {
	uint8_t *buf; /* touched where it is used */
	size_t len;
	enum body_form form;
	bool failed;
	bool z_ready;
	z_stream z;
	ZSTD_CCtx *zstd;
};

/* 0 or -ENOMEM. fini accepts what is zeroed or half made. */
int body_init(struct body *b);
void body_fini(struct body *b);

void body_begin(struct body *b, enum body_form form);
void body_put(struct body *b, const void *p, size_t len);
/* False: it did not fit. */
bool body_end(struct body *b);

/* The word for it in HTTP's Content-Encoding; NULL: none. */
const char *body_encoding(enum body_form form);

#endif
