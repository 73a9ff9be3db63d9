#include "tests/unit/unit.h"

#include "ctl/errlist.h"

static void assert_says(const struct err_list *l, const char *want)
{
	char *said;
	size_t len;
	FILE *out = open_memstream(&said, &len);
	err_list_print(l, out);
	fclose(out);
	assert_string_equal(said, want);
	free(said);
}

static void messages_stand_in_the_order_of_their_places(void **state)
{
	struct err_list l = {0};
	err_list_add(&l, (struct err_place){"b.yaml", 1, 1}, "one");
	err_list_add(&l, (struct err_place){"a.yaml", 10, 2}, "two");
	err_list_add(&l, (struct err_place){"a.yaml", 9, 3}, "three");
	err_list_add(&l, (struct err_place){"a.yaml", 9, 1}, "four %d", 4);
	err_list_add(&l, (struct err_place){"a.yaml", 9, 1}, "five");
	err_list_add(&l, (struct err_place){.file = "a.yaml"}, "six");
	err_list_sort(&l);
	assert_says(&l, "a.yaml: six\na.yaml:9:1: four 4\na.yaml:9:1: five\na.yaml:9:3: three\n"
			"a.yaml:10:2: two\nb.yaml:1:1: one\n");
	err_list_fini(&l);
}

static void errors_come_before_warnings(void **state)
{
	struct err_list l = {0};
	err_list_warn(&l, (struct err_place){"a", 1, 1}, "careful");
	err_list_add(&l, (struct err_place){"a", 2, 1}, "wrong");
	assert_says(&l, "a:2:1: wrong\nwarning: a:1:1: careful\n");
	assert_int_equal(l.n_errors, 1);
	assert_int_equal(l.n_warnings, 1);
	err_list_fini(&l);
}

static void a_message_is_one_line_of_bounded_length(void **state)
{
	struct err_list l = {0};
	char text[3000];
	memset(text, 'x', sizeof(text));
	text[0] = '\n';
	text[sizeof(text) - 1] = '\0';
	err_list_add(&l, (struct err_place){"a", 1, 1}, "%s", text);
	err_list_text(&l, "b:1:2: a\tb\x1b");
	assert_int_equal(strlen(l.entries[0].text), 1023);
	assert_memory_equal(l.entries[0].text, "a:1:1: ?x", 9);
	assert_string_equal(l.entries[1].text, "b:1:2: a?b?");
	err_list_fini(&l);
}

static void what_is_not_kept_is_counted(void **state)
{
	struct err_list l = {0};
	for (int i = 0; i < ERR_LIST_MAX + 5; i++)
		err_list_add(&l, (struct err_place){"a", i + 1, 1}, "x");
	assert_int_equal(l.n, ERR_LIST_MAX);
	assert_int_equal(l.n_errors, ERR_LIST_MAX + 5);
	err_list_fini(&l);
	assert_int_equal(l.n_errors, 0);
	assert_says(&l, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_stand_in_the_order_of_their_places),
		cmocka_unit_test(errors_come_before_warnings),
		cmocka_unit_test(a_message_is_one_line_of_bounded_length),
		cmocka_unit_test(what_is_not_kept_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
