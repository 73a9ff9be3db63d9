/* test_mysql_schema_text.c - a schema written as text and read back: the same, or a clear word. */
#include "parsers/mysql/schema_text.h"

#include "parsers/mysql/schema_priv.h"
#include "tests/support/binlog_walk.h"

#define TEXT_BYTES (8u << 20)

static struct ddl_rig rig, again;
static uint8_t *texts[2];
static struct mysql_schema_log logs[MYSQL_STATE_LOGS];

static int setup(void **state)
{
	(void)state;
	rig_start(&rig);
	rig_start(&again);
	for (int i = 0; i < 2; i++)
		texts[i] = malloc(TEXT_BYTES);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_stop(&again);
	for (int i = 0; i < 2; i++)
		free(texts[i]);
	return 0;
}

static struct slice written(const struct ddl_rig *r, int which, const struct mysql_schema_log *l,
			    size_t n)
{
	struct mysql_schema_text t = {.buf = texts[which], .cap = TEXT_BYTES};
	assert_int_equal(mysql_schema_write(r->sc, l, n, &t), 0);
	assert_false(t.full);
	return slice_of(t.buf, t.len);
}

/* A copy of exactly its length. Returns "" or LINE: why. */
static const char *read_text(struct slice text, size_t *ret_n_logs)
{
	static char said[640];
	struct err e;
	unsigned line = 0;
	uint8_t *copy = malloc(text.len ? text.len : 1);
	memcpy(copy, text.ptr, text.len);
	int r = mysql_schema_read(again.sc, slice_of(copy, text.len), logs, ret_n_logs, &line, &e);
	free(copy);
	if (r == 0)
		return "";
	snprintf(said, sizeof(said), "%u: %s", line, e.text);
	return said;
}

/* All versions, by the text and byte by byte. */
static void reads_back(void)
{
	size_t n;
	struct slice first = written(&rig, 0, NULL, 0);
	assert_string_equal(read_text(first, &n), "");
	struct slice second = written(&again, 1, NULL, 0);
	if (!slice_eq(first, second))
		fail_msg("wrote\n%.*s\nread\n%.*s", (int)first.len, (const char *)first.ptr,
			 (int)second.len, (const char *)second.ptr);
	unsigned n_blocks = 0;
	for (uint32_t v = 0; v < rig.sc->n_versions; v++) {
		const struct schema_version *ver = &rig.sc->versions[v];
		if (!ver->block || !ver->log)
			continue;
		const struct mysql_schema_table *t = schema_block(rig.sc, v);
		const uint8_t *key = (const uint8_t *)t + t->key_off;
		struct table_key k = schema_key(again.sc, ver->log, slice_of(key, t->db_len),
						slice_of(key + t->db_len, t->name_len));
		uint32_t w = SCHEMA_NONE;
		for (uint32_t i = 0; i < again.sc->n_versions; i++)
			if (again.sc->versions[i].block && again.sc->versions[i].log == k.log &&
			    again.sc->versions[i].from == ver->from &&
			    again.sc->versions[i].hash == k.hash)
				w = i;
		assert_true(w != SCHEMA_NONE);
		const struct mysql_schema_table *u = schema_block(again.sc, w);
		size_t skip = offsetof(struct mysql_schema_table, n_cols);
		if (t->bytes != u->bytes ||
		    memcmp((const uint8_t *)t + skip, (const uint8_t *)u + skip, t->bytes - skip))
			fail_msg("%.*s: another block: flags %u %u", t->db_len + t->name_len,
				 (const char *)key, t->flags, u->flags);
		assert_int_equal(again.sc->versions[w].dropped_at, ver->dropped_at);
		assert_int_equal(again.sc->versions[w].truncated, ver->truncated);
		n_blocks++;
	}
	assert_true(n_blocks > 0);
}

static void the_text_is_sql_with_places(void **state)
{
	(void)state;
	rig.q.place = mysql_schema_place(SLICE_LIT("bin.000003"), 900);
	rig_ok(&rig, "CREATE TABLE t (id INT(11) UNSIGNED, n VARCHAR(64), e ENUM('a''b','c\\\\d')) "
		     "CHARSET latin1");
	rig_ok(&rig, "RENAME TABLE t TO `od``d`");
	struct mysql_schema_log l = {.log = 1,
				     .server = 0xab,
				     .server_id = 7,
				     .followed = mysql_schema_place(SLICE_LIT("bin.000003"), 4711)};
	struct slice text = written(&rig, 0, &l, 1);
	static const char want[] =
		"-- sluice mysql schema 1\n"
		"-- Tables as DDL on the wire has made them; docs/protocols.md tells of this file. "
		"sluiced writes it anew.\n"
		"-- @log 0000000000000001 at 00000000000000ab server_id 7 followed 3:4711\n"
		"-- @in 0000000000000001\n"
		"-- @table 3:1000 flags 1\n"
		"CREATE TABLE `d`.`t` (\n"
		"  `id` int(11) unsigned,\n"
		"  `n` varchar(64) CHARACTER SET latin1,\n"
		"  `e` enum('a''b','c\\\\d') CHARACTER SET latin1\n"
		") DEFAULT CHARSET=latin1;\n"
		"-- @table 3:1100 flags 1\n"
		"CREATE TABLE `d`.`od``d` (\n"
		"  `id` int(11) unsigned,\n"
		"  `n` varchar(64) CHARACTER SET latin1,\n"
		"  `e` enum('a''b','c\\\\d') CHARACTER SET latin1\n"
		") DEFAULT CHARSET=latin1;\n"
		"-- @gone 3:1100\n"
		"DROP TABLE `d`.`t`;\n"
		"-- @end 3\n";
	assert_int_equal(text.len, sizeof(want) - 1);
	assert_memory_equal(text.ptr, want, text.len);
	size_t n;
	assert_string_equal(read_text(text, &n), "");
	assert_int_equal(n, 1);
	assert_true(logs[0].log == l.log && logs[0].server == l.server &&
		    logs[0].server_id == l.server_id && logs[0].followed == l.followed);
	again.q.place = rig.q.place;
	assert_string_equal(rig_names(&again, "od`d"), "id n e");
	assert_string_equal(rig_names(&again, "t"), "unknown");
	assert_string_equal(rig_names_at(&again, rig.q.place - 1, "t"), "id n e");
	/* A dump is read by the same grammar. */
	struct mysql_schema_loaded loaded;
	struct err e;
	assert_int_equal(mysql_schema_load(again.sc, text, &loaded, &e), 0);
	assert_int_equal(loaded.tables, 2);
}

static void every_type_and_flag_reads_back(void **state)
{
	(void)state;
	static const char *const log[] = {
		"CREATE DATABASE d CHARACTER SET gbk",
		"CREATE TABLE types (a TINYINT, b SMALLINT(3) UNSIGNED, c MEDIUMINT ZEROFILL, "
		"d BIGINT, e DECIMAL, f DECIMAL(10,3) UNSIGNED, g FLOAT(7,3), h FLOAT(30), i "
		"FLOAT(3), "
		"j DOUBLE PRECISION, k BIT, l BIT(9), m DATE, n TIME(3), o DATETIME(6), p "
		"TIMESTAMP, "
		"q YEAR(4), r SERIAL)",
		"CREATE TABLE texts (a CHAR, b CHAR(0), c VARCHAR(10) CHARACTER SET utf8mb3, "
		"d TINYTEXT, e TEXT(70000), f MEDIUMTEXT, g LONGTEXT COLLATE utf8mb4_bin, h BLOB, "
		"i BINARY(3), j VARBINARY(9), k NCHAR(3), l JSON, m ENUM('x'), n SET('a','b c ') "
		"CHARACTER SET binary, o VARCHAR(7) CHARACTER SET martian, p ENUM(x'61','b'))",
		"CREATE TABLE more (a GEOMETRY, b POINT, c VECTOR(4), d UUID, e INET4, f INET6, "
		"g HOLOGRAM(3,4), h INT AS (1) VIRTUAL, i TEXT COMPRESSED, j VARCHAR(3) UNIQUE)",
		"CREATE TABLE other.guessed (a VARCHAR(3), b TEXT)",
		"ALTER TABLE other.guessed CONVERT TO CHARACTER SET utf8mb4",
		"CREATE TABLE versioned (a INT) WITH SYSTEM VERSIONING",
		"CREATE TABLE periods (a INT, s TIMESTAMP(6) GENERATED ALWAYS AS ROW START, e "
		"TIMESTAMP(6) GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (s, e)) WITH "
		"SYSTEM VERSIONING",
		"CREATE TABLE IF NOT EXISTS maybe (a INT)",
		"CREATE TABLE `sp ace;--` (`back``tick` INT, `new\nline` INT, `c'` "
		"SET('\\\\','''',';'))",
		"CREATE TABLE keyed (a INT UNSIGNED, `b``,)` VARCHAR(9), c TEXT COMPRESSED, "
		"PRIMARY KEY (c(9), `b``,)`))",
		"CREATE TABLE keyed_somehow (a INT, PRIMARY KEY (nothing))",
		"CREATE SEQUENCE seq",
		"DROP TABLE types",
		"ALTER TABLE texts DROP zzz",
		"CREATE DATABASE gone",
		"CREATE TABLE gone.t (a INT)",
		"DROP DATABASE gone",
		"CREATE DATABASE gone",
		"CREATE OR REPLACE DATABASE gone CHARACTER SET latin1",
	};
	for (size_t i = 0; i < sizeof(log) / sizeof(log[0]); i++)
		rig_run(&rig, log[i]);
	rig.q.log = 2;
	rig.q.server_charset = 0;
	rig_run(&rig, "CREATE TABLE nothing_told (a VARCHAR(3), b ENUM('a'), c TEXT, d JSON)");
	reads_back();
}

/* What was there is not known any more: it must not become what the dump says. */
static void what_made_room_stays_unknown(void **state)
{
	(void)state;
	rig_stop(&rig);
	rig_start_with(&rig, (struct mysql_schema_conf){.versions_max = 16, .bytes_max = 1 << 20});
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	for (int i = 0; i < 40; i++)
		rig_ok(&rig, i % 2 ? "ALTER TABLE t DROP b" : "ALTER TABLE t ADD b INT");
	assert_true(mysql_schema_stats(rig.sc)->forgotten > 0);
	reads_back();
	struct table_key k = schema_key(again.sc, 1, SLICE_LIT("d"), SLICE_LIT("t"));
	assert_true(schema_at(again.sc, &k, 1100) == SCHEMA_NONE);
}

static void on_map(struct walk *w, const struct mysql_schema_table *t,
		   const struct mysql_schema_seen *seen, struct slice db, struct slice table,
		   struct slice optional)
{
}

static void tables_of_random_ddl_read_back(void **state)
{
	(void)state;
	static const char log[] = "tests/golden/mysql/random-ddl.mariadb-10.11.binlog.gz";
	struct walk w = {.rig = &rig, .known = on_map};
	assert_int_equal(mysql_unpack_create(32 << 20, &w.unpack), 0);
	const char *root = getenv("SL_SOURCE_ROOT");
	char path[4096];
	snprintf(path, sizeof(path), "%s/%s", root ? root : ".", log);
	assert_true(walk_log(&w, fopen(path, "rb"), path));
	mysql_unpack_destroy(w.unpack);
	reads_back();
}

static void a_text_that_is_none_is_told_by_line(void **state)
{
	(void)state;
	static const char head[] = "-- sluice mysql schema 1\n";
	static const char in[] = "-- @in 0000000000000001\n";
	static const struct {
		const char *parts[4];
		const char *says;
	} cases[] = {
		{{""}, "1: no state of sluice: its first line"},
		{{"CREATE TABLE t (a INT);\n"}, "1: no state of sluice"},
		{{"-- sluice mysql schema 2\n"}, "1: written in form 2, which this version"},
		{{head}, "1: it ends before its @end: the file is cut"},
		{{head, "x\n"}, "2: expected a comment that begins with --"},
		{{head, "-- @end 1\n"}, "2: @end: 1 statements were written, 0 are here"},
		{{head, "-- @end 0\n-- more\n"}, "3: something behind @end"},
		{{head, "-- @log 12\n"}, "2: @log: expected"},
		{{head, "-- @in xyz\n"}, "2: @in: expected"},
		{{head, "-- @foo\n"}, "2: a comment @... that is not known"},
		{{head, "-- @gone 1:2\nDROP TABLE `a`.`b`;\n"}, "2: of which log?"},
		{{head, in, "-- @gone 0:0\nDROP TABLE `a`.`b`;\n"}, "3: expected a place"},
		{{head, in, "-- @gone 1:99999999999999\nDROP TABLE `a`.`b`;\n"},
		 "3: expected a place"},
		{{head, in, "-- @gone 1:2\nDROP TABLE `a`.`b`\n"},
		 "3: a statement that does not end"},
		{{head, in, "-- @gone 1:2\nDROP TABLE `a`.`b`, c;\n"}, "3: expected DROP TABLE"},
		{{head, in, "-- @unknown 1:2\nSELECT 1;\n"}, "3: expected DROP TABLE"},
		{{head, in, "-- @table 1:2 flags 1\nDROP TABLE `a`.`b`;\n"},
		 "3: @table: expected CREATE TABLE"},
		{{head, in, "-- @table 1:2 flags 1\nCREATE TABLE `a`.`b` (x INT, x INT);\n"},
		 "3: a column is there twice"},
		{{head, in, "-- @table 1:2\nCREATE TABLE `a`.`b` (x INT);\n"},
		 "3: @table: expected flags"},
		{{head, in, "-- @table 1:2 flags 17\nCREATE TABLE `a`.`b` (x INT);\n"},
		 "3: @table: flags that are not of this statement"},
		{{head, in, "-- @table 1:2 flags 1 columns 2=0:0\nCREATE TABLE `a`.`b` (x INT);\n"},
		 "3: columns: a number that is too large"},
		{{head, in,
		  "-- @table 1:2 flags 1 columns 1=64:0\nCREATE TABLE `a`.`b` (x INT);\n"},
		 "3: columns: a number that is too large"},
		{{head, in, "-- @table 1:2 flags 1 columns 1=\nCREATE TABLE `a`.`b` (x INT);\n"},
		 "3: columns: expected N=flags"},
		{{head, in, "-- @table 1:2 flags 1 wat\nCREATE TABLE `a`.`b` (x INT);\n"},
		 "3: more words than are known here"},
		{{head, in, "-- @database 1:2\nCREATE TABLE `a`.`b` (x INT);\n"},
		 "3: @database: expected CREATE or DROP"},
		{{head, in,
		  "-- @table 1:2 flags 1\nCREATE TABLE `a`.`b` (\n  x INT\n);\n"
		  "-- @table 1:2 flags 1\nCREATE TABLE `a`.`b` (\n  x INT\n);\n"},
		 "7: a table that is there already, at the same place"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[1024] = "";
		size_t n;
		for (int k = 0; k < 4 && cases[i].parts[k]; k++)
			strncat(text, cases[i].parts[k], sizeof(text) - strlen(text) - 1);
		const char *said = read_text(slice_str(text), &n);
		if (strncmp(said, cases[i].says, strlen(cases[i].says)) != 0)
			fail_msg("%s\nsaid %s\nexpected %s", text, said, cases[i].says);
		rig_stop(&again);
		rig_start(&again);
	}
}

/* Wherever a file is cut it is refused: nothing is taken for the whole. */
static void a_text_that_is_cut_anywhere_is_refused(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT, b ENUM('x','y'))");
	rig_ok(&rig, "DROP TABLE t");
	struct slice text = written(&rig, 0, NULL, 0);
	size_t n;
	for (size_t len = 0; len + 1 < text.len; len++) {
		if (read_text(slice_of(text.ptr, len), &n)[0] == 0)
			fail_msg("%.*s", (int)len, (const char *)text.ptr);
		rig_stop(&again);
		rig_start_with(&again, (struct mysql_schema_conf){.versions_max = 64});
	}
}

static void a_buffer_that_is_too_small_is_told(void **state)
{
	(void)state;
	rig_ok(&rig, "CREATE TABLE t (a INT)");
	struct mysql_schema_text t = {.buf = texts[0], .cap = 100};
	assert_int_equal(mysql_schema_write(rig.sc, NULL, 0, &t), 0);
	assert_true(t.full);
	assert_true(t.len <= 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_text_is_sql_with_places),
		TEST(every_type_and_flag_reads_back),
		TEST(what_made_room_stays_unknown),
		TEST(tables_of_random_ddl_read_back),
		TEST(a_text_that_is_none_is_told_by_line),
		TEST(a_text_that_is_cut_anywhere_is_refused),
		TEST(a_buffer_that_is_too_small_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
