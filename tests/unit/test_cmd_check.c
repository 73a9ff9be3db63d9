#include "tests/unit/unit.h"

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/command_run.h"

static void assert_check(const char *yaml, int code, const char *out, const char *err)
{
	struct command cmd = command_run_yaml(cmd_check, yaml);
	assert_string_equal(cmd.err, err);
	assert_string_equal(cmd.out, out);
	assert_int_equal(cmd.code, code);
	command_fini(&cmd);
}

static void the_summary_names_every_part_and_what_is_not_at_its_default(void **state)
{
	assert_check(
		"workers: 2\n"
		"capture: { ports: [{ device: net_null0, queues: 2 }] }\n"
		"flow: { tcp_idle: 90m }\n"
		"formats: { kv: { kv: {} }, rx: { regex: '(?<a>x+)y\\1' } }\n"
		"sources:\n"
		"  log: { match: { udp: [514, 600-610] }, parser: syslog, formats: [kv, rx], "
		"rules: { r: er+ } }\n"
		"  web: { match: { tcp: 80, probe: true, host: h }, parser: http1, bare: false }\n"
		"sinks: { o: { file: { path: /tmp/x.ndjson } } }\n"
		"queues: { p/q: { from: [log, web], sink: o } }\n",
		0,
		"port net_null0: 2 queues\n"
		"source log: syslog udp:514,600-610\n"
		"  format kv: kv\n"
		"  format rx: pcre2\n"
		"  rule r: hyperscan\n"
		"source web: http1 tcp:80 probe\n"
		"sink o: file\n"
		"queue p/q: json to o from log web\n"
		"option workers: 2\n"
		"option flow.tcp_idle: 90m\n"
		"option sources.web.host: [h]\n"
		"option sources.web.bare: false\n"
		"option sinks.o.file.path: /tmp/x.ndjson\n"
		"x.yaml: good: 2 sources, 2 formats, 1 sinks, 1 queues, 0 tests\n",
		"");
}

/* What a command says in @err contains @part. */
static void assert_refused(const char *yaml, const char *const *parts, size_t n)
{
	struct command cmd = command_run_yaml(cmd_check, yaml);
	assert_int_equal(cmd.code, 2);
	assert_string_equal(cmd.out, "");
	for (size_t i = 0; i < n; i++) {
		if (!strstr(cmd.err, parts[i]))
			fail_msg("\"%s\" is not in \"%s\"", parts[i], cmd.err);
	}
	command_fini(&cmd);
}

static void every_bad_pattern_is_told_with_its_place(void **state)
{
	static const char *const parts[] = {"x.yaml:2:17: ", "NOSUCHNAME", "x.yaml:3:18: "};
	assert_refused(
		"formats:\n"
		"  one: { grok: '%{NOSUCHNAME:a}' }\n"
		"  two: { regex: '(?<a>x' }\n"
		"sources: { s: { match: { udp: 1 }, parser: lines, formats: [one, two] } }\n",
		parts, 3);
}

static void a_bad_rule_is_told_with_its_place(void **state)
{
	static const char *const parts[] = {"x.yaml:1:65: "};
	assert_refused(
		"sources: { s: { match: { udp: 1 }, parser: lines, rules: { bad: '(x' } } }\n",
		parts, 1);
}

/* splunk-otel-collector#4173, opentelemetry-collector#2541, #12488: dry run passes, start fails. */
static void what_would_fail_at_the_start_fails_in_the_check(void **state)
{
	static const char *const parts[] = {"x.yaml:2:10: sinks.o: ", "/nowhere/at/all",
					    "No such file or directory"};
	assert_refused("sources: { s: { match: { udp: 1 }, parser: lines } }\n"
		       "sinks: { o: { file: { path: /nowhere/at/all/x.ndjson } } }\n"
		       "queues: { p/q: { from: s, sink: o } }\n",
		       parts, 3);
}

/* The unit of a card that DPDK drives starts as root, whose rights say nothing of sluice's. */
static void a_folder_is_looked_at_as_the_user_that_a_run_becomes(void **state)
{
	if (geteuid() != 0) {
		print_message("skipped: only root can become someone else\n");
		skip();
	}
	static const char *const parts[] = {
		"x.yaml:2:10: sinks.o: directory /root: Permission denied",
		"x.yaml: spool.dir: directory /root/spool: Permission denied"};
	int status;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) { /* there is no way back */
		assert_refused("sources: { s: { match: { udp: 1 }, parser: lines } }\n"
			       "sinks: { o: { file: { path: /root/x.ndjson } } }\n"
			       "queues: { p/q: { from: s, sink: o } }\n"
			       "spool: { dir: /root/spool }\n"
			       "run_as: nobody\n",
			       parts, 2);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(geteuid(), 0);
}

static void a_folder_of_spools_that_cannot_be_made_is_told(void **state)
{
	static const char *const parts[] = {
		"x.yaml: spool.dir: directory /nowhere: No such file or directory",
		"x.yaml: dead_letters.dir: directory /dev/null/dlq: Not a directory"};
	assert_refused("sources: { s: { match: { udp: 1 }, parser: lines } }\n"
		       "sinks: { o: { file: { path: /tmp/x.ndjson } } }\n"
		       "queues: { p/q: { from: s, sink: o } }\n"
		       "spool: { dir: /nowhere/spool }\n"
		       "dead_letters: { dir: /dev/null/dlq }\n",
		       parts, 2);
}

static void every_example_passes_the_check_and_its_own_tests(void **state)
{
	const char *root = getenv("SL_SOURCE_ROOT");
	char folder[4096], path[8192];
	snprintf(folder, sizeof(folder), "%s/conf/examples", root ? root : ".");
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	for (struct dirent *d; (d = readdir(dir));) {
		if (!strstr(d->d_name, ".yaml"))
			continue;
		struct config *c = NULL;
		struct err_list errs = {0};
		snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
		assert_int_equal(config_load(path, &c, &errs), 0);
		struct command check = command_run(cmd_check, c), test = command_run(cmd_test, c);
		if (check.code != 0 || test.code != 0)
			fail_msg("%s: %s%s", path, check.err, test.out);
		command_fini(&check);
		command_fini(&test);
		config_free(c);
		err_list_fini(&errs);
	}
	closedir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_summary_names_every_part_and_what_is_not_at_its_default),
		cmocka_unit_test(every_bad_pattern_is_told_with_its_place),
		cmocka_unit_test(a_bad_rule_is_told_with_its_place),
		cmocka_unit_test(what_would_fail_at_the_start_fails_in_the_check),
		cmocka_unit_test(a_folder_is_looked_at_as_the_user_that_a_run_becomes),
		cmocka_unit_test(a_folder_of_spools_that_cannot_be_made_is_told),
		cmocka_unit_test(every_example_passes_the_check_and_its_own_tests),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
