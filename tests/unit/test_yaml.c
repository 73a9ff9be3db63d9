#include "tests/unit/unit.h"

#include <errno.h>

#include "ctl/yaml.h"

struct world {
	struct memlist mem;
	struct err_list errs;
	struct yaml_val *root;
	char *said;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct world));
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;
	memlist_fini(&w->mem);
	err_list_fini(&w->errs);
	free(w->said);
	free(w);
	return 0;
}

static int read_bytes(struct world *w, const void *bytes, size_t len)
{
	return yaml_tree_read(slice_of(bytes, len), "x.yaml", &w->mem, &w->errs, &w->root);
}

static void read_good(struct world *w, const char *text)
{
	assert_int_equal(read_bytes(w, text, strlen(text)), 0);
	assert_int_equal(w->errs.n_errors, 0);
}

static void read_bad(struct world *w, const void *bytes, size_t len, const char *says)
{
	assert_int_equal(read_bytes(w, bytes, len), -EINVAL);
	assert_int_equal(w->errs.n, 1);
	assert_string_equal(w->errs.entries[0].text, says);
}

static void assert_path(const struct yaml_val *v, const char *path)
{
	char buf[YAML_PATH_MAX];
	assert_non_null(v);
	assert_string_equal(yaml_val_path(v, buf, sizeof(buf)), path);
}

static void assert_place(const struct yaml_val *v, int line, int col)
{
	assert_non_null(v);
	assert_int_equal(v->line, line);
	assert_int_equal(v->col, col);
}

static void every_value_knows_its_path_and_place(void **state)
{
	struct world *w = *state;
	read_good(w, "a:\n  b: [x, { c: 'y' }]\nd: |\n  text\n");
	const struct yaml_val *b = yaml_val_get(yaml_val_get(w->root, "a"), "b");
	assert_path(w->root, "");
	assert_path(b, "a.b");
	assert_int_equal(b->kind, YAML_LIST);
	assert_int_equal(b->n, 2);
	assert_path(b->first, "a.b[0]");
	assert_place(b->first, 2, 7);
	const struct yaml_val *c = yaml_val_get(b->first->next, "c");
	assert_path(c, "a.b[1].c");
	assert_place(c, 2, 15);
	assert_int_equal(c->key_col, 12);
	assert_false(c->plain);
	const struct yaml_val *d = yaml_val_get(w->root, "d");
	assert_string_equal(d->text, "text\n");
	assert_true(d->block);
}

static void columns_count_characters_and_not_bytes(void **state)
{
	struct world *w = *state;
	read_good(w, "{ \xc3\xa9\xe2\x82\xac: 1, b: 2 }\n");
	assert_place(yaml_val_get(w->root, "b"), 1, 13);
}

static void a_byte_order_mark_and_windows_line_ends_change_nothing(void **state)
{
	struct world *w = *state;
	read_good(w, "\xef\xbb\xbf"
		     "a: 1\r\nb:\r\n  - 2\r\n");
	assert_string_equal(yaml_val_get(w->root, "a")->text, "1");
	assert_place(yaml_val_get(w->root, "b")->first, 3, 5);
}

static void an_empty_file_is_an_empty_map(void **state)
{
	struct world *w = *state;
	static const char *const texts[] = {"", "\n\n", "# comment\n", "---\n...\n"};
	for (size_t i = 0; i < 3; i++) {
		read_good(w, texts[i]);
		assert_int_equal(w->root->kind, YAML_MAP);
		assert_int_equal(w->root->n, 0);
	}
	read_good(w, texts[3]);
	assert_true(yaml_val_is_null(w->root));
}

static void bytes_that_are_not_utf_8_are_told_with_their_place(void **state)
{
	read_bad(*state, "a: \xc3\xa9\nb: \xff\n", 11,
		 "x.yaml:2:4: byte 0xff is not UTF-8; expected the file in UTF-8");
}

static void utf_16_is_told_by_name(void **state)
{
	read_bad(*state,
		 "\xff\xfe"
		 "a\0",
		 4, "x.yaml: UTF-16 text; expected UTF-8");
}

static void a_nul_byte_is_told_with_its_place(void **state)
{
	read_bad(*state, "a: 1\nb:\0 2\n", 11, "x.yaml:2:3: control character 0x00; expected text");
}

static void a_file_longer_than_16_mib_is_refused(void **state)
{
	size_t len = YAML_BYTES_MAX + 1;
	char *text = malloc(len);
	memset(text, '#', len);
	read_bad(*state, text, len, "x.yaml: 16777217 bytes; expected at most 16 MiB");
	free(text);
}

static void more_than_a_million_values_are_refused(void **state)
{
	size_t len = 2 * (YAML_VALUES_MAX + 2);
	char *text = malloc(len);
	for (size_t i = 0; i < len; i += 2)
		memcpy(text + i, ",x", 2);
	text[0] = '[';
	read_bad(*state, text, len, "x.yaml:1:2000000: more than 1,000,000 values in one file");
	free(text);
}

static void aliases_cannot_grow_a_small_file_to_billions(void **state)
{
	static const char laughs[] = "a: [x, x]\nb: &b [*a, *a]\n";
	read_bad(*state, laughs, strlen(laughs),
		 "x.yaml:2:4: anchors (&name) are not supported; expected the plain value");
}

static void thirty_two_levels_are_read_and_one_more_is_refused(void **state)
{
	struct world *w = *state;
	char text[2 * 33 + 1];
	for (int n = 32; n <= 33; n++) {
		memset(text, '[', (size_t)n);
		memset(text + n, ']', (size_t)n);
		assert_int_equal(read_bytes(w, text, 2 * (size_t)n), n == 32 ? 0 : -EINVAL);
	}
	assert_string_equal(w->errs.entries[0].text,
			    "x.yaml:1:33: lists and maps inside each other; expected at most 32 "
			    "levels");
}

static void every_duplicate_key_is_told_and_not_just_the_first(void **state)
{
	struct world *w = *state;
	static const char text[] = "a: 1\nb: { c: 1, c: 2 }\na: 2\na: 3\n";
	assert_int_equal(read_bytes(w, text, strlen(text)), 0);
	assert_int_equal(w->errs.n_errors, 3);
	assert_string_equal(w->errs.entries[0].text,
			    "x.yaml:2:12: b.c: the same key again; it stands in line 2 already");
	assert_string_equal(w->errs.entries[2].text,
			    "x.yaml:4:1: a: the same key again; it stands in line 1 already");
	assert_int_equal(w->root->n, 2);
	assert_string_equal(yaml_val_get(w->root, "a")->text, "1");
}

static void a_tab_is_told_behind_characters_of_many_bytes(void **state)
{
	static const char text[] = "\xe2\x82\xac: 1\n\tb: 2\n";
	read_bad(*state, text, strlen(text), "x.yaml:2:1: a tab; expected blanks for indentation");
}

static void what_stands_there_is_shown_short_and_printable(void **state)
{
	struct world *w = *state;
	char buf[YAML_SHOW_MAX];
	read_good(w, "a: \"x\\ty\\e\"\nb: 1234567890123456789012345678901234567890123\n"
		     "c: [1]\nd: {}\ne: ~\n");
	static const char *const shown[] = {"\"x\\x09y\\x1b\"",
					    "\"1234567890123456789012345678901234567890...\"",
					    "a list", "a map", "no value"};
	size_t i = 0;
	for (const struct yaml_val *v = w->root->first; v; v = v->next)
		assert_string_equal(yaml_val_show(v, buf, sizeof(buf)), shown[i++]);
	assert_int_equal(i, 5);
}

static void a_path_that_is_too_long_keeps_its_end(void **state)
{
	struct world *w = *state;
	char buf[8];
	read_good(w, "abcdef: { ghijkl: 1 }\n");
	const struct yaml_val *v = yaml_val_get(w->root->first, "ghijkl");
	assert_string_equal(yaml_val_path(v, buf, sizeof(buf)), ".ghijkl");
	assert_string_equal(yaml_val_path(v, buf, 1), "");
}

static void quoted_words_are_not_null(void **state)
{
	struct world *w = *state;
	read_good(w, "[null, ~, '', 'null', \"~\"]");
	size_t nulls = 0;
	for (const struct yaml_val *v = w->root->first; v; v = v->next)
		nulls += yaml_val_is_null(v);
	assert_int_equal(nulls, 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_value_knows_its_path_and_place),
		TEST(columns_count_characters_and_not_bytes),
		TEST(a_byte_order_mark_and_windows_line_ends_change_nothing),
		TEST(an_empty_file_is_an_empty_map),
		TEST(bytes_that_are_not_utf_8_are_told_with_their_place),
		TEST(utf_16_is_told_by_name),
		TEST(a_nul_byte_is_told_with_its_place),
		TEST(a_file_longer_than_16_mib_is_refused),
		TEST(more_than_a_million_values_are_refused),
		TEST(aliases_cannot_grow_a_small_file_to_billions),
		TEST(thirty_two_levels_are_read_and_one_more_is_refused),
		TEST(every_duplicate_key_is_told_and_not_just_the_first),
		TEST(a_tab_is_told_behind_characters_of_many_bytes),
		TEST(what_stands_there_is_shown_short_and_printable),
		TEST(a_path_that_is_too_long_keeps_its_end),
		TEST(quoted_words_are_not_null),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
