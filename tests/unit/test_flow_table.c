#include "tests/unit/unit.h"

#include "ctl/flow_table.h"

static const char *source_name(const void *arg, unsigned i)
{
	static const char *const names[] = {"syslog", "shop"};
	return names[i];
}

struct one {
	struct flow_session s;
	struct flow_look flow;
	struct frame_look frame;
};

/* A TCP session of @bytes, whole and read. */
static void init(struct one *o, uint64_t id, uint64_t bytes)
{
	*o = (struct one){.s = {.addr = {{[10] = 0xff, 0xff, 10, 0, 0, 1}, {[15] = 1}},
				.port = {40000, 514},
				.proto = IPPROTO_TCP_,
				.seen = {true, true},
				.from_start = true,
				.id = id,
				.first_ns = 1000 + id},
			  .flow = {.bytes = {bytes, 1}, .packets = {bytes / 10, 2}},
			  .frame = {.claim = FRAME_READ}};
	o->flow.session = &o->s;
}

static void add(struct flow_table *t, const struct one *o)
{
	struct flow_look l = o->flow;
	l.session = &o->s;
	flow_table_add(t, 0, &l, &o->frame);
}

static json_t *reply_of(struct flow_table **t, unsigned n)
{
	json_t *reply = json_object();
	flow_table_reply(t, n, source_name, NULL, reply);
	for (unsigned i = 0; i < n; i++)
		flow_table_destroy(t[i]);
	return reply;
}

static const char *text(const json_t *reply, unsigned row, const char *key)
{
	return json_string_value(
		json_object_get(json_array_get(json_object_get(reply, "rows"), row), key));
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static struct flow_table *table(unsigned state, int source, unsigned limit)
{
	struct flow_query q = {.state = state, .source = source, .limit = limit};
	return flow_table_create(&q);
}

/* The state and notes of a session that @o says. */
static void check_state(const struct one *o, const char *state, const char *notes)
{
	struct flow_table *t = table(0, -1, 1);
	add(t, o);
	json_t *reply = reply_of(&t, 1);
	assert_string_equal(text(reply, 0, "state"), state);
	assert_string_equal(text(reply, 0, "notes"), notes);
	json_decref(reply);
}

static void each_session_has_a_state_and_what_is_to_be_known_beside(void **state)
{
	struct one o;
	init(&o, 1, 100);
	check_state(&o, "plain", "");
	o.s.from_start = false;
	check_state(&o, "plain", "late");
	o.s.seen[1] = false;
	o.frame.gaps = 3;
	check_state(&o, "plain", "late one-sided gaps");
	o.s.proto = IPPROTO_UDP_; /* there both are nothing out of the way */
	check_state(&o, "plain", "gaps");
	init(&o, 1, 100);
	o.frame = (struct frame_look){.claim = FRAME_UNDECIDED};
	check_state(&o, "undecided", "");
	o.frame = (struct frame_look){.claim = FRAME_NOBODYS,
				      .why = reason_of_bytes(SLICE_LIT("\x16\x03\x01"))};
	check_state(&o, "tls", "");
	o.frame.why = "TLS: replication cannot be read";
	o.frame.claim = FRAME_LEFT;
	check_state(&o, "tls", "");
	o.frame.why = "an upgrade";
	check_state(&o, "left", "");
	o.frame.claim = FRAME_BROKEN;
	check_state(&o, "bad", "");
	o.frame = (struct frame_look){.claim = FRAME_NOBODYS,
				      .why = reason_of_bytes(SLICE_LIT("\x1f\x8b"))};
	check_state(&o, "compressed", "");
	o.frame.why = reason_of_bytes(SLICE_LIT("what"));
	check_state(&o, "unknown", "");
}

static void a_row_says_who_and_how_much(void **state)
{
	struct one o;
	init(&o, 0xabc, 100);
	o.frame.source = 1;
	o.frame.gaps = 2;
	o.frame.gap_bytes = 77;
	o.s.last_ns = 1000000000;
	struct flow_table *t = table(0, -1, 5);
	add(t, &o);
	json_t *reply = reply_of(&t, 1);
	const json_t *row = json_array_get(json_object_get(reply, "rows"), 0);
	assert_string_equal(text(reply, 0, "session"), "0000000000000abc");
	assert_string_equal(text(reply, 0, "protocol"), "tcp");
	assert_string_equal(text(reply, 0, "client"), "10.0.0.1:40000");
	assert_string_equal(text(reply, 0, "server"), "[::1]:514");
	assert_string_equal(text(reply, 0, "source"), "shop");
	assert_string_equal(text(reply, 0, "last"), "1970-01-01T00:00:01.000000000Z");
	assert_int_equal(number(row, "packets_out"), 10);
	assert_int_equal(number(row, "packets_back"), 2);
	assert_int_equal(number(row, "bytes_out"), 100);
	assert_int_equal(number(row, "bytes_back"), 1);
	assert_int_equal(number(row, "gaps"), 2);
	assert_int_equal(number(row, "gap_bytes"), 77);
	json_decref(reply);
}

static void only_what_is_asked_for_has_rows(void **state)
{
	struct one o;
	struct flow_table *t[3] = {table(flow_state_bit("late"), -1, 9), table(0, 1, 9),
				   table(flow_state_bit("plain"), 0, 9)};
	for (unsigned i = 0; i < 12; i++) {
		init(&o, i, 100 + i);
		o.s.from_start = i % 3;
		o.frame.source = i % 4 == 0;
		for (unsigned k = 0; k < 3; k++)
			add(t[k], &o);
	}
	static const unsigned want[] = {4, 3, 9};
	for (unsigned k = 0; k < 3; k++) {
		json_t *reply = reply_of(&t[k], 1);
		assert_int_equal(json_array_size(json_object_get(reply, "rows")), want[k]);
		assert_int_equal(number(reply, "sessions"), 12);
		assert_int_equal(number(reply, "left_out"), 0);
		json_decref(reply);
	}
	assert_int_equal(flow_state_bit("odd"), 0);
	assert_non_null(strstr(flow_state_names(), "plain, tls"));
}

/* Whatever order they come in, and whatever worker they are of. */
static void the_largest_are_shown_and_the_rest_is_counted(void **state)
{
	struct flow_table *t[3];
	for (unsigned i = 0; i < 3; i++)
		t[i] = table(0, -1, 10);
	for (unsigned i = 0; i < 1000; i++) {
		struct one o;
		unsigned k = i * 7919 % 1000;
		init(&o, k, k / 2); /* two of each size: the earlier one goes first */
		add(t[k % 3], &o);
	}
	json_t *reply = reply_of(t, 3);
	assert_int_equal(json_array_size(json_object_get(reply, "rows")), 10);
	assert_int_equal(number(reply, "left_out"), 990);
	for (unsigned i = 0; i < 10; i++) {
		char id[17];
		unsigned k = 998 - i + 2 * (i % 2);
		snprintf(id, sizeof(id), "%016x", k);
		assert_string_equal(text(reply, i, "session"), id);
	}
	json_decref(reply);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_session_has_a_state_and_what_is_to_be_known_beside),
		cmocka_unit_test(a_row_says_who_and_how_much),
		cmocka_unit_test(only_what_is_asked_for_has_rows),
		cmocka_unit_test(the_largest_are_shown_and_the_rest_is_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
