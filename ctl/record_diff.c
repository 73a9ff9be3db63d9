#include "ctl/record_diff.h"

#include <jansson.h>

static json_t *parse(struct slice line)
{
	return json_loadb((const char *)line.ptr, line.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
}

/* Names of the members that are not the same, between quotes. */
static void write_fields(FILE *out, struct slice old, struct slice new)
{
	json_t *a = parse(old), *b = parse(new), *names = json_array(), *v;
	const char *key;
	json_object_foreach(a, key, v) if (!json_equal(v, json_object_get(b, key)))
		json_array_append_new(names, json_string(key));
	json_object_foreach(b, key, v) if (!json_object_get(a, key))
		json_array_append_new(names, json_string(key));
	fputs("\"fields\":", out);
	json_dumpf(names, out, JSON_COMPACT);
	json_decref(names);
	json_decref(a);
	json_decref(b);
}

static struct slice without_end(struct slice line)
{
	if (line.len && line.ptr[line.len - 1] == '\n')
		line.len--;
	return line;
}

static void write_record(FILE *out, const char *name, struct slice line)
{
	fprintf(out, ",\"%s\":", name);
	fwrite(line.ptr, 1, line.len, out);
}

void record_diff_write(FILE *out, const char *what, const char *queue, struct slice old,
		       struct slice new)
{
	fprintf(out, "{\"diff\":\"%s\",\"queue\":\"%s\"", what, queue);
	old = without_end(old);
	new = without_end(new);
	if (old.ptr && new.ptr) {
		fputc(',', out);
		write_fields(out, old, new);
		write_record(out, "old", old);
		write_record(out, "new", new);
	} else if (old.ptr || new.ptr) {
		write_record(out, "record", old.ptr ? old : new);
	} else {
		fputs(",\"record\":null", out);
	}
	fputs("}\n", out);
}
