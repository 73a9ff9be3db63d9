#include "dataplane/dim/dim_json.h"

#include <jansson.h>
#include <string.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"

int dim_json_init(struct dim_json *j, const struct dim_load *l, struct err *e)
{
	*j = (struct dim_json){.spelled = mem_map(DIM_ROW_BYTES_MAX)};
	j->fields = dim_load_fields(l, &j->n_fields);
	return j->spelled ? 0 : err_set(e, -ENOMEM, "out of memory");
}

void dim_json_fini(struct dim_json *j)
{
	json_decref(j->object);
	mem_unmap(j->spelled, DIM_ROW_BYTES_MAX);
}

/* As short as reads back the same, where jansson writes 17 digits: 9.99, not 9.9900000000000002. */
static size_t put_real(char *to, size_t left, double f)
{
	char text[40];
	size_t len = text_put_f64(text, f);
	if (!memchr(text, '.', len) && !memchr(text, 'e', len)) {
		text[len++] = '.';
		text[len++] = '0';
	}
	if (len <= left)
		memcpy(to, text, len);
	return len;
}

/* The text of a value; what is no text itself is spelled behind what there is. Empty with *io_rc
 * set when it has no room.
 */
static struct slice text_of(struct dim_json *j, const json_t *v, int *io_rc)
{
	if (!v || json_is_null(v))
		return (struct slice){0};
	if (json_is_string(v))
		return slice_of(json_string_value(v), json_string_length(v));
	char *to = (char *)j->spelled + j->n_spelled;
	size_t left = DIM_ROW_BYTES_MAX - j->n_spelled;
	size_t len = json_is_real(v) ? put_real(to, left, json_real_value(v))
				     : json_dumpb(v, to, left, JSON_ENCODE_ANY | JSON_COMPACT);
	if (len == 0 || len > left) {
		*io_rc = -EMSGSIZE;
		return (struct slice){0};
	}
	j->n_spelled += len;
	return slice_of(to, len);
}

int dim_json_read(struct dim_json *j, struct slice text, const char *key, struct slice *ret_key,
		  struct slice *ret_values, struct err *e)
{
	json_error_t at;
	json_decref(j->object);
	j->object = json_loadb((const char *)text.ptr, text.len, JSON_REJECT_DUPLICATES, &at);
	if (!j->object)
		return err_set(e, -EINVAL, ":%d: %s", at.column, at.text);
	if (!json_is_object(j->object))
		return err_set(e, -EINVAL, ": expected a JSON object");
	int rc = 0;
	j->n_spelled = 0;
	if (key)
		*ret_key = text_of(j, json_object_get(j->object, key), &rc);
	for (unsigned i = 0; i < j->n_fields; i++)
		ret_values[i] = text_of(j, json_object_get(j->object, j->fields[i].name), &rc);
	return rc < 0 ? err_set(e, rc, ": the values of a row are longer than %u bytes",
				DIM_ROW_BYTES_MAX)
		      : 0;
}
