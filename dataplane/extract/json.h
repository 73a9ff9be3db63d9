/* json.h - a JSON text to pairs of a record, every byte of it checked (RFC 8259).
 *
 * In:     one JSON value, with or without a byte-order mark, and SL_PAD readable bytes behind it.
 * Out:    pairs, in the sender's spelling: numbers and strings as they stood on the wire, nested
 *         values as one JSON text without line breaks.
 * Owns:   the token index of the longest text, the keys of the object before.
 * Runs:   create and destroy: main. The rest: worker.
 * Limits: bytes_max of create; JSON_DEPTH_MAX levels.
 */
#ifndef SL_EXTRACT_JSON_H
#define SL_EXTRACT_JSON_H

#include "dataplane/extract/keys.h"

#define JSON_DEPTH_MAX 512

struct json;

struct json *json_create(size_t bytes_max); /* NULL when out of memory */
void json_destroy(struct json *j);

/* NULL when @text is one valid JSON value, else a static text that says what is wrong. Strict:
 * bytes that are not UTF-8 and halves of surrogate pairs are refused.
 */
const char *json_check(struct json *j, struct slice text);

/* Adds each key of an object as a pair, or any other value as the pair `value`. @text lies in the
 * arena of @rb. A key may come twice: keys_unique is the caller's. Bytes that are not UTF-8 and
 * halves of surrogate pairs become U+FFFD, and *ret_repaired says so; it is set on success only.
 * Returns NULL, or what is wrong: then @rb has the pairs that it had before.
 */
const char *json_pairs(struct json *j, struct slice text, struct rec_builder *rb,
		       bool *ret_repaired);

/* The same without the short way that most texts go (json_quick.h), against which it is tested. */
const char *json_pairs_by_tokens(struct json *j, struct slice text, struct rec_builder *rb,
				 bool *ret_repaired);

/* Not 0: all objects of which json_pairs says this have the same keys in the same order. */
uint64_t json_keys_id(const struct json *j);

/* The text that a valid JSON string's inside stands for, as UTF-8. Writes at most @in.len bytes and
 * returns how many.
 */
size_t json_unescape(uint8_t *out, struct slice in);

#endif
