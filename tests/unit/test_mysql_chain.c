#include "mysql_wire.h"

#include <jansson.h>

#include "parsers/mysql/pool.h"

static struct wire_rig w;

static void counts_are(unsigned in_order, unsigned behind_break, unsigned repeated)
{
	const uint64_t *row = wire_chains(&w)->row;
	assert_int_equal(row[MYSQL_CHAIN_in_order], in_order);
	assert_int_equal(row[MYSQL_CHAIN_behind_break], behind_break);
	assert_int_equal(row[MYSQL_CHAIN_repeated], repeated);
	assert_int_equal(ledger_imbalance(&mysql_chain_ledger, row), 0);
}

static void break_is(unsigned i, enum mysql_break_kind kind, uint64_t from, uint64_t to)
{
	const struct mysql_break *b = &wire_chains(&w)->breaks[i];
	assert_true(i < wire_chains(&w)->n_breaks);
	assert_int_equal(b->kind, kind);
	assert_int_equal(b->from.pos, from);
	assert_int_equal(b->to.pos, to);
}

static void events_that_follow_each_other_are_in_order(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	wire_transaction(&w, 2, 2);
	counts_are(11, 0, 0); /* the format description, and five each */
	assert_int_equal(wire_chains(&w)->n_breaks, 0);
}

static void a_hole_is_told_with_both_ends(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	wire_transaction(&w, 2, 2);
	uint32_t from = w.pos;
	wire_gtid(&w, 3); /* this and more is not captured */
	w.pos += 50;
	parser_run_gap(&w.run, 1, w.len + 5 + 50);
	uint32_t to = w.pos;
	wire_map(&w, 9, "orders");
	wire_send(&w);
	wire_transaction(&w, 4, 4);
	break_is(0, MYSQL_BREAK_HOLE, from, to);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_holes], 1);
	assert_int_equal(wire_chains(&w)->n_breaks, 1);
	const struct mysql_break *b = &wire_chains(&w)->breaks[0];
	assert_string_equal(b->from.gtid, "00000000-0000-0000-0000-000000000007:2");
	assert_string_equal(b->to.gtid, "00000000-0000-0000-0000-000000000007:4");
	assert_memory_equal(b->to.file, "bin.000001", 10);
	assert_int_equal(b->time_ns, w.run.time_ns);
}

static void a_reconnect_at_the_same_place_is_no_break(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	uint32_t pos = w.pos;
	wire_reconnect(&w, pos);
	wire_transaction(&w, 2, 2);
	counts_are(11, 0, 1); /* the format description again */
	assert_int_equal(wire_chains(&w)->n_breaks, 0);
	wire_records_are(&w, 1);
}

static void what_is_sent_again_is_known(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	uint32_t pos = w.pos;
	wire_transaction(&w, 2, 2);
	uint64_t identity = w.run.frames[1].identity, off = w.run.frames[1].stream_off;
	wire_reconnect(&w, pos);
	wire_transaction(&w, 2, 2);
	counts_are(11, 0, 6);
	assert_int_equal(w.run.frames[0].identity, identity);
	assert_int_equal(w.run.frames[0].stream_off, off);
	wire_transaction(&w, 3, 3);
	counts_are(16, 0, 6);
	assert_int_equal(wire_chains(&w)->n_breaks, 0);
}

static void what_no_session_carried_is_missed(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	uint32_t pos = w.pos;
	wire_reconnect(&w, pos + 500);
	wire_transaction(&w, 5, 5);
	break_is(0, MYSQL_BREAK_BETWEEN, pos, pos + 500);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_between], 1);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_gtid_gaps], 1);
	assert_int_equal(wire_chains(&w)->n_breaks, 1);
}

static void another_replica_has_a_chain_of_its_own(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	parser_run_end(&w.run);
	parser_run_reset(&w.run);
	wire_greet(&w, MYSQL_CAP_41);
	wire_login(&w, MYSQL_CAP_41, 40);
	wire_say(&w, 1, 2, wire_ok, sizeof(wire_ok));
	static const uint8_t dump[] = {0x12, 4,   0,   0,   0,   0,   0,   33,  0,   0,  0,
				       'b',  'i', 'n', '.', '0', '0', '0', '0', '0', '1'};
	wire_say(&w, 0, 0, dump, sizeof(dump));
	wire_rotate(&w, "bin.000001", MYSQL_FLAG_ARTIFICIAL);
	wire_send(&w);
	wire_format(&w);
	wire_send(&w);
	w.pos += 5000;
	wire_transaction(&w, 9, 9);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_between], 0);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_jumps], 1); /* of its own session */
}

static void a_gtid_that_is_left_out_is_told(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	uint32_t pos = w.pos;
	wire_transaction(&w, 4, 4);
	wire_transaction(&w, 3, 3); /* out of order: commits of an intermediate primary */
	break_is(0, MYSQL_BREAK_GTID, pos, pos);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_gtid_gaps], 1);
	assert_string_equal(wire_chains(&w)->breaks[0].to.gtid,
			    "00000000-0000-0000-0000-000000000007:4");
	counts_are(16, 0, 0);
}

static void a_wrong_checksum_is_told_with_its_place(void **state)
{
	wire_begin(&w);
	wire_map(&w, 9, "orders");
	wire_send(&w);
	uint32_t pos = w.pos;
	wire_rows(&w, 9, 1, 2);
	w.event[30] ^= 1;
	wire_send(&w);
	break_is(0, MYSQL_BREAK_CHECKSUM, pos, w.pos);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_checksums], 1);
	wire_transaction(&w, 1, 1);
	assert_int_equal(wire_chains(&w)->n_breaks, 1);
}

static void a_rotation_is_no_break_and_a_restart_none_when_the_gtids_go_on(void **state)
{
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	wire_rotate(&w, "bin.000002", 0);
	wire_send(&w);
	wire_format(&w);
	wire_send(&w);
	wire_transaction(&w, 2, 2);
	assert_int_equal(wire_chains(&w)->n_breaks, 0);
	parser_run_end(&w.run); /* and the server dies */
	parser_run_reset(&w.run);
	wire_greet(&w, MYSQL_CAP_41);
	wire_login(&w, MYSQL_CAP_41, 40);
	wire_say(&w, 1, 2, wire_ok, sizeof(wire_ok));
	wire_dump(&w, "bin.000003");
	wire_rotate(&w, "bin.000003", MYSQL_FLAG_ARTIFICIAL);
	wire_send(&w);
	wire_format(&w);
	wire_send(&w);
	wire_transaction(&w, 3, 3);
	assert_int_equal(wire_chains(&w)->n_breaks, 0);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_between], 0);
}

static void breaks_beyond_the_list_are_counted(void **state)
{
	wire_begin(&w);
	for (unsigned i = 1; i <= MYSQL_BREAKS + 10; i++)
		wire_transaction(&w, 2 * i, i);
	assert_int_equal(wire_chains(&w)->n_breaks, MYSQL_BREAKS);
	assert_int_equal(wire_chains(&w)->row[MYSQL_CHAIN_gtid_gaps], MYSQL_BREAKS + 9);
}

/* --- Delay ------------------------------------------------------------------------------------ */

static void pain_49_the_delay_is_from_the_commit_to_the_packet(void **state)
{
	wire_begin(&w);
	w.run.time_ns = 1764045796000000000ull + 250000000;
	wire_transaction(&w, 1, 1);
	w.run.time_ns -= 300000000; /* a clock behind the server's */
	wire_transaction(&w, 2, 2);
	const struct mysql_delay *d = &wire_chains(&w)->items[0].wire;
	assert_int_equal(d->n, 2);
	assert_int_equal(d->max_ns, 250000000);
	assert_int_equal(d->min_ns, 0);
	assert_int_equal(d->early, 1);
	assert_int_equal(d->steps[4], 1); /* below 1 s */
	assert_int_equal(d->steps[0], 1);
	assert_false(wire_chains(&w)->items[0].fine);
}

static void a_gtid_with_a_commit_time_gives_microseconds(void **state)
{
	uint8_t body[58] = {1};
	uint64_t us = 1764045796000000ull, number = 1;
	body[16] = 7;
	memcpy(body + 17, &number, 8);
	body[25] = 2;
	memcpy(body + 42, &us, 7);
	wire_begin(&w);
	w.run.time_ns = us * 1000 + 1234567;
	wire_event(&w, MYSQL_EV_GTID, 0, body, 49);
	wire_send(&w);
	wire_statement(&w, "BEGIN");
	wire_xid(&w);
	wire_send(&w);
	assert_true(wire_chains(&w)->items[0].fine);
	assert_int_equal(wire_chains(&w)->items[0].wire.max_ns, 1234567);
}

static void a_semi_sync_acknowledgement_ends_the_wait_of_its_commits(void **state)
{
	w.semi_sync = true;
	wire_begin(&w);
	w.run.time_ns = 1764045796000000000ull;
	wire_transaction(&w, 1, 1);
	wire_transaction(&w, 2, 2);
	uint8_t ack[32] = {MYSQL_ACK};
	memcpy(ack + 1, &w.pos, 4);
	memcpy(ack + 9, "bin.000001", 10);
	wire_transaction(&w, 3, 3);
	w.run.time_ns += 5000000;
	wire_say(&w, 0, 0, ack, 19);
	const struct mysql_chain *c = &wire_chains(&w)->items[0];
	assert_int_equal(c->ack.n, 2);
	assert_int_equal(c->ack.min_ns, 5000000);
	assert_int_equal(c->n_pending, 1);
	wire_say(&w, 0, 0, ack, 5); /* cut short */
	assert_int_equal(c->ack.n, 2);
}

/* All that the server has said, so far. */
static uint64_t said(void)
{
	return w.run.dirs[1].off + w.run.dirs[1].len;
}

static void tcp_acknowledges_what_a_plain_session_carried(void **state)
{
	const struct mysql_chain *c = &wire_chains(&w)->items[0];
	wire_begin(&w);
	parser_run_ack(&w.run, 1, said());
	w.run.time_ns = 1764045796000000000ull;
	wire_transaction(&w, 1, 1);
	uint64_t first = said();
	wire_transaction(&w, 2, 2);
	parser_run_ack(&w.run, 0, 1000000); /* what the client has said */
	w.run.time_ns += 3000000;
	parser_run_ack(&w.run, 1, first - 1); /* all but the last byte */
	assert_int_equal(c->tcp_ack.n, 0);
	parser_run_ack(&w.run, 1, first);
	assert_int_equal(c->tcp_ack.n, 1);
	assert_int_equal(c->tcp_ack.max_ns, 3000000);
	w.run.time_ns += 40000000;
	parser_run_ack(&w.run, 1, said());
	assert_int_equal(c->tcp_ack.n, 2);
	assert_int_equal(c->tcp_ack.max_ns, 43000000);
	assert_int_equal(c->tcp_ack.steps[2], 1); /* below 10 ms */
	assert_int_equal(c->tcp_ack.steps[3], 1); /* below 100 ms */
	assert_int_equal(c->tcp_ack.skipped, 0);
	assert_int_equal(c->ack.n, 0);
}

static void tcp_does_not_count_where_the_replica_itself_acknowledges(void **state)
{
	const struct mysql_chain *c = &wire_chains(&w)->items[0];
	w.semi_sync = true;
	wire_begin(&w);
	parser_run_ack(&w.run, 1, said());
	wire_transaction(&w, 1, 1);
	parser_run_ack(&w.run, 1, said());
	assert_int_equal(c->tcp_ack.n + c->tcp_ack.skipped, 0);
	assert_int_equal(c->n_pending, 1);
}

/* A hole that was waited for: what stands behind it was acknowledged meanwhile. Or a capture that
 * began late, where it is not known since when it is acknowledged.
 */
static void a_commit_that_was_acknowledged_before_it_was_seen_is_skipped(void **state)
{
	const struct mysql_chain *c = &wire_chains(&w)->items[0];
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	assert_int_equal(c->tcp_ack.skipped, 1);
	parser_run_ack(&w.run, 1, said() + 100000);
	wire_transaction(&w, 2, 2);
	assert_int_equal(c->tcp_ack.skipped, 2);
	parser_run_ack(&w.run, 1, said() + 200000);
	assert_int_equal(c->tcp_ack.n, 0);
}

static void commits_that_wait_too_long_or_whose_session_is_gone_are_skipped(void **state)
{
	const struct mysql_chain *c = &wire_chains(&w)->items[0];
	wire_begin(&w);
	parser_run_ack(&w.run, 1, 1);
	for (unsigned i = 0; i < MYSQL_CHAIN_ACKS + 5; i++)
		wire_transaction(&w, 1 + i, 1);
	assert_int_equal(c->tcp_ack.skipped, 5);
	wire_reconnect(&w, w.pos);
	parser_run_ack(&w.run, 1, said());
	assert_int_equal(c->tcp_ack.skipped, 5 + MYSQL_CHAIN_ACKS);
	wire_transaction(&w, 5000, 1);
	parser_run_ack(&w.run, 1, said());
	assert_int_equal(c->tcp_ack.n, 1);
	assert_int_equal(c->tcp_ack.n + c->tcp_ack.skipped, c->wire.n);
}

/* --- Types of events ---------------------------------------------------------------------------
 */

/* Of all numbers that a type can have: read, or passed over, and counted under its name; or lost
 * for a reason that names it, and counted under its number.
 */
static void each_of_256_event_types_is_told_by_name_or_number(void **state)
{
	static const uint8_t body[48];
	static char text[1 << 16];
	const void *pool = w.run.pool;
	for (unsigned type = 0; type < 256; type++) {
		const char *name = mysql_event_name((uint8_t)type);
		char want[64];
		parser_run_reset(&w.run);
		wire_begin(&w);
		size_t consumed = w.run.consumed;
		uint64_t before = wire_chains(&w)->types[type];
		wire_event(&w, (uint8_t)type, 0, body, sizeof(body));
		wire_send(&w);
		assert_int_equal(w.run.consumed, consumed + w.len + 5);
		assert_int_equal(wire_chains(&w)->types[type], before + 1);
		if (!name) {
			snprintf(want, sizeof(want), "event type %u, which is not known", type);
			assert_string_equal(w.run.why,
					    type ? want : mysql_fault_text(MYSQL_F_HEADER));
			assert_int_equal(w.run.skipped, w.len + 5);
		}
		size_t len = mysql_pool_tell(&pool, 1, text, sizeof(text) - 1);
		text[len] = 0;
		if (name)
			snprintf(want, sizeof(want), "\"%s\":", name);
		else
			snprintf(want, sizeof(want), "\"type %u\":", type);
		assert_non_null(strstr(text, want));
	}
}

/* A server to come may send what old readers may leave away: it says so. */
static void an_event_that_may_be_ignored_is_counted(void **state)
{
	static const uint8_t body[8];
	wire_begin(&w);
	wire_event(&w, 200, MYSQL_FLAG_IGNORABLE, body, sizeof(body));
	wire_send(&w);
	assert_int_equal(w.run.skipped, 0);
	assert_int_equal(wire_chains(&w)->types[200], 1);
	wire_transaction(&w, 1, 1);
	assert_int_equal(wire_chains(&w)->types[MYSQL_EV_XID], 1);
}

/* --- Telling ---------------------------------------------------------------------------------- */

static void what_is_told_is_json_and_alike_however_it_is_split(void **state)
{
	static struct mysql_chains parts[2];
	static char text[2][1 << 20];
	wire_begin(&w);
	wire_transaction(&w, 1, 1);
	wire_transaction(&w, 4, 4);
	wire_transaction(&w, 9, 9);
	const struct mysql_chains *one[] = {wire_chains(&w)}, *two[] = {&parts[0], &parts[1]};
	parts[0] = parts[1] = *wire_chains(&w);
	parts[0].n_breaks = 1;
	parts[1].n_breaks = 1;
	memset(parts[0].types, 0, sizeof(parts[0].types));
	parts[1].breaks[0] = wire_chains(&w)->breaks[1];
	memset(parts[0].items, 0, sizeof(parts[0].items));
	size_t n = mysql_chains_tell(one, 1, text[0], sizeof(text[0]));
	assert_true(n > 0);
	assert_int_equal(mysql_chains_tell(two, 2, text[1], sizeof(text[1])), n);
	assert_memory_equal(text[0], text[1], n);
	json_t *o = json_loadb(text[0], n, 0, NULL);
	assert_non_null(o);
	assert_int_equal(json_array_size(json_object_get(o, "breaks")), 2);
	const json_t *d = json_array_get(json_object_get(o, "delays"), 0);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(d, "wire"), "transactions")), 3);
	json_decref(o);
	assert_int_equal(mysql_chains_tell(one, 1, text[0], n), 0);
}

static void pairs_beyond_the_table_forget_the_one_that_was_quiet_longest(void **state)
{
	static struct mysql_chains cs;
	uint16_t hint = 0;
	for (uint16_t i = 0; i <= MYSQL_CHAINS; i++) {
		struct mysql_pair pair = {.server_port = (uint16_t)(i + 1)};
		struct mysql_chain *c = mysql_chain_of(&cs, &pair, &hint);
		assert_int_equal(c->pair.server_port, i + 1);
		assert_ptr_equal(mysql_chain_of(&cs, &pair, &hint), c);
	}
	struct mysql_pair second = {.server_port = 2};
	assert_ptr_equal(mysql_chain_of(&cs, &second, &hint), &cs.items[1]);
	assert_int_equal(cs.items[0].pair.server_port, MYSQL_CHAINS + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WIRE_TEST(events_that_follow_each_other_are_in_order),
		WIRE_TEST(a_hole_is_told_with_both_ends),
		WIRE_TEST(a_reconnect_at_the_same_place_is_no_break),
		WIRE_TEST(what_is_sent_again_is_known),
		WIRE_TEST(what_no_session_carried_is_missed),
		WIRE_TEST(another_replica_has_a_chain_of_its_own),
		WIRE_TEST(a_gtid_that_is_left_out_is_told),
		WIRE_TEST(a_wrong_checksum_is_told_with_its_place),
		WIRE_TEST(a_rotation_is_no_break_and_a_restart_none_when_the_gtids_go_on),
		WIRE_TEST(breaks_beyond_the_list_are_counted),
		WIRE_TEST(pain_49_the_delay_is_from_the_commit_to_the_packet),
		WIRE_TEST(a_gtid_with_a_commit_time_gives_microseconds),
		WIRE_TEST(a_semi_sync_acknowledgement_ends_the_wait_of_its_commits),
		WIRE_TEST(tcp_acknowledges_what_a_plain_session_carried),
		WIRE_TEST(tcp_does_not_count_where_the_replica_itself_acknowledges),
		WIRE_TEST(a_commit_that_was_acknowledged_before_it_was_seen_is_skipped),
		WIRE_TEST(commits_that_wait_too_long_or_whose_session_is_gone_are_skipped),
		WIRE_TEST(each_of_256_event_types_is_told_by_name_or_number),
		WIRE_TEST(an_event_that_may_be_ignored_is_counted),
		WIRE_TEST(what_is_told_is_json_and_alike_however_it_is_split),
		WIRE_TEST(pairs_beyond_the_table_forget_the_one_that_was_quiet_longest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
