/* names.h - field names known when the pipeline is built, with their JSON spelling at hand.
 *
 * In:     names from parsers' field tables, formats and the configuration.
 * Out:    a number per name; `"name":` as bytes.
 * Owns:   the table owns its text.
 * Runs:   adding: main, before workers start. Reading: any thread.
 * Limits: NAMES_MAX names.
 */
#ifndef SL_REC_NAMES_H
#define SL_REC_NAMES_H

#include "dataplane/base/slice.h"

#define NAMES_MAX 65536

struct names;

struct names *names_create(void); /* NULL when out of memory */
void names_destroy(struct names *n);
/* The same names under the same numbers, to be added to. NULL when out of memory. */
struct names *names_copy(const struct names *n);

/* The number of @name, added when it is new. Returns -ENOSPC beyond NAMES_MAX, -ENOMEM. A name of
 * the user's that begins with '_' is kept as it is: parsers put the second '_' in front themselves.
 */
int names_add(struct names *n, struct slice name, uint32_t *ret_id);

uint32_t names_count(const struct names *n); /* numbers are below it */

struct slice names_text(const struct names *n, uint32_t id); /* bare */
struct slice names_json(const struct names *n,
			uint32_t id); /* "name": with quotes, colon, escapes */

#endif
