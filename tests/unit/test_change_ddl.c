#include "tests/unit/unit.h"

#include "dataplane/sink/change_ddl.h"

static struct change_ddl ddl;

static void assert_ddl(const char *sql, enum change_verb verb, enum change_thing thing,
		       const char *db, const char *table)
{
	change_ddl_read(slice_str(sql), &ddl);
	if (ddl.verb != verb || ddl.thing != thing || !slice_eq(ddl.db, slice_str(db)) ||
	    !slice_eq(ddl.table, slice_str(table)))
		fail_msg("%s: verb %d, of %d, \"%.*s\".\"%.*s\"", sql, ddl.verb, ddl.thing,
			 (int)ddl.db.len, (char *)ddl.db.ptr, (int)ddl.table.len,
			 (char *)ddl.table.ptr);
}

static void the_table_of_a_statement_is_found(void **state)
{
	const enum change_thing table = CHANGE_OF_TABLE;
	assert_ddl("CREATE TABLE t (i INT)", CHANGE_V_CREATE, table, "", "t");
	assert_ddl("create temporary table if not exists a.b like c", CHANGE_V_CREATE, table, "a",
		   "b");
	assert_ddl("CREATE OR REPLACE TABLE `a b`.`c``d`(i int)", CHANGE_V_CREATE, table, "a b",
		   "c``d");
	assert_ddl("ALTER ONLINE IGNORE TABLE t ADD c INT", CHANGE_V_ALTER, table, "", "t");
	assert_ddl("drop table if exists `if`, x", CHANGE_V_DROP, table, "", "if");
	assert_ddl("TRUNCATE TABLE t", CHANGE_V_TRUNCATE, table, "", "t");
	assert_ddl("truncate `table`", CHANGE_V_TRUNCATE, table, "", "table");
	assert_ddl("RENAME TABLE a.b TO c", CHANGE_V_RENAME, table, "a", "b");
	assert_ddl("CREATE UNIQUE INDEX i USING BTREE ON a . b (c)", CHANGE_V_CREATE,
		   CHANGE_OF_INDEX, "a", "b");
	assert_ddl("DROP DATABASE IF EXISTS `x`", CHANGE_V_DROP, CHANGE_OF_DATABASE, "x", "");
}

static void comments_are_passed_over_and_those_that_are_run_are_read(void **state)
{
	assert_ddl(" /* a */ -- b\n# c\n DROP/**/TABLE\nt /* generated */", CHANGE_V_DROP,
		   CHANGE_OF_TABLE, "", "t");
	assert_ddl("/*!50003 CREATE*/ /*M!100100 TABLE*/ t (i int)", CHANGE_V_CREATE,
		   CHANGE_OF_TABLE, "", "t");
}

static void what_is_not_a_table_says_so(void **state)
{
	assert_ddl("CREATE VIEW v AS SELECT 1", CHANGE_V_CREATE, CHANGE_OF_OTHER, "", "");
	assert_ddl("GRANT ALL ON t TO u", CHANGE_V_OTHER, CHANGE_OF_OTHER, "", "");
	assert_ddl("", CHANGE_V_OTHER, CHANGE_OF_OTHER, "", "");
}

static void a_statement_that_ends_early_is_read_so_far(void **state)
{
	static const char sql[] = "/*!50000 CREATE TABLE IF NOT EXISTS `a``b` . `c` (i int) */";
	for (size_t len = 0; len < sizeof(sql); len++) {
		uint8_t *exact = malloc(len ? len : 1);
		assert_non_null(exact);
		memcpy(exact, sql, len);
		change_ddl_read(slice_of(exact, len), &ddl);
		free(exact);
	}
	assert_ddl("DROP TABLE `a", CHANGE_V_DROP, CHANGE_OF_TABLE, "", "a");
	assert_ddl("DROP TABLE `", CHANGE_V_DROP, CHANGE_OF_TABLE, "", "");
	assert_ddl("CREATE INDEX i", CHANGE_V_CREATE, CHANGE_OF_INDEX, "", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_table_of_a_statement_is_found),
		cmocka_unit_test(comments_are_passed_over_and_those_that_are_run_are_read),
		cmocka_unit_test(what_is_not_a_table_says_so),
		cmocka_unit_test(a_statement_that_ends_early_is_read_so_far),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
