#include "tests/unit/unit.h"

#include "ctl/memlist.h"
#include "ctl/schema_file.h"

static struct memlist mem;

static void assert_path(const char *queue, const char *want)
{
	assert_string_equal(schema_file_path(&mem, "d.d", queue), want);
}

/* a.b/c and a/b.c had one file. */
static void two_queues_never_share_a_file(void **state)
{
	assert_path("video/play_vip", "d.d/video.play_vip.schema.yaml");
	assert_path("a/b.c", "d.d/a.b.c.schema.yaml");
	assert_path("a.b/c", "d.d/a%2Eb.c.schema.yaml");
	assert_path("a.b./c.", "d.d/a%2Eb%2E.c..schema.yaml");
}

static int give(void *arg, const char *path, uint8_t **ret_bytes, size_t *ret_len, struct err *e)
{
	if (!arg)
		return err_set(e, -ENOENT, "%s: there is none", path);
	*ret_len = strlen(arg);
	*ret_bytes = calloc(1, *ret_len + SL_PAD);
	assert_non_null(*ret_bytes);
	memcpy(*ret_bytes, arg, *ret_len);
	return 0;
}

/* What is wrong with the file, as one text; "" when nothing is. */
static const char *read_file(const char *text, struct schema_file *ret_s)
{
	static char says[4096];
	const struct config_files files = {give, (void *)text};
	struct err_list errs = {0};
	int rc = schema_file_read("q.schema.yaml", "lab/q", &files, &mem, &errs, ret_s);
	says[0] = '\0';
	for (size_t i = 0; i < errs.n; i++) {
		strcat(says, errs.entries[i].text);
		strcat(says, "\n");
	}
	assert_int_equal(rc, errs.n_errors ? -EINVAL : 0);
	err_list_fini(&errs);
	return says;
}

static const char good[] = "queue: lab/q\nversion: 3\nopen: true\nfields:\n"
			   "  - { number: 18, name: seconds, type: bigint }\n"
			   "  - { number: 16, name: uid, type: text }\n"
			   "removed:\n  - { number: 17, name: dur, type: text }\n";

static void a_schema_is_read_and_printed_as_it_was(void **state)
{
	struct schema_file s = {0}, again = {0};
	char *text;
	size_t len;
	assert_string_equal(read_file(good, &s), "");
	assert_int_equal(s.version, 3);
	assert_true(s.open);
	assert_int_equal(s.n_fields, 2);
	assert_string_equal(s.fields[0].name, "uid"); /* by their numbers */
	assert_int_equal(s.fields[1].type, SQL_INT8);
	assert_int_equal(s.n_removed, 1);
	FILE *f = open_memstream(&text, &len);
	assert_non_null(f);
	schema_file_print(&s, f);
	fclose(f);
	assert_string_equal(read_file(text, &again), "");
	assert_int_equal(again.n_fields, 2);
	assert_int_equal(again.removed[0].number, 17);
	free(text);
}

static void no_file_is_version_nought(void **state)
{
	struct schema_file s = {0};
	assert_string_equal(read_file(NULL, &s), "");
	assert_int_equal(s.version, 0);
}

static void a_number_is_a_fields_for_ever(void **state)
{
	struct schema_file s = {0};
	assert_non_null(strstr(read_file("queue: lab/q\nversion: 1\nfields:\n"
					 "  - { number: 16, name: a, type: text }\n"
					 "  - { number: 16, name: b, type: text }\n",
					 &s),
			       "the number 16 twice: a and b"));
	assert_non_null(strstr(read_file("queue: lab/q\nversion: 1\nfields:\n"
					 "  - { number: 19000, name: a, type: text }\n",
					 &s),
			       "19000 to 19999 are Protocol Buffers' own"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_queues_never_share_a_file),
		cmocka_unit_test(a_schema_is_read_and_printed_as_it_was),
		cmocka_unit_test(no_file_is_version_nought),
		cmocka_unit_test(a_number_is_a_fields_for_ever),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	memlist_fini(&mem);
	return rc;
}
