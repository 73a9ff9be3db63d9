/* json_path.h - parts of one JSON value, found where they stand in its text.
 *
 * In:     the text of a JSON value.
 * Out:    slices of it.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: JSON_PATH_DEPTH_MAX levels for json_valid.
 */
#ifndef SL_GRAPH_JSON_PATH_H
#define SL_GRAPH_JSON_PATH_H

#include "dataplane/base/slice.h"

#define JSON_PATH_DEPTH_MAX 512

/* Is @s one value of RFC 8259, with blanks around it or without? Valid UTF-8 is the caller's. */
bool json_valid(struct slice s);

/* The value of @key in an object, of the last one when a key comes more than once; the element @i
 * of an array (negative: from the end). False when there is none, or @json is something else.
 */
bool json_at_key(struct slice json, struct slice key, struct slice *ret_value);
bool json_at_index(struct slice json, int64_t i, struct slice *ret_value);

/* "object", "array", "string", "number", "boolean", "null". */
const char *json_type(struct slice json);

/* The number of elements of an array; false when it is none. */
bool json_length(struct slice json, int64_t *ret_n);

#endif
