#include "pairs.h"

#include "dataplane/extract/csv.h"

static struct pairs *pairs;

static int setup(void **state)
{
	pairs = pairs_create(1 << 20);
	return 0;
}

static int teardown(void **state)
{
	pairs_destroy(pairs);
	return 0;
}

/* The columns of @line joined by '|', or "no". */
static void expect(const struct csv *c, unsigned n, const char *line, const char *joined)
{
	struct slice columns[8];
	char text[256] = "no";
	size_t at = 0;
	pairs_reset(pairs, NULL);
	if (csv_split(c, pairs_copy(pairs, line, strlen(line)), &pairs->rb, n, columns)) {
		for (unsigned i = 0; i < n; i++)
			at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s", i ? "|" : "",
					       (int)columns[i].len, (const char *)columns[i].ptr);
	}
	assert_string_equal(text, joined);
}

static const struct csv csv = {.sep = ',', .quote = '"'};

static void a_line_has_as_many_columns_as_are_named(void **state)
{
	expect(&csv, 3, "a,b,c", "a|b|c");
	expect(&csv, 3, ",,", "||");
	expect(&csv, 3, "a,b,", "a|b|");
	expect(&csv, 1, "", "");
	expect(&csv, 2, "", "no");
	expect(&csv, 3, "a,b", "no");
	expect(&csv, 3, "a,b,c,d", "no");
	expect(&csv, 2, "a,b,", "no");
}

static void quoted_columns_may_hold_separators_and_doubled_quotes(void **state)
{
	expect(&csv, 2, "\"a,b\",\"c \"\"d\"\" e\"", "a,b|c \"d\" e");
	expect(&csv, 2, "\"\",\"\"\"\"", "|\"");
	expect(&csv, 2, "a\"b,c", "a\"b|c");
	expect(&csv, 2, "\"a\nb\",c", "a\nb|c");
}

static void a_quote_that_does_not_end_its_column_is_another_shape(void **state)
{
	expect(&csv, 2, "\"a,b", "no");
	expect(&csv, 2, "\"a\"x,b", "no");
	expect(&csv, 1, "\"", "no");
	expect(&csv, 1, "\"\"\"", "no");
}

static void tabs_separate_without_quotes(void **state)
{
	const struct csv tsv = {.sep = '\t', .quote = -1};
	expect(&tsv, 3, "a\t\"b\t\"c\"", "a|\"b|\"c\"");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_has_as_many_columns_as_are_named),
		cmocka_unit_test(quoted_columns_may_hold_separators_and_doubled_quotes),
		cmocka_unit_test(a_quote_that_does_not_end_its_column_is_another_shape),
		cmocka_unit_test(tabs_separate_without_quotes),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
