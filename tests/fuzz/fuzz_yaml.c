/* A configuration file of any bytes: refused with messages, or loaded; and what was loaded prints
 * as a file that loads again. Bytes behind a line "%%%%" are the content of every file it names.
 */

#include "ctl/config.h"
#include "tests/fuzz/fuzz.h"

static struct slice other;

static int other_read(void *arg, const char *path, uint8_t **ret_bytes, size_t *ret_len,
		      struct err *e)
{
	if (!other.ptr)
		return err_set(e, -ENOENT, "No such file or directory");
	uint8_t *bytes = malloc(other.len + 1);
	if (!bytes)
		return err_set(e, -ENOMEM, "out of memory");
	memcpy(bytes, other.ptr, other.len);
	*ret_bytes = bytes;
	*ret_len = other.len;
	return 0;
}

static const struct config_files files = {.read = other_read};

static void check_effective(const struct config *c)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	config_print_effective(c, out);
	fclose(out);
	struct config *again = NULL;
	struct err_list errs = {0};
	int r = config_parse("fuzz/again.yaml", slice_of(text, len), &files, &again, &errs);
	if (r < 0 && r != -ENOMEM && !strstr(text, "# set, not shown")) {
		fputs(text, stderr);
		err_list_print(&errs, stderr);
		abort();
	}
	config_free(again);
	err_list_fini(&errs);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const char marker[] = "\n%%%%\n";
	const uint8_t *at = len ? memmem(p, len, marker, sizeof(marker) - 1) : NULL;
	struct slice text = slice_of(p, at ? (size_t)(at - p) : len);
	other = at ? slice_from(slice_of(p, len), text.len + sizeof(marker) - 1)
		   : (struct slice){0};

	struct config *c = NULL;
	struct err_list errs = {0};
	int r = config_parse("fuzz/x.yaml", text, &files, &c, &errs);
	if (r == -EINVAL && errs.n_errors == 0)
		abort(); /* refused, and nobody says why */
	if (r == 0 && errs.n_errors)
		abort();
	if (r == 0)
		check_effective(c);
	config_free(c);
	err_list_fini(&errs);
	return 0;
}
