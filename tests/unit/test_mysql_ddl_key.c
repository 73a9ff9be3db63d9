/* test_mysql_ddl_key.c - what DDL says of primary keys, which row events need not say. */
#include "tests/support/ddl_rig.h"

#include "parsers/mysql/schema_priv.h"

static struct ddl_rig rig;

static void create(const char *columns)
{
	char sql[1024];
	snprintf(sql, sizeof(sql), "CREATE OR REPLACE TABLE t (%s)", columns);
	rig_ok(&rig, sql);
}

static void key_is(const char *want)
{
	const struct mysql_schema_table *t =
		mysql_schema_find(rig.sc, rig.q.log, rig.q.place, SLICE_LIT("d"), SLICE_LIT("t"));
	char got[256], *o = got;
	assert_non_null(t);
	*o = 0;
	for (uint32_t i = 0; i < t->n_cols; i++) {
		struct slice name = mysql_schema_name(t, i);
		if (t->cols[i].flags & MYSQL_COL_KEY)
			o += sprintf(o, "%s%.*s", o == got ? "" : ",", (int)name.len,
				     (const char *)name.ptr);
	}
	if (t->flags & SCHEMA_KEY_UNKNOWN)
		o += sprintf(o, "?");
	assert_string_equal(got, want);
}

static void a_key_stands_at_its_column_or_behind_them(void **state)
{
	static const char *const of_a[] = {
		"a INT PRIMARY KEY, b INT",
		"a INT NOT NULL DEFAULT 1 COMMENT 'key' KEY, b INT",
		"a INT, b INT, PRIMARY KEY (a)",
		"PRIMARY KEY (`A`), a INT, b INT UNIQUE KEY",
		"a VARCHAR(20), b INT, CONSTRAINT x PRIMARY KEY USING HASH (a(7) DESC), KEY (b)",
		"a INT, b INT, CONSTRAINT PRIMARY KEY pk (a) USING BTREE COMMENT 'b'",
		"a INT, b DATE, e DATE, PERIOD FOR p (b, e), PRIMARY KEY (a, p WITHOUT OVERLAPS)",
	};
	for (size_t i = 0; i < sizeof(of_a) / sizeof(of_a[0]); i++) {
		create(of_a[i]);
		key_is("a");
	}
	create("a INT, b INT, c INT, PRIMARY KEY (c, a)");
	key_is("a,c");
	create("primary_key INT, `key` INT, `primary` INT, UNIQUE KEY (primary_key), FOREIGN KEY "
	       "(`key`) REFERENCES u (x)");
	key_is("");
	create("a SERIAL, b INT UNIQUE");
	key_is("");
}

static void alter_adds_drops_and_keeps_a_key(void **state)
{
	create("a INT, b INT");
	rig_ok(&rig, "ALTER TABLE t ADD PRIMARY KEY (b)");
	key_is("b");
	rig_ok(&rig, "ALTER TABLE t ADD c INT FIRST, ENGINE=InnoDB");
	key_is("b");
	rig_ok(&rig, "ALTER TABLE t DROP PRIMARY KEY");
	key_is("");
	rig_ok(&rig, "ALTER TABLE t ADD CONSTRAINT PRIMARY KEY (a, c)");
	key_is("c,a");
}

static void a_changed_column_stays_in_the_key(void **state)
{
	create("a INT, b INT, PRIMARY KEY (a, b)");
	rig_ok(&rig, "ALTER TABLE t MODIFY a BIGINT AFTER b");
	key_is("b,a");
	rig_ok(&rig, "ALTER TABLE t CHANGE a z BIGINT");
	key_is("b,z");
	rig_ok(&rig, "ALTER TABLE t RENAME COLUMN b TO y, ADD c INT");
	key_is("y,z");
	rig_ok(&rig, "ALTER TABLE t DROP COLUMN y");
	key_is("z");
	rig_ok(&rig, "ALTER TABLE t RENAME COLUMN z TO x, DROP PRIMARY KEY");
	key_is("");
	rig_ok(&rig, "ALTER TABLE t DROP PRIMARY KEY, ADD PRIMARY KEY (c)");
	key_is("c");
	rig_ok(&rig, "ALTER TABLE t DROP PRIMARY KEY, ADD id INT AUTO_INCREMENT PRIMARY KEY FIRST");
	key_is("id");
}

static void the_key_is_dropped_by_the_name_of_its_index(void **state)
{
	static const char *const drops[] = {
		"ALTER TABLE t DROP INDEX `PRIMARY`",
		"ALTER TABLE t DROP KEY `primary`",
		"ALTER TABLE t DROP CONSTRAINT IF EXISTS `PRIMARY`",
		"DROP INDEX `PRIMARY` ON d.t",
	};
	for (size_t i = 0; i < sizeof(drops) / sizeof(drops[0]); i++) {
		create("a INT PRIMARY KEY, b INT, KEY other (b)");
		rig_ok(&rig, drops[i]);
		key_is("");
	}
	create("a INT PRIMARY KEY, b INT, KEY other (b)");
	rig_ok(&rig, "ALTER TABLE t DROP INDEX other");
	key_is("a");
	assert_int_equal(rig_run(&rig, "DROP INDEX other ON t"), MYSQL_DDL_NONE);
	key_is("a");
}

static void a_key_goes_where_its_table_goes(void **state)
{
	create("a INT, b INT, PRIMARY KEY (b)");
	rig_ok(&rig, "CREATE TABLE u LIKE t");
	rig_ok(&rig, "DROP TABLE t");
	rig_ok(&rig, "RENAME TABLE u TO t");
	key_is("b");
	rig_ok(&rig, "ALTER TABLE t ADD SYSTEM VERSIONING");
	key_is("b");
}

/* The columns are known all the same. */
static void a_key_that_cannot_be_read_is_not_known(void **state)
{
	create("a INT, b INT, PRIMARY KEY (nothing)");
	key_is("?");
	assert_string_equal(rig_names(&rig, "t"), "a b");
	create("a INT, b INT, PRIMARY KEY");
	key_is("?");
	rig_ok(&rig, "ALTER TABLE t DROP PRIMARY KEY");
	key_is("");
}

static int set_up(void **state)
{
	rig_start(&rig);
	return 0;
}

static int tear_down(void **state)
{
	rig_stop(&rig);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_key_stands_at_its_column_or_behind_them),
		TEST(alter_adds_drops_and_keeps_a_key),
		TEST(a_changed_column_stays_in_the_key),
		TEST(the_key_is_dropped_by_the_name_of_its_index),
		TEST(a_key_goes_where_its_table_goes),
		TEST(a_key_that_cannot_be_read_is_not_known),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
