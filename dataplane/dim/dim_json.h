/* dim_json.h - the members of a JSON object as the values of a row.
 *
 * In:     the text of an object.
 * Out:    texts of its members, as dim_load_row takes them.
 * Owns:   the object at hand, until the next one.
 * Runs:   who loads a dimension.
 * Limits: DIM_ROW_BYTES_MAX for values that are no strings.
 */
#ifndef SL_DIM_DIM_JSON_H
#define SL_DIM_DIM_JSON_H

#include "dataplane/dim/dim.h"

struct json_t;

struct dim_json {
	const struct dim_field *fields;
	unsigned n_fields;
	struct json_t *object;
	uint8_t *spelled; /* values that are no strings, as JSON */
	size_t n_spelled;
};

int dim_json_init(struct dim_json *j, const struct dim_load *l, struct err *e); /* 0 or -ENOMEM */
void dim_json_fini(struct dim_json *j);

/* The fields of @text, an object, and its member @key (NULL: not asked for); ptr is NULL where
 * there is none. They are borrowed until the next call. 0, or -errno with a text such as ":12:
 * what" that begins with the column or with what stands behind one.
 */
int dim_json_read(struct dim_json *j, struct slice text, const char *key, struct slice *ret_key,
		  struct slice *ret_values, struct err *e);

#endif
