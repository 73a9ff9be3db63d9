#include <unistd.h>

#include "tests/support/dim_make.h"
#include "tests/unit/unit.h"

static char path[] = "/tmp/sluice-dim-dump-XXXXXX";
static struct dim_spec spec;
static struct dim *dim;
static int reader;
static struct err why;
static uint64_t row[DIM_N_COLS];

/* The table shop.users, of which name and n are wanted, by k. */
static int load(const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	spec = dim_make("binlog");
	dim_make_set(&spec, "table", "shop.users");
	dim_make_set(&spec, "snapshot", path);
	dim = NULL;
	int rc = dim_create(&spec, &dim, &why);
	if (rc < 0)
		return rc;
	dim_row(dim, row);
	assert_int_equal(ledger_imbalance(&dim_ledger, row), 0);
	reader = dim_join(dim);
	return 0;
}

static void done(void)
{
	dim_destroy(dim);
	dim_make_free(&spec);
}

/* The name of the row of @key. */
static void assert_name(const char *key, const char *name)
{
	const struct dim_row *r;
	struct slice k = slice_str(key);
	dim_table_find(dim_enter(dim, reader), &k, 1, &r);
	assert_non_null(r);
	struct val v = r->vals[0];
	assert_int_equal(v.type, name ? VAL_STR : VAL_NULL);
	if (name) {
		assert_int_equal(v.len, strlen(name));
		assert_memory_equal((const uint8_t *)r + v.off, name, v.len);
	}
	dim_leave(dim, reader);
}

static void assert_refused(const char *text, const char *says)
{
	assert_int_equal(load(text), -EINVAL);
	assert_non_null(strstr(why.text, says));
	done();
}

/* As mysqldump 8.0 writes it, options at their defaults, two databases. */
static const char of_mysql[] =
	"-- MySQL dump 10.13  Distrib 8.0.36, for Linux (x86_64)\n"
	"--\n"
	"/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;\n"
	"/*!50503 SET NAMES utf8mb4 */;\n"
	"/*!40103 SET TIME_ZONE='+00:00' */;\n"
	"CREATE DATABASE /*!32312 IF NOT EXISTS*/ `old` /*!40100 DEFAULT CHARACTER SET utf8mb4 "
	"*/;\n"
	"USE `old`;\n"
	"CREATE TABLE `users` (\n  `k` int NOT NULL,\n  `name` text,\n  `n` int\n) "
	"ENGINE=InnoDB;\n"
	"INSERT INTO `users` VALUES (1,'of another database',1);\n"
	"USE `shop`;\n"
	"DROP TABLE IF EXISTS `users`;\n"
	"/*!40101 SET @saved_cs_client     = @@character_set_client */;\n"
	"CREATE TABLE `users` (\n"
	"  `k` int unsigned NOT NULL AUTO_INCREMENT COMMENT 'a ), comma',\n"
	"  `key` varchar(20) DEFAULT 'it''s, (',\n"
	"  `name` varchar(64) COLLATE utf8mb4_bin DEFAULT NULL,\n"
	"  `price` decimal(10,2) DEFAULT NULL,\n"
	"  `n` int DEFAULT NULL,\n"
	"  PRIMARY KEY (`k`),\n"
	"  KEY `by_name` (`name`(10),`n`),\n"
	"  CONSTRAINT `c` CHECK ((`n` > 0))\n"
	") ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4\n"
	"/*!50100 PARTITION BY HASH (`k`)\nPARTITIONS 2 */;\n"
	"LOCK TABLES `users` WRITE;\n"
	"/*!40000 ALTER TABLE `users` DISABLE KEYS */;\n"
	"INSERT INTO `users` VALUES (1,'x','O\\'Neil \\\"q\\\" \\\\ \\n;),(',1.50,10),"
	"(2,NULL,'it''s',-0.50,-20),\n(3,'','-- no comment /* none */',NULL,NULL);\n"
	"UNLOCK TABLES;\n"
	"DELIMITER ;;\n"
	"CREATE PROCEDURE p() BEGIN INSERT INTO users VALUES (9,'','not a row',0,0); END ;;\n"
	"DELIMITER ;\n"
	"-- Dump completed on 2026-11-25  9:00:00\n";

static void a_dump_of_mysql_gives_the_rows_of_its_table(void **state)
{
	assert_int_equal(load(of_mysql), 0);
	assert_int_equal(row[DIM_keys], 3);
	assert_int_equal(row[DIM_bad_values], 0);
	assert_name("1", "O'Neil \"q\" \\ \n;),(");
	assert_name("2", "it's");
	assert_name("3", "-- no comment /* none */");
	done();
}

static void names_of_columns_may_stand_in_the_insert(void **state)
{
	assert_int_equal(load("INSERT INTO users (n, `name`, k) VALUES (1,'x',5);\n"
			      "REPLACE INTO shop.users (name, n, k) VALUE ('y', 2, '6')"),
			 0);
	assert_int_equal(row[DIM_keys], 2);
	assert_name("5", "x");
	assert_name("6", "y");
	done();
}

/* A replica of the same table says `2026-11-25 04:43:16Z` and base64 on the wire. */
static void values_are_spelled_as_those_of_row_changes(void **state)
{
	assert_int_equal(load("CREATE TABLE users (k int, name timestamp NULL, n int);\n"
			      "INSERT INTO users VALUES (1,'2026-11-25 04:43:16',1),(2,NULL,1);"),
			 0);
	assert_name("1", "2026-11-25 04:43:16Z");
	assert_name("2", NULL);
	done();
	assert_int_equal(
		load("CREATE TABLE users (k int, name varbinary(9), n int);\n"
		     "INSERT INTO users VALUES (1,_binary 'a\\0b',1),(2,0xff00,1),(3,'',1),"
		     "(4,X'01ab',2);"),
		0);
	assert_name("1", "YQBi");
	assert_name("2", "/wA=");
	assert_name("3", "");
	assert_name("4", "Aas=");
	done();
	assert_int_equal(
		load("CREATE TABLE users (k int, name bit(12), n int);\n"
		     "INSERT INTO users VALUES (1,b'101010101010',1),(2,_binary '\\0A',1);"),
		0);
	assert_name("1", "2730");
	assert_name("2", "65");
	done();
}

static void a_row_without_its_key_is_left_out_and_counted(void **state)
{
	assert_int_equal(load("CREATE TABLE users (k int, name text, n int);\n"
			      "INSERT INTO users VALUES (NULL,'a',1),(2,'b',DEFAULT);"),
			 0);
	assert_int_equal(row[DIM_keys], 1);
	assert_int_equal(row[DIM_bad_rows], 1);
	done();
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	assert_refused("-- MySQL dump\nCREATE TABLE other (k int);\n",
		       "there is no table users in this dump");
	assert_refused("-- MySQL dump\nCREATE TABLE users (k int, name text);\n"
		       "INSERT INTO users VALUES (1,'a');\n",
		       ":3: no column is named n");
	assert_refused("-- MySQL dump\nINSERT INTO users VALUES (1,'a',2);\n",
		       ":2: rows without names of their columns");
	assert_refused("CREATE TABLE users (k int, name text, n int);\n\n"
		       "INSERT INTO users VALUES (1,'a',2),\n(1,'a');\n",
		       ":4: expected one value for each column");
	assert_refused("CREATE TABLE users (k int, name text, n int);\n"
		       "INSERT INTO users VALUES (1,'a\n,2)",
		       ":2: a quote or a comment is not closed");
	assert_refused("-- x\n/* never ends", ":2: a quote or a comment is not closed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dump_of_mysql_gives_the_rows_of_its_table),
		cmocka_unit_test(names_of_columns_may_stand_in_the_insert),
		cmocka_unit_test(values_are_spelled_as_those_of_row_changes),
		cmocka_unit_test(a_row_without_its_key_is_left_out_and_counted),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
	};
	int fd = mkstemp(path);
	if (fd < 0)
		return 1;
	close(fd);
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return rc;
}
