/* The schema file of a queue, of any bytes: refused with a text, or read; then what is printed of
 * it reads back as the same.
 */
#include <stdio.h>
#include <stdlib.h>

#include "fuzz.h"

#include "ctl/memlist.h"
#include "ctl/schema_file.h"

static int give(void *arg, const char *path, uint8_t **ret_bytes, size_t *ret_len, struct err *e)
{
	const struct slice *s = arg;
	uint8_t *copy = malloc(s->len + SL_PAD);
	must(copy != NULL);
	memset(copy, 0, s->len + SL_PAD);
	if (s->len)
		memcpy(copy, s->ptr, s->len);
	*ret_bytes = copy;
	*ret_len = s->len;
	return 0;
}

static bool read_file(struct slice text, struct memlist *mem, struct schema_file *ret_s)
{
	const struct config_files files = {give, &text};
	struct err_list errs = {0};
	int rc = schema_file_read("q.schema.yaml", "lab/q", &files, mem, &errs, ret_s);
	must(rc == 0 || (rc == -EINVAL && errs.n_errors > 0));
	err_list_fini(&errs);
	return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct memlist mem = {0};
	struct schema_file s = {0}, again = {0};
	char *text = NULL;
	size_t n = 0;
	if (read_file(slice_of(data, len), &mem, &s) && s.version > 0) {
		FILE *f = open_memstream(&text, &n);
		must(f != NULL);
		schema_file_print(&s, f);
		fclose(f);
		must(read_file(slice_of(text, n), &mem, &again));
		must(again.version == s.version && again.open == s.open);
		must(again.n_fields == s.n_fields && again.n_removed == s.n_removed);
		for (size_t i = 0; i < s.n_fields; i++)
			must(again.fields[i].number == s.fields[i].number &&
			     again.fields[i].type == s.fields[i].type &&
			     strcmp(again.fields[i].name, s.fields[i].name) == 0);
	}
	free(text);
	memlist_fini(&mem);
	return 0;
}
