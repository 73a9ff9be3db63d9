/* test_mysql_state.c - what DDL on the wire has told is known after a restart, and no more than
 * that.
 */
#include "mysql_wire.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct wire_rig w;
static char folder[64], path[128];
static void *keep;

static struct mysql_conf *conf(void)
{
	return w.run.conf;
}

/* A process starts: a new worker, and what the last one has left. */
static void start(void)
{
	struct err e;
	wire_init(&w);
	conf()->state = path;
	if (mysql_state_create(conf(), &keep, &e) < 0)
		fail_msg("%s", e.text);
	wire_new_pool(&w, keep);
	if (mysql_state_run(keep, false, &e) < 0)
		fail_msg("%s", e.text);
}

static void stop(void)
{
	struct err e;
	if (mysql_state_run(keep, true, &e) < 0)
		fail_msg("%s", e.text);
	wire_fini(&w);
	mysql_state_destroy(keep);
}

/* As in a crash: nothing more is written. */
static void crash(void)
{
	wire_fini(&w);
	mysql_state_destroy(keep);
}

static void query(const char *sql)
{
	wire_query(&w, "shop", sql);
	wire_send(&w);
}

/* A map of shop.@name (INT, VARCHAR) without names of columns, and one row. */
static void insert_unnamed(const char *name)
{
	wire_map(&w, 9, name);
	uint8_t body[128];
	size_t len = w.len - MYSQL_EVENT_HEADER_LEN - 4 - 10;
	memcpy(body, w.event + MYSQL_EVENT_HEADER_LEN, len);
	w.pos -= (uint32_t)w.len;
	wire_event(&w, MYSQL_EV_TABLE_MAP, 0, body, len);
	wire_send(&w);
	wire_rows(&w, 9, 5, 1);
	wire_send(&w);
}

static const char *last_record(void)
{
	return w.run.n_frames ? w.run.frames[w.run.n_frames - 1].record : "";
}

static void last_has(const char *text)
{
	if (!strstr(last_record(), text))
		fail_msg("no %s: %s", text, last_record());
}

static void last_has_not(const char *text)
{
	if (strstr(last_record(), text))
		fail_msg("%s: %s", text, last_record());
}

/* A replica that asks from @pos of @file on. */
static void dump_from(const char *file, uint32_t pos)
{
	wire_greet(&w, MYSQL_CAP_41);
	wire_login(&w, MYSQL_CAP_41, 40);
	wire_say(&w, 1, 2, wire_ok, sizeof(wire_ok));
	wire_dump(&w, file);
	wire_rotate(&w, file, MYSQL_FLAG_ARTIFICIAL);
	memcpy(w.event + MYSQL_EVENT_HEADER_LEN, &pos, sizeof(pos));
	uint32_t crc = (uint32_t)crc32(0, w.event, (unsigned)(w.len - 4));
	memcpy(w.event + w.len - 4, &crc, 4);
	wire_send(&w);
	w.pos = pos;
	/* Behind a position the description has none of its own. */
	uint32_t at = w.pos;
	wire_format(&w);
	memset(w.event + 13, 0, 4);
	crc = (uint32_t)crc32(0, w.event, (unsigned)(w.len - 4));
	memcpy(w.event + w.len - 4, &crc, 4);
	w.pos = at;
	wire_send(&w);
}

static uint32_t learn(void)
{
	start();
	dump_from("bin.000001", 4);
	query("CREATE TABLE t (a INT, b VARCHAR(64))");
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}");
	uint32_t pos = w.pos;
	stop();
	return pos;
}

static void names_are_known_after_a_restart(void **state)
{
	uint32_t pos = learn();
	start();
	dump_from("bin.000001", pos);
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}");
	last_has_not("unsure");
	crash();
}

static void what_holds_later_does_not_hold_before(void **state)
{
	uint32_t pos = learn();
	start();
	dump_from("bin.000001", 4); /* before the CREATE TABLE */
	insert_unnamed("t");
	last_has("\"after\":{\"c1\":5,\"c2\":\"v\"}");
	stop();
	start();
	dump_from("bin.000001", pos);
	query("ALTER TABLE t CHANGE a x INT");
	insert_unnamed("t");
	last_has("\"after\":{\"x\":5,\"b\":\"v\"}");
	uint32_t altered = w.pos;
	stop();
	start();
	dump_from("bin.000001", pos); /* between the two */
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}");
	crash();
	start();
	dump_from("bin.000001", altered);
	insert_unnamed("t");
	last_has("\"after\":{\"x\":5,\"b\":\"v\"}");
	crash();
}

/* Nobody knows what was altered in between. */
static void names_are_unsure_where_the_log_was_not_followed(void **state)
{
	uint32_t pos = learn();
	start();
	dump_from("bin.000001", pos + 1);
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}");
	last_has("\"unsure\":true");
	stop();
	start();
	dump_from("bin.000002", 4);
	insert_unnamed("t");
	last_has("\"unsure\":true");
	crash();
	start(); /* what was unsure was not followed */
	dump_from("bin.000001", pos);
	insert_unnamed("t");
	last_has_not("unsure");
	crash();
}

static void a_session_joined_late_has_the_newest_names_and_says_so(void **state)
{
	learn();
	start();
	w.run.dirs[0].after_gap = w.run.dirs[1].after_gap = true;
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}");
	last_has("\"unsure\":true");
	query("ALTER TABLE t CHANGE a y INT");
	query("ALTER TABLE t CHANGE b z VARCHAR(64)");
	insert_unnamed("t");
	last_has("\"after\":{\"y\":5,\"z\":\"v\"}");
	last_has("\"unsure\":true");
	stop();
	start(); /* a statement without a place is not kept */
	dump_from("bin.000001", 4);
	query("CREATE TABLE other (a INT)");
	stop();
}

static void tables_of_another_server_are_not_taken_for_ours(void **state)
{
	uint32_t pos = learn();
	start();
	w.run.port[1] = 3307;
	dump_from("bin.000001", pos);
	insert_unnamed("t");
	last_has("\"after\":{\"c1\":5,\"c2\":\"v\"}");
	crash();
}

/* Statements are written soon, and a crash behind that loses none. */
static void a_crash_loses_no_statement_that_was_written(void **state)
{
	struct err e;
	start();
	dump_from("bin.000001", 4);
	query("CREATE TABLE t (a INT, b VARCHAR(64))");
	insert_unnamed("t");
	uint32_t pos = w.pos;
	assert_int_equal(mysql_state_run(keep, false, &e),
			 0); /* the first time it is due at once */
	crash();
	start();
	dump_from("bin.000001", pos);
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}");
	crash();
}

static void tools_of_online_changes_swap_tables_across_a_restart(void **state)
{
	start();
	dump_from("bin.000001", 4);
	query("CREATE TABLE t (a INT, b VARCHAR(64))");
	query("CREATE TABLE _t_gho LIKE t");
	query("ALTER TABLE _t_gho CHANGE b note VARCHAR(64)");
	uint32_t pos = w.pos;
	stop();
	start();
	dump_from("bin.000001", pos);
	query("RENAME TABLE t TO _t_del, _t_gho TO t");
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"note\":\"v\"}");
	insert_unnamed("_t_del");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}");
	pos = w.pos;
	query("DROP TABLE _t_del");
	query("DROP DATABASE shop");
	uint32_t end = w.pos;
	stop();
	start();
	dump_from("bin.000001", pos);
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"note\":\"v\"}");
	crash();
	start();
	dump_from("bin.000001", end);
	insert_unnamed("t");
	last_has("\"after\":{\"c1\":5,\"c2\":\"v\"}");
	crash();
}

/* The ring is bounded: what does not fit is told, and not claimed. */
static void statements_that_find_no_room_are_told_and_not_claimed(void **state)
{
	struct err e;
	uint32_t pos = 0;
	start();
	dump_from("bin.000001", 4);
	query("CREATE TABLE t (a INT, b VARCHAR(64))");
	for (unsigned i = 0; i < 20000; i++) {
		char sql[400];
		snprintf(sql, sizeof(sql), "ALTER TABLE t CHANGE %s %s INT COMMENT '%0256d'",
			 i % 2 ? "z" : "a", i % 2 ? "a" : "z", 0);
		query(sql);
	}
	pos = w.pos;
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}"); /* the worker itself knows all */
	const struct mysql_pool *p = w.run.pool;
	assert_true(p->chains.row[MYSQL_CHAIN_not_kept] > 1000);
	assert_int_equal(mysql_state_run(keep, false, &e), -ENOBUFS);
	assert_non_null(strstr(e.text, "faster than they could be kept"));
	assert_int_equal(mysql_state_run(keep, true, &e), 0); /* told once */
	crash();
	start();
	dump_from("bin.000001", pos);
	insert_unnamed("t");
	last_has("\"unsure\":true");
	crash();
}

static atomic_bool over;

static void *keep_running(void *arg)
{
	struct err e;
	while (!atomic_load(&over))
		if (mysql_state_run(keep, false, &e) < 0)
			return keep;
	return NULL;
}

/* Main and a worker at once, as they run; a build with ThreadSanitizer watches. */
static void the_keeper_runs_beside_the_worker(void **state)
{
	pthread_t main_thread;
	void *failed;
	start();
	atomic_store(&over, false);
	assert_int_equal(pthread_create(&main_thread, NULL, keep_running, NULL), 0);
	dump_from("bin.000001", 4);
	query("CREATE TABLE t (a INT, b VARCHAR(64))");
	for (unsigned i = 0; i < 3000; i++)
		query(i % 2 ? "ALTER TABLE t CHANGE z a INT" : "ALTER TABLE t CHANGE a z INT");
	uint32_t pos = w.pos;
	atomic_store(&over, true);
	assert_int_equal(pthread_join(main_thread, &failed), 0);
	assert_null(failed);
	stop();
	start();
	dump_from("bin.000001", pos);
	insert_unnamed("t");
	last_has("\"after\":{\"a\":5,\"b\":\"v\"}");
	crash();
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");
	fputs(text, f);
	fclose(f);
}

static void cannot_start(const char *says)
{
	struct err e;
	struct mysql_conf c = {.state = path};
	assert_true(mysql_state_create(&c, &keep, &e) < 0);
	assert_null(keep);
	char want[256];
	snprintf(want, sizeof(want), "%s%s", path, says);
	if (!strstr(e.text, want))
		fail_msg("%s", e.text);
}

static void a_file_that_is_no_state_is_told_by_file_and_line(void **state)
{
	write_file("CREATE TABLE t (a INT);\n");
	cannot_start(":1: state: no state of sluice");
	write_file("-- sluice mysql schema 7\n");
	cannot_start(":1: state: written in form 7");
	unlink(path);
	learn();
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 2), 0);
	cannot_start(":10: state: @end: expected the number");
	unlink(path);
	mkdir(path, 0700);
	cannot_start(": Is a directory");
	rmdir(path);
}

/* Nobody writes to it: who opens it as a file is opened would wait for ever. */
static void a_pipe_in_place_of_a_state_or_a_schema_is_refused_at_once(void **state)
{
	struct err e;
	struct mysql_feed *feed;
	struct mysql_conf c = {.schema = path};
	assert_int_equal(mkfifo(path, 0600), 0);
	cannot_start(": no regular file; expected one, no pipe, socket or device");
	assert_int_equal(mysql_state_join(NULL, &c, NULL, &feed, &e), -ENOTSUP);
	assert_non_null(strstr(e.text, "cannot open schema"));
	unlink(path);
}

static void two_sources_do_not_share_a_file(void **state)
{
	struct err e;
	void *other;
	start();
	assert_int_equal(mysql_state_create(conf(), &other, &e), 0);
	assert_int_equal(mysql_state_run(other, false, &e), -EBUSY);
	assert_non_null(strstr(e.text, "in use by another source"));
	mysql_state_destroy(other);
	crash();
	start(); /* and a lock goes with its process */
	stop();
}

static void what_the_one_before_wrote_at_its_end_is_not_undone_by_the_next(void **state)
{
	void *next;
	struct err e;
	struct mysql_conf c = {.state = path};
	learn();
	start();
	assert_int_equal(mysql_state_create(&c, &next, &e), 0);
	dump_from("bin.000002", 4);
	query("CREATE TABLE more (a INT)");
	stop();
	assert_int_equal(mysql_state_run(next, false, &e), -EAGAIN);
	assert_non_null(strstr(e.text, "since it was read"));
	mysql_state_destroy(next);
	start();
	stop();
}

static void a_folder_that_is_not_there_is_told(void **state)
{
	struct err e;
	struct mysql_conf c = {.state = "/nonexistent/sluice.sql"};
	assert_int_equal(mysql_state_create(&c, &keep, &e), 0);
	assert_int_equal(mysql_state_run(keep, false, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nonexistent/sluice.sql"));
	mysql_state_destroy(keep);
}

static int set_up(void **state)
{
	snprintf(folder, sizeof(folder), "/tmp/sl-state-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/shop.sql", folder);
	return 0;
}

static int tear_down(void **state)
{
	char left[160];
	unlink(path);
	snprintf(left, sizeof(left), "%s.lock", path);
	unlink(left);
	return rmdir(folder); /* nothing else is there: no half file */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(names_are_known_after_a_restart),
		TEST(what_holds_later_does_not_hold_before),
		TEST(names_are_unsure_where_the_log_was_not_followed),
		TEST(a_session_joined_late_has_the_newest_names_and_says_so),
		TEST(tables_of_another_server_are_not_taken_for_ours),
		TEST(a_crash_loses_no_statement_that_was_written),
		TEST(tools_of_online_changes_swap_tables_across_a_restart),
		TEST(statements_that_find_no_room_are_told_and_not_claimed),
		TEST(the_keeper_runs_beside_the_worker),
		TEST(a_file_that_is_no_state_is_told_by_file_and_line),
		TEST(a_pipe_in_place_of_a_state_or_a_schema_is_refused_at_once),
		TEST(two_sources_do_not_share_a_file),
		TEST(what_the_one_before_wrote_at_its_end_is_not_undone_by_the_next),
		TEST(a_folder_that_is_not_there_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
