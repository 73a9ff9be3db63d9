/* What other syslog parsers' own tests expect, read by ours. Each table of vectors prints how many
 * agree and holds that number as a floor; docs/vectors-syslog.md says for each of the rest why.
 */
#include "tests/unit/unit.h"

#include <jansson.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "parsers/parsers.h"
#include "parsers/syslog.h"
#include "tests/support/parser_run.h"
#include "tests/support/record_text.h"

static struct record_text rt;

static FILE *open_shared(const char *name)
{
	const char *shared = getenv("SL_SHARED"), *root = getenv("SL_SOURCE_ROOT");
	char path[1024];
	if (shared)
		snprintf(path, sizeof(path), "%s/data/%s", shared, name);
	else
		snprintf(path, sizeof(path), "%s/../shared/data/%s", root ? root : ".", name);
	FILE *f = fopen(path, "r");
	if (f)
		return f;
	const char *ci = getenv("CI");
	if (ci && strcmp(ci, "true") == 0)
		fail_msg("%s is absent: set SL_SHARED", path);
	print_message("skipped: %s is absent: set SL_SHARED\n", path);
	skip();
	return NULL;
}

static bool same(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") == 0;
}

static const char *text_in(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void read_text(const json_t *text)
{
	record_text_read(&rt, json_string_value(text), json_string_length(text));
}

static int pri_of(void)
{
	static const char *const facilities[] = {
		"kern",   "user",   "mail",     "daemon", "auth",   "syslog", "lpr",    "news",
		"uucp",   "cron",   "authpriv", "ftp",    "ntp",    "audit",  "alert",  "clock",
		"local0", "local1", "local2",   "local3", "local4", "local5", "local6", "local7"};
	static const char *const severities[] = {"emerg",   "alert",  "crit", "err",
						 "warning", "notice", "info", "debug"};
	const char *f = record_text_get(&rt, "facility"), *s = record_text_get(&rt, "severity");
	if (!f || !s)
		return -1;
	int i = 0, j = 0;
	while (strcmp(facilities[i], f) != 0)
		i++;
	while (strcmp(severities[j], s) != 0)
		j++;
	return i * 8 + j;
}

static bool same_time(const char *rfc3339)
{
	const char *ours = record_text_get(&rt, "timestamp");
	int64_t a, b;
	if (!rfc3339 || !ours)
		return !rfc3339 && !ours;
	return civil_read_rfc3339(slice_str(rfc3339), &a) &&
	       civil_read_rfc3339(slice_str(ours), &b) && a == b;
}

static bool same_sd(const json_t *expected)
{
	const char *ours = record_text_get(&rt, "structured_data");
	if (!expected || !ours)
		return !expected && !ours;
	json_t *o = json_loads(ours, 0, NULL);
	if (!o)
		fail_msg("structured data is no JSON: %s", ours);
	bool equal = json_equal(o, expected);
	json_decref(o);
	return equal;
}

/* --- The loop over a file ----------------------------------------------------------------------
 */

enum verdict { AGREES, DIFFERS, NOT_OURS };

static void run_vectors(const char *name, enum verdict (*judge)(const json_t *), unsigned floor,
			unsigned total)
{
	FILE *f = open_shared(name);
	char *line = NULL;
	size_t cap = 0;
	unsigned agree = 0, all = 0;
	while (getline(&line, &cap, f) > 0) {
		json_t *v = json_loads(line, 0, NULL);
		assert_non_null(v);
		rt.time_ns = 1764045796000000000ull;
		memset(rt.conf, 0, parser_syslog.conf_size);
		enum verdict is = judge(v);
		all += is != NOT_OURS;
		agree += is == AGREES;
		if (is == DIFFERS)
			print_message("  differs: %.600s\n", line);
		json_decref(v);
	}
	free(line);
	fclose(f);
	print_message("%s: %u of %u agree\n", name, agree, all);
	assert_int_equal(all, total);
	assert_true(agree >= floor);
}

/* --- go-syslog ---------------------------------------------------------------------------------
 */

static bool same_gosyslog(const json_t *want)
{
	return pri_of() == json_integer_value(json_object_get(want, "Priority")) &&
	       same(record_text_get(&rt, "hostname"), text_in(want, "Hostname")) &&
	       same(record_text_get(&rt, "appname"), text_in(want, "Appname")) &&
	       same(record_text_get(&rt, "procid"), text_in(want, "ProcID")) &&
	       same(record_text_get(&rt, "msgid"), text_in(want, "MsgID")) &&
	       same(record_text_get(&rt, "message"), text_in(want, "Message"));
}

static bool is_refused(const json_t *v)
{
	read_text(json_object_get(v, "input"));
	const char *message = record_text_get(&rt, "message");
	const char *input = text_in(v, "input");
	size_t pri = strcspn(input, ">") + 1;
	return rt.error || same(message, input) ||
	       (pri < strlen(input) && same(message, input + pri));
}

static enum verdict judge_rfc5424(const json_t *v)
{
	if (!json_is_true(json_object_get(v, "valid")))
		return is_refused(v) ? AGREES : DIFFERS;
	const json_t *want = json_object_get(v, "expect");
	read_text(json_object_get(v, "input"));
	return same_gosyslog(want) && same_time(text_in(want, "Timestamp")) &&
			       same_sd(json_object_get(want, "StructuredData"))
		       ? AGREES
		       : DIFFERS;
}

/* "Aug  7 06:30:00" against our time of any year. */
static bool same_bsd_time(const char *want)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	const char *ours = record_text_get(&rt, "timestamp");
	char text[64];
	if (!want || !ours)
		return !want && !ours;
	int month = (ours[5] - '0') * 10 + ours[6] - '0';
	snprintf(text, sizeof(text), "%.3s %d %.8s", months + 3 * (month - 1),
		 (ours[8] - '0') * 10 + ours[9] - '0', ours + 11);
	char squeezed[64];
	size_t n = 0;
	for (const char *p = want; *p && n < sizeof(squeezed) - 1; p++)
		if (*p != ' ' || p[1] != ' ')
			squeezed[n++] = *p;
	squeezed[n] = 0;
	return strcmp(text, squeezed) == 0;
}

static enum verdict judge_rfc3164(const json_t *v)
{
	const json_t *want = json_object_get(v, "expect");
	read_text(json_object_get(v, "input"));
	return same_gosyslog(want) && same_bsd_time(text_in(want, "Timestamp")) ? AGREES : DIFFERS;
}

/* The messages that come out whole, in order; errors are what comes out as text, cut or not at all.
 */
static enum verdict judge_octet(const json_t *v)
{
	static struct parser_run run;
	const json_t *input = json_object_get(v, "input"), *results = json_object_get(v, "results");
	parser_run_init(&run, &parser_syslog);
	if (strstr(text_in(v, "case"), "max message length"))
		run.out.bytes_max = 8;
	parser_run_data(&run, 0, json_string_value(input), json_string_length(input));
	parser_run_end(&run);
	size_t good = 0, want = 0;
	for (size_t i = 0; i < run.n_frames; i++) {
		record_text_read(&rt, run.frames[i].bytes, run.frames[i].len);
		good += !run.frames[i].cut && pri_of() >= 0 &&
			strstr(text_in(v, "input"), " - -") && !rt.error &&
			same(record_text_get(&rt, "message"), "");
	}
	for (size_t i = 0; i < json_array_size(results); i++)
		want += json_object_get(json_array_get(results, i), "message") != NULL;
	parser_run_fini(&run);
	return good == want ? AGREES : DIFFERS;
}

static void go_syslog_rfc5424_vectors_agree(void **state)
{
	run_vectors("vectors/syslog_rfc5424_gosyslog.jsonl", judge_rfc5424, 68, 79);
}

static void go_syslog_rfc3164_vectors_agree(void **state)
{
	run_vectors("vectors/syslog_rfc3164_gosyslog.jsonl", judge_rfc3164, 4, 5);
}

static void go_syslog_octet_counting_vectors_agree(void **state)
{
	run_vectors("vectors/syslog_octet_gosyslog.jsonl", judge_octet, 5, 6);
}

/* --- syslog-ng ---------------------------------------------------------------------------------
 */

static void set_zone(int gmtoff)
{
	struct syslog_conf *conf = rt.conf;
	for (int i = 0; syslog_zones[i]; i++) {
		conf->timezone = i;
		if (syslog_zone_s(conf) == gmtoff)
			return;
	}
	conf->timezone = 0;
}

/* {".SDATA.id.name": "value"} against our object of objects. */
static bool same_sdata(const json_t *want)
{
	const char *key, *ours = record_text_get(&rt, "structured_data");
	json_t *value, *sd = ours ? json_loads(ours, 0, NULL) : NULL;
	bool equal = true;
	json_object_foreach((json_t *)want, key, value)
	{
		const char *name = strrchr(key, '.');
		char id[512];
		snprintf(id, sizeof(id), "%.*s", (int)(name - key - 7), key + 7);
		equal &=
			sd && json_equal(json_object_get(json_object_get(sd, id), name + 1), value);
	}
	json_decref(sd);
	return equal;
}

static bool same_epoch(const json_t *v)
{
	int64_t s = json_integer_value(json_object_get(v, "ts_sec")), ns;
	const char *ours = record_text_get(&rt, "timestamp");
	if (s == 0) /* syslog-ng takes its own clock where the message has none */
		return !ours;
	if (!ours || !civil_read_rfc3339(slice_str(ours), &ns))
		return false;
	int64_t us = json_integer_value(json_object_get(v, "ts_usec"));
	return ns % NS_PER_S / 1000 == us && (s == 1 || ns / NS_PER_S == s);
}

static enum verdict judge_syslogng(const json_t *v)
{
	rt.time_ns = 1574380000000000000ull; /* the clock of its tests: November 2019 */
	set_zone((int)json_integer_value(json_object_get(v, "gmtoff")));
	read_text(json_object_get(v, "input"));
	const char *message = text_in(v, "message");
	if (strncmp(message, "Error processing log message", 28) == 0)
		return rt.error ? AGREES : DIFFERS;
	const json_t *sd = json_object_get(v, "sd"), *pid = json_object_get(v, "pid"),
		     *msgid = json_object_get(v, "msgid");
	bool ok = pri_of() == json_integer_value(json_object_get(v, "pri")) && same_epoch(v) &&
		  same(record_text_get(&rt, "hostname"), text_in(v, "host")) &&
		  same(record_text_get(&rt, "appname"), text_in(v, "program")) &&
		  (json_is_null(pid) ||
		   same(record_text_get(&rt, "procid"), json_string_value(pid))) &&
		  (json_is_null(msgid) ||
		   same(record_text_get(&rt, "msgid"), json_string_value(msgid))) &&
		  same(record_text_get(&rt, "message"), message);
	/* Null is what its tests do not look at. One expectation of structured data stands at a
	 * message that has none. */
	if (sd && json_object_size(sd) && record_text_get(&rt, "structured_data"))
		ok = ok && same_sdata(sd);
	return ok ? AGREES : DIFFERS;
}

static void syslog_ng_vectors_agree(void **state)
{
	run_vectors("vectors/syslog_msgparse_syslogng.jsonl", judge_syslogng, 31, 39);
}

/* --- rsyslog -----------------------------------------------------------------------------------
 */

/* The next field of @io_expected; the last one is all that is left. */
static char *next_field(char **io_expected, bool last)
{
	char *field = *io_expected, *comma = last ? NULL : strchr(field, ',');
	if (comma) {
		*comma = 0;
		*io_expected = comma + 1;
	}
	return field;
}

/* rsyslog's msg begins with the blank behind the tag. */
static bool same_but_blank(const char *a, const char *b)
{
	return same(a + (*a == ' '), b + (*b == ' '));
}

static bool same_rsyslog(const char *template, char *expected)
{
	char word[64];
	bool ok = true;
	for (const char *p = template; (p = strchr(p, '%')) != NULL;) {
		const char *close = strchr(p + 1, '%');
		snprintf(word, sizeof(word), "%.*s", (int)(close - p - 1), p + 1);
		p = close + 1;
		char *want = next_field(&expected, *p != ',');
		if (strcmp(word, "PRI") == 0)
			ok &= atoi(want) == pri_of();
		else if (strcmp(word, "syslogfacility-text") == 0)
			ok &= same(want, record_text_get(&rt, "facility"));
		else if (strcmp(word, "syslogseverity-text") == 0)
			ok &= same(want, record_text_get(&rt, "severity"));
		else if (strcmp(word, "hostname") == 0)
			ok &= same(want[0] == '$' ? "" : want, record_text_get(&rt, "hostname"));
		else if (strcmp(word, "programname") == 0)
			ok &= same(want, record_text_get(&rt, "appname"));
		else if (strcmp(word, "msg") == 0)
			ok &= same_but_blank(want, record_text_get(&rt, "message"));
	}
	return ok;
}

/* Templates of fields with commas between, and of one field; the others are about other things. */
static enum verdict judge_rsyslog(const json_t *v)
{
	const char *template = json_string_value(json_array_get(json_object_get(v, "template"), 0));
	const char *want = text_in(v, "expected");
	char expected[8192];
	if (!want)
		return NOT_OURS;
	read_text(json_object_get(v, "message"));
	if (strncmp(template, "-%hostname%-", 12) == 0) {
		snprintf(expected, sizeof(expected), "-%s-", record_text_get(&rt, "hostname"));
		return same(expected, want) ? AGREES : DIFFERS;
	}
	if (strncmp(template, "%msg%---%rawmsg%", 16) == 0) {
		const char *message = record_text_get(&rt, "message");
		return strncmp(want, message, strlen(message)) == 0 ? AGREES : DIFFERS;
	}
	if (strncmp(template, "%PRI%", 5) != 0)
		return NOT_OURS;
	snprintf(expected, sizeof(expected), "%s", want);
	return same_rsyslog(template, expected) ? AGREES : DIFFERS;
}

static void rsyslog_vectors_agree(void **state)
{
	run_vectors("vectors/syslog_parsertests_rsyslog.jsonl", judge_rsyslog, 27, 34);
}

/* --- VRL ---------------------------------------------------------------------------------------
 */

static bool same_vrl_time(const json_t *want)
{
	const char *text = text_in(want, "$timestamp"), *ours = record_text_get(&rt, "timestamp");
	if (!text || !ours)
		return !text && !ours;
	return strncmp(text, "YYYY", 4) == 0 ? strcmp(text + 4, ours + 4) == 0 : same_time(text);
}

static bool same_vrl(const json_t *want)
{
	static const char *const names[] = {"facility", "severity", "hostname", "appname",
					    "procid",   "msgid",    "message"};
	const char *ours = record_text_get(&rt, "structured_data"), *key;
	json_t *value, *sd = ours ? json_loads(ours, 0, NULL) : NULL;
	bool ok = same_vrl_time(json_object_get(want, "timestamp"));
	char number[32];
	json_object_foreach((json_t *)want, key, value)
	{
		const char *text = json_string_value(value);
		if (json_is_integer(value)) {
			snprintf(number, sizeof(number), "%lld",
				 (long long)json_integer_value(value));
			text = number;
		}
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (strcmp(key, names[i]) == 0)
				ok &= same(text, record_text_get(&rt, key));
		if (json_is_object(value) && strcmp(key, "timestamp") != 0)
			ok &= sd && json_equal(json_object_get(sd, key), value);
	}
	json_decref(sd);
	return ok;
}

static enum verdict judge_vrl(const json_t *v)
{
	if (!same(text_in(v, "function"), "parse_syslog"))
		return NOT_OURS;
	read_text(json_object_get(json_object_get(v, "args"), "value"));
	return same_vrl(json_object_get(v, "ok")) ? AGREES : DIFFERS;
}

static void vrl_vectors_agree(void **state)
{
	run_vectors("vectors/vrl_parse.jsonl", judge_vrl, 6, 6);
}

/* --- What senders really sent ------------------------------------------------------------------
 */

/* rsyslog's RFC 5424 template puts a blank in front of the message. */
static bool same_message(const char *want)
{
	const char *ours = record_text_get(&rt, "message");
	return same(ours, want) || (ours[0] == ' ' && same(ours + 1, want));
}

static enum verdict judge_oracle(const json_t *v)
{
	const json_t *raw = json_object_get(v, "raw");
	if (!raw || !same(text_in(v, "proto"), "syslog"))
		return NOT_OURS;
	size_t len = json_string_length(raw);
	const char *text = json_string_value(raw);
	if (len && text[len - 1] == '\n')
		len--;
	record_text_read(&rt, text, len);
	long long pri = json_integer_value(json_object_get(v, "facility")) * 8 +
			json_integer_value(json_object_get(v, "severity"));
	return !rt.error && pri == pri_of() &&
			       same(record_text_get(&rt, "hostname"), text_in(v, "hostname")) &&
			       same(record_text_get(&rt, "appname"), text_in(v, "app")) &&
			       same(record_text_get(&rt, "procid"), text_in(v, "procid")) &&
			       same(record_text_get(&rt, "msgid"), text_in(v, "msgid")) &&
			       same_message(text_in(v, "msg"))
		       ? AGREES
		       : DIFFERS;
}

static void all_generated_messages_are_read(void **state)
{
	static const struct {
		const char *name;
		unsigned floor, total;
	} files[] = {
		/* Two messages in each of rsyslog's files carry an APP-NAME that rsyslog cut. */
		{"lossy-syslog-tcp", 1500, 1500},     {"lossy-syslog-udp", 383, 383},
		{"rsyslog-tcp-lf-rfc3164", 132, 132}, {"rsyslog-tcp-octet-rfc5424", 130, 132},
		{"rsyslog-udp-rfc3164", 52, 52},      {"rsyslog-udp-rfc5424", 50, 52},
		{"syslog-tcp-tiny-segments", 16, 16}, {"syslog-udp-fragments", 16, 16},
		{"syslogng-mix", 156, 156},           {"logger-mix", 37, 37},
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char name[128];
		snprintf(name, sizeof(name), "oracle/logs/%s.messages.jsonl", files[i].name);
		run_vectors(name, judge_oracle, files[i].floor, files[i].total);
	}
}

/* One row of RFC 4180 without line breaks inside of fields. Cuts @line up; returns the fields. */
static unsigned split_csv(char *line, char *fields[], unsigned max)
{
	unsigned n = 0;
	for (char *p = line; n < max; p++) {
		char *to = p;
		bool quoted = *p == '"';
		fields[n++] = p;
		for (p += quoted; *p && (quoted || *p != ','); p++) {
			if (quoted && *p == '"' && p[1] != '"')
				quoted = false;
			else
				*to++ = *p == '"' && p[1] == '"' ? *p++ : *p;
		}
		bool last = *p == 0;
		*to = 0;
		if (last)
			break;
	}
	return n;
}

static void trim_line(char *line)
{
	line[strcspn(line, "\r\n")] = 0;
}

/* The labels stand without blanks around the text. */
static bool same_trimmed(const char *ours, const char *want)
{
	ours += strspn(ours, " ");
	size_t len = strlen(ours);
	while (len && ours[len - 1] == ' ')
		len--;
	return strlen(want) == len && memcmp(ours, want, len) == 0;
}

static bool same_loghub(char *row, int app, int pid, int content)
{
	char *fields[16];
	trim_line(row);
	assert_true(split_csv(row, fields, 16) > (unsigned)content);
	return (app < 0 || same(record_text_get(&rt, "appname"), fields[app])) &&
	       same(record_text_get(&rt, "procid"), fields[pid]) &&
	       same_trimmed(record_text_get(&rt, "message"), fields[content]);
}

/* Lines of log files that people have labelled. OpenSSH_2k calls the host the component. */
static void labelled_lines_of_loghub_agree(void **state)
{
	static const struct {
		const char *name;
		int app, pid, content;
		unsigned floor;
	} files[] = {
		{"Linux_2k", 5, 6, 7, 1992},
		{"Mac_2k", 5, 6, 8, 1946},
		{"OpenSSH_2k", -1, 5, 6, 2000},
	};
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char name[128], *line = NULL, *row = NULL;
		size_t line_cap = 0, row_cap = 0;
		unsigned agree = 0, all = 0;
		snprintf(name, sizeof(name), "logs/loghub/%s.log", files[i].name);
		FILE *lines = open_shared(name);
		snprintf(name, sizeof(name), "oracle/logs/loghub/%s.log_structured.csv",
			 files[i].name);
		FILE *rows = open_shared(name);
		assert_true(getline(&row, &row_cap, rows) > 0); /* names of the columns */
		while (getline(&line, &line_cap, lines) > 0 && getline(&row, &row_cap, rows) > 0) {
			trim_line(line);
			record_text_read(&rt, line, strlen(line));
			agree += same_loghub(row, files[i].app, files[i].pid, files[i].content);
			all++;
		}
		print_message("loghub %s: %u of %u agree\n", files[i].name, agree, all);
		free(line);
		free(row);
		fclose(lines);
		fclose(rows);
		assert_int_equal(all, 2000);
		assert_true(agree >= files[i].floor);
	}
}

static int set_up(void **state)
{
	record_text_init(&rt, &parser_syslog);
	return 0;
}

static int tear_down(void **state)
{
	record_text_fini(&rt);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(go_syslog_rfc5424_vectors_agree),
		cmocka_unit_test(go_syslog_rfc3164_vectors_agree),
		cmocka_unit_test(go_syslog_octet_counting_vectors_agree),
		cmocka_unit_test(syslog_ng_vectors_agree),
		cmocka_unit_test(rsyslog_vectors_agree),
		cmocka_unit_test(vrl_vectors_agree),
		cmocka_unit_test(all_generated_messages_are_read),
		cmocka_unit_test(labelled_lines_of_loghub_agree),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
