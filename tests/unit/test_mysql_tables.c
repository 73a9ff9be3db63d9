#include "mysql_wire.h"

#include "parsers/mysql/tables.h"

static struct wire_rig w;
static struct mysql_tables *tables;
static struct mysql_format format;
static struct opt_strings wanted;

static bool is_wanted;

static const char *add(uint32_t owner, uint8_t id, const char *name, uint64_t frames)
{
	struct mysql_event ev;
	struct mysql_map_place at = {.owner = owner, .frames = frames};
	wire_map(&w, id, name);
	assert_int_equal(mysql_event_parse(slice_of(w.event, w.len), &format, &ev), MYSQL_F_OK);
	return mysql_tables_add(tables, &ev, &format, &at, &is_wanted);
}

static void a_table_belongs_to_the_session_that_told_it(void **state)
{
	assert_null(add(1, 9, "orders", 0));
	assert_null(add(2, 9, "users", 0));
	struct mysql_known *k = mysql_tables_find(tables, 1, 9);
	assert_non_null(k);
	assert_true(slice_eq(k->table->name, SLICE_LIT("orders")));
	assert_true(slice_eq(mysql_tables_find(tables, 2, 9)->table->name, SLICE_LIT("users")));
	assert_null(mysql_tables_find(tables, 3, 9));
	assert_null(mysql_tables_find(tables, 1, 8));
}

static void the_same_map_again_is_the_same_table(void **state)
{
	assert_null(add(1, 9, "orders", 0));
	struct mysql_known *k = mysql_tables_find(tables, 1, 9);
	const struct mysql_table *t = k->table;
	assert_null(add(1, 9, "orders", 1));
	assert_ptr_equal(mysql_tables_find(tables, 1, 9), k);
	assert_ptr_equal(k->table, t);
}

static void a_new_map_leaves_the_table_of_frames_alone(void **state)
{
	assert_null(add(1, 9, "orders", 0));
	struct mysql_known *k = mysql_tables_find(tables, 1, 9);
	const struct mysql_table *t = k->table;
	k->last_frame = 1;
	assert_null(add(1, 9, "users", 1));
	assert_ptr_not_equal(mysql_tables_find(tables, 1, 9)->table, t);
	for (unsigned i = 0; i < 10000; i++) /* far more than there are slots */
		assert_null(add(2, (uint8_t)i, i & 256 ? "odd" : "even", 1));
	assert_true(slice_eq(t->name, SLICE_LIT("orders")));
	assert_null(mysql_tables_find(tables, 1, 9));
}

static void only_wanted_tables_are_taken_apart(void **state)
{
	static const char *item = "shop.o*";
	wanted = (struct opt_strings){&item, 1};
	assert_null(add(1, 9, "orders", 0));
	assert_null(add(1, 10, "users", 0));
	assert_false(is_wanted);
	assert_non_null(mysql_tables_find(tables, 1, 9)->table);
	assert_false(mysql_tables_find(tables, 1, 10)->wanted);
	assert_null(mysql_tables_find(tables, 1, 10)->table);
	assert_true(mysql_tables_wants_db(tables, SLICE_LIT("shop")));
	assert_false(mysql_tables_wants_db(tables, SLICE_LIT("mysql")));
}

static void a_map_that_is_cut_is_refused(void **state)
{
	struct mysql_event ev;
	struct mysql_map_place at = {.owner = 1};
	wire_map(&w, 9, "orders");
	assert_int_equal(mysql_event_parse(slice_of(w.event, w.len), &format, &ev), MYSQL_F_OK);
	ev.body.len = 10;
	assert_non_null(mysql_tables_add(tables, &ev, &format, &at, &is_wanted));
	ev.body.len = 24; /* its names are there: rows will be told why */
	assert_null(mysql_tables_add(tables, &ev, &format, &at, &is_wanted));
	assert_non_null(mysql_tables_find(tables, 1, 9)->why);
}

static int set_up(void **state)
{
	wire_init(&w);
	wanted = (struct opt_strings){0};
	mysql_format_init(&format);
	format.checksum = true;
	return mysql_tables_create(&wanted, false, &mysql_charsets, NULL, &tables) < 0;
}

static int tear_down(void **state)
{
	mysql_tables_destroy(tables);
	wire_fini(&w);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_table_belongs_to_the_session_that_told_it),
		TEST(the_same_map_again_is_the_same_table),
		TEST(a_new_map_leaves_the_table_of_frames_alone),
		TEST(only_wanted_tables_are_taken_apart),
		TEST(a_map_that_is_cut_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
