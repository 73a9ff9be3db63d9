/* Framing and reading of syslog. Numbers in brackets are those of the users' pains that a test
 * stands for.
 */
#include "tests/unit/unit.h"

#include "dataplane/base/civil.h"
#include "parsers/parsers.h"
#include "parsers/syslog.h"
#include "parsers/syslog_time.h"
#include "tests/support/parser_run.h"
#include "tests/support/record_text.h"

static struct record_text rt;
static struct parser_run run;

/* --- What the tests say ------------------------------------------------------------------------
 */

static void at(const char *rfc3339)
{
	int64_t ns;
	assert_true(civil_read_rfc3339(slice_str(rfc3339), &ns));
	rt.time_ns = (uint64_t)ns;
}

static void message(const char *text)
{
	record_text_read(&rt, text, strlen(text));
}

static void has(const char *name, const char *want)
{
	const char *is = record_text_get(&rt, name);
	if (!is || strcmp(is, want) != 0)
		fail_msg("%s is '%s', not '%s'", name, is ? is : "(null)", want);
}

static void has_not(const char *name)
{
	const char *is = record_text_get(&rt, name);
	if (is)
		fail_msg("%s is '%s', not null", name, is);
}

static void is_all_text(const char *text)
{
	has("message", text);
	has_not("hostname");
	has_not("appname");
	has_not("timestamp");
}

static void stream(const char *bytes)
{
	parser_run_data(&run, 0, bytes, strlen(bytes));
}

static void frame_is(size_t i, const char *want)
{
	assert_string_equal(run.broken, "");
	if (i >= run.n_frames)
		fail_msg("%zu frames, no frame %zu", run.n_frames, i);
	const struct run_frame *f = &run.frames[i];
	if (f->len != strlen(want) || memcmp(f->bytes, want, f->len) != 0)
		fail_msg("frame %zu is '%.*s', not '%s'", i, (int)f->len, (char *)f->bytes, want);
}

static void frames_are(size_t n)
{
	assert_string_equal(run.broken, "");
	assert_int_equal(run.n_frames, n);
}

/* --- RFC 5424 ----------------------------------------------------------------------------------
 */

static void rfc5424_gives_all_fields(void **state)
{
	message("<34>1 2026-11-25T04:43:16.123456789+01:00 web-1 su 77 ID47 [id@1 k=\"v\"] 'su "
		"root' failed");
	assert_null(rt.error);
	has("facility", "auth");
	has("severity", "crit");
	has("hostname", "web-1");
	has("appname", "su");
	has("procid", "77");
	has("msgid", "ID47");
	has("timestamp", "2026-11-25T03:43:16.123456789Z");
	has("message", "'su root' failed");
	has("structured_data", "{\"id@1\":{\"k\":\"v\"}}");
}

static void rfc5424_times_of_one_minute_do_not_colour_each_other(void **state)
{
	static const char *const cases[][2] = {
		{"2026-11-25T04:43:16Z", "2026-11-25T04:43:16Z"},
		{"2026-11-25T04:43:59.5+01:00", "2026-11-25T03:43:59.5Z"},
		{"2026-11-25T04:43:00-00:30", "2026-11-25T05:13:00Z"},
		{"2026-11-25t04:43:01z", "2026-11-25T04:43:01Z"},
		{"2026-11-25T04:43:60Z", "2026-11-25T04:43:59.999999999Z"},
		{"2026-11-25T04:43:02,25Z", "2026-11-25T04:43:02.25Z"},
		{"1969-12-31T23:59:58.5Z", "1969-12-31T23:59:58.5Z"},
		{"1969-12-31T23:59:59.25Z", "1969-12-31T23:59:59.25Z"},
		{"2026-11-25T04:43:03Z", "2026-11-25T04:43:03Z"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[80];
		snprintf(text, sizeof(text), "<34>1 %s web-1 su - - - text", cases[i][0]);
		message(text);
		has("timestamp", cases[i][1]);
	}
	message("<34>1 2026-11-25T04:43:6xZ web-1 su - - - text");
	assert_non_null(rt.error);
	message("<34>1 2026-11-25T04:43x04Z web-1 su - - - text");
	assert_non_null(rt.error);
}

/* The short way of times against the long one: times of a known minute with a byte changed here and
 * there, and cut at all places.
 */
static size_t read_usual(const uint8_t *text, struct rec_minute *m, int64_t *ret_ns)
{
	struct syslog_time t = syslog_time_usual(text, m);
	*ret_ns = t.ns;
	return t.len;
}

static void the_usual_times_are_read_as_all_times_are(void **state)
{
	static const char *const forms[] = {
		"2026-11-25T04:43:16.123456Z x",    "2026-11-25T04:43:59.999999Z",
		"2026-11-25T04:43:00.123Z 12Z",     "2026-11-25T04:43:07Z.123Z12",
		"2026-11-25T04:43:16.12345Z xy",    "2026-11-25T04:43:16.123456+01:00",
		"2026-11-25T04:43:16.123456+00:00", "2026-11-25T04:43:16.123+00:00 xy",
		"2024-02-28T23:59:59+00:00 1234Z",  "1969-12-31T04:43:59.999999Z 0",
		"2096-02-29T04:43:16.123456Z xyz",  "2026-12-31 23:59:60.5Z xyzxyz",
	};
	enum { N_FORMS = sizeof(forms) / sizeof(forms[0]) };
	static const char odd[] = "0369/:.,Zz T-+\0\x80\xb0\xff";
	const struct rec_minute known = {"2026-11-25T04:43", 1795581780, NULL};
	unsigned n_usual = 0;
	for (unsigned i = 0; i < N_FORMS * 32 * (sizeof(odd) - 1); i++) {
		uint8_t text[64 + SL_PAD] = {0};
		size_t len = strlen(forms[i % N_FORMS]);
		memcpy(text, forms[i % N_FORMS], len);
		text[i / N_FORMS % 32] = (uint8_t)odd[i / N_FORMS / 32];
		for (size_t cut = 19; cut <= len; cut++) {
			struct rec_minute m = known, mine = known;
			int64_t want = 0, got = 1;
			size_t n = read_usual(text, &mine, &got);
			if (n == 0 || n > cut)
				continue;
			n_usual++;
			assert_int_equal(n, syslog_time_iso(text, text + cut, 0, &m, &want));
			assert_int_equal(got, want);
		}
	}
	assert_in_range(n_usual, 1000, 1000000);
}

static void the_usual_times_are_known_with_and_without_a_fraction(void **state)
{
	static const struct {
		char text[40];
		size_t n;
		int64_t ns;
	} cases[] = {
		{"2026-11-25T04:43:16.123456Z", 27, 16123456000},
		{"2026-11-25T04:43:59.007Z", 24, 59007000000},
		{"2026-11-25T04:43:01Z", 20, 1000000000},
		{"2026-11-25T04:43:60Z", 0, 0},
		{"2026-11-25T04:43:16.123456+00:00", 32, 16123456000},
		{"2026-11-25T04:43:16.123+00:00", 29, 16123000000},
		{"2026-11-25T04:43:16+00:00", 25, 16000000000},
		{"2026-11-25T04:43:16+00:01", 0, 0},
		{"2026-11-25T04:43:16", 0, 0},
		{"2026-11-25T04:43:01.12Z", 0, 0},
		{"2026-11-25T04:43:01.Z", 0, 0},
		{"2026-11-25T04:43:01.12345678Z", 0, 0},
	};
	struct rec_minute m = {"2026-11-25T04:43", 100};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t text[40 + SL_PAD] = {0};
		int64_t ns;
		memcpy(text, cases[i].text, 40);
		assert_int_equal(read_usual(text, &m, &ns), cases[i].n);
		if (cases[i].n)
			assert_int_equal(ns, 100 * NS_PER_S + cases[i].ns);
	}
}

static void the_usual_times_of_another_minute_make_it_the_known_one(void **state)
{
	static const uint8_t text[64 + SL_PAD] = "2026-11-25T04:44:01.5Z";
	static const uint8_t leap[64 + SL_PAD] = "2026-12-31T23:59:60Z";
	struct rec_minute m = {"2026-11-25T04:43", 1795581780};
	int64_t ns;
	assert_int_equal(read_usual(text, &m, &ns), 0);
	assert_memory_equal(m.text, "2026-11-25T04:44", 16);
	assert_int_equal(m.s, 1795581840);
	assert_int_equal(read_usual(leap, &m, &ns), 0);
	assert_memory_equal(m.text, "2026-11-25T04:44", 16);
}

static void nuls_are_no_minute_before_there_was_one(void **state)
{
	static const uint8_t text[32 + SL_PAD] = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0:16Z";
	struct rec_minute minute = {{0}};
	int64_t ns;
	bool zoned;
	assert_int_equal(syslog_time_iso(text, text + 20, 0, &minute, &ns), 0);
	assert_int_equal(read_usual(text, &minute, &ns), 0);
	assert_int_equal(syslog_time_any(text, text + 20, 0, 0, &minute, &ns, &zoned), 0);
}

/* [1] */
static void rfc5424_takes_nil_for_every_field(void **state)
{
	message("<14>1 - - - - - -");
	assert_null(rt.error);
	has("facility", "user");
	has("severity", "info");
	static const char *const nil[] = {"hostname", "appname",   "procid",
					  "msgid",    "timestamp", "structured_data"};
	for (size_t i = 0; i < sizeof(nil) / sizeof(nil[0]); i++)
		has_not(nil[i]);
	has("message", "");
}

/* [17] */
static void rfc5424_strips_a_byte_order_mark(void **state)
{
	message("<14>1 - - - - - - \xef\xbb\xbf{\"a\":1}");
	has("message", "{\"a\":1}");
	message("<14>1 - - - - - [a] \xef\xbb\xbf{\"a\":1}");
	has("message", "{\"a\":1}");
}

static void a_byte_order_mark_before_the_priority_is_skipped(void **state)
{
	message("\xef\xbb\xbf<34>1 2026-11-25T04:43:16Z web-1 su - - - text");
	assert_null(rt.error);
	has("facility", "auth");
	has("timestamp", "2026-11-25T04:43:16Z");
	has("message", "text");
	message("\xef\xbb\xbf<34>Nov 25 04:43:16 web-1 su: text");
	has("severity", "crit");
	has("hostname", "web-1");
	message("\xef\xbb\xbf<192>text");
	assert_string_equal(rt.error, "priority is beyond 191");
	message("\xef\xbb\xbfno priority");
	is_all_text("\xef\xbb\xbfno priority");
	message("\xef\xbb");
	is_all_text("\xef\xbb");
}

static void a_byte_order_mark_before_the_priority_ends_no_framing(void **state)
{
	stream("20 \xef\xbb\xbf<34>1 - a - - - -12 <13>one two \xef\xbb\xbf<14>a: x\n"
	       "\xef\xbb\xbf<14>a: y\n\xef\xbb plain\n");
	frames_are(5);
	frame_is(0, "\xef\xbb\xbf<34>1 - a - - - -");
	frame_is(1, "<13>one two ");
	frame_is(2, "\xef\xbb\xbf<14>a: x");
	frame_is(3, "\xef\xbb\xbf<14>a: y");
	frame_is(4, "\xef\xbb plain");
}

static void a_byte_order_mark_may_be_the_last_line(void **state)
{
	stream("<14>a: x\n\xef\xbb\xbf");
	parser_run_end(&run);
	frames_are(2);
	frame_is(1, "\xef\xbb\xbf");
}

static void years_that_64_bits_do_not_hold_are_named_as_the_reason(void **state)
{
	static const char far[] = "time stamp is not of the years 1678 to 2261";
	static const char not_one[] = "time stamp is not one of RFC 3339";
	static const struct {
		const char *time, *why;
	} cases[] = {
		{"2262-01-01T00:00:00Z", far},
		{"1677-12-31T23:59:59.5Z", far},
		{"9999-12-31T23:59:60+01:00", far},
		{"0000-02-29T00:00:00Z", far},
		{"2400-02-29T00:00:00Z", far},
		{"2300-02-29T00:00:00Z", not_one},
		{"2262-13-01T00:00:00Z", not_one},
		{"2262-01-01T00:00:00.Z", not_one},
		{"2262-01-01", not_one},
		{"2026-02-29T00:00:00Z", not_one},
		{"2261-12-31T23:59:59Z", NULL},
		{"1678-01-01T00:00:00Z", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[100];
		snprintf(text, sizeof(text), "<34>1 %s h a - - - text", cases[i].time);
		message(text);
		if (cases[i].why)
			assert_string_equal(rt.error, cases[i].why);
		else
			assert_null(rt.error);
	}
}

static void rfc5424_keeps_blanks_of_the_message_unless_told(void **state)
{
	message("<14>1 - - - - - -   two");
	has("message", "  two");
	((struct syslog_conf *)rt.conf)->strip_blank = true;
	message("<14>1 - - - - - -   two");
	has("message", " two");
	((struct syslog_conf *)rt.conf)->strip_blank = false;
}

static void structured_data_keeps_escapes_repeats_and_bad_bytes(void **state)
{
	message("<14>1 - - - - - [a x=\"\\\"\\\\\\]\\n\"] m");
	has("structured_data", "{\"a\":{\"x\":\"\\\"\\\\]\\\\n\"}}");
	message("<14>1 - - - - - [a ip=\"1\" ip=\"2\" z=\"\"][b][a y=\"3\" ip=\"4\"] m");
	has("structured_data",
	    "{\"a\":{\"ip\":[\"1\",\"2\",\"4\"],\"z\":\"\",\"y\":\"3\"},\"b\":{}}");
	message("<14>1 - - - - - [a x=\"\x01\t\xff\xc3\xa9\"] m");
	has("structured_data", "{\"a\":{\"x\":\"\\u0001\\t\xef\xbf\xbd\xc3\xa9\"}}");
	message("<14>1 - - - - - [a x= \"1\"] m");
	has("structured_data", "{\"a\":{\"x\":\"1\"}}");
}

/* [4] */
static void malformed_rfc5424_goes_out_whole_with_an_error(void **state)
{
	static const char *const texts[] = {
		"<14>1 - - - - - [a x=\"1] text",
		"<14>1 - - - - - [a x=\"1\"",
		"<14>1 - - - - - [a x=1] text",
		"<14>1 - - - - - [ a] text",
		"<14>1 - - - - - []",
		"<14>1 - - - - - text without data",
		"<14>1 - host app",
		"<14>1 2026-02-30T00:00:00Z h a - - - m",
		"<14>1 2026-02-03T00:00:00. h a - - - m",
		"<14>1 - a  b c - - m",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		message(texts[i]);
		if (!rt.error)
			fail_msg("no error: %s", texts[i]);
		has("message", texts[i]);
	}
}

static void structured_data_is_bounded(void **state)
{
	static char text[200000];
	size_t n = (size_t)sprintf(text, "<14>1 - - - - - ");
	for (unsigned i = 0; i < 65; i++)
		n += (size_t)sprintf(text + n, "[a%u]", i);
	message(text);
	assert_string_equal(rt.error, "structured data has too many elements");
	n = (size_t)sprintf(text, "<14>1 - - - - - [a");
	for (unsigned i = 0; i < 257; i++)
		n += (size_t)sprintf(text + n, " p%u=\"\"", i);
	sprintf(text + n, "]");
	message(text);
	assert_string_equal(rt.error, "structured data has too many parameters");
	n = (size_t)sprintf(text, "<14>1 - - - - - [a p=\"");
	memset(text + n, 1, 100000);
	strncpy(text + n + 100000, "\"] m", 8);
	message(text);
	assert_string_equal(rt.error, "structured data is too long");
}

static void other_versions_are_read_when_they_fit_and_are_text_when_not(void **state)
{
	message("<14>2 - host app - - - m");
	has("hostname", "host");
	has("message", "m");
	message("<14>2 - host app");
	assert_null(rt.error);
	is_all_text("2 - host app");
}

static void priority_beyond_191_is_an_error(void **state)
{
	message("<191>1 - - - - - - m");
	has("facility", "local7");
	has("severity", "debug");
	message("<192>1 - - - - - - m");
	assert_string_equal(rt.error, "priority is beyond 191");
	has("message", "<192>1 - - - - - - m");
}

/* --- RFC 3164 ----------------------------------------------------------------------------------
 */

static void rfc3164_gives_host_tag_pid_and_message(void **state)
{
	at("2026-11-25T00:00:00Z");
	message("<34>Oct 11 22:14:15 mymachine su[77]: 'su root' failed");
	assert_null(rt.error);
	has("facility", "auth");
	has("severity", "crit");
	has("timestamp", "2026-10-11T22:14:15Z");
	has("hostname", "mymachine");
	has("appname", "su");
	has("procid", "77");
	has("message", "'su root' failed");
	has_not("msgid");
	has_not("structured_data");
}

/* [2] */
static void rfc3164_text_in_brackets_is_no_structured_data(void **state)
{
	message("<131>Jun 8 11:54:08 master apache_error [Tue Jun 08] [php7:emerg] rest");
	has("hostname", "master");
	has("appname", "apache_error");
	has("message", "[Tue Jun 08] [php7:emerg] rest");
	has_not("structured_data");
	message("<131>Jun 8 11:54:08 [id@1 k=\"v\"] rest");
	has("message", "[id@1 k=\"v\"] rest");
	has_not("structured_data");
	message("<131>[id@1 k=\"v\"] rest");
	is_all_text("[id@1 k=\"v\"] rest");
}

/* [3] */
static void cisco_sequence_host_and_time_are_read(void **state)
{
	at("2026-03-02T00:00:00Z");
	message("<189>123: host: *Mar  1 18:46:11.123 UTC: %SYS-5-CONFIG_I: Configured");
	has("hostname", "host");
	has("appname", "%SYS-5-CONFIG_I");
	has("timestamp", "2026-03-01T18:46:11.123Z");
	has("message", "Configured");
	has("sequence", "123");
	message("<189>000030: *Feb 22 13:34:49.195 EST: %SYS-5-CONFIG_I: Configured");
	has("timestamp", "2026-02-22T18:34:49.195Z");
	has("sequence", "30");
	has_not("hostname");
	message("<189>: 2022 Oct 11 22:14:15 UTC: %ETHPORT-5-IF_DOWN: down");
	has("timestamp", "2022-10-11T22:14:15Z");
	has("appname", "%ETHPORT-5-IF_DOWN");
	message("<189>38: 1w2d: %SYS-5-RESTART: up");
	has_not("hostname");
	has("appname", "%SYS-5-RESTART");
	message("<166>Oct 11 2022 22:14:15 asa : %ASA-6-302013: Built");
	has("hostname", "asa");
	has("appname", "%ASA-6-302013");
}

static void a_zone_before_host_and_tag_is_no_host(void **state)
{
	static const struct {
		const char *rest, *time, *host, *app;
	} cases[] = {
		{"CET host tag: m", "2025-10-01T21:14:15Z", "host", "tag"},
		{"CET host tag[7]: m", "2025-10-01T21:14:15Z", "host", "tag"},
		{"EST  10.0.0.1  %ASA-6-302013: m", "2025-10-02T03:14:15Z", "10.0.0.1",
		 "%ASA-6-302013"},
		{"UTC host tag m", "2025-10-01T22:14:15Z", "host", "tag"},
		/* hosts that are called so */
		{"CET tag: m", "2025-10-01T22:14:15Z", "CET", "tag"},
		{"CET host tag", "2025-10-01T22:14:15Z", "CET", "host"},
		{"cet host tag: m", "2025-10-01T22:14:15Z", "cet", "host"},
		{"XYZ host tag: m", "2025-10-01T22:14:15Z", "XYZ", "host"},
		{"CET", "2025-10-01T22:14:15Z", "CET", NULL},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[100];
		snprintf(text, sizeof(text), "<189>Oct 01 22:14:15 %s", cases[i].rest);
		message(text);
		has("timestamp", cases[i].time);
		cases[i].host ? has("hostname", cases[i].host) : has_not("hostname");
		cases[i].app ? has("appname", cases[i].app) : has_not("appname");
	}
}

/* [3] */
static void a_second_time_stamp_is_the_devices(void **state)
{
	at("2026-03-02T00:00:00Z");
	message("<189>Mar  1 18:46:12 R1 77: *Mar  1 18:46:11.123: %SYS-5-CONFIG_I: Configured");
	has("hostname", "R1");
	has("timestamp", "2026-03-01T18:46:12Z");
	has("device_timestamp", "2026-03-01T18:46:11.123Z");
	has("sequence", "77");
	has("appname", "%SYS-5-CONFIG_I");
	has("message", "Configured");
}

/* [4] */
static void text_of_no_shape_is_the_message(void **state)
{
	static const char *const texts[] = {
		"This is a message!",
		"   { \"c2\":2 }",
		"<xml>text</xml>",
		"<14",
		"<>x",
		"12345",
		"Foo 11 22:14:15 h a: b",
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		message(texts[i]);
		assert_null(rt.error);
		is_all_text(texts[i]);
		has_not("facility");
		has_not("severity");
	}
}

/* [5], [7] */
static void the_year_is_the_one_nearest_to_packet_time(void **state)
{
	at("2026-01-01T00:00:05Z");
	message("<13>Dec 31 23:59:59 h a: old year");
	has("timestamp", "2025-12-31T23:59:59Z");
	at("2025-12-31T23:59:58Z");
	message("<13>Jan  1 00:00:01 h a: clock ahead");
	has("timestamp", "2026-01-01T00:00:01Z");
	at("2026-06-30T00:00:00Z");
	message("<13>Jan  1 00:00:01 h a: half a year");
	has("timestamp", "2026-01-01T00:00:01Z");
	at("2026-02-01T00:00:00Z");
	message("<13>Feb 29 10:00:00 h a: no such day this year");
	has("timestamp", "2024-02-29T10:00:00Z");
}

/* [6] */
static void the_senders_time_zone_is_an_option(void **state)
{
	struct syslog_conf *conf = rt.conf;
	at("2026-01-01T00:00:05Z");
	while (strcmp(syslog_zones[conf->timezone], "+08:00") != 0)
		conf->timezone++;
	message("<13>Jan  1 08:00:01 h a: m");
	has("timestamp", "2026-01-01T00:00:01Z");
	message("<13>2026-01-01T08:00:01 h a: m");
	has("timestamp", "2026-01-01T00:00:01Z");
	message("<13>2026-01-01T08:00:01Z h a: a zone in the text wins");
	has("timestamp", "2026-01-01T08:00:01Z");
	conf->timezone = 0;
	for (int i = 0; syslog_zones[i]; i++) {
		struct syslog_conf c = {.timezone = i};
		int s = syslog_zone_s(&c);
		assert_true(s >= -12 * 3600 && s <= 14 * 3600 && s % 900 == 0);
	}
}

static void heads_are_the_same(const struct syslog_head *a, const struct syslog_head *b)
{
	assert_ptr_equal(a->host.ptr, b->host.ptr);
	assert_ptr_equal(a->app.ptr, b->app.ptr);
	assert_ptr_equal(a->pid.ptr, b->pid.ptr);
	assert_null(b->sequence.ptr);
	assert_int_equal(a->host.len, b->host.len);
	assert_int_equal(a->app.len, b->app.len);
	assert_int_equal(a->pid.len, b->pid.len);
	assert_int_equal(a->time, b->time);
	assert_true(a->has_time && b->has_time && !b->has_device_time);
}

/* The short way of RFC 3164 against the long one: usual messages with bytes changed, left out and
 * put in, and cut.
 */
static void the_usual_messages_of_rfc3164_are_read_as_all_are(void **state)
{
	static const char *const forms[] = {
		"Oct 11 22:14:15 mymachine su[77]: text",
		"Nov  5 04:43:16 web-1 nginx: last message",
		"Feb 29 23:59:59 10.0.0.1 postfix/smtpd[1234]: x",
		"Dec 31 00:00:00 CET tag: m",
		"Dec 31 00:00:00 host 2026 tag: m",
		"Jan  1 00:00:01 last message repeated 3 times",
		"Jan  1 00:00:01 host last message: 3",
		"Oct 11 22:14:15 Message forwarded from aix: sshd[6]: m",
		"Oct 11 22:14:15 fe80::1%eth0 Microsoft Word[14]: m",
		"Oct 11 22:14:15 R1 123: *Oct 11 22:14:15.123: %SYS-5-X: m",
	};
	static const char bytes[] = " :[]%-.*0129aUTCZ/\t\x80";
	static const int64_t nows[] = {1795581796, 1791758055, 1798761599, 1772366400};
	uint32_t r = 1, n_usual = 0;
	for (unsigned i = 0; i < 200000; i++) {
		uint8_t text[128 + SL_PAD] = {0};
		const char *form = forms[i % 10];
		size_t len = strlen(form), k = (r >> 8) % (len + 1);
		memcpy(text, form, k);
		unsigned skip = (r >> 20) % 3 % (unsigned)(len - k + 1);
		size_t put = i % 4 ? (r >> 24) % 3 : 0;
		for (size_t m = 0; m < put; m++)
			text[k + m] = (uint8_t)bytes[(r >> (4 * m)) % (sizeof(bytes) - 1)];
		memcpy(text + k + put, form + k + skip, len - k - skip);
		len += put - skip;
		if (i % 7 == 0)
			len -= (r >> 4) % (len + 1);
		r = r * 1664525 + 1013904223;
		struct rec_minute minute = {{0}};
		struct syslog_text t = {.p = text,
					.end = text + len,
					.time_ns = nows[r >> 16 & 3] * NS_PER_S,
					.zone_s = r >> 12 & 1 ? 3600 : 0,
					.minute = &minute};
		struct syslog_head usual = {0}, any = {0};
		const uint8_t *message = syslog_3164_usual(&t, &usual);
		if (!message)
			continue;
		n_usual++;
		assert_ptr_equal(message, syslog_3164_any(&t, true, &any));
		heads_are_the_same(&usual, &any);
	}
	assert_in_range(n_usual, 4000, 200000);
}

/* [8] */
static void a_message_without_time_stamp_keeps_its_tag(void **state)
{
	message("<30>snmpd[6956]: Connection from UDP: [127.0.0.1]:21311");
	has("appname", "snmpd");
	has("procid", "6956");
	has("message", "Connection from UDP: [127.0.0.1]:21311");
	has_not("timestamp");
	message("<27>xapi: [error|xen3] text");
	has("appname", "xapi");
	has("message", "[error|xen3] text");
	message("<134>854 08/20/2013-19:05:23 CONFIG QLA23XX");
	is_all_text("854 08/20/2013-19:05:23 CONFIG QLA23XX");
}

static void odd_times_are_read(void **state)
{
	static const struct {
		const char *text, *time;
	} cases[] = {
		{"<13>2022-10-11T22:14:15Z h a: m", "2022-10-11T22:14:15Z"},
		{"<13>2022-10-11 22:14:15,25 h a: m", "2022-10-11T22:14:15.25Z"},
		{"<13>2022-10-11T22:14:15+0200 h a: m", "2022-10-11T20:14:15Z"},
		{"<13>Oct 11 2022 22:14:15 h a: m", "2022-10-11T22:14:15Z"},
		{"<13>Oct 11 22:14:15 2022 h a: m", "2022-10-11T22:14:15Z"},
		{"<13>2022 Oct 11 22:14:15 h a: m", "2022-10-11T22:14:15Z"},
		{"<13>Tue Oct 11 22:14:15 2022 h a: m", "2022-10-11T22:14:15Z"},
		{"<13>Tue 2022-10-11 22:14:15 UTC h a: m", "2022-10-11T22:14:15Z"},
		{"<13>OCT  1 2022 22:14:15.000001 h a: m", "2022-10-01T22:14:15.000001Z"},
		{"<13>Oct 1 2022 22:14:15: h a: m", "2022-10-01T22:14:15Z"},
		{"Oct 11 2022 22:14:15 h a: m", "2022-10-11T22:14:15Z"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		message(cases[i].text);
		has("timestamp", cases[i].time);
		has("hostname", "h");
		has("appname", "a");
		has("message", "m");
	}
}

static void odd_hosts_and_tags_are_read(void **state)
{
	static const struct {
		const char *rest, *host, *app, *pid, *message;
	} cases[] = {
		{"2001:db8::1 app[1]: m", "2001:db8::1", "app", "1", "m"},
		{"[fe80::1%eth0] app: m", "fe80::1%eth0", "app", NULL, "m"},
		{"robin: Hello", NULL, "robin", NULL, "Hello"},
		{"h postfix/smtpd[12]: m", "h", "postfix/smtpd", "12", "m"},
		{"h sshd(pam_unix)[12750]: m", "h", "sshd(pam_unix)", "12750", "m"},
		{"h kernel: [ 12.5] m", "h", "kernel", NULL, "[ 12.5] m"},
		{"h tag This msg", "h", "tag", NULL, "This msg"},
		{"h Microsoft Word[14]: m", "h", "Microsoft Word", "14", "m"},
		{"h one two three four[14]: m", "h", "one", NULL, "two three four[14]: m"},
		{"h app:m", "h", "app", NULL, "m"},
		{"h 12:30:45 text", "h", NULL, NULL, "12:30:45 text"},
		{"h peer:8080 closed", "h", NULL, NULL, "peer:8080 closed"},
		{"h sudo:   alice", "h", "sudo", NULL, "  alice"},
		{"h -- MARK --", "h", NULL, NULL, "-- MARK --"},
		{"h http://x/y z", "h", NULL, NULL, "http://x/y z"},
		{"h {\"a\":1}", "h", NULL, NULL, "{\"a\":1}"},
		{"h a[3]=5", "h", NULL, NULL, "a[3]=5"},
		{"h app[main thread]: m", "h", NULL, NULL, "app[main thread]: m"},
		{"last message repeated 3 times", NULL, NULL, NULL,
		 "last message repeated 3 times"},
		{"h last message repeated 3 times", "h", NULL, NULL,
		 "last message repeated 3 times"},
		{"Message forwarded from aix: sshd[6]: m", "aix", "sshd", "6", "m"},
		{"%ASA: m", NULL, "%ASA", NULL, "m"},
		{"h", "h", NULL, NULL, ""},
		{"", NULL, NULL, NULL, ""},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[256];
		snprintf(text, sizeof(text), "<13>Oct 11 22:14:15 %s", cases[i].rest);
		message(text);
		assert_null(rt.error);
		cases[i].host ? has("hostname", cases[i].host) : has_not("hostname");
		cases[i].app ? has("appname", cases[i].app) : has_not("appname");
		cases[i].pid ? has("procid", cases[i].pid) : has_not("procid");
		has("message", cases[i].message);
	}
}

/* [15], [16]: the encoder replaces such bytes, see test_encode_json. */
static void bytes_that_are_no_utf8_stay_in_the_message(void **state)
{
	message("<13>Oct 11 22:14:15 h a: caf\xe9 \xff");
	assert_null(rt.error);
	has("message", "caf\xe9 \xff");
}

/* --- Framing -----------------------------------------------------------------------------------
 */

static void a_datagram_is_one_message(void **state)
{
	static const char several[] = "<13>Oct 11 22:14:15 h CEF:0|a|\nCEF:0|b|\nCEF:0|c|\n\n\0";
	parser_run_datagram(&run, 0, several, sizeof(several));
	/* [14] */
	frames_are(1);
	frame_is(0, "<13>Oct 11 22:14:15 h CEF:0|a|\nCEF:0|b|\nCEF:0|c|");
	parser_run_datagram(&run, 0, "\n\0", 2);
	frames_are(1);
	parser_run_datagram(&run, 1, "<13>from the other side", 23);
	frames_are(2);
}

/* [11] */
static void a_counted_message_keeps_its_line_feeds(void **state)
{
	stream("17 <13>one\ntwo\nthree18 <13>with a feed\n\n\n");
	frames_are(2);
	frame_is(0, "<13>one\ntwo\nthree");
	frame_is(1, "<13>with a feed");
}

/* [13] */
static void a_counted_message_may_be_of_rfc3164(void **state)
{
	stream("27 <13>Oct 11 22:14:15 h a: b1");
	frames_are(1);
	frame_is(0, "<13>Oct 11 22:14:15 h a: b1");
}

/* [9] */
static void both_framings_may_alternate_on_a_connection(void **state)
{
	stream("<13>line one\n8 <14>abcd<15>line two\n9 <16>abcde8 <17>abcd\n<18>three\r\n");
	frames_are(6);
	frame_is(0, "<13>line one");
	frame_is(1, "<14>abcd");
	frame_is(2, "<15>line two");
	frame_is(3, "<16>abcde");
	frame_is(4, "<17>abcd");
	frame_is(5, "<18>three");
	assert_int_equal(run.skipped, 0);
}

static void lines_end_with_lf_crlf_or_nul_and_may_be_plain(void **state)
{
	stream("<13>a\r\n<14>b");
	parser_run_data(&run, 0, "\0<15>c\0\n\n", 9);
	stream("plain\n99 bottles\n");
	frames_are(5);
	frame_is(1, "<14>b");
	frame_is(2, "<15>c");
	frame_is(3, "plain");
	frame_is(4, "99 bottles");
}

/* [18] */
static void the_last_line_needs_no_line_feed(void **state)
{
	stream("<13>a\n<14>b");
	frames_are(1);
	parser_run_end(&run);
	frames_are(2);
	frame_is(1, "<14>b");
	assert_int_equal(run.left_over, 0);
}

static void an_incomplete_count_is_no_frame(void **state)
{
	stream("5 <13>a100 <14>b");
	parser_run_end(&run);
	frames_are(1);
	assert_int_equal(run.left_over, 9);
}

/* [19] */
static void a_line_is_not_searched_twice(void **state)
{
	static char line[1 << 20];
	memset(line, 'a', sizeof(line));
	/* Quadratic work would be 2^40 bytes here. The run copies, so this takes 64 KiB pieces. */
	for (size_t i = 0; i < sizeof(line); i += 65536)
		parser_run_data(&run, 0, line + i, 65536);
	frames_are(0);
	const struct syslog_state *st = run.state;
	assert_int_equal(st->no_end, sizeof(line));
	stream("\n");
	frames_are(1);
	assert_int_equal(run.frames[0].len, sizeof(line));
}

/* [10] */
static void a_count_larger_than_its_message_costs_no_other_message(void **state)
{
	stream("70 <13>1 - cut - - - -29 <14>1 - second - - - - longer29 <15>1 - third- - - - - "
	       "longer");
	frames_are(3);
	frame_is(0, "<13>1 - cut - - - -");
	assert_true(run.frames[0].cut);
	frame_is(1, "<14>1 - second - - - - longer");
	frame_is(2, "<15>1 - third- - - - - longer");
}

static void a_count_smaller_than_its_message_is_skipped_to_the_next_frame(void **state)
{
	stream("10 <13>1 - short - - - - tail\n<14>next\n");
	frames_are(2);
	frame_is(0, "<13>1 - sh");
	frame_is(1, "<14>next");
	assert_int_equal(run.skipped, 17);
	assert_string_equal(run.why, "octet count is smaller than its message");
}

static void a_last_line_that_nobody_closed_is_cut(void **state)
{
	run.left_open = true;
	stream("<13>1 - h a - - - whole\n<13>1 - h a - - - the beginn");
	parser_run_end(&run);
	frames_are(2);
	assert_false(run.frames[0].cut);
	assert_true(run.frames[1].cut);
}

/* [10] The digits that end a message are none of the count behind it. */
static void a_count_behind_digits_is_told_from_them(void **state)
{
	stream("70 <13>1 - cut - - - - 1224 <14>1 - second - - - - 231 <15>1 - third- - - - - "
	       "longer 3");
	parser_run_end(&run);
	frames_are(3);
	frame_is(0, "<13>1 - cut - - - - 12");
	assert_true(run.frames[0].cut);
	frame_is(1, "<14>1 - second - - - - 2");
	assert_false(run.frames[1].cut);
	frame_is(2, "<15>1 - third- - - - - longer 3");
}

static void a_count_behind_digits_is_found_after_a_gap(void **state)
{
	stream("23 <14>1 - first - - - - 1");
	parser_run_gap(&run, 0, 100);
	stream(" - - - 11");
	for (unsigned i = 0; i < 20; i++)
		stream("23 <14>1 - again - - - - 2");
	parser_run_end(&run);
	frames_are(21);
	for (size_t i = 1; i < 21; i++)
		frame_is(i, "<14>1 - again - - - - 2");
}

static void a_count_behind_digits_that_nothing_proves_is_none(void **state)
{
	parser_run_gap(&run, 0, 1);
	stream(" - - - 623 <14>1 - agai");
	parser_run_gap(&run, 0, 100);
	stream(" - - 000000000023 <14>1 - again - - - - 723 <14>1 - again - - - - 7\n23 <14>1 - "
	       "again - - - - 7");
	parser_run_gap(&run, 0, 100);
	parser_run_end(&run);
	frames_are(3);
	frame_is(2, "<14>1 - again - - - - 7");
}

/* [12] */
static void the_tail_of_an_oversize_frame_is_no_frame(void **state)
{
	run.out.bytes_max = 1000;
	char body[2000];
	memset(body, 'x', sizeof(body));
	memcpy(body, "<13>1 - ", 8);
	memcpy(body + 1500, "\n<14>1 - not a frame\n", 21);
	stream("2000 ");
	parser_run_data(&run, 0, body, sizeof(body));
	stream("8 <15>real");
	frames_are(1);
	frame_is(0, "<15>real");
	assert_int_equal(run.skipped, 2005);
	assert_string_equal(run.why, "octet count is larger than the longest frame");
}

static void an_absurd_count_is_left_at_the_next_counted_frame(void **state)
{
	stream("9999999999 <13>1 - broken - - - - text21 <14>1 - good - - - - 8 <15>abcd");
	frames_are(2);
	frame_is(0, "<14>1 - good - - - - ");
	frame_is(1, "<15>abcd");
	stream("12345678901 <13>eleven digits are text\n<14>1 next\n");
	frame_is(2, "<14>1 next");
}

static void a_gap_in_a_counted_frame_ends_with_it(void **state)
{
	stream("8 <13>abcd20 <14>ab");
	parser_run_gap(&run, 0, 5);
	stream("\n<15>trap\n8 <16>good");
	frames_are(2);
	frame_is(1, "<16>good");
	assert_int_equal(run.skipped, 9);
}

/* The parser is told of a gap until it has consumed a byte. */
static void a_gap_that_ends_with_its_frame_is_taken_once(void **state)
{
	stream("20 <14>ab");
	parser_run_gap(&run, 0, 14);
	stream("<");
	stream("15>next\n");
	frames_are(1);
	frame_is(0, "<15>next");
	assert_int_equal(run.skipped, 0);
}

static void a_gap_joins_no_halves_of_lines(void **state)
{
	stream("<13>whole\n<14>first half ");
	parser_run_gap(&run, 0, 100);
	stream("second half\n<15>whole too\n");
	frames_are(2);
	frame_is(1, "<15>whole too");
	assert_int_equal(run.skipped, 12);
	assert_int_equal(run.left_over, 15);
}

static void a_frame_right_behind_a_gap_is_kept_when_it_proves_itself(void **state)
{
	stream("<13>Oct 11 22:14:15 h a: one\n");
	parser_run_gap(&run, 0, 100);
	stream("<13>Oct 11 22:14:17 h a: three\n");
	frames_are(2);
	frame_is(1, "<13>Oct 11 22:14:17 h a: three");
	parser_run_reset(&run);
	parser_run_gap(&run, 0, 1); /* joined in mid-stream */
	stream("28 <13>Oct 11 22:14:15 h a: b1x28 <13>Oct 11 22:14:15 h a: b2x");
	parser_run_end(&run);
	frames_are(2);
	assert_int_equal(run.skipped, 0);
}

static void plain_text_behind_a_gap_is_believed_after_some_lines(void **state)
{
	parser_run_gap(&run, 0, 1);
	for (unsigned i = 0; i < 20; i++)
		stream("a line of plain text\n");
	assert_true(run.n_frames >= 10);
	frame_is(0, "a line of plain text");
}

static void what_the_server_says_is_left_alone(void **state)
{
	parser_run_data(&run, 1, "<13>echo\n", 9);
	stream("<14>client\n");
	frames_are(1);
	frame_is(0, "<14>client");
}

/* --- Probe -------------------------------------------------------------------------------------
 */

static enum probe probe(const char *text)
{
	return parser_run_probe(&run, 0, false, text, strlen(text));
}

static void probe_knows_syslog_from_its_first_bytes(void **state)
{
	assert_int_equal(probe("<34>1 - - "), PROBE_YES);
	assert_int_equal(probe("<191>x"), PROBE_YES);
	assert_int_equal(probe("70 <34>1 -"), PROBE_YES);
	assert_int_equal(probe("<192>x"), PROBE_MAYBE);
	assert_int_equal(probe("plain text"), PROBE_MAYBE);
	assert_int_equal(probe("<html>"), PROBE_MAYBE);
	assert_int_equal(probe("<3"), PROBE_MORE);
	assert_int_equal(probe("70 "), PROBE_MORE);
	assert_int_equal(probe("\n"), PROBE_MORE);
}

static void probe_refuses_binary_bytes(void **state)
{
	static const char rsh[] = "1022\0user\0user\0ls\0";
	static const char tls[] = "\x16\x03\x01\x02\x00\x01";
	static const char nul_ends[] = "<13>1 - - a - - - one\0<13>1 - - a - - - two\0";
	static const char nul_at_end[] = "<133>Apr  5 12:56:51 robin: Hello\0";
	assert_int_equal(parser_run_probe(&run, 0, false, rsh, sizeof(rsh)), PROBE_NO);
	assert_int_equal(parser_run_probe(&run, 0, false, rsh, 5), PROBE_NO);
	assert_int_equal(parser_run_probe(&run, 0, false, tls, sizeof(tls)), PROBE_NO);
	assert_int_equal(parser_run_probe(&run, 0, true, nul_at_end, sizeof(nul_at_end)),
			 PROBE_YES);
	assert_int_equal(parser_run_probe(&run, 0, false, nul_ends, sizeof(nul_ends)), PROBE_YES);
	assert_int_equal(parser_run_probe(&run, 1, false, "<34>1 - ", 8), PROBE_NO);
}

/* --- main --------------------------------------------------------------------------------------
 */

static int set_up(void **state)
{
	record_text_init(&rt, &parser_syslog);
	parser_run_init(&run, &parser_syslog);
	return 0;
}

static int tear_down(void **state)
{
	record_text_fini(&rt);
	parser_run_fini(&run);
	return 0;
}

static int fresh(void **state)
{
	parser_run_reset(&run);
	run.out.bytes_max = 1 << 20;
	at("2025-11-25T04:43:16Z");
	return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, fresh)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(rfc5424_gives_all_fields),
		TEST(rfc5424_times_of_one_minute_do_not_colour_each_other),
		TEST(the_usual_times_are_read_as_all_times_are),
		TEST(the_usual_times_are_known_with_and_without_a_fraction),
		TEST(the_usual_times_of_another_minute_make_it_the_known_one),
		TEST(nuls_are_no_minute_before_there_was_one),
		TEST(rfc5424_takes_nil_for_every_field),
		TEST(rfc5424_strips_a_byte_order_mark),
		TEST(a_byte_order_mark_before_the_priority_is_skipped),
		TEST(a_byte_order_mark_before_the_priority_ends_no_framing),
		TEST(a_byte_order_mark_may_be_the_last_line),
		TEST(years_that_64_bits_do_not_hold_are_named_as_the_reason),
		TEST(rfc5424_keeps_blanks_of_the_message_unless_told),
		TEST(structured_data_keeps_escapes_repeats_and_bad_bytes),
		TEST(malformed_rfc5424_goes_out_whole_with_an_error),
		TEST(structured_data_is_bounded),
		TEST(other_versions_are_read_when_they_fit_and_are_text_when_not),
		TEST(priority_beyond_191_is_an_error),
		TEST(rfc3164_gives_host_tag_pid_and_message),
		TEST(rfc3164_text_in_brackets_is_no_structured_data),
		TEST(cisco_sequence_host_and_time_are_read),
		TEST(a_zone_before_host_and_tag_is_no_host),
		TEST(a_second_time_stamp_is_the_devices),
		TEST(text_of_no_shape_is_the_message),
		TEST(the_year_is_the_one_nearest_to_packet_time),
		TEST(the_senders_time_zone_is_an_option),
		TEST(the_usual_messages_of_rfc3164_are_read_as_all_are),
		TEST(a_message_without_time_stamp_keeps_its_tag),
		TEST(odd_times_are_read),
		TEST(odd_hosts_and_tags_are_read),
		TEST(bytes_that_are_no_utf8_stay_in_the_message),
		TEST(a_datagram_is_one_message),
		TEST(a_counted_message_keeps_its_line_feeds),
		TEST(a_counted_message_may_be_of_rfc3164),
		TEST(both_framings_may_alternate_on_a_connection),
		TEST(lines_end_with_lf_crlf_or_nul_and_may_be_plain),
		TEST(the_last_line_needs_no_line_feed),
		TEST(an_incomplete_count_is_no_frame),
		TEST(a_line_is_not_searched_twice),
		TEST(a_count_larger_than_its_message_costs_no_other_message),
		TEST(a_count_smaller_than_its_message_is_skipped_to_the_next_frame),
		TEST(a_last_line_that_nobody_closed_is_cut),
		TEST(a_count_behind_digits_is_told_from_them),
		TEST(a_count_behind_digits_is_found_after_a_gap),
		TEST(a_count_behind_digits_that_nothing_proves_is_none),
		TEST(the_tail_of_an_oversize_frame_is_no_frame),
		TEST(an_absurd_count_is_left_at_the_next_counted_frame),
		TEST(a_gap_in_a_counted_frame_ends_with_it),
		TEST(a_gap_that_ends_with_its_frame_is_taken_once),
		TEST(a_gap_joins_no_halves_of_lines),
		TEST(a_frame_right_behind_a_gap_is_kept_when_it_proves_itself),
		TEST(plain_text_behind_a_gap_is_believed_after_some_lines),
		TEST(what_the_server_says_is_left_alone),
		TEST(probe_knows_syslog_from_its_first_bytes),
		TEST(probe_refuses_binary_bytes),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
