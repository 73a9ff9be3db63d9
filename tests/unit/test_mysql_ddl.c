/* test_mysql_ddl.c - statements as servers log them, and the columns that tables have then. */
#include "tests/support/ddl_rig.h"

static struct ddl_rig rig;

static int setup(void **state)
{
	(void)state;
	rig_start(&rig);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_stop(&rig);
	return 0;
}

static void is(const char *table, const char *want)
{
	assert_string_equal(rig_table(&rig, "d", table), want);
}

static void names(const char *table, const char *want)
{
	assert_string_equal(rig_names(&rig, table), want);
}

/* ---- CREATE TABLE ---- */

static void mysql_create_gives_names_types_and_charsets(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (id INT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, "
		     "customer VARCHAR(80) NOT NULL, amount DECIMAL(12,2) NOT NULL, "
		     "state ENUM('new','paid','sent','void') NOT NULL DEFAULT 'new', note TEXT, "
		     "placed DATETIME(6) NOT NULL) ENGINE=InnoDB DEFAULT CHARSET=latin1");
	is("t", "id int unsigned, customer varchar(80) latin1, amount decimal(12,2), "
		"state enum latin1 {new,paid,sent,void}, note text latin1, placed datetime(6)");
}

static void mysql_every_spelling_of_a_type_is_known(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{"BIT", "bit(1) unsigned"},
		{"bit(64)", "bit(64) unsigned"},
		{"BOOL", "tinyint"},
		{"BOOLEAN", "tinyint"},
		{"TINYINT(1)", "tinyint"},
		{"INT1 UNSIGNED", "tinyint unsigned"},
		{"SMALLINT", "smallint"},
		{"INT2", "smallint"},
		{"MEDIUMINT ZEROFILL", "mediumint unsigned"},
		{"INT3", "mediumint"},
		{"MIDDLEINT", "mediumint"},
		{"INTEGER(11) SIGNED", "int"},
		{"INT4", "int"},
		{"BIGINT(20) UNSIGNED ZEROFILL", "bigint unsigned"},
		{"INT8", "bigint"},
		{"SERIAL", "bigint unsigned"},
		{"DECIMAL", "decimal(10,0)"},
		{"DEC(5)", "decimal(5,0)"},
		{"NUMERIC(65 , 30)", "decimal(65,30)"},
		{"FIXED(7,3) UNSIGNED", "decimal(7,3) unsigned"},
		{"FLOAT", "float"},
		{"FLOAT(24)", "float"},
		{"FLOAT(25)", "double"},
		{"FLOAT(7,3)", "float"},
		{"FLOAT4", "float"},
		{"DOUBLE", "double"},
		{"DOUBLE PRECISION", "double"},
		{"DOUBLE PRECISION(15,4) UNSIGNED", "double unsigned"},
		{"REAL", "double"},
		{"FLOAT8", "double"},
		{"DATE", "date"},
		{"TIME(3)", "time(3)"},
		{"DATETIME", "datetime"},
		{"TIMESTAMP(6) NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6)",
		 "timestamp(6)"},
		{"TIMESTAMP(14)", "timestamp"},
		{"YEAR(4)", "year"},
		{"CHAR", "char(1) utf8mb4?"},
		{"CHAR(0)", "char(0) utf8mb4?"},
		{"CHARACTER(5)", "char(5) utf8mb4?"},
		{"CHARACTER VARYING(5)", "varchar(5) utf8mb4?"},
		{"CHAR VARYING(5) CHARACTER SET gbk", "varchar(5) gbk"},
		{"VARCHARACTER(6) CHARSET sjis", "varchar(6) sjis"},
		{"VARCHAR(7) COLLATE latin1_german1_ci", "varchar(7) latin1"},
		{"VARCHAR(7) CHARACTER SET utf8 COLLATE utf8_bin", "varchar(7) utf8mb3"},
		{"VARCHAR(7) CHARACTER SET = utf8mb4", "varchar(7) utf8mb4"},
		{"VARCHAR(9) COLLATE utf8mb4_0900_ai_ci", "varchar(9) utf8mb4"},
		{"VARCHAR(7) ASCII", "varchar(7) latin1"},
		{"VARCHAR(7) UNICODE", "varchar(7) ucs2"},
		{"CHAR(7) BYTE", "char(7) binary"},
		{"CHAR(7) BINARY", "char(7) utf8mb4?"},
		{"CHAR(7) CHARACTER SET binary", "char(7) binary"},
		{"NATIONAL CHAR(3)", "char(3) utf8mb3"},
		{"NATIONAL VARCHAR(3)", "varchar(3) utf8mb3"},
		{"NATIONAL CHARACTER VARYING(3)", "varchar(3) utf8mb3"},
		{"NCHAR(3)", "char(3) utf8mb3"},
		{"NCHAR VARCHAR(3)", "varchar(3) utf8mb3"},
		{"NVARCHAR(3)", "varchar(3) utf8mb3"},
		{"BINARY(16)", "char(16) binary"},
		{"VARBINARY(16)", "varchar(16) binary"},
		{"TINYBLOB", "tinytext binary"},
		{"BLOB", "text binary"},
		{"BLOB(70000)", "mediumtext binary"},
		{"MEDIUMBLOB", "mediumtext binary"},
		{"LONGBLOB", "longtext binary"},
		{"LONG VARBINARY", "mediumtext binary"},
		{"TINYTEXT", "tinytext utf8mb4?"},
		{"TEXT(60) CHARACTER SET latin1", "tinytext latin1"},
		{"TEXT(64) CHARACTER SET utf8mb4", "text utf8mb4"},
		{"MEDIUMTEXT", "mediumtext utf8mb4?"},
		{"LONGTEXT COLLATE utf8mb4_bin", "longtext utf8mb4"},
		{"LONG", "mediumtext utf8mb4?"},
		{"LONG VARCHAR", "mediumtext utf8mb4?"},
		{"LONG CHAR VARYING", "mediumtext utf8mb4?"},
		{"ENUM('a','b') CHARACTER SET latin1", "enum latin1 {a,b}"},
		{"SET('a','b','c') COLLATE latin1_bin", "set latin1 {a,b,c}"},
		{"JSON", "json utf8mb4"},
		{"GEOMETRY SRID 4326", "geometry"},
		{"POINT NOT NULL", "geometry"},
		{"GEOMETRYCOLLECTION", "geometry"},
		{"MULTIPOLYGON", "geometry"},
		{"VECTOR(3)", "vector"},
		{"UUID", "uuid"},
		{"INET4", "inet4"},
		{"INET6", "inet6"},
		{"mariadb_schema.date", "date"},
		{"COLOUR(7, 'x') DEFAULT 5", "?"},
	};
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
		char sql[256], want[128];
		snprintf(sql, sizeof(sql), "CREATE OR REPLACE TABLE t (x %s, y DATE)", pairs[i][0]);
		snprintf(want, sizeof(want), "x %s, y date", pairs[i][1]);
		rig_ok(&rig, sql);
		is("t", want);
	}
}

static void mysql_attributes_are_passed_over(void **state)
{
	(void)state;
	rig_ok(&rig,
	       "create table `t` (\n"
	       "  `a` int NOT NULL DEFAULT '5' COMMENT 'it''s, (a \\') b' PRIMARY KEY,\n"
	       "  `b,c` varchar(10) CHARACTER SET latin1 DEFAULT 'x,y)' COLLATE latin1_bin,\n"
	       "  c int GENERATED ALWAYS AS (a + (1, 2) + length('),(')) VIRTUAL NOT NULL,\n"
	       "  d int as (a*2) stored unique key,\n"
	       "  e timestamp default now() on update now(),\n"
	       "  f int DEFAULT (uuid_short()) CHECK (f > 0 and f < 10) INVISIBLE,\n"
	       "  g int REFERENCES other (a, b) ON DELETE SET NULL ON UPDATE CASCADE,\n"
	       "  h int DEFAULT -1 COLUMN_FORMAT COMPRESSED STORAGE DISK,\n"
	       "  i varchar(3) default _latin1'abc', `primary` date, period int, vector int,\n"
	       "  `fulltext` json /*!80023 INVISIBLE */,\n"
	       "  PRIMARY KEY (a), UNIQUE KEY `k` (`b,c`(3), (c + 1)), KEY (d) COMMENT 'x,',\n"
	       "  INDEX `i` USING BTREE (c DESC), FULLTEXT KEY (`i`), SPATIAL INDEX (h),\n"
	       "  CONSTRAINT `fk` FOREIGN KEY (`a`) REFERENCES `u` (`x`) ON DELETE CASCADE,\n"
	       "  CONSTRAINT CHECK (a <> 3), CHECK (b <> ','), VECTOR INDEX (vector) M=6\n"
	       ") ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin "
	       "ROW_FORMAT=DYNAMIC COMMENT='select as values (' KEY_BLOCK_SIZE=8 UNION=(a,b)\n"
	       "/*!50100 PARTITION BY RANGE (a) (PARTITION p0 VALUES LESS THAN (10), "
	       "PARTITION p1 VALUES LESS THAN MAXVALUE ENGINE = InnoDB) */");
	names("t", "a b,c c d e f g h i primary period vector fulltext");
}

static void mysql_names_may_be_quoted_in_any_way(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE `d` . `a``b` (`x``y` INT, `select` INT, 1a INT, $c INT, "
		     "` z ` INT, \"q\"\"r\" INT, d\xc3\xa9j\xc3\xa0 INT)");
	names("a`b", "x`y select 1a $c  z  q\"r d\xc3\xa9j\xc3\xa0");
	rig.q.sql_mode = MYSQL_MODE_ANSI_QUOTES;
	rig_ok(&rig, "CREATE TABLE \"d\".\"a\\b\" (\"c\\\" INT, \"d\" INT DEFAULT 'x\\'')");
	names("a\\b", "c\\ d");
	rig.q.sql_mode = MYSQL_MODE_NO_BACKSLASH_ESCAPES;
	rig_ok(&rig, "CREATE TABLE n (e ENUM('a\\','b') CHARACTER SET latin1, f INT)");
	is("n", "e enum latin1 {a\\,b}, f int");
}

static void mysql_comments_in_ddl_are_read_as_the_server_reads_them(void **state)
{
	(void)state;
	rig_ok(&rig, "/* app:7 */ CREATE -- of d.x (y INT)\n TABLE # another\n t (a INT, "
		     "/* b INT, */ /*!50100 c INT, */ /*!99999 d INT, */ /*M!100100 e INT, */ "
		     "/*M!999999 f INT, */ g INT --\n)/*! ENGINE=InnoDB */ /* ) */");
	names("t", "a c e g");
	assert_int_equal(rig_run(&rig, "DROP /*!40005 TEMPORARY */ TABLE IF EXISTS t"),
			 MYSQL_DDL_NONE);
	names("t", "a c e g");
}

static void mysql_labels_are_unescaped_and_trimmed(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a ENUM('it''s','a\\'b','c,d','e)','f  ','\\\\','') "
		     "CHARACTER SET latin1, b SET(\"x\",\"y\"\"z\") CHARACTER SET latin1)");
	is("t", "a enum latin1 {it's,a'b,c,d,e),f,\\,}, b set latin1 {x,y\"z}");
	rig_ok(&rig, "CREATE TABLE u (a ENUM(x'61','b') CHARACTER SET latin1, b INT)");
	is("u", "a enum latin1, b int");
	const struct mysql_schema_table *t =
		mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), SLICE_LIT("u"));
	assert_true(t->cols[0].flags & MYSQL_COL_LABELS_UNKNOWN);
}

/* Row based logs have the columns, and the rows behind them. */
static void mysql_create_select_is_logged_with_its_columns(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE `s` (\n  `x` int NOT NULL DEFAULT '0'\n) START TRANSACTION");
	names("s", "x");
	rig_ok(&rig, "CREATE TABLE `m` (\n  `y` int(1) NOT NULL\n) ENGINE=InnoDB");
	names("m", "y");
}

static void mysql_like_copies_and_select_is_unknown(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT, b ENUM('x','y'))");
	rig_ok(&rig, "CREATE TABLE u LIKE t");
	rig_ok(&rig, "CREATE TABLE v (LIKE d.t)");
	is("u", "a int, b enum utf8mb4? {x,y}");
	is("v", "a int, b enum utf8mb4? {x,y}");
	static const char *const unknown[] = {
		"CREATE OR REPLACE TABLE t LIKE nowhere",
		"CREATE OR REPLACE TABLE t SELECT 1 AS x",
		"CREATE OR REPLACE TABLE t AS SELECT 1 AS x",
		"CREATE OR REPLACE TABLE t (SELECT 1 AS x)",
		"CREATE OR REPLACE TABLE t (a INT) ENGINE=InnoDB SELECT 1 AS x",
		"CREATE OR REPLACE TABLE t (a INT) IGNORE AS SELECT 1 AS x",
		"CREATE OR REPLACE TABLE t (a INT) WITH x AS (SELECT 1) SELECT * FROM x",
		"CREATE OR REPLACE TABLE t (PRIMARY KEY (a)) ENGINE=InnoDB SELECT 1 AS a",
		"CREATE OR REPLACE TABLE t ENGINE=CONNECT TABLE_TYPE=CSV",
	};
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		rig_ok(&rig, "CREATE OR REPLACE TABLE t (a INT)");
		names("t", "a");
		assert_int_equal(rig_run(&rig, unknown[i]), MYSQL_DDL_UNKNOWN);
		assert_non_null(rig.why);
		names("t", "unknown");
	}
}

static void mysql_if_not_exists_leaves_what_is_there(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE IF NOT EXISTS t (a INT)");
	rig_ok(&rig, "ALTER TABLE t ADD b INT");
	rig_ok(&rig, "CREATE TABLE IF NOT EXISTS t (a INT)");
	names("t", "a b");
	rig_ok(&rig, "DROP TABLE t");
	names("t", "unknown");
	rig_ok(&rig, "CREATE TABLE IF NOT EXISTS t (c INT)");
	names("t", "c");
	rig_run(&rig, "ALTER TABLE t DROP nothing");
	rig_run(&rig, "CREATE TABLE IF NOT EXISTS t (c INT)");
	names("t", "unknown");
}

static void mysql_temporary_tables_are_not_ours(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	assert_int_equal(rig_run(&rig, "CREATE TEMPORARY TABLE t (b INT)"), MYSQL_DDL_NONE);
	assert_int_equal(rig_run(&rig, "DROP TEMPORARY TABLE IF EXISTS t"), MYSQL_DDL_NONE);
	names("t", "a");
}

static void mysql_other_statements_are_none_of_ours(void **state)
{
	(void)state;
	static const char *const others[] = {
		"BEGIN",
		"COMMIT",
		"",
		"-- nothing",
		"INSERT INTO t VALUES (1)",
		"/* ",
		"CREATE VIEW v AS SELECT 1",
		"CREATE INDEX i ON t (a)",
		"DROP INDEX i ON t",
		"CREATE DEFINER=`a`@`b` TRIGGER x BEFORE INSERT ON t FOR EACH ROW SET @a = 1",
		"DROP VIEW t",
		"RENAME USER a TO b",
		"ALTER USER 'root'@'localhost' IDENTIFIED BY 'x'",
		"TRUNCATE TABLE t",
		"DROP PROCEDURE t",
		"ALTER EVENT e DISABLE",
		"(SELECT 1)",
		"`CREATE` TABLE x (a INT)",
	};
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(rig_run(&rig, others[i]), MYSQL_DDL_NONE);
	names("t", "a");
	assert_true(mysql_ddl_is(SLICE_LIT(" /* x */ drop view v")));
	assert_true(mysql_ddl_is(SLICE_LIT("TRUNCATE t")));
	assert_true(mysql_ddl_is(SLICE_LIT("SET STATEMENT a=1 FOR ALTER TABLE t ADD b INT")));
	assert_false(mysql_ddl_is(SLICE_LIT("SET @a = 1")));
	assert_false(mysql_ddl_is(SLICE_LIT("INSERT INTO t SELECT 'CREATE'")));
}

/* ---- ALTER TABLE ---- */

static void mysql_alter_adds_drops_and_moves_in_one_statement(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT, b INT, c INT, d INT)");
	rig_ok(&rig, "ALTER TABLE t ADD COLUMN e INT AFTER a, ADD f INT FIRST, DROP COLUMN c, "
		     "MODIFY b BIGINT UNSIGNED AFTER dd, CHANGE COLUMN d dd DATE, "
		     "ADD (g INT, h INT, KEY (g)), ADD INDEX (a), ADD CONSTRAINT x CHECK (a > 1), "
		     "DROP PRIMARY KEY, DROP KEY k, DROP FOREIGN KEY f, DROP CONSTRAINT q, "
		     "ALTER COLUMN a SET DEFAULT (1, 2), ALTER INDEX i INVISIBLE, "
		     "RENAME INDEX i TO j, ENGINE=InnoDB ROW_FORMAT=DYNAMIC, ALGORITHM=INPLACE, "
		     "LOCK=NONE, ADD i INT AFTER h");
	is("t", "f int, a int, e int, dd date, b bigint unsigned, g int, h int, i int");
}

static void mysql_alter_swaps_names_by_what_they_were_before(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT, b DATE, c TIME)");
	rig_ok(&rig, "ALTER TABLE t CHANGE a b INT, CHANGE b a DATE");
	is("t", "b int, a date, c time");
	rig_ok(&rig, "ALTER TABLE t RENAME COLUMN a TO c, RENAME COLUMN c TO a");
	is("t", "b int, c date, a time");
	rig_ok(&rig, "ALTER TABLE t DROP a, ADD a YEAR FIRST, RENAME COLUMN b TO d");
	is("t", "a year, d int, c date");
}

static void mysql_alter_converts_what_the_statement_itself_defines(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a CHAR(3), b TEXT) CHARSET utf8mb4");
	rig_ok(&rig, "ALTER TABLE t ADD c CHAR(3) CHARACTER SET gbk, ADD d CHAR(3), "
		     "CONVERT TO CHARACTER SET latin1, ADD e CHAR(3) CHARACTER SET gbk, "
		     "MODIFY a CHAR(4) CHARACTER SET sjis, ADD j JSON");
	is("t", "a char(4) latin1, b text latin1, c char(3) latin1, d char(3) latin1, "
		"e char(3) latin1, j json latin1");
	assert_int_equal(rig_run(&rig, "ALTER TABLE t CONVERT TO CHARACTER SET gbk, "
				       "DEFAULT CHARACTER SET = latin1"),
			 MYSQL_DDL_UNKNOWN);
}

static void mysql_conditions_that_other_clauses_change_are_not_guessed(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	rig_ok(&rig, "ALTER TABLE t DROP COLUMN IF EXISTS \xc3\xa9");
	names("t", "a");
	assert_int_equal(rig_run(&rig, "ALTER TABLE t CHANGE COLUMN IF EXISTS g g YEAR AFTER a, "
				       "ADD COLUMN IF NOT EXISTS g INT"),
			 MYSQL_DDL_UNKNOWN);
	names("t", "unknown");
}

static void mysql_alter_knows_columns_in_any_case(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (Aa INT, bB INT)");
	rig_ok(&rig, "ALTER TABLE t CHANGE aA Cc INT, ADD x INT AFTER CC, DROP BB");
	names("t", "Cc x");
}

static void mysql_alter_converts_charsets(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a VARCHAR(5), b TEXT, c VARBINARY(5), d INT, "
		     "e ENUM('x'), f CHAR(2) CHARACTER SET gbk) CHARSET utf8mb4");
	rig_ok(&rig, "ALTER TABLE t CONVERT TO CHARACTER SET latin1");
	is("t", "a varchar(5) latin1, b text latin1, c varchar(5) binary, d int, "
		"e enum latin1 {x}, f char(2) latin1");
	rig_ok(&rig, "ALTER TABLE t DEFAULT CHARACTER SET = koi8r, ADD g CHAR(3)");
	rig_ok(&rig, "ALTER TABLE t ADD h CHAR(3)");
	is("t", "a varchar(5) latin1, b text latin1, c varchar(5) binary, d int, "
		"e enum latin1 {x}, f char(2) latin1, g char(3) koi8r, h char(3) koi8r");
}

static void mysql_mariadb_alters_if_it_exists(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT, b INT)");
	rig_ok(&rig, "ALTER ONLINE TABLE IF EXISTS t WAIT 5 ADD COLUMN IF NOT EXISTS b DATE, "
		     "ADD COLUMN IF NOT EXISTS c DATE, DROP COLUMN IF EXISTS x, "
		     "MODIFY COLUMN IF EXISTS y INT, CHANGE COLUMN IF EXISTS z zz INT, "
		     "DROP IF EXISTS a");
	is("t", "b int, c date");
	rig_ok(&rig, "ALTER TABLE t PARTITION BY HASH (b) PARTITIONS 4");
	rig_ok(&rig, "ALTER TABLE t ADD PARTITION (PARTITION p VALUES LESS THAN (7))");
	rig_ok(&rig, "ALTER TABLE t DROP PARTITION p, q");
	rig_ok(&rig, "ALTER TABLE t EXCHANGE PARTITION p WITH TABLE u");
	rig_ok(&rig, "ALTER TABLE t REORGANIZE PARTITION p, q INTO (PARTITION r VALUES IN (1,2))");
	rig_ok(&rig, "ALTER TABLE t ORDER BY b, c");
	rig_ok(&rig, "ALTER TABLE t FORCE");
	rig_ok(&rig, "ALTER TABLE t DISABLE KEYS");
	rig_ok(&rig, "SET STATEMENT max_statement_time=0 FOR ALTER TABLE t ADD k INT");
	is("t", "b int, c date, k int");
}

static void mysql_system_versioning_adds_two_columns_at_the_end(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT) WITH SYSTEM VERSIONING");
	is("t", "a int, row_start timestamp(6), row_end timestamp(6)");
	rig_ok(&rig, "ALTER TABLE t ADD COLUMN c INT");
	is("t", "a int, c int, row_start timestamp(6), row_end timestamp(6)");
	rig_ok(&rig, "ALTER TABLE t DROP SYSTEM VERSIONING");
	is("t", "a int, c int");
	rig_ok(&rig, "ALTER TABLE t ADD SYSTEM VERSIONING");
	is("t", "a int, c int, row_start timestamp(6), row_end timestamp(6)");
	rig_ok(&rig, "CREATE TABLE u (a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, "
		     "e TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) "
		     "WITH SYSTEM VERSIONING");
	is("u", "a int, s timestamp(6), e timestamp(6)");
	rig_ok(&rig, "CREATE TABLE w LIKE t");
	is("w", "a int, c int, row_start timestamp(6), row_end timestamp(6)");
}

static void mysql_alter_that_does_not_fit_makes_the_table_unknown(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"ALTER TABLE t DROP COLUMN x",
		"ALTER TABLE t CHANGE x y INT",
		"ALTER TABLE t MODIFY x INT",
		"ALTER TABLE t ADD a INT",
		"ALTER TABLE t ADD c INT AFTER x",
		"ALTER TABLE t RENAME COLUMN x TO y",
		"ALTER TABLE t RENAME COLUMN a TO b",
		"ALTER TABLE t DROP a, DROP a",
		"ALTER TABLE t ADD COLUMN (c INT",
		"ALTER TABLE t ADD COLUMN c",
		"ALTER TABLE t CONVERT TO CHARACTER SET",
		"ALTER TABLE t ADD c ENUM('x",
		"ALTER TABLE t DROP a, DROP b, DROP \xc3\xa9",
		"ALTER TABLE t ADD c INT)",
		"ALTER TABLE t DROP COLUMN IF EXISTS \xc3\x89",
		"ALTER TABLE t ADD `\xff\xfe` INT",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_ok(&rig, "CREATE OR REPLACE TABLE t (a INT, b INT, \xc3\xa9 INT)");
		if (rig_run(&rig, bad[i]) != MYSQL_DDL_UNKNOWN)
			fail_msg("%s: understood", bad[i]);
		names("t", "unknown");
		assert_non_null(rig.why);
	}
}

static void mysql_create_that_is_not_understood_is_unknown(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"CREATE OR REPLACE TABLE t",
		"CREATE OR REPLACE TABLE t (",
		"CREATE OR REPLACE TABLE t (a)",
		"CREATE OR REPLACE TABLE t (a INT",
		"CREATE OR REPLACE TABLE t (a INT,)",
		"CREATE OR REPLACE TABLE t (a INT, A INT)",
		"CREATE OR REPLACE TABLE t (a INT, b INT COMMENT 'x)",
		"CREATE OR REPLACE TABLE t ()",
		"CREATE OR REPLACE TABLE t (a INT)) x",
		"CREATE OR REPLACE TABLE t (`` INT)",
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_ok(&rig, "CREATE OR REPLACE TABLE t (a INT, b INT)");
		if (rig_run(&rig, bad[i]) != MYSQL_DDL_UNKNOWN)
			fail_msg("%s: %s", bad[i], rig_names(&rig, "t"));
		names("t", "unknown");
	}
}

/* ---- RENAME, DROP, databases ---- */

/* pain 25: gh-ost and pt-online-schema-change swap a table for its changed copy. */
static void pain_25_online_schema_changes_swap_tables(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT, b INT)");
	rig_ok(&rig, "create /* gh-ost */ table `d`.`_t_gho` like `d`.`t`");
	rig_ok(&rig, "alter /* gh-ost */ table `d`.`_t_gho` ADD c INT AFTER a");
	rig_ok(&rig, "create /* gh-ost */ table `d`.`_t_del` (id int auto_increment primary key) "
		     "engine=InnoDB comment='ghost-cut-over-sentry'");
	rig_ok(&rig, "drop /* gh-ost */ table if exists `d`.`_t_del`");
	rig_ok(&rig, "rename /* gh-ost */ table `d`.`t` to `d`.`_t_del`, `d`.`_t_gho` to `d`.`t`");
	names("t", "a c b");
	names("_t_del", "a b");
	names("_t_gho", "unknown");
	rig_ok(&rig, "RENAME TABLE t TO tmp, _t_del TO t, tmp TO _t_del");
	names("t", "a b");
	names("_t_del", "a c b");
	names("tmp", "unknown");
	rig_ok(&rig, "DROP TABLE IF EXISTS `_t_del`");
	names("_t_del", "unknown");
}

static void mysql_alter_renames_the_table_it_changes(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	rig_ok(&rig, "CREATE DATABASE e");
	rig_ok(&rig, "ALTER TABLE t ADD b INT, RENAME TO e.u, DROP a");
	names("t", "unknown");
	assert_string_equal(rig_table(&rig, "e", "u"), "b int");
	rig_ok(&rig, "ALTER TABLE e.u RENAME AS t");
	names("t", "b");
	rig_ok(&rig, "ALTER TABLE t RENAME = t");
	names("t", "b");
}

static void mysql_renaming_the_unknown_makes_the_target_unknown(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	assert_int_equal(rig_run(&rig, "RENAME TABLE t TO old, nowhere TO t"), MYSQL_DDL_UNKNOWN);
	names("t", "unknown");
	names("old", "a");
	rig_ok(&rig, "CREATE TABLE u (a INT)");
	assert_int_equal(rig_run(&rig, "ALTER TABLE nowhere ADD b INT, RENAME TO u"),
			 MYSQL_DDL_UNKNOWN);
	names("u", "unknown");
	rig_ok(&rig, "CREATE TABLE v (a INT)");
	assert_int_equal(rig_run(&rig, "RENAME TABLE v TO"), MYSQL_DDL_UNKNOWN);
	names("v", "unknown");
}

static void mysql_drop_takes_many_and_databases_take_all(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	rig_ok(&rig, "CREATE TABLE u (a INT)");
	rig_ok(&rig, "CREATE TABLE v (a INT)");
	rig_ok(&rig, "DROP TABLES t, `d`.`u` RESTRICT /* generated by server */");
	names("t", "unknown");
	names("u", "unknown");
	names("v", "a");
	rig_ok(&rig, "DROP DATABASE IF EXISTS `d`");
	names("v", "unknown");
	rig_ok(&rig, "CREATE DATABASE d DEFAULT CHARACTER SET gbk");
	names("v", "unknown");
	rig_ok(&rig, "CREATE TABLE v (a CHAR(3))");
	is("v", "a char(3) gbk");
	rig_ok(&rig, "ALTER DATABASE CHARACTER SET = big5");
	rig_ok(&rig, "CREATE TABLE w (a CHAR(3))");
	is("w", "a char(3) big5");
	rig_ok(&rig, "ALTER SCHEMA d COLLATE latin2_bin");
	rig_ok(&rig, "CREATE TABLE x (a CHAR(3))");
	is("x", "a char(3) latin2");
	is("v", "a char(3) gbk");
}

static void mysql_the_event_tells_the_charset_of_its_database(void **state)
{
	(void)state;
	rig.q.db_charset = 8;
	rig_ok(&rig, "CREATE TABLE t (a CHAR(3))");
	is("t", "a char(3) latin1");
	rig_ok(&rig, "CREATE TABLE e.t (a CHAR(3))");
	assert_string_equal(rig_table(&rig, "e", "t"), "a char(3) utf8mb4?");
	rig.q.db_charset = 0;
	rig.q.server_charset = 33;
	rig_ok(&rig, "CREATE DATABASE f");
	rig_ok(&rig, "CREATE TABLE f.t (a CHAR(3))");
	assert_string_equal(rig_table(&rig, "f", "t"), "a char(3) utf8mb3");
}

static void mysql_a_statement_that_failed_half_way_leaves_nothing_known(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	rig.q.error = 1317;
	assert_int_equal(rig_run(&rig, "ALTER TABLE t ADD b INT"), MYSQL_DDL_UNKNOWN);
	names("t", "unknown");
	rig.q.error = 0;
	rig_ok(&rig, "CREATE TABLE u (a INT)");
	rig.q.error = 1051;
	rig_ok(&rig, "DROP TABLE nowhere, u");
	names("u", "unknown");
}

static void mysql_sequences_are_tables_too(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE SEQUENCE s START WITH 5");
	is("s", "next_not_cached_value bigint, minimum_value bigint, maximum_value bigint, "
		"start_value bigint, increment bigint, cache_size bigint unsigned, "
		"cycle_option tinyint unsigned, cycle_count bigint");
	rig_ok(&rig, "DROP SEQUENCE `s`");
	names("s", "unknown");
}

/* ---- charsets of the client ---- */

/* pain 32: DDL and its comments in another charset than UTF-8. In GBK and SJIS the second byte of a
 * character may be a backslash or a backquote.
 */
static void pain_32_ddl_in_gbk_and_sjis_is_read_by_characters(void **state)
{
	(void)state;
	rig.q.client_charset = 28; /* gbk: 0x8b5c is U+5A86, 0x8160 is U+4E63, 0x815c is U+4E57 */
	rig_ok(&rig, "CREATE TABLE t (`\x8b\x5c` INT COMMENT '\x8b\x5c', "
		     "`a\x81\x60` ENUM('\x81\x5c','b'), c INT COMMENT '\\\x8b\x5c') CHARSET gbk");
	is("t", "\xe5\xaa\x86 int, a\xe4\xb9\xa3 enum gbk {\xe4\xb9\x97,b}, c int");
}

static void pain_32_names_in_latin1_and_sjis_become_utf8(void **state)
{
	(void)state;
	rig.q.client_charset = 8;
	rig_ok(&rig, "CREATE TABLE caf\xe9 (`\xe9t\xe9` INT COMMENT 'd\xe9j\xe0')");
	names("caf\xc3\xa9", "\xc3\xa9t\xc3\xa9");
	rig.q.client_charset = 13; /* sjis: 0x955c is U+8868, the 0x5c problem's classic */
	rig_ok(&rig, "CREATE TABLE s (`\x95\x5c` INT COMMENT '\x95\x5c', b INT)");
	names("s", "\xe8\xa1\xa8 b");
	rig.q.client_charset = 45;
	assert_int_equal(rig_run(&rig, "CREATE TABLE x (`\xe9` INT)"), MYSQL_DDL_UNKNOWN);
}

/* pain 24: one column's attributes must not leak into another's. */
static void pain_24_the_attributes_of_one_column_do_not_reach_the_next(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT DEFAULT (1) COMMENT 'x, y INT UNSIGNED', b INT, "
		     "c INT UNSIGNED CHECK (c IN (1,2)), d INT, e CHAR(1) CHARACTER SET gbk, "
		     "f CHAR(1), g INT AS (a), h TEXT DEFAULT concat('a', ',', 'b'), i INT)");
	is("t", "a int, b int, c int unsigned, d int, e char(1) gbk, f char(1) utf8mb4?, g int, "
		"h text utf8mb4?, i int");
}

/* ---- bounds ---- */

/* head, then @n times @each with %u for the number, separated by commas, then tail. */
static char *repeat(const char *head, const char *each, unsigned n, const char *tail)
{
	const char *at = strstr(each, "%u");
	size_t cap = strlen(head) + (size_t)n * (strlen(each) + 12) + strlen(tail) + 1;
	char *sql = calloc(1, cap);
	assert_non_null(sql);
	size_t len = (size_t)snprintf(sql, cap, "%s", head);
	for (unsigned i = 0; i < n; i++)
		len += (size_t)snprintf(sql + len, cap - len, "%s%.*s%u%s", i ? ", " : "",
					(int)(at - each), each, i, at + 2);
	snprintf(sql + len, cap - len, "%s", tail);
	return sql;
}

static void mysql_tables_of_4096_columns_are_read_and_larger_ones_unknown(void **state)
{
	(void)state;
	char *sql = repeat("CREATE TABLE t (", "c%u INT", 4096, ")");
	rig_ok(&rig, sql);
	free(sql);
	const struct mysql_schema_table *t =
		mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), SLICE_LIT("t"));
	assert_int_equal(t->n_cols, 4096);
	sql = repeat("ALTER TABLE t ", "MODIFY COLUMN c%u DATE FIRST", 4096, "");
	rig_ok(&rig, sql);
	free(sql);
	t = mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), SLICE_LIT("t"));
	assert_int_equal(t->n_cols, 4096);
	assert_true(slice_eq(mysql_schema_name(t, 0), SLICE_LIT("c4095")));
	sql = repeat("CREATE OR REPLACE TABLE t (", "c%u INT", 4097, ")");
	assert_int_equal(rig_run(&rig, sql), MYSQL_DDL_UNKNOWN);
	free(sql);
	names("t", "unknown");
}

static void mysql_ddl_of_any_depth_ends(void **state)
{
	(void)state;
	size_t n = 1 << 20;
	char *sql = malloc(n + 1);
	assert_non_null(sql);
	static const char *const heads[] = {"CREATE TABLE t (a INT DEFAULT ", "ALTER TABLE t ",
					    "RENAME TABLE ", "DROP TABLE "};
	static const char fill[] = "((,)`'/*";
	for (size_t h = 0; h < 4; h++)
		for (size_t f = 0; f < sizeof(fill) - 1; f++) {
			size_t len = strlen(heads[h]);
			memcpy(sql, heads[h], len);
			memset(sql + len, fill[f], n - len);
			sql[n] = 0;
			rig_run(&rig, sql);
		}
	free(sql);
}

static void mysql_enums_of_65535_labels_are_kept(void **state)
{
	(void)state;
	char *sql = repeat("CREATE TABLE t (a ENUM(", "'l%u'", 65535, "), b INT)");
	rig_ok(&rig, sql);
	free(sql);
	const struct mysql_schema_table *t =
		mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), SLICE_LIT("t"));
	assert_int_equal(t->cols[0].n_labels, 65535);
	struct slice last = mysql_schema_label(t, 0, 65534);
	assert_true(slice_eq(last, SLICE_LIT("l65534")));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(mysql_create_gives_names_types_and_charsets),
		TEST(mysql_every_spelling_of_a_type_is_known),
		TEST(mysql_attributes_are_passed_over),
		TEST(mysql_names_may_be_quoted_in_any_way),
		TEST(mysql_comments_in_ddl_are_read_as_the_server_reads_them),
		TEST(mysql_labels_are_unescaped_and_trimmed),
		TEST(mysql_create_select_is_logged_with_its_columns),
		TEST(mysql_like_copies_and_select_is_unknown),
		TEST(mysql_if_not_exists_leaves_what_is_there),
		TEST(mysql_temporary_tables_are_not_ours),
		TEST(mysql_other_statements_are_none_of_ours),
		TEST(mysql_alter_adds_drops_and_moves_in_one_statement),
		TEST(mysql_alter_swaps_names_by_what_they_were_before),
		TEST(mysql_alter_knows_columns_in_any_case),
		TEST(mysql_alter_converts_charsets),
		TEST(mysql_alter_converts_what_the_statement_itself_defines),
		TEST(mysql_conditions_that_other_clauses_change_are_not_guessed),
		TEST(mysql_mariadb_alters_if_it_exists),
		TEST(mysql_system_versioning_adds_two_columns_at_the_end),
		TEST(mysql_alter_that_does_not_fit_makes_the_table_unknown),
		TEST(mysql_create_that_is_not_understood_is_unknown),
		TEST(pain_25_online_schema_changes_swap_tables),
		TEST(mysql_alter_renames_the_table_it_changes),
		TEST(mysql_renaming_the_unknown_makes_the_target_unknown),
		TEST(mysql_drop_takes_many_and_databases_take_all),
		TEST(mysql_the_event_tells_the_charset_of_its_database),
		TEST(mysql_a_statement_that_failed_half_way_leaves_nothing_known),
		TEST(mysql_sequences_are_tables_too),
		TEST(pain_32_ddl_in_gbk_and_sjis_is_read_by_characters),
		TEST(pain_32_names_in_latin1_and_sjis_become_utf8),
		TEST(pain_24_the_attributes_of_one_column_do_not_reach_the_next),
		TEST(mysql_tables_of_4096_columns_are_read_and_larger_ones_unknown),
		TEST(mysql_ddl_of_any_depth_ends),
		TEST(mysql_enums_of_65535_labels_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
