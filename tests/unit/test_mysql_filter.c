#include "parsers/mysql/filter.h"

#include "unit.h"

static bool wants(const char *pattern, bool ignore_case, const char *db, const char *table)
{
	struct opt_strings one = {&pattern, 1};
	return mysql_filter_table(&one, ignore_case, slice_str(db), slice_str(table));
}

static void patterns_choose_tables_and_databases(void **state)
{
	static const struct {
		const char *pattern;
		bool yes;
	} cases[] = {
		{"shop.orders", true},
		{"shop.*", true},
		{"*.orders", true},
		{"shop", true},
		{"s?op.o*r*s", true},
		{"shop.order", false},
		{"*.", false},
		{"shop.?", false},
		{"other.*", false},
		{"SHOP.orders", false},
		{"*", true},
		{"*.*ers", true},
		{"s*", true},
		{"shop.orders?", false},
		{"shop.orders*", true},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (wants(cases[i].pattern, false, "shop", "orders") != cases[i].yes)
			fail_msg("%s", cases[i].pattern);
	struct opt_strings none = {NULL, 0};
	assert_true(mysql_filter_table(&none, false, SLICE_LIT("a"), SLICE_LIT("b")));
	assert_true(mysql_filter_table(NULL, false, SLICE_LIT("a"), SLICE_LIT("b")));
}

static void case_counts_unless_it_is_told_not_to(void **state)
{
	assert_false(wants("Shop.Orders", false, "shop", "ORDERS"));
	assert_true(wants("Shop.Orders", true, "shop", "ORDERS"));
	assert_true(wants("s*.o?ders", true, "SHOP", "ORDERS"));
	assert_false(wants("Shop.Order", true, "shop", "ORDERS"));
}

static void a_question_mark_is_one_character_of_utf8(void **state)
{
	assert_true(wants("shop.caf?", false, "shop", "caf\xc3\xa9"));
	assert_false(wants("shop.caf??", false, "shop", "caf\xc3\xa9"));
	assert_true(wants("shop.*?", false, "shop", "\xe8\xa1\xa8"));
	assert_false(wants("shop.??*", false, "shop", "\xe8\xa1\xa8"));
	/* A dot in the name of a table is a character as any; in that of a database `?` is. */
	assert_true(wants("shop.a.b", false, "shop", "a.b"));
	assert_true(wants("sh?op.t", false, "sh.op", "t"));
}

static void a_database_may_be_wanted_for_one_of_its_tables(void **state)
{
	const char *items[] = {"crm.*", "shop.x"};
	struct opt_strings two = {items, 2};
	assert_true(mysql_filter_db(&two, false, SLICE_LIT("shop")));
	assert_false(mysql_filter_db(&two, false, SLICE_LIT("SHOP")));
	assert_true(mysql_filter_db(&two, true, SLICE_LIT("SHOP")));
	assert_false(mysql_filter_db(&two, false, SLICE_LIT("mysql")));
	assert_true(mysql_filter_db(&two, false, SLICE_LIT("")));
}

static void patterns_that_can_match_nothing_are_refused(void **state)
{
	static const char *const bad[] = {"",         ".t",  "shop.",    "`shop`.t",  "shop.o%",
					  "shop,crm", "a b", "'shop'.t", "\"shop\".t"};
	static const char *const good[] = {
		"shop", "*", "shop.*", "*.t", "sh?op.a.b", "shop.\xe8\xa1\xa8", "shop.t-1"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_non_null(mysql_filter_fault(slice_str(bad[i])));
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_null(mysql_filter_fault(slice_str(good[i])));
}

/* Each star may have to be tried at each place: no more than that. */
static void many_stars_take_no_more_than_their_product(void **state)
{
	char pattern[512], name[1024];
	for (size_t i = 0; i < sizeof(pattern) - 1; i++)
		pattern[i] = i % 2 ? 'a' : '*';
	pattern[0] = '*';
	pattern[1] = '.';
	memset(name, 'a', sizeof(name) - 1);
	pattern[sizeof(pattern) - 1] = 0;
	name[sizeof(name) - 1] = 0;
	assert_true(wants(pattern, false, "d", name));
	name[sizeof(name) - 2] = 'b';
	assert_true(wants(pattern, false, "d", name));
	pattern[sizeof(pattern) - 2] = 'c';
	assert_false(wants(pattern, false, "d", name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_choose_tables_and_databases),
		cmocka_unit_test(case_counts_unless_it_is_told_not_to),
		cmocka_unit_test(a_question_mark_is_one_character_of_utf8),
		cmocka_unit_test(a_database_may_be_wanted_for_one_of_its_tables),
		cmocka_unit_test(patterns_that_can_match_nothing_are_refused),
		cmocka_unit_test(many_stars_take_no_more_than_their_product),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
