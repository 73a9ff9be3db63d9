/* digest.h - MD5 (RFC 1321), SHA-256 (FIPS 180-4) and HMAC-SHA-256 of a text.
 *
 * In:     bytes.
 * Out:    16 or 32 bytes.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_GRAPH_DIGEST_H
#define SL_GRAPH_DIGEST_H

#include "dataplane/base/slice.h"

#define DIGEST_MD5_BYTES    16
#define DIGEST_SHA256_BYTES 32

void digest_md5(struct slice s, uint8_t out[DIGEST_MD5_BYTES]);
void digest_sha256(struct slice s, uint8_t out[DIGEST_SHA256_BYTES]);

/* HMAC-SHA-256 (RFC 2104) with a key of any length, which is not kept. */
struct digest_hmac {
	uint32_t inner[8], outer[8]; /* the state of SHA-256 behind the padded key */
};

void digest_hmac_init(struct digest_hmac *h, struct slice key);
void digest_hmac_sha256(const struct digest_hmac *h, struct slice s,
			uint8_t out[DIGEST_SHA256_BYTES]);

#endif
