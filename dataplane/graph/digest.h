/* digest.h - MD5 (RFC 1321) and SHA-256 (FIPS 180-4) of a text.
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

#endif
