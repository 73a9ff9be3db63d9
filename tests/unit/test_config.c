#include "tests/unit/unit.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/civil.h"
#include "tests/support/config_world.h"

#define SYSLOG "sources: { s: { match: { udp: 514 }, parser: syslog } }\n"

struct world {
	struct config *c;
	struct err_list errs;
	char *said, *effective;
};

static int setup(void **state)
{
	*state = calloc(1, sizeof(struct world));
	return *state ? 0 : -1;
}

static void clear(struct world *w)
{
	config_free(w->c);
	err_list_fini(&w->errs);
	free(w->said);
	free(w->effective);
	*w = (struct world){0};
}

static int teardown(void **state)
{
	clear(*state);
	free(*state);
	return 0;
}

static const char *said(struct world *w)
{
	size_t len;
	free(w->said);
	FILE *out = open_memstream(&w->said, &len);
	err_list_print(&w->errs, out);
	fclose(out);
	return w->said;
}

static int parse(struct world *w, const char *path, const char *yaml)
{
	clear(w);
	return config_parse(path, slice_str(yaml), &files, &w->c, &w->errs);
}

static const struct config *good(struct world *w, const char *yaml)
{
	int r = parse(w, "x.yaml", yaml);
	assert_string_equal(said(w), "");
	assert_int_equal(r, 0);
	return w->c;
}

static const char *effective(struct world *w)
{
	size_t len;
	free(w->effective);
	FILE *out = open_memstream(&w->effective, &len);
	config_print_effective(w->c, out);
	fclose(out);
	return w->effective;
}

static void a_short_file_gets_every_default(void **state)
{
	const struct config *c = good(*state, SYSLOG);
	assert_int_equal(c->workers, 1);
	assert_int_equal(c->flow.tcp_idle_ns, 3600 * NS_PER_S);
	assert_int_equal(c->flow.memory_bytes_max, 64 << 20);
	assert_int_equal(c->frame.bytes_max, 1 << 20);
	assert_int_equal(c->n_sources, 1);
	const struct source_conf *s = &c->sources[0];
	assert_string_equal(s->name, "s");
	assert_ptr_equal(s->parser, &parser_syslog);
	assert_int_equal(*(const int *)s->conf, 0);
	assert_int_equal(s->udp.n, 1);
	assert_int_equal(s->udp.items[0].lo, 514);
	assert_int_equal(s->tcp.n, 0);
	assert_true(s->port_decides);
	assert_false(s->probe);
	assert_false(s->keep_message);
	assert_int_equal(s->at.line, 1);
	assert_int_equal(s->at.col, 12);
}

static void values_with_units_are_read_in_bytes_and_nanoseconds(void **state)
{
	const struct config *c = good(*state, "flow: { tcp_idle: 90m, memory_bytes_max: 3GiB }\n"
					      "frame: { bytes_max: 4096 }\n" SYSLOG);
	assert_int_equal(c->flow.tcp_idle_ns, 5400 * NS_PER_S);
	assert_int_equal(c->flow.memory_bytes_max, 3ull << 30);
	assert_int_equal(c->frame.bytes_max, 4096);
}

static void host_and_path_inside_match_are_options_of_the_parser(void **state)
{
	const struct config *c =
		good(*state, "sources:\n"
			     "  b:\n"
			     "    match: { tcp: [80, 8000-8080], host: msg.example.com, "
			     "path: [\"/v5/*\", /v6] }\n"
			     "    parser: http1\n"
			     "    bare: true\n");
	const struct http1_conf *conf = c->sources[0].conf;
	assert_int_equal(conf->host.n, 1);
	assert_string_equal(conf->host.items[0], "msg.example.com");
	assert_int_equal(conf->path.n, 2);
	assert_string_equal(conf->path.items[1], "/v6");
	assert_true(conf->bare);
	assert_int_equal(conf->events_max, 100);
	assert_int_equal(c->sources[0].tcp.items[1].hi, 8080);
}

static void without_a_queue_all_records_go_to_stdout(void **state)
{
	const struct config *c = good(*state, SYSLOG);
	assert_true(c->queues_implied);
	assert_int_equal(c->n_queues, 1);
	assert_int_equal(c->queues[0].n_origins, 1);
	assert_ptr_equal(c->sinks[c->queues[0].sink].ops, &sink_stdout);
}

static void queues_name_their_sources_and_their_sink(void **state)
{
	const struct config *c =
		good(*state, "sources:\n"
			     "  a: { match: { udp: 1 }, parser: syslog }\n"
			     "  b: { match: { udp: 2 }, parser: lines }\n"
			     "sinks: { x: { stdout: {} }, y: { file: { path: /p, every: 5ms } } }\n"
			     "queues:\n"
			     "  p/one: { from: [b, a], sink: y }\n"
			     "  p/two.2: { from: b, sink: x, format: json }\n");
	assert_false(c->queues_implied);
	assert_int_equal(c->n_queues, 2);
	assert_int_equal(c->queues[0].n_origins, 2);
	assert_int_equal(c->queues[0].origins[0], 1);
	assert_int_equal(c->queues[0].origins[1], 0);
	assert_int_equal(c->queues[0].sink, 1);
	assert_int_equal(c->queues[1].sink, 0);
	const struct file_conf *f = c->sinks[1].conf;
	assert_int_equal(f->every_ns, 5000000);
	assert_int_equal(f->bytes_max, 1 << 20);
}

static void a_source_that_no_queue_takes_is_a_warning(void **state)
{
	struct world *w = *state;
	assert_int_equal(parse(w, "x.yaml",
			       "sources:\n"
			       "  a: { match: { udp: 1 }, parser: syslog }\n"
			       "  b: { match: { udp: 2 }, parser: lines }\n"
			       "formats: { f: { json: {} } }\n"
			       "sinks: { x: { stdout: {} }, y: { file: { path: y } } }\n"
			       "queues: { p/one: { from: a, sink: x } }\n"),
			 0);
	assert_string_equal(
		said(w),
		"warning: x.yaml:3:3: sources.b: no queue takes from this source: its records go "
		"nowhere\n"
		"warning: x.yaml:4:15: formats.f: no source uses this format\n"
		"warning: x.yaml:5:29: sinks.y: no queue leads to this sink\n");
	assert_int_equal(w->errs.n_errors, 0);
}

static void formats_come_from_the_file_and_from_files_in_the_order_of_trial(void **state)
{
	const struct config *c = good(
		*state, "formats: { own: { kv: { pair_sep: '&' } } }\n"
			"sources:\n"
			"  a: { match: { udp: 1 }, parser: syslog, formats: [good.yaml, own] }\n"
			"  b: { match: { udp: 2 }, parser: lines, formats: ./good.yaml }\n"
			"  c: { match: { udp: 3 }, parser: lines, formats: good.yaml }\n");
	const struct source_conf *a = &c->sources[0];
	assert_int_equal(a->n_formats, 3);
	const struct format_def *first = &c->formats[a->formats[0]];
	assert_string_equal(first->name, "good");
	assert_string_equal(first->pattern, "%{WORD:a}");
	assert_string_equal(first->file, "good.yaml");
	assert_int_equal(first->col, 16);
	const struct format_def *own = &c->formats[a->formats[2]];
	assert_int_equal(own->kind, FORMAT_KV);
	assert_string_equal(own->pair_sep, "&");
	assert_string_equal(own->kv_sep, "=");
	assert_int_equal(c->sources[2].formats[0], a->formats[0]);
	assert_int_equal(c->n_formats, 3);
}

static void paths_begin_at_the_folder_of_the_file(void **state)
{
	struct world *w = *state;
	assert_int_equal(
		parse(w, "conf/x.yaml",
		      "sources:\n"
		      "  s: { match: { udp: 1 }, parser: lines, formats: "
		      "formats/deep.yaml }\n"
		      "sinks:\n"
		      "  a: { file: { path: out/x.ndjson } }\n"
		      "  b: { file: { path: /out/x.ndjson } }\n"
		      "queues: { p/a: { from: s, sink: a }, p/b: { from: s, sink: b } }\n"),
		0);
	const struct file_conf *a = w->c->sinks[0].conf, *b = w->c->sinks[1].conf;
	assert_string_equal(a->path, "conf/out/x.ndjson");
	assert_string_equal(b->path, "/out/x.ndjson");
	assert_string_equal(w->c->formats[0].file, "conf/formats/deep.yaml");
	assert_string_equal(w->c->dir, "conf");
}

static void tests_know_their_transport_time_and_expected_records(void **state)
{
	const struct config *c =
		good(*state,
		     "sources:\n"
		     "  u: { match: { udp: 1, tcp: 1 }, parser: syslog }\n"
		     "  t: { match: { tcp: 2 }, parser: syslog }\n"
		     "  p: { match: { probe: true }, parser: http1 }\n"
		     "tests:\n"
		     "  - { source: u, input: 'a b', expect: [{ status: 200, s: '200', n: ~, t: "
		     "true,\n"
		     "      f: -1.5e3, l: [0x1f, .5, 007, no], o: { \"\\u00e9\": x } }, {}] }\n"
		     "  - { source: t, input: \"a\\n\", time: 2026-11-25T04:43:16Z, expect: [] }\n"
		     "  - { source: p, input: x, expect: [] }\n"
		     "  - { source: u, transport: tcp, input: x, expect: [] }\n");
	assert_int_equal(c->n_tests, 4);
	assert_int_equal(c->tests[0].transport, TEST_UDP);
	assert_int_equal(c->tests[1].transport, TEST_TCP);
	assert_int_equal(c->tests[2].transport, TEST_TCP);
	assert_int_equal(c->tests[3].transport, TEST_TCP);
	assert_int_equal(c->tests[0].n_expect, 2);
	assert_string_equal(
		c->tests[0].expect[0].json,
		"{\"status\":200,\"s\":\"200\",\"n\":null,\"t\":true,\"f\":-1500.0,\"l\":["
		"\"0x1f\",\".5\",\"007\",\"no\"],\"o\":{\"\xc3\xa9\":\"x\"}}");
	assert_int_equal(c->tests[0].expect[0].at.line, 6);
	assert_string_equal(c->tests[1].input, "a\n");
	assert_int_equal(c->tests[1].time_ns, 1795581796 * NS_PER_S);
	assert_int_equal(c->tests[0].time_ns, 1767225600 * NS_PER_S);
}

static void replay_without_a_file_has_every_parser_by_port_and_probe(void **state)
{
	struct world *w = *state;
	assert_int_equal(config_default(&w->c, &w->errs), 0);
	assert_string_equal(said(w), "");
	const struct config *c = w->c;
	assert_int_equal(c->n_sources, 3);
	const struct source_conf *s = &c->sources[0];
	assert_string_equal(s->name, "syslog");
	assert_true(s->probe);
	assert_false(s->port_decides);
	assert_int_equal(s->udp.n, 1);
	assert_int_equal(s->tcp.n, 2);
	assert_int_equal(s->tcp.items[1].lo, 601);
	assert_int_equal(s->tcp.items[1].hi, 603);
	assert_int_equal(c->sources[2].tcp.n, 0);
	assert_int_equal(((const struct http1_conf *)c->sources[1].conf)->events_max, 100);
	assert_int_equal(c->queues[0].n_origins, 3);
	assert_true(c->queues_implied);
	assert_int_equal(c->flow.tcp_idle_ns, 3600 * NS_PER_S);
}

static const char everything[] =
	"workers: 3\n"
	"capture: { ports: [{ device: \"net_af_packet0,iface=eth1\", queues: 2 }], eal: "
	"[--in-memory] }\n"
	"flow: { tcp_idle: 90m }\n"
	"patterns: my.pat\n"
	"formats:\n"
	"  access: { grok: '%{IP:ip} \"x\" \\d+', types: { n: int, t: \"time:%Y\" } }\n"
	"  line: { regex: '(?<a>.)' }\n"
	"  pairs: { kv: {} }\n"
	"  table: { csv: { columns: [a, \"b c\"], quote: \"'\" } }\n"
	"  tabs: { tsv: { columns: a } }\n"
	"sources:\n"
	"  web: { match: { tcp: [80, 8000-8080], host: [a, b] }, parser: http1, bare: true }\n"
	"  log: { match: { udp: 5140, probe: true }, parser: syslog, field: hostname, timezone: "
	"local,\n"
	"         formats: [access, line, pairs, table, tabs, good.yaml], rules: { e: 'a|b' }, "
	"keep_message: true }\n"
	"sinks: { o: { stdout: {} }, f: { file: { path: a/b, url: \"http://u:pw@h/p\" } } }\n"
	"queues: { p/a: { from: [log, web], sink: f }, \"p/1\": { from: web, sink: o } }\n";

static void the_effective_print_loads_to_the_same_configuration(void **state)
{
	struct world *w = *state, again = {0};
	good(w, everything);
	const char *first = effective(w);
	int r = parse(&again, "x.yaml", first);
	assert_string_equal(said(&again), "");
	assert_int_equal(r, 0);
	/* The password of the URL is out of sight in both. */
	assert_string_equal(effective(&again), first);
	clear(&again);
}

static void the_effective_print_of_an_implied_queue_loads_too(void **state)
{
	struct world *w = *state, again = {0};
	good(w, "sources: { stdout: { match: { udp: 514 }, parser: syslog } }\n");
	int r = parse(&again, "x.yaml", effective(w));
	assert_string_equal(said(&again), "");
	assert_int_equal(r, 0);
	assert_true(again.c->queues_implied);
	clear(&again);
}

static void the_effective_print_hides_secrets(void **state)
{
	struct world *w = *state;
	good(w, SYSLOG "sinks: { f: { file: { path: a, password: hunter2, url: "
		       "\"redis://joe:hunter2@db:6379/0\" } } }\n"
		       "queues: { p/a: { from: s, sink: f } }\n");
	assert_null(strstr(effective(w), "hunter2"));
	assert_non_null(strstr(w->effective, "      password: # set, not shown\n"));
	assert_non_null(strstr(w->effective, "      url: \"redis://joe:***@db:6379/0\"\n"));
}

static void a_password_in_a_url_is_hidden_whole_and_patterns_are_left_alone(void **state)
{
	struct world *w = *state;
	good(w, "formats: { f: { grok: 'http://%{USER:u}:%{DATA:p}@%{HOST:h}' } }\n"
		"sources: { s: { match: { udp: 1 }, parser: lines, formats: f, rules: { r: "
		"'x://a:b@c' } } }\n"
		"sinks: { f: { file: { path: a, url: \"http://joe:p@ss:w@db/x@y\" } } }\n"
		"queues: { p/a: { from: s, sink: f } }\n");
	assert_non_null(strstr(effective(w), "url: \"http://joe:***@db/x@y\"\n"));
	assert_non_null(strstr(w->effective, "grok: \"http://%{USER:u}:%{DATA:p}@%{HOST:h}\"\n"));
	assert_non_null(strstr(w->effective, "rules: { r: \"x://a:b@c\" }\n"));
}

static void a_wrong_secret_is_not_told_either(void **state)
{
	struct world *w = *state;
	parse(w, "x.yaml",
	      SYSLOG "sinks: { f: { file: { path: a, password: \"hunter2\\0\" } } }\n");
	assert_null(strstr(said(w), "hunter2"));
	assert_int_equal(w->errs.n_errors, 1);
}

/* rsyslog/rsyslog#2744: a typo half-applied and broke another input. */
static void one_typo_leaves_no_configuration_at_all(void **state)
{
	struct world *w = *state;
	assert_int_equal(parse(w, "x.yaml",
			       "sources:\n"
			       "  a: { match: { udp: 1 }, parser: syslog }\n"
			       "  b: { match: { udp: 2 }, parser: lines, keep_mesage: true }\n"),
			 -EINVAL);
	assert_null(w->c);
	assert_string_equal(said(w),
			    "x.yaml:3:42: sources.b.keep_mesage: unknown key; expected one "
			    "of match, parser, field, formats, rules, keep_message, shed, "
			    "shed_keep; did you mean \"keep_message\"?\n");
}

/* fluent/fluent-bit#8819, #3573, #6277, #3295, #5911: unknown keys and bad values accepted. */
static void unknown_keys_and_bad_values_are_never_accepted(void **state)
{
	struct world *w = *state;
	static const char *const lines[] = {"flush: 1\n", "flow: { Tcp_Idle: 1h }\n",
					    "flow: { tcp_idle: 1x }\n",
					    "frame: { bytes_max: -1 }\n", "workers: 1e1\n"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char yaml[256];
		snprintf(yaml, sizeof(yaml), "%s" SYSLOG, lines[i]);
		assert_int_equal(parse(w, "x.yaml", yaml), -EINVAL);
		assert_int_equal(w->errs.n_errors, 1);
	}
}

static void all_errors_are_told_in_the_order_of_the_file(void **state)
{
	struct world *w = *state;
	parse(w, "x.yaml",
	      "queues: { p/q: { from: t, sink: o } }\n"
	      "workers: x\n"
	      "sources: { s: { match: { udp: 0 }, parser: syslog } }\n"
	      "flow: { tcp_idle: 1 }\n");
	assert_int_equal(w->errs.n_errors, 5);
	const int lines[] = {1, 1, 2, 3, 4};
	for (size_t i = 0; i < 5; i++)
		assert_int_equal(w->errs.entries[i].line, lines[i]);
}

static void what_stands_there_twice_does_not_hide_other_errors(void **state)
{
	struct world *w = *state;
	parse(w, "x.yaml",
	      "workers: 1\n"
	      "workers: 2\n"
	      "sources: { s: { match: { udp: 1, udp: [2, 3, 4] }, parser: sislog } }\n");
	assert_int_equal(w->errs.n_errors, 3);
	assert_non_null(strstr(said(w), "did you mean \"syslog\"?\n"));
}

static void twenty_errors_are_shown_and_the_rest_is_counted(void **state)
{
	struct world *w = *state;
	char *yaml;
	size_t len;
	FILE *out = open_memstream(&yaml, &len);
	for (int i = 0; i < 2000; i++)
		fprintf(out, "k%d: 1\n", i);
	fputs(SYSLOG, out);
	fclose(out);
	parse(w, "x.yaml", yaml);
	free(yaml);
	assert_int_equal(w->errs.n_errors, 2000);
	assert_int_equal(w->errs.n, ERR_LIST_MAX);
	const char *text = said(w);
	size_t lines = 0;
	for (const char *c = text; *c; c++)
		lines += *c == '\n';
	assert_int_equal(lines, ERR_LIST_SHOWN + 1);
	assert_non_null(strstr(text, "\nx.yaml:20:1: k19: unknown key"));
	assert_non_null(strstr(text, "\nand 1980 more\n"));
}

static void a_file_on_the_disk_is_read_and_one_that_is_none_is_told(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/sluice-test-config-XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	static const char text[] =
		"\xef\xbb\xbfworkers: 2\r\nsources:\r\n  s: { match: { udp: 514 }, "
		"parser: syslog }\r\n";
	assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
	close(fd);
	assert_int_equal(config_load(path, &w->c, &w->errs), 0);
	assert_int_equal(w->c->workers, 2);
	assert_string_equal(w->c->dir, "/tmp");
	clear(w);
	unlink(path);
	assert_int_equal(config_load(path, &w->c, &w->errs), -EINVAL);
	assert_non_null(strstr(said(w), ": No such file or directory\n"));
	clear(w);
	assert_int_equal(config_load("/tmp", &w->c, &w->errs), -EINVAL);
	assert_string_equal(said(w), "/tmp: Is a directory\n");
}

static void beside_what_runs_a_pipe_is_refused_and_waits_for_nobody(void **state)
{
	struct world *w = *state;
	char dir[] = "/tmp/sluice-test-config-XXXXXX", path[64], want[256];
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/pipe", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(20); /* it would wait for ever */
	assert_int_equal(config_load_beside(path, &w->c, &w->errs), -EINVAL);
	alarm(0);
	snprintf(want, sizeof(want),
		 "%s: no regular file; expected one, no pipe, socket or device\n", path);
	assert_string_equal(said(w), want);
	unlink(path);
	rmdir(dir);
	clear(w);
	assert_int_equal(config_load_beside("/dev/null", &w->c, &w->errs), -EINVAL);
	assert_non_null(strstr(said(w), "/dev/null: no regular file"));
}

static void a_thousand_sources_with_slips_are_told_in_good_time(void **state)
{
	struct world *w = *state;
	char *yaml;
	size_t len;
	FILE *out = open_memstream(&yaml, &len);
	fputs("sources:\n", out);
	for (int i = 0; i < CONFIG_SOURCES_MAX; i++)
		fprintf(out, "  source_of_a_long_name_%d: { match: { tcp: %d }, parser: syslog }\n",
			i, i + 1);
	fputs("sinks: { o: { stdout: {} } }\nqueues:\n", out);
	for (int i = 0; i < CONFIG_QUEUES_MAX; i++)
		fprintf(out, "  p/q%d: { from: source_of_a_log_name_%d, sink: o }\n", i, i);
	fclose(out);
	assert_int_equal(parse(w, "x.yaml", yaml), -EINVAL);
	free(yaml);
	assert_int_equal(w->errs.n_errors, CONFIG_QUEUES_MAX);
	assert_non_null(strstr(said(w), "did you mean \"source_of_a_long_name_0\"?\n"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_short_file_gets_every_default),
		TEST(values_with_units_are_read_in_bytes_and_nanoseconds),
		TEST(host_and_path_inside_match_are_options_of_the_parser),
		TEST(without_a_queue_all_records_go_to_stdout),
		TEST(queues_name_their_sources_and_their_sink),
		TEST(a_source_that_no_queue_takes_is_a_warning),
		TEST(formats_come_from_the_file_and_from_files_in_the_order_of_trial),
		TEST(paths_begin_at_the_folder_of_the_file),
		TEST(tests_know_their_transport_time_and_expected_records),
		TEST(replay_without_a_file_has_every_parser_by_port_and_probe),
		TEST(the_effective_print_loads_to_the_same_configuration),
		TEST(the_effective_print_of_an_implied_queue_loads_too),
		TEST(the_effective_print_hides_secrets),
		TEST(a_password_in_a_url_is_hidden_whole_and_patterns_are_left_alone),
		TEST(a_wrong_secret_is_not_told_either),
		TEST(one_typo_leaves_no_configuration_at_all),
		TEST(unknown_keys_and_bad_values_are_never_accepted),
		TEST(all_errors_are_told_in_the_order_of_the_file),
		TEST(what_stands_there_twice_does_not_hide_other_errors),
		TEST(twenty_errors_are_shown_and_the_rest_is_counted),
		TEST(a_file_on_the_disk_is_read_and_one_that_is_none_is_told),
		TEST(beside_what_runs_a_pipe_is_refused_and_waits_for_nobody),
		TEST(a_thousand_sources_with_slips_are_told_in_good_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
