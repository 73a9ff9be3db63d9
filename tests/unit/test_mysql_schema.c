/* test_mysql_schema.c - versions of tables by place in the log, dumps, and table maps against them.
 */
#include <jansson.h>

#include "dataplane/base/text.h"
#include "tests/support/binlog_walk.h"

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

static void names_at(uint64_t place, const char *table, const char *want)
{
	assert_string_equal(rig_names_at(&rig, place, table), want);
}

static void names(const char *table, const char *want)
{
	names_at(rig.q.place, table, want);
}

static struct mysql_schema_loaded load(const char *dump)
{
	struct mysql_schema_loaded loaded;
	struct err e;
	int r = mysql_schema_load(rig.sc, slice_str(dump), &loaded, &e);
	if (r < 0)
		fail_msg("%s", e.text);
	return loaded;
}

/* ---- versions ---- */

/* pain 21: the schema of today does not read the rows of yesterday. */
static void pain_21_each_place_of_the_log_has_its_own_columns(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");       /* 1100 */
	rig_ok(&rig, "ALTER TABLE t ADD b INT");      /* 1200 */
	rig_ok(&rig, "ALTER TABLE t CHANGE a c INT"); /* 1300 */
	rig_ok(&rig, "DROP TABLE t");                 /* 1400 */
	rig_ok(&rig, "CREATE TABLE t (x INT)");       /* 1500 */
	names_at(1099, "t", "unknown");
	names_at(1100, "t", "a");
	names_at(1199, "t", "a");
	names_at(1200, "t", "a b");
	names_at(1350, "t", "c b");
	names_at(1400, "t", "unknown");
	names_at(1500, "t", "x");
	names_at(UINT64_MAX, "t", "x");
}

static void mysql_a_log_that_is_read_again_changes_nothing(void **state)
{
	(void)state;
	static const char *const log[] = {
		"CREATE DATABASE d CHARACTER SET gbk",
		"DROP TABLE IF EXISTS t",
		"CREATE TABLE t (a INT, n CHAR(3))",
		"ALTER TABLE t ADD b INT",
		"CREATE TABLE u LIKE t",
		"RENAME TABLE t TO old, u TO t, old TO u",
		"ALTER TABLE t CHANGE a c INT, RENAME TO v",
		"DROP TABLE u",
		"DROP DATABASE d",
		"CREATE DATABASE d",
		"CREATE TABLE v (x INT)",
		"CREATE TABLE IF NOT EXISTS v (y INT)",
	};
	size_t n = sizeof(log) / sizeof(log[0]);
	char first[64][64] = {{0}};
	for (int pass = 0; pass < 3; pass++) {
		rig.q.place = 1000;
		for (size_t i = 0; i < n; i++) {
			enum mysql_ddl_result r = rig_run(&rig, log[i]);
			if (pass == 0)
				assert_int_equal(r, MYSQL_DDL_APPLIED);
			else
				assert_true(r == MYSQL_DDL_REPEATED || r == MYSQL_DDL_APPLIED);
		}
		static const char *const tables[] = {"t", "u", "v", "old"};
		for (size_t i = 0; i < 64; i++) {
			const char *is = rig_names_at(&rig, 1050 + i / 4 * 100, tables[i % 4]);
			if (pass == 0)
				memcpy(first[i], is, strlen(is) + 1);
			else
				assert_string_equal(is, first[i]);
		}
	}
	assert_true(mysql_schema_stats(rig.sc)->repeated > 10);
	assert_int_equal(mysql_schema_stats(rig.sc)->unknown, 0);
}

static void mysql_a_second_replica_reads_older_places_beside_the_first(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	rig_ok(&rig, "ALTER TABLE t ADD b INT");
	rig.q.place = 1000;
	assert_int_equal(rig_run(&rig, "CREATE TABLE t (a INT)"), MYSQL_DDL_REPEATED);
	names("t", "a");
	names_at(1250, "t", "a b");
	assert_int_equal(rig_run(&rig, "ALTER TABLE t ADD b INT"), MYSQL_DDL_REPEATED);
	names_at(1250, "t", "a b");
}

static void mysql_a_statement_that_was_missed_makes_what_followed_unknown(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");  /* 1100 */
	rig.q.place = 1200;                      /* lost: the capture had a gap */
	rig_ok(&rig, "ALTER TABLE t ADD c INT"); /* 1300 */
	names("t", "a c");
	rig.q.place = 1100;
	rig_ok(&rig, "ALTER TABLE t ADD b INT"); /* 1200, by another replica */
	names_at(1250, "t", "a b");
	names_at(1300, "t", "unknown");
	rig_ok(&rig, "ALTER TABLE t ADD c INT"); /* 1300 again */
	names_at(1300, "t", "a b c");
}

static void mysql_two_servers_have_tables_of_the_same_name(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	rig.q.log = 2;
	names("t", "unknown");
	rig_ok(&rig, "CREATE TABLE t (b INT)");
	names("t", "b");
	rig_ok(&rig, "DROP DATABASE d");
	names("t", "unknown");
	rig.q.log = 1;
	names("t", "a");
}

static void mysql_names_fold_case_only_when_the_server_does(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE Tt (a INT)");
	names("tt", "unknown");
	rig_stop(&rig);
	rig_start_with(&rig, (struct mysql_schema_conf){.ignore_case = true});
	rig_ok(&rig, "CREATE TABLE Tt (a INT)");
	names("tt", "a");
	rig_ok(&rig, "RENAME TABLE TT TO Uu, uU TO tT");
	names("tt", "a");
	names("uu", "unknown");
}

static void mysql_places_grow_with_the_number_of_the_file(void **state)
{
	(void)state;
	struct slice nine = SLICE_LIT("db1-bin.000009"), ten = SLICE_LIT("db1-bin.000010");
	assert_true(mysql_schema_place(nine, 4000000000) < mysql_schema_place(ten, 4));
	assert_true(mysql_schema_place(ten, 4) < mysql_schema_place(ten, 5));
	assert_int_equal(mysql_schema_place(SLICE_LIT(""), 7), 7);
	assert_true(mysql_schema_place(SLICE_LIT("b.999999"), 0) <
		    mysql_schema_place(SLICE_LIT("b.1000000"), 0));
}

/* ---- dumps ---- */

static const char dump[] =
	"-- MySQL dump 10.13  Distrib 8.0.36\n"
	"/*M!999999\\- enable the sandbox mode */\n"
	"/*!40101 SET NAMES utf8mb4 */;\n"
	"/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n"
	"/*!40000 DROP DATABASE IF EXISTS `d`*/;\n"
	"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `d` /*!40100 DEFAULT CHARACTER SET latin1 */ "
	"/*!80016 DEFAULT ENCRYPTION='N' */;\n"
	"USE `d`;\n"
	"DROP TABLE IF EXISTS `t`;\n"
	"/*!40101 SET @saved_cs_client     = @@character_set_client */;\n"
	"/*!50503 SET character_set_client = utf8mb4 */;\n"
	"CREATE TABLE `t` (\n"
	"  `a` int NOT NULL,\n"
	"  `b` varchar(10) DEFAULT ';',\n"
	"  PRIMARY KEY (`a`)\n"
	") ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_0900_ai_ci;\n"
	"INSERT INTO `t` VALUES (1,'CREATE TABLE t (x INT);'),(2,'it''s \\'; -- ');\n"
	"CREATE TABLE plain (c char(3));\n"
	"/*!50001 CREATE VIEW `v` AS SELECT \n 1 AS `x`*/;\n"
	"DELIMITER ;;\n"
	"/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`%`*/ /*!50003 TRIGGER `tr` BEFORE INSERT ON "
	"`t` FOR EACH ROW begin set @a = 1; drop table t; end */;;\n"
	"CREATE PROCEDURE p() BEGIN CREATE TABLE t (y INT); END ;;\n"
	"DELIMITER ;\n"
	"CREATE DATABASE other;\n"
	"USE other;\n"
	"CREATE TABLE `t` (`z` int);\n"
	"CREATE TABLE `bad` (`z` int) SELECT 1;\n"
	"-- Dump completed\n";

static void mysql_a_dump_gives_what_the_log_does_not(void **state)
{
	(void)state;
	struct mysql_schema_loaded l = load(dump);
	assert_int_equal(l.tables, 3);
	assert_int_equal(l.unknown, 1);
	assert_int_equal(l.line, 27);
	assert_non_null(strstr(l.why, "SELECT"));
	assert_string_equal(rig_table(&rig, "d", "t"), "a int, b varchar(10) utf8mb4");
	assert_string_equal(rig_table(&rig, "d", "plain"), "c char(3) latin1");
	assert_string_equal(rig_table(&rig, "other", "t"), "z int");
	assert_string_equal(rig_table(&rig, "other", "bad"), "unknown");
}

static void mysql_the_log_goes_on_from_the_dump(void **state)
{
	(void)state;
	load(dump);
	rig_ok(&rig, "ALTER TABLE t ADD c CHAR(1)"); /* 1100 */
	names_at(1099, "t", "a b");
	names("t", "a b c");
	rig_ok(&rig, "CREATE TABLE n (x CHAR(2))"); /* 1200: the dump knows the database */
	assert_string_equal(rig_table(&rig, "d", "n"), "x char(2) latin1");
	rig_ok(&rig, "RENAME TABLE plain TO q"); /* 1300 */
	names("plain", "unknown");
	names("q", "c");
	rig_ok(&rig, "DROP DATABASE other"); /* 1400 */
	assert_string_equal(rig_table(&rig, "other", "t"), "unknown");
	rig.q.log = 2; /* another server has not done any of it */
	names("t", "a b");
	names("plain", "c");
}

/* pain 23: what was done with logging off is not in the log; the dump has it. */
static void pain_23_an_alter_that_does_not_fit_the_dump_makes_it_unknown(void **state)
{
	(void)state;
	load(dump);
	assert_int_equal(rig_run(&rig, "ALTER TABLE t DROP COLUMN never_seen"), MYSQL_DDL_UNKNOWN);
	names("t", "unknown");
	names_at(1000, "t", "a b");
}

static void mysql_a_dump_without_tables_is_refused(void **state)
{
	(void)state;
	struct mysql_schema_loaded l;
	struct err e;
	assert_int_equal(mysql_schema_load(rig.sc, SLICE_LIT("SELECT 1;"), &l, &e), -EINVAL);
	assert_int_equal(mysql_schema_load(rig.sc, SLICE_LIT(""), &l, &e), -EINVAL);
	assert_non_null(strstr(e.text, "no table"));
}

static void mysql_a_dump_in_ansi_mode_and_latin1_is_read(void **state)
{
	(void)state;
	load("SET NAMES latin1;\nSET SQL_MODE='ANSI';\nUSE \"d\";\n"
	     "CREATE TABLE \"t\" (\"\xe9t\xe9\" int, \"b\\\" int);\n");
	names("t", "\xc3\xa9t\xc3\xa9 b\\");
}

static void mysql_the_dump_of_the_shared_data_is_read_whole(void **state)
{
	(void)state;
	struct mysql_schema_loaded l;
	struct err e;
	size_t len = 0;
	uint8_t *text =
		walk_read(pairs_open_shared("data/oracle/binlog-files/zal-schema.sql"), &len);
	if (!text)
		skip();
	assert_int_equal(mysql_schema_load(rig.sc, slice_of(text, len), &l, &e), 0);
	assert_int_equal(l.unknown, 0);
	unsigned n = 0;
	for (const char *p = (char *)text; (p = strstr(p, "\nCREATE TABLE")); p++)
		n++;
	assert_int_equal(l.tables, n);
	assert_string_equal(rig_table(&rig, "test_db", "buildings"),
			    "building_no int, building_name varchar(255) utf8mb3, "
			    "address varchar(355) utf8mb3");
	free(text);
}

/* ---- bounds ---- */

static void mysql_superseded_versions_make_room_and_the_newest_stay(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_start_with(&rig, (struct mysql_schema_conf){.versions_max = 16, .bytes_max = 65536});
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	uint64_t created = rig.q.place;
	rig_ok(&rig, "CREATE TABLE kept (k INT)");
	for (int i = 0; i < 500; i++) {
		char sql[128];
		snprintf(sql, sizeof(sql), "ALTER TABLE t CHANGE COLUMN %s%d a%d INT",
			 i ? "a" : "a -- ", i, i + 1);
		rig_ok(&rig, i ? sql : "ALTER TABLE t CHANGE COLUMN a a1 INT");
	}
	names("t", "a500");
	names("kept", "k");
	names_at(rig.q.place - 100, "t", "a499");
	names_at(created, "t", "unknown");
	assert_true(mysql_schema_stats(rig.sc)->forgotten > 400);
	/* An old replica that reads what has been forgotten does no harm. */
	uint64_t last = rig.q.place;
	rig.q.place = created - 100;
	rig_run(&rig, "CREATE TABLE t (a INT)");
	rig_run(&rig, "CREATE TABLE kept (k INT)");
	rig_run(&rig, "ALTER TABLE t CHANGE COLUMN a a1 INT");
	names_at(last, "t", "a500");
	names_at(last, "kept", "k");
}

static void mysql_tables_that_come_and_go_leave_nothing_behind(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_start_with(&rig, (struct mysql_schema_conf){.versions_max = 16, .bytes_max = 65536});
	rig_ok(&rig, "CREATE TABLE kept (k INT)");
	for (int i = 0; i < 1000; i++) {
		char sql[128];
		snprintf(sql, sizeof(sql), "CREATE TABLE tmp%d (a INT, b VARCHAR(%d))", i, i + 1);
		rig_ok(&rig, sql);
		snprintf(sql, sizeof(sql), "DROP TABLE tmp%d", i);
		rig_ok(&rig, sql);
	}
	names("kept", "k");
	names("tmp999", "unknown");
	assert_int_equal(mysql_schema_stats(rig.sc)->no_room, 0);
}

static void mysql_a_full_store_says_unknown_and_never_the_old(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_start_with(&rig, (struct mysql_schema_conf){.versions_max = 8, .bytes_max = 65536});
	char sql[128];
	for (int i = 0; i < 20; i++) {
		snprintf(sql, sizeof(sql), "CREATE TABLE t%d (a%d INT)", i, i);
		rig_run(&rig, sql);
	}
	assert_true(mysql_schema_stats(rig.sc)->no_room >= 12);
	names("t0", "a0");
	names("t19", "unknown");
	for (int i = 0; i < 20; i++) {
		snprintf(sql, sizeof(sql), "ALTER TABLE t%d CHANGE a%d b INT", i, i);
		rig_run(&rig, sql);
		snprintf(sql, sizeof(sql), "t%d", i);
		const char *is = rig_names(&rig, sql);
		assert_true(strcmp(is, "b") == 0 || strcmp(is, "unknown") == 0);
	}
	rig_run(&rig, "DROP DATABASE d");
	for (int i = 0; i < 20; i++) {
		snprintf(sql, sizeof(sql), "t%d", i);
		names(sql, "unknown");
	}
}

static void mysql_heap_is_compacted_in_place(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_start_with(&rig,
		       (struct mysql_schema_conf){.versions_max = 4096, .bytes_max = 1 << 17});
	char sql[4096];
	for (int t = 0; t < 40; t++) {
		snprintf(sql, sizeof(sql), "CREATE TABLE t%d (a INT, e ENUM('x%d','y'))", t, t);
		rig_ok(&rig, sql);
	}
	for (int i = 0; i < 4000; i++) {
		int len = snprintf(sql, sizeof(sql), "ALTER TABLE t%d MODIFY e ENUM('x%d','%0*d')",
				   i % 40, i, 50 + i % 200, i);
		assert_true(len > 0);
		rig_ok(&rig, sql);
	}
	for (int t = 0; t < 40; t++) {
		snprintf(sql, sizeof(sql), "t%d", t);
		const struct mysql_schema_table *s =
			mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), slice_str(sql));
		assert_non_null(s);
		snprintf(sql, sizeof(sql), "x%d", 3960 + t);
		assert_true(slice_eq(mysql_schema_label(s, 1, 0), slice_str(sql)));
	}
	assert_true(mysql_schema_stats(rig.sc)->forgotten > 1000);
}

/* ---- table maps ---- */

static struct mysql_schema_mismatch mismatch;

static bool fits(const char *columns, const char *types, size_t n, const char *meta, size_t n_meta)
{
	char sql[512];
	snprintf(sql, sizeof(sql), "CREATE OR REPLACE TABLE t (%s) CHARSET utf8mb4", columns);
	rig_ok(&rig, sql);
	const struct mysql_schema_table *t =
		mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), SLICE_LIT("t"));
	struct mysql_schema_seen seen = {.n_cols = (uint32_t)n,
					 .types = (const uint8_t *)types,
					 .metadata = slice_of(meta, n_meta)};
	return mysql_schema_fits(t, &seen, &mismatch);
}

#define FITS(columns, types, meta) fits(columns, types, sizeof(types) - 1, meta, sizeof(meta) - 1)

static void mysql_table_maps_that_agree_fit(void **state)
{
	(void)state;
	assert_true(FITS("a INT, b BIGINT", "\x03\x08", ""));
	assert_true(FITS("a VARCHAR(80), b CHAR(10)", "\x0f\xfe", "\x40\x01\xfe\x28"));
	assert_true(FITS("a CHAR(255)", "\xfe", "\xce\xfc")); /* 1020 bytes */
	assert_true(FITS("a DECIMAL(12,2), f FLOAT, d DOUBLE", "\xf6\x04\x05", "\x0c\x02\x04\x08"));
	assert_true(FITS("a DATETIME(6), b TIME, c TIMESTAMP(3)", "\x12\x13\x11", "\x06\x00\x03"));
	assert_true(FITS("a DATETIME, b TIME, c TIMESTAMP", "\x0c\x0b\x07", ""));
	assert_true(FITS("a ENUM('x','y'), b SET('a','b')", "\xfe\xfe", "\xf7\x01\xf8\x01"));
	assert_true(FITS("a BIT(10), b YEAR, c DATE", "\x10\x0d\x0a", "\x02\x01"));
	assert_true(FITS("a TEXT, b LONGBLOB, c JSON", "\xfc\xfc\xf5", "\x02\x04\x04"));
	assert_true(FITS("a JSON, g POINT", "\xfc\xff", "\x04\x04"));
	assert_true(FITS("a UUID, b INET6, c INET4", "\xfe\xfe\xfe", "\xfe\x10\xfe\x10\xfe\x04"));
	assert_true(
		FITS("a VARCHAR(100) COMPRESSED, b TEXT COMPRESSED", "\x8d\x8c", "\x91\x01\x02"));
	assert_true(FITS("a COLOUR, b INT", "\x42\x03", ""));
	assert_true(FITS("a VARCHAR(20000)", "\xfc", "\x03"));
}

/* pain 20: a count that differs is told, with both counts. */
static void pain_20_another_number_of_columns_is_told(void **state)
{
	(void)state;
	assert_false(FITS("a INT, b INT", "\x03", ""));
	assert_string_equal(mismatch.what, "another number of columns than in the schema");
	assert_int_equal(mismatch.col, 1);
	assert_int_equal(mismatch.want, 2);
	assert_int_equal(mismatch.seen, 1);
	assert_false(FITS("a INT", "\x03\x03", ""));
	assert_int_equal(mismatch.col, 1);
}

/* pain 22: the same number after a drop and an add: types and lengths tell what they can. */
static void pain_22_the_same_count_with_other_columns_is_told(void **state)
{
	(void)state;
	assert_false(FITS("a INT, b INT", "\x03\x08", ""));
	assert_string_equal(mismatch.what, "a column of another type than in the schema");
	assert_int_equal(mismatch.col, 1);
	assert_int_equal(mismatch.want, MYSQL_DECL_INT);
	assert_int_equal(mismatch.seen, MYSQL_T_LONGLONG);
	assert_false(FITS("a VARCHAR(80)", "\x0f", "\x50\x00"));
	assert_string_equal(mismatch.what, "a column of another length than in the schema");
	assert_int_equal(mismatch.want, 320);
	assert_int_equal(mismatch.seen, 80);
	assert_false(FITS("a DECIMAL(12,2)", "\xf6", "\x0c\x03"));
	assert_false(FITS("a DATETIME(6)", "\x12", "\x03"));
	assert_false(FITS("a ENUM('x')", "\xfe", "\xf7\x02"));
	assert_false(FITS("a SET('x')", "\xfe", "\xf7\x01"));
	assert_false(FITS("a TEXT", "\xfc", "\x04"));
	assert_false(FITS("a BIT(9)", "\x10", "\x00\x01"));
	assert_false(FITS("a CHAR(3)", "\x0f", "\x0c\x00"));
	assert_false(FITS("a VARCHAR(3)", "\x0f", "\x0c"));
	assert_string_equal(mismatch.what, "a table map that is shorter than its columns");
}

static void mysql_a_hidden_hash_of_mariadb_is_no_mismatch(void **state)
{
	(void)state;
	assert_true(FITS("a INT, b BLOB, UNIQUE (b)", "\x03\xfc\x08", "\x02"));
	assert_false(FITS("a INT, b BLOB, UNIQUE (b)", "\x03\xfc\x03", "\x02"));
	assert_false(FITS("a INT, b BLOB, KEY (b)", "\x03\xfc\x08", "\x02"));
	rig_ok(&rig, "CREATE UNIQUE INDEX i ON t (b)");
	const struct mysql_schema_table *t =
		mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), SLICE_LIT("t"));
	struct mysql_schema_seen seen = {.n_cols = 3,
					 .types = (const uint8_t *)"\x03\xfc\x08",
					 .metadata = SLICE_LIT("\x02")};
	assert_true(mysql_schema_fits(t, &seen, &mismatch));
	assert_true(FITS("a INT, b TEXT UNIQUE", "\x03\xfc\x08", "\x02"));
	t = mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), SLICE_LIT("t"));
	struct mysql_column_def defs[3];
	assert_int_equal(mysql_schema_defs(t, &seen, defs, NULL, 0), 3);
	assert_true(slice_eq(defs[2].name, SLICE_LIT("DB_ROW_HASH_1")));
}

static void mysql_the_guess_of_a_charset_gives_way_to_the_length(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a VARCHAR(10), b CHAR(2), c INT UNSIGNED, "
		     "d SET('x','y') CHARACTER SET gbk, u UUID)");
	const struct mysql_schema_table *t =
		mysql_schema_find(rig.sc, 1, rig.q.place, SLICE_LIT("d"), SLICE_LIT("t"));
	struct mysql_schema_seen seen = {
		.n_cols = 5,
		.types = (const uint8_t *)"\x0f\xfe\x03\xfe\xfe",
		.metadata = SLICE_LIT("\x14\x00\xfe\x08\xf8\x01\xfe\x10"),
	};
	struct mysql_column_def defs[5];
	struct slice labels[2];
	assert_true(mysql_schema_fits(t, &seen, &mismatch));
	assert_int_equal(mysql_schema_defs(t, &seen, defs, labels, 2), 5);
	assert_int_equal(defs[0].charset, MYSQL_CS_UNKNOWN);
	assert_int_equal(defs[1].charset, MYSQL_CS_UTF8);
	assert_true(defs[2].is_unsigned);
	assert_int_equal(defs[3].type, MYSQL_T_SET);
	assert_int_equal(defs[3].charset, MYSQL_CS_GBK);
	assert_int_equal(defs[3].n_labels, 2);
	assert_true(slice_eq(defs[3].labels[1], SLICE_LIT("y")));
	assert_int_equal(defs[4].kind, MYSQL_KIND_UUID);
	mysql_schema_defs(t, &seen, defs, labels, 1);
	assert_int_equal(defs[3].n_labels, 0);
}

/* ---- the logs of the shared data ---- */

struct checks {
	unsigned fitting, named, versions;
	json_t *schema; /* db.table: array of versions, from NAME.schema.jsonl */
	json_t *next;   /* db.table: index of the version that was seen last */
};

/* Names in the optional metadata of MySQL 8 and MariaDB 10.5: { type, packed length, value }... */
static void check_names(const struct mysql_schema_table *t, const struct mysql_schema_seen *seen,
			struct slice optional, struct checks *c)
{
	static struct mysql_column_def defs[MYSQL_COLUMNS_MAX];
	static struct slice labels[65536];
	struct wire w = wire_of(optional);
	while (wire_left(&w) && !w.bad) {
		uint64_t type = wire_int(&w, 1);
		struct wire v = wire_of(wire_take(&w, wire_packed(&w)));
		if (type != 4 || w.bad)
			continue;
		c->named++;
		uint32_t n = mysql_schema_defs(t, seen, defs, labels, 65536);
		assert_int_equal(n, seen->n_cols);
		for (uint32_t i = 0; i < n; i++) {
			struct slice name = wire_take(&v, wire_packed(&v));
			assert_true(slice_eq(name, defs[i].name));
		}
	}
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

/* Labels as information_schema writes them: enum('a','it''s'). */
static bool same_labels(const struct mysql_schema_table *t, uint32_t col, const char *column_type)
{
	const char *p = strchr(column_type, '(');
	for (uint32_t i = 0; i < t->cols[col].n_labels; i++) {
		struct slice l = mysql_schema_label(t, col, i);
		if (!p || p[1] != '\'')
			return false;
		p += 2;
		for (size_t k = 0; k < l.len; k++, p++) {
			if ((uint8_t)*p != l.ptr[k])
				return false;
			p += *p == '\'';
		}
		if (*p != '\'')
			return false;
		p++;
	}
	return true;
}

static bool same_column(const struct mysql_schema_table *t, uint32_t i, json_t *want)
{
	const struct mysql_schema_col *c = &t->cols[i];
	const char *type = text_of(want, "data_type"), *full = text_of(want, "column_type");
	const char *charset = text_of(want, "charset");
	bool json = c->decl == MYSQL_DECL_JSON && strcmp(type, "longtext") == 0;
	bool point = c->decl == MYSQL_DECL_GEOMETRY;
	bool binary = c->charset == MYSQL_CS_BINARY;
	bool is_unsigned = strstr(full, "unsigned") || c->decl == MYSQL_DECL_BIT;
	if (!slice_eq(mysql_schema_name(t, i), slice_str(text_of(want, "name"))))
		return false;
	if (!json && !point && !binary && strcmp(rig_types[c->decl], type) != 0)
		return false;
	if (is_unsigned != !!(c->flags & MYSQL_COL_UNSIGNED))
		return false;
	if (*charset && mysql_charset_by_name(slice_str(charset)) != c->charset)
		return false;
	return c->n_labels == 0 || same_labels(t, i, full);
}

static bool same_table(const struct mysql_schema_table *t, json_t *want)
{
	json_t *columns = json_object_get(want, "columns");
	if (json_array_size(columns) != t->n_cols)
		return false;
	for (uint32_t i = 0; i < t->n_cols; i++)
		if (!same_column(t, i, json_array_get(columns, i)))
			return false;
	return true;
}

/* Each version that a table map meets is one of the oracle's, in the same order. */
static void check_version(const struct mysql_schema_table *t, struct slice db, struct slice table,
			  struct checks *c)
{
	char key[256];
	snprintf(key, sizeof(key), "%.*s.%.*s", (int)db.len, (const char *)db.ptr, (int)table.len,
		 (const char *)table.ptr);
	json_t *versions = json_object_get(c->schema, key);
	size_t at = (size_t)json_integer_value(json_object_get(c->next, key));
	size_t was = at;
	while (at < json_array_size(versions) && !same_table(t, json_array_get(versions, at)))
		at++;
	if (at == json_array_size(versions))
		fail_msg("%s: not as the server had it: %s", key, rig_tell(&rig, t));
	c->versions += at != was || !json_object_get(c->next, key);
	json_object_set_new(c->next, key, json_integer((json_int_t)at));
}

static void on_map(struct walk *w, const struct mysql_schema_table *t,
		   const struct mysql_schema_seen *seen, struct slice db, struct slice table,
		   struct slice optional)
{
	struct checks *c = w->arg;
	struct mysql_schema_mismatch m;
	if (!mysql_schema_fits(t, seen, &m))
		fail_msg("%s: %.*s.%.*s: column %u: %s: %u, seen %u; %s", w->file, (int)db.len,
			 (const char *)db.ptr, (int)table.len, (const char *)table.ptr, m.col,
			 m.what, m.want, m.seen, rig_tell(&rig, t));
	c->fitting++;
	check_names(t, seen, optional, c);
	if (c->schema)
		check_version(t, db, table, c);
}

static struct walk start_walk(struct checks *c)
{
	struct walk w = {.rig = &rig, .known = on_map, .arg = c};
	assert_int_equal(mysql_unpack_create(32 << 20, &w.unpack), 0);
	return w;
}

static const char *const files[] = {
	"mdb-mariadb-5.5-binlog.000001",
	"mdb-master-bin-seq_10.3.36.000001",
	"mdb-mdev35643_mysql_80_binlog.000001",
	"mdb-mdev6020-mysql-bin.000001",
	"mdb-mysql-5.7.11-stm-temporal-round-binlog.000001",
	"mdb-mdev-39404-binlog.000001",
	"mtr-binlog_mysqlbinlog_row.master-bin.000001",
	"mtr-binlog_mysqlbinlog_row.master-bin.000002",
	"mtr-binlog_mysqlbinlog_row.master-bin.000003",
	"mtr-binlog_verbose_compressed_fields.master-bin.000001",
	"mtr-binlog_verbose_compressed_fields.master-bin.000002",
	"mtr-binlog_verbose_compressed_fields.master-bin.000003",
	"mtr-rpl_binlog_compress.master-bin.000001",
	"mtr-rpl_row_tbl_metadata.master-bin.000001",
	"mtr-rpl_row_tbl_metadata.master-bin.000002",
	"osh-mysql-bin.checksum-none",
	"osh-mysql-bin.compressed",
	"osh-mysql-bin.sakila.gz",
	"rmc-binlog-invisible-columns.000001",
	"rmc-binlog_savepoint.000001",
	"rmc-binlog_transaction_with_GTID.000001",
	"rmc-binlog_transaction_with_GTID_TAG.000001",
	"rmc-bug11747887-bin.000003",
	"rmc-bug16266.000001",
	"rmc-bug27213339-bin.000001",
	"rmc-corrupt-relay-bin.000624",
	"rmc-json-opaque.binlog",
	"rmc-json.binlog.000001",
	"rmc-mariadb-bin.000001",
	"rmc-minimal_row_metadata.000001",
	"rmc-mysql-enum-string-set.000001",
	"rmc-mysql_type_bit.000001",
	"rmc-rpl_atomic_ddl_rollback_full.000001",
	"rmc-time_issue.000001",
	"rmc-update-partial-row.binlog",
	"rmc-vector.binlog",
	"rmc-ver_5_1_23.001",
	"rmc-ver_trunk_row_v2.001",
	"rmc-write-full-row.binlog",
	"zal-mysql-bin.01",
	"zal-mysql-bin.02",
	"zal-mysql-bin.03",
};

static void mysql_tables_of_all_binlog_files_fit_their_ddl(void **state)
{
	(void)state;
	struct checks c = {0};
	struct walk w = start_walk(&c);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char path[256];
		unsigned maps = w.n_maps, known = w.n_known, ddl = w.n_ddl, bad = w.n_unknown_ddl;
		snprintf(path, sizeof(path), "data/binlog-files/%s", files[i]);
		rig.q.log = 100 + i;
		if (!walk_file(&w, path) && i == 0)
			goto out;
		if (getenv("SL_VERBOSE"))
			print_message("%s: %u DDL, %u not understood, %u maps, %u known\n",
				      files[i], w.n_ddl - ddl, w.n_unknown_ddl - bad,
				      w.n_maps - maps, w.n_known - known);
	}
	print_message("%u DDL, %u not understood; %u table maps, %u known and fitting, %u of them "
		      "with names\n",
		      w.n_ddl, w.n_unknown_ddl, w.n_maps, c.fitting, c.named);
	assert_true(c.fitting > 700);
out:
	mysql_unpack_destroy(w.unpack);
}

/* Random CREATE, ALTER, RENAME and DROP on a server of MariaDB 10.11, with a row for some tables
 * behind each: table maps with full metadata tell the names that the statements should have led to.
 */
static void mysql_random_ddl_of_a_server_leads_to_the_names_in_its_table_maps(void **state)
{
	(void)state;
	static const char log[] = "tests/golden/mysql/random-ddl.mariadb-10.11.binlog.gz";
	struct checks c = {0};
	struct walk w = start_walk(&c);
	const char *root = getenv("SL_SOURCE_ROOT");
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", root ? root : ".", log);
	assert_true(walk_log(&w, fopen(path, "rb"), path));
	assert_int_equal(w.n_ddl, 93);
	assert_int_equal(w.n_unknown_ddl, 2);
	assert_int_equal(w.n_maps, 450);
	assert_int_equal(c.named, 443);
	mysql_unpack_destroy(w.unpack);
}

static void read_schema(struct checks *c, const char *capture)
{
	char path[256], line[1 << 16];
	snprintf(path, sizeof(path), "data/oracle/binlog/%s.schema.jsonl", capture);
	FILE *f = pairs_open_shared(path);
	assert_non_null(f);
	c->schema = json_object();
	c->next = json_object();
	while (fgets(line, sizeof(line), f)) {
		json_t *o = json_loads(line, 0, NULL);
		assert_non_null(o);
		snprintf(path, sizeof(path), "%s.%s", text_of(o, "db"), text_of(o, "table"));
		if (!json_object_get(c->schema, path))
			json_object_set_new(c->schema, path, json_array());
		json_array_append_new(json_object_get(c->schema, path), o);
	}
	fclose(f);
}

static void walk_capture(const char *capture, unsigned n_files)
{
	struct checks c = {0};
	struct walk w = start_walk(&c);
	char path[256];
	for (unsigned i = 1; i <= n_files; i++) {
		snprintf(path, sizeof(path), "data/oracle/binlog/%s.prim-bin.%06u.gz", capture, i);
		if (i == 1) {
			FILE *f = pairs_open_shared(path);
			if (!f)
				goto out;
			fclose(f);
			read_schema(&c, capture);
		}
		assert_true(walk_file(&w, path));
	}
	print_message("%s: %u DDL, %u not understood; %u table maps, %u known, %u versions\n",
		      capture, w.n_ddl, w.n_unknown_ddl, w.n_maps, c.fitting, c.versions);
	assert_int_equal(w.n_unknown_ddl, 0);
	assert_int_equal(c.fitting, w.n_maps);
	assert_true(c.versions > 0);
out:
	json_decref(c.schema);
	json_decref(c.next);
	mysql_unpack_destroy(w.unpack);
}

static void mysql_captures_have_the_columns_that_the_server_tells(void **state)
{
	(void)state;
	static const struct {
		const char *name;
		unsigned files;
	} captures[] = {{"ddl-midstream", 1},
			{"types-full-gtid", 1},
			{"types-minimal-nolog", 1},
			{"types-noblob", 1},
			{"capture-gap", 1},
			{"compressed-events", 1},
			{"compressed-protocol", 1},
			{"lossy-mtu", 1},
			{"midstream", 1},
			{"rotate-filepos", 4},
			{"rotate-reconnect", 11},
			{"semisync", 1},
			{"tls", 1},
			{"txn-savepoint", 1}};
	for (size_t i = 0; i < sizeof(captures) / sizeof(captures[0]); i++) {
		rig_stop(&rig);
		rig_start(&rig);
		walk_capture(captures[i].name, captures[i].files);
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pain_21_each_place_of_the_log_has_its_own_columns),
		TEST(mysql_a_log_that_is_read_again_changes_nothing),
		TEST(mysql_a_second_replica_reads_older_places_beside_the_first),
		TEST(mysql_a_statement_that_was_missed_makes_what_followed_unknown),
		TEST(mysql_two_servers_have_tables_of_the_same_name),
		TEST(mysql_names_fold_case_only_when_the_server_does),
		TEST(mysql_places_grow_with_the_number_of_the_file),
		TEST(mysql_a_dump_gives_what_the_log_does_not),
		TEST(mysql_the_log_goes_on_from_the_dump),
		TEST(pain_23_an_alter_that_does_not_fit_the_dump_makes_it_unknown),
		TEST(mysql_a_dump_without_tables_is_refused),
		TEST(mysql_a_dump_in_ansi_mode_and_latin1_is_read),
		TEST(mysql_the_dump_of_the_shared_data_is_read_whole),
		TEST(mysql_superseded_versions_make_room_and_the_newest_stay),
		TEST(mysql_tables_that_come_and_go_leave_nothing_behind),
		TEST(mysql_a_full_store_says_unknown_and_never_the_old),
		TEST(mysql_heap_is_compacted_in_place),
		TEST(mysql_table_maps_that_agree_fit),
		TEST(pain_20_another_number_of_columns_is_told),
		TEST(pain_22_the_same_count_with_other_columns_is_told),
		TEST(mysql_a_hidden_hash_of_mariadb_is_no_mismatch),
		TEST(mysql_the_guess_of_a_charset_gives_way_to_the_length),
		TEST(mysql_tables_of_all_binlog_files_fit_their_ddl),
		TEST(mysql_random_ddl_of_a_server_leads_to_the_names_in_its_table_maps),
		TEST(mysql_captures_have_the_columns_that_the_server_tells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
