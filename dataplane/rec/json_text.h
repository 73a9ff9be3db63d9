/* json_text.h - bytes of any origin as the inside of a JSON string (RFC 8259, section 7).
 *
 * In:     borrowed bytes that should be UTF-8 and may not be.
 * Out:    escaped, valid UTF-8 in a buffer of the caller's.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: at most JSON_TEXT_FACTOR bytes out for each byte in.
 */
#ifndef SL_REC_JSON_TEXT_H
#define SL_REC_JSON_TEXT_H

#include "dataplane/base/slice.h"

#define JSON_TEXT_FACTOR 6 /* \u0001 */

/* Escapes quotes, backslashes and control characters; each maximal ill-formed part becomes one
 * U+FFFD and sets *io_invalid, which is never cleared here. @out holds JSON_TEXT_FACTOR * len
 * bytes. Returns the bytes written.
 */
size_t json_text_put(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid);

#endif
