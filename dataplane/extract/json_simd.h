/* json_simd.h - where the tokens of a JSON text begin: simdjson's first stage behind a C face.
 *
 * In:     one JSON text.
 * Out:    offsets of brackets, colons, commas, opening quotes and first bytes of other scalars.
 * Owns:   room for the offsets of the longest text, taken at create.
 * Runs:   create and destroy: main. json_index_run: worker, one index per worker.
 * Limits: bytes_max of create, below 4 GiB.
 */
#ifndef SL_EXTRACT_JSON_SIMD_H
#define SL_EXTRACT_JSON_SIMD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum json_index_status {
	JSON_INDEX_OK,
	JSON_INDEX_EMPTY,    /* nothing but white space */
	JSON_INDEX_UTF8,     /* bytes that are not UTF-8, the only fault so far */
	JSON_INDEX_CONTROL,  /* a control character inside a string */
	JSON_INDEX_UNCLOSED, /* the last string does not end */
	JSON_INDEX_LONG,     /* longer than bytes_max */
	JSON_INDEX_OTHER,
};

struct json_index;

struct json_index *json_index_create(size_t bytes_max); /* NULL when out of memory */
void json_index_destroy(struct json_index *x);

/* Checks UTF-8, control characters and quotes of text[0..len-1], and lists the tokens' offsets in
 * rising order, and behind them @len. The list is borrowed until the next run. Outputs are set only
 * with JSON_INDEX_OK.
 */
enum json_index_status json_index_run(struct json_index *x, const uint8_t *text, size_t len,
				      const uint32_t **ret_at, uint32_t *ret_n);

bool json_utf8_valid(const uint8_t *text, size_t len);

#ifdef __cplusplus
}
#endif

#endif
