/* The ClickHouse sink behind its shipper, against a ClickHouse in a thread that misbehaves when it
 * is told to. */
#include "tests/unit/unit.h"

#include "dataplane/sink/sinks.h"
#include "tests/support/clickhouse_fake.h"
#include "tests/support/sink_rig.h"

static struct ch_fake *fake;
static char url[256];
static const char columns[] = "record\tUInt32\t\t\nfill\tString\t\t\n";
static void *conf;

static int set_up(void **unused)
{
	fake = calloc(1, sizeof(*fake));
	fake->described = columns;
	fake->settings = "insert_deduplication_token\ndate_time_input_format\n";
	fake->keeps_tokens = true;
	conf = calloc(1, sink_clickhouse.conf_size);
	conf_number(&sink_clickhouse, conf, "insert_bytes", 40000);
	conf_number(&sink_clickhouse, conf, "linger", 20000000);
	conf_number(&sink_clickhouse, conf, "timeout", 10000000000);
	*(bool *)conf_field(&sink_clickhouse, conf, "token") = true;
	rig_init("db.one", "two");
	return 0;
}

static int tear_down(void **unused)
{
	rig_fini();
	free(fake->got.p);
	free(fake);
	free(conf);
	return 0;
}

static int create(void)
{
	return rig_create("c", &sink_clickhouse, conf, 0);
}

static void listen_on(uint16_t port)
{
	ch_fake_start(fake, port);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", fake->port);
	conf_text(&sink_clickhouse, conf, "url", url);
}

static void start(void)
{
	if (create() < 0 || shipper_start(s, &error) < 0)
		fail_msg("%s", error.text);
}

#define WAIT_FOR(condition) WAIT_UP_TO(2000, 5, condition)

static void stop(void)
{
	if (shipper_stop(s, true, &error) < 0)
		fail_msg("%s", error.text);
	ch_fake_stop(fake);
}

/* The table has the records of the first @n batches, each once and in order. */
static void expect_table(unsigned n)
{
	struct text want = text_of(0, n * PER_BATCH);
	assert_int_equal(fake->got.len, want.len);
	assert_memory_equal(fake->got.p, want.p, want.len);
	assert_int_equal(count(0, SHIPPER_written), n * PER_BATCH);
	assert_int_equal(count(0, SHIPPER_bytes_written), want.len);
	free(want.p);
}

static void many_batches_are_few_inserts_of_all_records_in_order(void **unused)
{
	listen_on(0);
	start();
	make(40, false);
	stop();
	expect_table(40);
	assert_int_equal(n_back, 40);
	assert_true(fake->n_inserts >= 10 && fake->n_inserts <= 25);
	assert_non_null(strstr(fake->last_query,
			       "INSERT%20INTO%20%60db%60.%60one%60%20FORMAT%20JSONEachRow"));
	assert_non_null(strstr(fake->last_query, "&input_format_skip_unknown_fields=1"
						 "&date_time_input_format=best_effort"));
}

static void few_records_are_inserted_when_they_have_lingered(void **unused)
{
	listen_on(0);
	start();
	make(1, false);
	WAIT_FOR(n_back == 1);
	stop();
	expect_table(1);
}

static void an_insert_without_an_answer_is_sent_again_under_its_token(void **unused)
{
	atomic_store(&fake->fault, CHF_CUT);
	listen_on(0);
	start();
	make(10, false);
	stop();
	expect_table(10);
}

static void without_tokens_an_insert_without_an_answer_is_there_twice_and_it_was_told(void **unused)
{
	fake->settings = "";
	atomic_store(&fake->fault, CHF_CUT);
	listen_on(0);
	start();
	make(1, false);
	WAIT_FOR(n_back == 1);
	assert_true(shipper_notice(s, &error));
	assert_non_null(strstr(error.text, "no insert_deduplication_token"));
	stop();
	struct text want = text_of(0, PER_BATCH);
	assert_int_equal(fake->got.len, 2 * want.len);
	assert_int_equal(count(0, SHIPPER_written), PER_BATCH);
	free(want.p);
}

static void a_bad_record_is_found_and_its_neighbours_are_written(bool names_row,
								 unsigned inserts_max)
{
	fake->bad = "{\"record\":77,";
	fake->names_row = names_row;
	listen_on(0);
	start();
	make(4, false);
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_non_null(strstr(error.text, "table `db`.`one`: a record of"));
	assert_non_null(strstr(error.text, "Cannot parse"));
	ch_fake_stop(fake);
	assert_int_equal(count(0, SHIPPER_rejected), 1);
	assert_int_equal(count(0, SHIPPER_written), 4 * PER_BATCH - 1);
	struct text a = text_of(0, 77), b = text_of(78, 4 * PER_BATCH);
	assert_int_equal(fake->got.len, a.len + b.len);
	assert_memory_equal(fake->got.p, a.p, a.len);
	assert_memory_equal(fake->got.p + a.len, b.p, b.len);
	assert_true(fake->n_inserts <= inserts_max);
	free(a.p);
	free(b.p);
}

static void a_bad_record_that_clickhouse_names_costs_three_inserts_more(void **unused)
{
	a_bad_record_is_found_and_its_neighbours_are_written(true, 7);
}

static void a_bad_record_that_nobody_names_is_found_by_halves(void **unused)
{
	a_bad_record_is_found_and_its_neighbours_are_written(false, 30);
}

static void an_insert_that_is_too_large_is_halved_and_nothing_is_lost(void **unused)
{
	fake->body_max = 9000;
	listen_on(0);
	start();
	make(4, false);
	stop();
	expect_table(4);
}

static void a_state_that_passes_is_told_and_waited_for(void **unused)
{
	fake->status = 500;
	fake->error = "Code: 252, e.displayText() = DB::Exception: Too many parts (300)";
	atomic_store(&fake->fault, CHF_ERROR);
	listen_on(0);
	start();
	make(4, false);
	WAIT_FOR(shipper_trouble(s, &error));
	assert_non_null(strstr(error.text, "Too many parts"));
	assert_int_equal(count(0, SHIPPER_in_flight), 4 * PER_BATCH);
	atomic_store(&fake->fault, CHF_GOOD);
	stop();
	expect_table(4);
}

/* rsyslog/rsyslog#3949: goes quiet without a word. */
static void a_table_that_waits_is_told_though_others_go_on(void **unused)
{
	fake->status = 500;
	fake->error = "Code: 252, e.displayText() = DB::Exception: Too many parts (300)";
	fake->failing = "%60two%60";
	atomic_store(&fake->fault, CHF_ERROR);
	listen_on(0);
	start();
	make(1, false);
	WAIT_FOR(n_back == 1);
	batches[1] = batch_of(PER_BATCH, 2 * PER_BATCH);
	batches[1]->queue = 1;
	n_made = 2;
	while (!shipper_trouble(s, &error)) {
		unsigned back = n_back;
		pause_ms(20);
		if (n_made == N_BATCHES)
			continue;
		make(1, false);
		WAIT_FOR(n_back == back + 1);
	}
	assert_non_null(strstr(error.text, "table `two`: Code: 252"));
	assert_int_equal(count(1, SHIPPER_in_flight), PER_BATCH);
	atomic_store(&fake->fault, CHF_GOOD);
	stop();
	assert_int_equal(count(1, SHIPPER_written), PER_BATCH);
	assert_int_equal(count(0, SHIPPER_written), (n_made - 1) * PER_BATCH);
}

static void settings_that_may_not_be_read_are_done_without(void **unused)
{
	fake->settings = NULL;
	listen_on(0);
	start();
	make(1, false);
	stop();
	expect_table(1);
	assert_null(strstr(fake->last_query, "insert_deduplication_token"));
}

static void an_error_of_no_known_kind_is_not_tried_for_ever(void **unused)
{
	fake->status = 500;
	fake->error = "Code: 62, e.displayText() = DB::Exception: Syntax error";
	atomic_store(&fake->fault, CHF_ERROR);
	listen_on(0);
	start();
	make(1, false);
	while (!shipper_notice(s, &error))
		pause_ms(50);
	assert_non_null(strstr(error.text, "is not written: Code: 62"));
	WAIT_FOR(count(0, SHIPPER_failed) == PER_BATCH);
	assert_int_equal(fake->n_inserts, 9);
	ch_fake_stop(fake);
}

static void a_table_that_goes_loses_its_records_by_name(void **unused)
{
	listen_on(0);
	start();
	make(1, false);
	WAIT_FOR(n_back == 1);
	fake->status = 404;
	fake->error = "Code: 60, e.displayText() = DB::Exception: Table db.one doesn't exist.";
	atomic_store(&fake->fault, CHF_ERROR);
	make(2, false);
	WAIT_FOR(n_back == 3);
	assert_int_equal(count(0, SHIPPER_no_topic), 2 * PER_BATCH);
	ch_fake_stop(fake);
}

static void a_table_that_is_not_there_is_an_error_before_anything_starts(void **unused)
{
	fake->described = NULL;
	listen_on(0);
	assert_int_equal(create(), -ENOENT);
	assert_non_null(strstr(error.text, "queue t/one: table `db`.`one`: Code: 60"));
	ch_fake_stop(fake);
}

static void a_wrong_password_is_an_error_before_anything_starts(void **unused)
{
	fake->password = "right";
	listen_on(0);
	conf_text(&sink_clickhouse, conf, "password", "wrong");
	assert_int_equal(create(), -EACCES);
	assert_non_null(strstr(error.text, "Wrong password"));
	conf_text(&sink_clickhouse, conf, "password", "right");
	start();
	make(1, false);
	stop();
	expect_table(1);
}

static void a_server_that_comes_late_is_told_and_gets_everything(void **unused)
{
	listen_on(0); /* for a port that nobody has then */
	ch_fake_stop(fake);
	start();
	assert_non_null(strstr(error.text, "it is tried on"));
	make(5, false);
	WAIT_FOR(shipper_trouble(s, &error));
	assert_non_null(strstr(error.text, "ClickHouse at http://127.0.0.1:"));
	listen_on(fake->port);
	stop();
	expect_table(5);
}

static void a_silent_server_is_left_and_asked_again_and_nothing_is_there_twice(void **unused)
{
	listen_on(0);
	conf_number(&sink_clickhouse, conf, "timeout", 400000000);
	start();
	make(1, false);
	WAIT_FOR(n_back == 1);
	atomic_store(&fake->fault, CHF_SILENT);
	make(2, false);
	WAIT_FOR(shipper_trouble(s, &error));
	atomic_store(&fake->fault, CHF_GOOD);
	stop();
	expect_table(3);
}

static void a_silent_server_does_not_hold_up_a_stop(void **unused)
{
	listen_on(0);
	conf_number(&sink_clickhouse, conf, "timeout", 400000000);
	start();
	atomic_store(&fake->fault, CHF_SILENT);
	make(4, false);
	WAIT_FOR(shipper_trouble(s, NULL));
	assert_int_equal(shipper_stop(s, false, &error), -ECANCELED);
	assert_int_equal(count(0, SHIPPER_failed), 4 * PER_BATCH);
	assert_int_equal(n_back, 4);
	ch_fake_stop(fake);
}

static void rows_go_in_the_types_of_their_columns_and_what_does_not_fit_is_named(void **unused)
{
	fake->described = "record\tUInt8\t\t\nother\tNullable(String)\t\t\n";
	conf_choice(&sink_clickhouse, conf, "format", 1);
	listen_on(0);
	start();
	batches[0] = batch_of(254, 258);
	n_made = 1;
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	assert_non_null(strstr(error.text, "column record of type UInt8 does not take 256"));
	ch_fake_stop(fake);
	assert_int_equal(count(0, SHIPPER_rejected), 2);
	assert_int_equal(fake->got.len, 4);
	assert_memory_equal(fake->got.p, "\xfe\x01\xff\x01", 4);
	assert_non_null(
		strstr(fake->last_query, "%28%60record%60%2C%60other%60%29%20FORMAT%20RowBinary"));
}

/* The fills of records 0 and 480 are both empty, so their rows are the same. */
static void rows_that_are_alike_have_tokens_of_their_own(void **unused)
{
	fake->described = "fill\tString\t\t\n";
	conf_choice(&sink_clickhouse, conf, "format", 1);
	conf_number(&sink_clickhouse, conf, "linger", 0);
	listen_on(0);
	start();
	for (unsigned i = 0; i < 2; i++) {
		batches[i] = batch_of(480 * i, 480 * i + 1);
		atomic_fetch_add(&n_made, 1);
		WAIT_FOR(n_back == i + 1);
	}
	stop();
	assert_int_equal(fake->n_tokens, 2);
	assert_int_equal(fake->got.len, 2);
	assert_memory_equal(fake->got.p, "\0\0", 2);
}

/* The fills of records 479 to 481 have 241, 0 and 239 bytes. */
static void a_token_stays_when_the_first_record_did_not_fit(void **unused)
{
	fake->described = "fill\tFixedString(240)\t\t\n";
	conf_choice(&sink_clickhouse, conf, "format", 1);
	atomic_store(&fake->fault, CHF_CUT);
	listen_on(0);
	start();
	batches[0] = batch_of(479, 482);
	n_made = 1;
	assert_int_equal(shipper_stop(s, true, &error), -EIO);
	ch_fake_stop(fake);
	assert_int_equal(count(0, SHIPPER_rejected), 1);
	assert_int_equal(count(0, SHIPPER_written), 2);
	assert_int_equal(fake->n_tokens, 1);
	assert_int_equal(fake->got.len, 480);
}

static void a_type_that_rows_cannot_have_is_an_error_before_anything_starts(void **unused)
{
	fake->described = "record\tUInt32\t\t\nm\tMap(String, String)\t\t\n";
	conf_choice(&sink_clickhouse, conf, "format", 1);
	listen_on(0);
	assert_int_equal(create(), -ENOENT);
	assert_non_null(strstr(error.text, "column m has the type Map(String, String)"));
	ch_fake_stop(fake);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(many_batches_are_few_inserts_of_all_records_in_order),
		CASE(few_records_are_inserted_when_they_have_lingered),
		CASE(an_insert_without_an_answer_is_sent_again_under_its_token),
		CASE(without_tokens_an_insert_without_an_answer_is_there_twice_and_it_was_told),
		CASE(a_bad_record_that_clickhouse_names_costs_three_inserts_more),
		CASE(a_bad_record_that_nobody_names_is_found_by_halves),
		CASE(an_insert_that_is_too_large_is_halved_and_nothing_is_lost),
		CASE(a_state_that_passes_is_told_and_waited_for),
		CASE(a_table_that_waits_is_told_though_others_go_on),
		CASE(settings_that_may_not_be_read_are_done_without),
		CASE(an_error_of_no_known_kind_is_not_tried_for_ever),
		CASE(a_table_that_goes_loses_its_records_by_name),
		CASE(a_table_that_is_not_there_is_an_error_before_anything_starts),
		CASE(a_wrong_password_is_an_error_before_anything_starts),
		CASE(a_server_that_comes_late_is_told_and_gets_everything),
		CASE(a_silent_server_is_left_and_asked_again_and_nothing_is_there_twice),
		CASE(a_silent_server_does_not_hold_up_a_stop),
		CASE(rows_go_in_the_types_of_their_columns_and_what_does_not_fit_is_named),
		CASE(rows_that_are_alike_have_tokens_of_their_own),
		CASE(a_token_stays_when_the_first_record_did_not_fit),
		CASE(a_type_that_rows_cannot_have_is_an_error_before_anything_starts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
