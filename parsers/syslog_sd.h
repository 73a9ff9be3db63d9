/* syslog_sd.h - the structured data of RFC 5424, as one JSON object.
 *
 * In:     [id name="value" name="value"][id]...
 * Out:    {"id":{"name":"value"},"id2":{}}; a name that comes twice in one id has an array of
 * values, ids that come twice are one. \" \\ and \] are unescaped, bytes that are not UTF-8 become
 *         U+FFFD.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: SD_ELEMS_MAX ids, SD_PARAMS_MAX names and SD_BYTES_MAX bytes a message; beyond them it is
 * an error.
 */
#ifndef SL_PARSERS_SYSLOG_SD_H
#define SL_PARSERS_SYSLOG_SD_H

#include "dataplane/rec/rec.h"

#define SD_ELEMS_MAX  64
#define SD_PARAMS_MAX 256
#define SD_BYTES_MAX  (64u << 10)

/* Reads structured data at @p, which is a '['. Sets *ret_json to a value in the arena of @rb (or
 * marks @rb full) and *ret_end behind the last ']'. Returns NULL, or what is wrong.
 */
const char *syslog_sd_extract(const uint8_t *p, const uint8_t *end, struct rec_builder *rb,
			      struct val *ret_json, const uint8_t **ret_end);

#endif
