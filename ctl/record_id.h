/* record_id.h - the parts of a record's `_id`: "<16 hex>-<c|s>-<offset>-<idx>" (encode_id).
 *
 * In:     text.
 * Out:    session, direction, offset in the stream, index in the frame.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_CTL_RECORD_ID_H
#define SL_CTL_RECORD_ID_H

#include <stdbool.h>
#include <stdint.h>

#define RECORD_ID_MAX   64
#define RECORD_ID_WRONG "%.80s: is no _id of a record; one looks like 3f9a0c1b2d4e5f60-c-1234-0"

struct record_id {
	uint64_t session, off;
	uint32_t idx;
	uint8_t dir;
};

/* False: it is none. */
bool record_id_read(const char *text, struct record_id *ret_id);

#endif
