/* Every way to get a configuration wrong, and the words that say so. */
#include "tests/unit/unit.h"

#include "tests/support/config_world.h"

#define BASE "sources: { s: { match: { udp: 1 }, parser: syslog } }\n"

struct bad {
	const char *yaml, *says;
};

static void check(const struct bad *bad, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct config *c = NULL;
		struct err_list errs = {0};
		char *said = NULL;
		size_t len;
		int r = config_parse("x.yaml", slice_str(bad[i].yaml), &files, &c, &errs);
		FILE *out = open_memstream(&said, &len);
		err_list_print(&errs, out);
		fclose(out);
		assert_string_equal(said, bad[i].says);
		assert_int_equal(r, -EINVAL);
		assert_null(c);
		free(said);
		err_list_fini(&errs);
	}
}

#define CHECK(bad) check(bad, sizeof(bad) / sizeof((bad)[0]))

static const struct bad no_yaml[] = {
	{"a: b\001\n", "x.yaml:1:5: control character 0x01; expected text\n"},
	{"workers: 1\n"
	 "\tflow: {}\n",
	 "x.yaml:2:1: a tab; expected blanks for indentation\n"},
	{"workers:\n"
	 "\t1\n",
	 "x.yaml:2:1: a tab; expected blanks for indentation\n"},
	{"flow:\n"
	 "  tcp_idle: 1h\n"
	 "\tudp_idle: 1m\n",
	 "x.yaml:3:1: a tab; expected blanks for indentation\n"},
	{"workers: \"1\n"
	 "flow: {}\n",
	 "x.yaml:1:10: this quote is never closed\n"},
	{"sources: { s: {\n", "x.yaml:2:1: no value here; expected one, or \"]\" or \"}\" "
			      "for what was opened above\n"},
	{"sources: [a, b\n"
	 "flow: {}\n",
	 "x.yaml:1:10: this list is not closed; expected \",\" or \"]\" after each item\n"},
	{"a: b: c\n", "x.yaml:1:5: a \":\" where no key can be; expected quotes around "
		      "text that holds \": \"\n"},
	{"workers: 1\n"
	 "flow\n"
	 "frame: {}\n",
	 "x.yaml:2:1: a line that is no \"key: value\"; expected \":\" and a blank behind "
	 "the key\n"},
	{"flow:\n"
	 "  tcp_idle: 1h\n"
	 " frame: {}\n",
	 "x.yaml:3:2: no key here; expected \"key: value\" at the indentation of the lines "
	 "above\n"},
	{"a:\n"
	 "  - b\n"
	 "  c\n"
	 " - d\n",
	 "x.yaml:3:3: a line that is no \"key: value\"; expected \":\" and a blank behind "
	 "the key\n"},
	{"workers: @1\n", "x.yaml:1:10: a value cannot begin with this character; expected "
			  "quotes around it\n"},
	{"a: \"\\q\"\n", "x.yaml:1:5: no such escape in double quotes; expected \\\\ for a "
			 "backslash, or single quotes\n"},
	{"a: &x 1\n"
	 "b: *x\n",
	 "x.yaml:1:4: anchors (&name) are not supported; expected the plain value\n"},
	{"b: *x\n", "x.yaml:1:4: aliases (*name) are not supported; expected the value itself\n"},
	{"a: !!int 1\n", "x.yaml:1:4: tags (!name) are not supported; expected the plain value\n"},
	{"a: !foo 1\n", "x.yaml:1:4: tags (!name) are not supported; expected the plain value\n"},
	{"<<: {}\n",
	 "x.yaml:1:1: merge keys (<<) are not supported; expected the keys themselves\n"},
	{"? [a]\n"
	 ": b\n",
	 "x.yaml:1:3: a key that is a list or a map; expected a name\n"},
	{"? {}\n"
	 ": b\n",
	 "x.yaml:1:3: a key that is a list or a map; expected a name\n"},
	{"\"\": 1\n", "x.yaml:1:1: an empty key; expected a name\n"},
	{"\"a\\0b\": 1\n", "x.yaml:1:1: a key with a NUL in it; expected a name\n"},
	{"--- {}\n"
	 "--- {}\n",
	 "x.yaml:2:1: a second document; expected one document in a file\n"},
	{"{}\n"
	 "%x\n",
	 "x.yaml:2:3: not YAML: found unknown directive name while scanning a directive\n"},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
	 "x.yaml:1:33: lists and maps inside each other; expected at most 32 levels\n"},
	{"workers: 1\n"
	 "workers: 2\n" BASE,
	 "x.yaml:2:1: workers: the same key again; it stands in line 1 already\n"},
	{"flow: { tcp_idle: 1h, tcp_idle: 2h }\n"
	 "flow: {}\n" BASE,
	 "x.yaml:1:23: flow.tcp_idle: the same key again; it stands in line 1 already\n"
	 "x.yaml:2:1: flow: the same key again; it stands in line 1 already\n"},
	{"- a\n", "x.yaml:1:1: a list does not fit here; expected a map of keys to values\n"},
	{"just text\n",
	 "x.yaml:1:1: \"just text\" does not fit here; expected a map of keys to values\n"},
	{"", "x.yaml:1:1: sources is missing; expected at least one, such as sources: { "
	     "syslog: { match: { udp: 514 }, parser: syslog } }\n"},
	{"# only a comment\n",
	 "x.yaml:1:1: sources is missing; expected at least one, such as sources: { "
	 "syslog: { match: { udp: 514 }, parser: syslog } }\n"},
};

static void what_is_no_yaml_is_told_by_line_and_column(void **state)
{
	CHECK(no_yaml);
}

static const struct bad unknown_keys[] = {
	{"worker: 2\n" BASE, "x.yaml:1:1: worker: unknown key; expected one of api, log, capture, "
			     "decode, flow, frame, flush, formats, sources, dimensions, "
			     "pipeline, sinks, spool, queues, tests, dead_letters, "
			     "workers, patterns, schema_dir, run_as; did you mean \"workers\"?\n"},
	{"Workers: 2\n" BASE,
	 "x.yaml:1:1: Workers: unknown key; expected one of api, log, capture, "
	 "decode, flow, frame, flush, formats, sources, dimensions, "
	 "pipeline, sinks, spool, queues, "
	 "tests, dead_letters, workers, patterns, schema_dir, run_as; did you mean \"workers\"?\n"},
	{"nothing_like_it: 2\n" BASE, "x.yaml:1:1: nothing_like_it: unknown key; expected one of "
				      "api, log, capture, decode, flow, "
				      "frame, flush, formats, sources, dimensions, "
				      "pipeline, sinks, spool, queues, tests, dead_letters, "
				      "workers, patterns, schema_dir, run_as\n"},
	{"dead_letters: { bytes_max: 1MiB }\n" BASE,
	 "x.yaml:1:1: dead_letters: dir is missing; expected a path: The folder of the letters, "
	 "such as /var/lib/sluice/dlq. It is made when it is not there.\n"},
	{"dead_letters: { dir: d, bytes_max: 1MiB, segment: 1MiB }\n" BASE,
	 "x.yaml:1:36: dead_letters.bytes_max: room for less than two segments; expected at least "
	 "2 * segment\n"},
	{"registry: {}\n"
	 "schemas: {}\n" BASE,
	 "x.yaml:1:1: registry: not in this version of sluice\n"
	 "x.yaml:2:1: schemas: not in this version of sluice\n"},
	{"flow: { tcp_ilde: 1h }\n" BASE,
	 "x.yaml:1:9: flow.tcp_ilde: unknown key; expected one of tcp_idle, "
	 "memory_bytes_max; did you mean \"tcp_idle\"?\n"},
	{"flow:\n" BASE, "x.yaml:1:6: flow: no value; expected a map of keys to values\n"},
	{"flow: 5\n" BASE,
	 "x.yaml:1:7: flow: \"5\" does not fit here; expected a map of keys to values\n"},
	{"decode: [x]\n" BASE, "x.yaml:1:9: decode: a list does not fit here; expected a "
			       "map of keys to values\n"},
};

static void an_unknown_key_is_an_error_with_the_nearest_spelling(void **state)
{
	CHECK(unknown_keys);
}

static const struct bad bad_values[] = {
	{"workers: 0\n" BASE, "x.yaml:1:10: workers: \"0\" is out of range; expected a "
			      "whole number from 1 to 64\n"},
	{"workers: 65\n" BASE, "x.yaml:1:10: workers: \"65\" is out of range; expected a "
			       "whole number from 1 to 64\n"},
	{"workers: -1\n" BASE, "x.yaml:1:10: workers: \"-1\" is out of range; expected a "
			       "whole number from 1 to 64\n"},
	{"workers: two\n" BASE, "x.yaml:1:10: workers: \"two\" is no whole number; "
				"expected a whole number from 1 to 64\n"},
	{"workers: \"2\"\n" BASE, "x.yaml:1:10: workers: \"2\" is text, in quotes or as a "
				  "block; expected a whole number from 1 to 64\n"},
	{"workers: 1.5\n" BASE, "x.yaml:1:10: workers: \"1.5\" is no whole number; "
				"expected a whole number from 1 to 64\n"},
	{"workers: 99999999999999999999\n" BASE,
	 "x.yaml:1:10: workers: \"99999999999999999999\" is out of range; expected a whole "
	 "number from 1 to 64\n"},
	{"workers: 9999999999999999999\n" BASE,
	 "x.yaml:1:10: workers: \"9999999999999999999\" is out of range; expected a whole "
	 "number from 1 to 64\n"},
	{"workers: [1]\n" BASE, "x.yaml:1:10: workers: a list does not fit here; expected "
				"a whole number from 1 to 64\n"},
	{"workers:\n" BASE,
	 "x.yaml:1:9: workers: no value; expected a whole number from 1 to 64\n"},
	{"workers: ~\n" BASE,
	 "x.yaml:1:10: workers: no value; expected a whole number from 1 to 64\n"},
	{"flow: { tcp_idle: 5 }\n" BASE, "x.yaml:1:19: flow.tcp_idle: \"5\" has no unit; "
					 "expected a duration from 1s to 1d\n"},
	{"flow: { tcp_idle: 5sec }\n" BASE,
	 "x.yaml:1:19: flow.tcp_idle: \"5sec\" has no known unit; expected a duration from "
	 "1s to 1d; did you mean \"5s\"?\n"},
	{"flow: { tcp_idle: 5 minutes }\n" BASE,
	 "x.yaml:1:19: flow.tcp_idle: \"5 minutes\" has no known unit; expected a duration "
	 "from 1s to 1d; did you mean \"5m\"?\n"},
	{"flow: { tcp_idle: soon }\n" BASE,
	 "x.yaml:1:19: flow.tcp_idle: \"soon\" is no duration; expected a duration from 1s "
	 "to 1d\n"},
	{"flow: { tcp_idle: 1.5h }\n" BASE,
	 "x.yaml:1:19: flow.tcp_idle: \"1.5h\" is no whole number of a unit; expected a "
	 "duration from 1s to 1d\n"},
	{"flow: { tcp_idle: 1h30m }\n" BASE,
	 "x.yaml:1:19: flow.tcp_idle: \"1h30m\" has no known unit; expected a duration "
	 "from 1s to 1d\n"},
	{"flow: { tcp_idle: 99999999d }\n" BASE,
	 "x.yaml:1:19: flow.tcp_idle: \"99999999d\" is out of range; expected a duration "
	 "from 1s to 1d\n"},
	{"flow: { tcp_idle: 1ns }\n" BASE, "x.yaml:1:19: flow.tcp_idle: \"1ns\" is out of "
					   "range; expected a duration from 1s to 1d\n"},
	{"frame: { bytes_max: 10MB }\n" BASE,
	 "x.yaml:1:21: frame.bytes_max: \"10MB\" has no known unit; expected a size from "
	 "1KiB to 64MiB; did you mean \"10MiB\"?\n"},
	{"frame: { bytes_max: 10k }\n" BASE,
	 "x.yaml:1:21: frame.bytes_max: \"10k\" has no known unit; expected a size from "
	 "1KiB to 64MiB; did you mean \"10KiB\"?\n"},
	{"flush: { idle: 80ms }\n" BASE,
	 "x.yaml:1:16: flush.idle: idle is 80ms, and busy 50ms; expected idle not above busy\n"},
	{"flush: { busy: 2ms }\n" BASE,
	 "x.yaml:1:16: flush.busy: idle is 5ms, and busy 2ms; expected idle not above busy\n"},
	{"frame: { bytes_max: 1 }\n" BASE, "x.yaml:1:21: frame.bytes_max: \"1\" is out of "
					   "range; expected a size from 1KiB to 64MiB\n"},
	{"frame: { bytes_max: 1TiB }\n" BASE,
	 "x.yaml:1:21: frame.bytes_max: \"1TiB\" is out of range; expected a size from "
	 "1KiB to 64MiB\n"},
	{"frame: { bytes_max: 10XiB }\n" BASE,
	 "x.yaml:1:21: frame.bytes_max: \"10XiB\" has no known unit; expected a size from "
	 "1KiB to 64MiB\n"},
	{"frame: { bytes_max: big }\n" BASE, "x.yaml:1:21: frame.bytes_max: \"big\" is no "
					     "size; expected a size from 1KiB to 64MiB\n"},
	{"frame: { bytes_max: 99999999TiB }\n" BASE,
	 "x.yaml:1:21: frame.bytes_max: \"99999999TiB\" is out of range; expected a size "
	 "from 1KiB to 64MiB\n"},
};

static void a_bad_value_says_what_was_expected_with_range_and_unit(void **state)
{
	CHECK(bad_values);
}

static const struct bad bad_ports[] = {
	{"capture: { ports: net_tap0 }\n" BASE,
	 "x.yaml:1:19: capture.ports: \"net_tap0\" does not fit here; expected a list, "
	 "such as [{ device: \"0000:3b:00.0\", queues: 1 }]\n"},
	{"capture: { ports: [net_tap0] }\n" BASE,
	 "x.yaml:1:20: capture.ports[0]: \"net_tap0\" does not fit here; expected a map of "
	 "keys to values\n"},
	{"capture: { ports: [{ queues: 2 }] }\n" BASE,
	 "x.yaml:1:20: capture.ports[0]: device is missing; expected text: A PCI address "
	 "(0000:3b:00.0), or a virtual device of DPDK (net_af_packet0,iface=eth1).\n"},
	{"capture: { ports: [{ device: a, queues: auto }] }\n" BASE,
	 "x.yaml:1:41: capture.ports[0].queues: \"auto\" is no whole number; expected a "
	 "whole number from 1 to 64\n"},
	{"capture: { ports: [{ device: a }, { device: a }] }\n" BASE,
	 "x.yaml:1:45: capture.ports[1].device: device \"a\" is in line 1 already\n"},
	{"capture: { ports: [{ device: a, queues: 40 }, { device: b, queues: 30 }] "
	 "}\n" BASE,
	 "x.yaml:1:19: capture.ports: 70 queues in all; expected at most 64\n"},
	{"capture: { workers: 3, rehash: off, ports: [{ device: a, queues: 2 }] }\n" BASE,
	 "x.yaml:1:21: capture.workers: 3 workers for 2 queues; expected 2, as `rehash` is off, "
	 "or `rehash: auto`\n"},
	{"capture: { eal: { a: b } }\n" BASE,
	 "x.yaml:1:17: capture.eal: a map does not fit here; expected text, or a list of "
	 "texts\n"},
	{"capture: { eal: [a, [b], ~] }\n" BASE,
	 "x.yaml:1:21: capture.eal[1]: a list does not fit here; expected text, or a list "
	 "of texts\n"
	 "x.yaml:1:26: capture.eal[2]: no value; expected text, or a list of texts\n"},
};

static void a_port_without_a_device_is_told(void **state)
{
	CHECK(bad_ports);
}

static const struct bad bad_sources[] = {
	{"workers: 1\n", "x.yaml:1:1: sources is missing; expected at least one, such as "
			 "sources: { syslog: { match: { udp: 514 }, parser: syslog } }\n"},
	{"sourcez: { s: { match: { udp: 1 }, parser: syslog } }\n",
	 "x.yaml:1:1: sourcez: unknown key; expected one of api, log, capture, decode, flow, "
	 "frame, flush, "
	 "formats, "
	 "sources, dimensions, pipeline, sinks, spool, queues, tests, dead_letters, workers, "
	 "patterns, "
	 "schema_dir, run_as; did "
	 "you mean "
	 "\"sources\"?\n"},
	{"sources: {}\n", "x.yaml:1:10: sources: 0 sources; expected 1 to 16384\n"},
	{"sources: [a]\n", "x.yaml:1:10: sources: a list does not fit here; expected a map "
			   "of keys to values\n"},
	{"sources: { 1a: { match: { udp: 1 }, parser: syslog } }\n",
	 "x.yaml:1:12: sources.1a: not a good name; expected a letter, then letters, "
	 "digits, \"_\" or \"-\", at most 64\n"},
	{"sources: { a b: { match: { udp: 1 }, parser: syslog } }\n",
	 "x.yaml:1:12: sources.a b: not a good name; expected a letter, then letters, "
	 "digits, \"_\" or \"-\", at most 64\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 } }\n",
	 "x.yaml:2:3: sources.s: parser is missing; expected text: What reads the bytes of "
	 "this source's sessions.\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: sislog }\n",
	 "x.yaml:2:35: sources.s.parser: no parser is named \"sislog\"; expected one of "
	 "syslog, http1, lines; did you mean \"syslog\"?\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: gelf }\n",
	 "x.yaml:2:35: sources.s.parser: parser gelf is not in this version of sluice\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: [syslog] }\n",
	 "x.yaml:2:35: sources.s.parser: a list does not fit here; expected text\n"},
	{"sources:\n"
	 "  s: { parser: syslog }\n",
	 "x.yaml:2:3: sources.s: match is missing; expected ports, such as match: { udp: "
	 "514 }\n"},
	{"sources:\n"
	 "  s: { match: {}, parser: syslog }\n",
	 "x.yaml:2:8: sources.s.match: matches nothing; expected ports (udp, tcp), or "
	 "probe: true\n"},
	{"sources:\n"
	 "  s: { match: { probe: false }, parser: syslog }\n",
	 "x.yaml:2:8: sources.s.match: matches nothing; expected ports (udp, tcp), or "
	 "probe: true\n"},
	{"sources:\n"
	 "  s: { match: { probe: yes }, parser: syslog }\n",
	 "x.yaml:2:24: sources.s.match.probe: \"yes\" is neither; expected true or false; "
	 "did you mean \"true\"?\n"},
	{"sources:\n"
	 "  s: { match: { probe: \"true\" }, parser: syslog }\n",
	 "x.yaml:2:24: sources.s.match.probe: \"true\" is text, in quotes or as a block; "
	 "expected true or false; did you mean \"true\"?\n"},
	{"sources:\n"
	 "  s: { match: { probe: ture }, parser: syslog }\n",
	 "x.yaml:2:24: sources.s.match.probe: \"ture\" is neither; expected true or false; "
	 "did you mean \"true\"?\n"},
	{"sources:\n"
	 "  s: { match: { udp: 0 }, parser: syslog }\n",
	 "x.yaml:2:22: sources.s.match.udp: \"0\" is out of range; expected a port from 1 "
	 "to 65535, a range such as 5000-5010, or a list of them\n"},
	{"sources:\n"
	 "  s: { match: { udp: 65536 }, parser: syslog }\n",
	 "x.yaml:2:22: sources.s.match.udp: \"65536\" is out of range; expected a port "
	 "from 1 to 65535, a range such as 5000-5010, or a list of them\n"},
	{"sources:\n"
	 "  s: { match: { udp: syslog }, parser: syslog }\n",
	 "x.yaml:2:22: sources.s.match.udp: \"syslog\" is no port; expected a port from 1 "
	 "to 65535, a range such as 5000-5010, or a list of them\n"},
	{"sources:\n"
	 "  s: { match: { udp: 10-5 }, parser: syslog }\n",
	 "x.yaml:2:22: sources.s.match.udp: \"10-5\" runs backwards; expected a port from "
	 "1 to 65535, a range such as 5000-5010, or a list of them\n"},
	{"sources:\n"
	 "  s: { match: { udp: 10- }, parser: syslog }\n",
	 "x.yaml:2:22: sources.s.match.udp: \"10-\" is no range of ports; expected a port "
	 "from 1 to 65535, a range such as 5000-5010, or a list of them\n"},
	{"sources:\n"
	 "  s: { match: { udp: [1, 1-3] }, parser: syslog }\n",
	 "x.yaml:2:26: sources.s.match.udp[1]: port 1 is in this list already\n"},
	{"sources:\n"
	 "  s: { match: { udp: { a: 1 } }, parser: syslog }\n",
	 "x.yaml:2:22: sources.s.match.udp: a map does not fit here; expected a port from "
	 "1 to 65535, a range such as 5000-5010, or a list of them\n"},
	{"sources:\n"
	 "  s: { match: { upd: 1 }, parser: syslog }\n",
	 "x.yaml:2:17: sources.s.match.upd: unknown key; expected one of udp, tcp, probe; "
	 "did you mean \"udp\"?\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1, host: a }, parser: syslog }\n",
	 "x.yaml:2:25: sources.s.match.host: unknown key; expected one of udp, tcp, "
	 "probe\n"},
	{"sources:\n"
	 "  s: { match: { udp: 80 }, parser: http1 }\n",
	 "x.yaml:2:22: sources.s.match.udp: parser http1 does not read UDP\n"},
	{"sources:\n"
	 "  s: { match: { tcp: 80 }, parser: http1, host: a }\n",
	 "x.yaml:2:43: sources.s.host: does not belong here; expected it inside of "
	 "match\n"},
	{"sources:\n"
	 "  s: { match: { tcp: 80 }, parser: http1, events_max: 0 }\n",
	 "x.yaml:2:55: sources.s.events_max: \"0\" is out of range; expected a whole "
	 "number from 1 to 1000\n"},
	{"sources:\n"
	 "  s: { match: { tcp: 80 }, parser: http1, events: 5 }\n",
	 "x.yaml:2:43: sources.s.events: unknown key; expected one of match, parser, "
	 "field, formats, rules, keep_message, shed, shed_keep, bare, events_max\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, timezone: utc }\n",
	 "x.yaml:2:53: sources.s.timezone: \"utc\" is not known here; expected one of UTC, "
	 "local; did you mean \"UTC\"?\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, timezone: Mars }\n",
	 "x.yaml:2:53: sources.s.timezone: \"Mars\" is not known here; expected one of "
	 "UTC, local\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, field: host_name }\n",
	 "x.yaml:2:50: sources.s.field: parser syslog has no field \"host_name\"; expected "
	 "one of its fields; did you mean \"hostname\"?\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, rules: [a] }\n",
	 "x.yaml:2:50: sources.s.rules: a list does not fit here; expected a map of names "
	 "to texts\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, rules: { a: [b] } }\n",
	 "x.yaml:2:55: sources.s.rules.a: a list does not fit here; expected text\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, stream: 1 }\n",
	 "x.yaml:2:43: sources.s.stream: not in this version of sluice\n"},
	{"sources:\n"
	 "  a: { match: { udp: 514, tcp: 5-9 }, parser: syslog }\n"
	 "  b: { match: { udp: [1, 514], tcp: [1, 9-20] }, parser: lines }\n",
	 "x.yaml:3:26: sources.b.match.udp[1]: port 514 is taken by source \"a\" in line "
	 "2; expected one source for each port\n"
	 "x.yaml:3:41: sources.b.match.tcp[1]: port 9 is taken by source \"a\" in line 2; "
	 "expected one source for each port\n"},
};

static const struct bad bad_to_the_parser[] = {
	{"sources:\n"
	 "  s: { match: { tcp: 80, host: [a, b%] }, parser: http1 }\n",
	 "x.yaml:2:36: sources.s.match.host[1]: \"b%\" has a %\n"},
	{"sources:\n"
	 "  s: { match: { tcp: 80, host: a% }, parser: http1 }\n",
	 "x.yaml:2:32: sources.s.match.host: \"a%\" has a %\n"},
};

static void a_source_that_cannot_be_is_told(void **state)
{
	CHECK(bad_sources);
	CHECK(bad_to_the_parser);
}

static const struct bad bad_formats[] = {
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, formats: acces }\n"
	 "formats: { access: { grok: 'a' } }\n",
	 "x.yaml:2:52: sources.s.formats: no format is named \"acces\"; expected one of "
	 "access; did you mean \"access\"?\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, formats: [access, access] }\n"
	 "formats: { access: { grok: 'a' } }\n",
	 "x.yaml:2:61: sources.s.formats[1]: format \"access\" is in this list twice\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, formats: gone.yaml }\n",
	 "x.yaml:2:52: sources.s.formats: gone.yaml: No such file or directory\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, formats: [good.yaml, bad.yaml] }\n",
	 "bad.yaml:1:17: one.kv: a format is of one kind; grok stands there already\n"
	 "bad.yaml:2:1: two: a format without a kind; expected one of grok, regex, kv, "
	 "logfmt, csv, tsv, json\n"
	 "bad.yaml:2:8: two.type: unknown key; expected one of kv, logfmt, csv, tsv, json, "
	 "grok, regex, types; did you mean \"types\"?\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, formats: [broken.yaml] }\n",
	 "broken.yaml:2:1: no value here; expected one, or \"]\" or \"}\" for what was "
	 "opened above\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, formats: [empty.yaml] }\n",
	 "empty.yaml: no format in it; expected such as access: { grok: "
	 "\"%{COMBINEDAPACHELOG}\" }\n"},
	{"sources:\n"
	 "  s: { match: { udp: 1 }, parser: syslog, formats: [good.yaml] }\n"
	 "formats: { good: { grok: 'a' } }\n",
	 "good.yaml:1:16: good: a format of this name is in x.yaml:3 already; expected "
	 "another name\n"},
	{"formats:\n"
	 "  a: {}\n" BASE,
	 "x.yaml:2:3: formats.a: a format without a kind; expected one of grok, regex, kv, "
	 "logfmt, csv, tsv, json\n"},
	{"formats:\n"
	 "  a: { grok: b, csv: { columns: [c] } }\n" BASE,
	 "x.yaml:2:17: formats.a.csv: a format is of one kind; grok stands there "
	 "already\n"},
	{"formats:\n"
	 "  a: { grokk: b }\n" BASE,
	 "x.yaml:2:3: formats.a: a format without a kind; expected one of grok, regex, kv, "
	 "logfmt, csv, tsv, json\n"
	 "x.yaml:2:8: formats.a.grokk: unknown key; expected one of kv, logfmt, csv, tsv, "
	 "json, grok, regex, types; did you mean \"grok\"?\n"},
	{"formats:\n"
	 "  a: { csv: {} }\n" BASE,
	 "x.yaml:2:8: formats.a.csv: columns is missing; expected text, or a list of "
	 "texts: The names of the columns, from the left.\n"},
	{"formats:\n"
	 "  a: { grok: b, types: { c: integer, d: itn } }\n" BASE,
	 "x.yaml:2:29: formats.a.types.c: \"integer\" is no type; expected int, float, "
	 "bool, string or time:LAYOUT\n"
	 "x.yaml:2:41: formats.a.types.d: \"itn\" is no type; expected int, float, bool, "
	 "string or time:LAYOUT; did you mean \"int\"?\n"},
	{"formats:\n"
	 "  a: { kv: { pair: x } }\n" BASE,
	 "x.yaml:2:14: formats.a.kv.pair: unknown key; expected one of pair_sep, kv_sep\n"},
	{"formats:\n"
	 "  a: { json: { x: 1 } }\n" BASE,
	 "x.yaml:2:16: formats.a.json.x: unknown key; expected none here\n"},
	{"patterns: [my.pat, gone.pat]\n" BASE,
	 "x.yaml:1:20: patterns[1]: gone.pat: No such file or directory\n"},
};

static void a_format_that_cannot_be_is_told_in_its_own_file(void **state)
{
	CHECK(bad_formats);
}

static const struct bad bad_sinks[] = {
	{BASE "sinks:\n"
	      "  o: {}\n",
	 "x.yaml:3:3: sinks.o: 0 kinds; expected one, such as { stdout: {} } or { file: { "
	 "... } }\n"},
	{BASE "sinks:\n"
	      "  o: { stdout: {}, file: {} }\n",
	 "x.yaml:3:3: sinks.o: 2 kinds; expected one, such as { stdout: {} } or { file: { "
	 "... } }\n"},
	{BASE "sinks:\n"
	      "  o: { stdot: {} }\n",
	 "x.yaml:3:8: sinks.o.stdot: no such kind of sink; expected one of stdout, file; "
	 "did you mean \"stdout\"?\n"},
	{BASE "sinks:\n"
	      "  o: { stdout: { x: 1 } }\n",
	 "x.yaml:3:18: sinks.o.stdout.x: unknown key; expected none here\n"},
	{BASE "sinks:\n"
	      "  o: { stdout: }\n",
	 "x.yaml:3:16: sinks.o.stdout: no value; expected a map of keys to values\n"},
	{BASE "sinks:\n"
	      "  o: { file: {} }\n",
	 "x.yaml:3:8: sinks.o.file: path is missing; expected a path: Path.\n"},
	{BASE "sinks:\n"
	      "  o: { file: { path: '' } }\n",
	 "x.yaml:3:22: sinks.o.file.path: \"\" is no path; expected a path\n"},
	{BASE "sinks:\n"
	      "  o: { file: { path: a, password: [hunter2] } }\n",
	 "x.yaml:3:35: sinks.o.file.password: a list does not fit here; expected text\n"},
	{BASE "sinks:\n"
	      "  o: { file: { path: a, password: \"hunter2\\0\" } }\n",
	 "x.yaml:3:35: sinks.o.file.password: the value has a NUL in it; expected text\n"},
	{BASE "sinks:\n"
	      "  o: { file: { path: a, every: 0s } }\n",
	 "x.yaml:3:32: sinks.o.file.every: \"0s\" is out of range; expected a duration of "
	 "at least 1ms\n"},
	{BASE "sinks:\n"
	      "  o: { file: { path: \"a\\0b\" } }\n",
	 "x.yaml:3:22: sinks.o.file.path: \"a\\x00b\" has a NUL in it; expected a path\n"},
};

static void a_sink_that_cannot_be_is_told(void **state)
{
	CHECK(bad_sinks);
}

static const struct bad bad_queues[] = {
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  name: { from: s, sink: o }\n",
	 "x.yaml:4:3: queues.name: not a good name of a queue; expected project/name, of "
	 "letters, digits, \"_\", \"-\" and \".\", at most 128\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  /n: { from: s, sink: o }\n",
	 "x.yaml:4:3: queues./n: not a good name of a queue; expected project/name, of "
	 "letters, digits, \"_\", \"-\" and \".\", at most 128\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n/m: { from: s, sink: o }\n",
	 "x.yaml:4:3: queues.p/n/m: not a good name of a queue; expected project/name, of "
	 "letters, digits, \"_\", \"-\" and \".\", at most 128\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { sink: o }\n",
	 "x.yaml:4:3: queues.p/n: from is missing; expected text, or a list of texts: What "
	 "goes here: a source, a node of the pipeline (NODE, or NODE.BRANCH), or a list of "
	 "them.\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: s }\n",
	 "x.yaml:4:3: queues.p/n: sink is missing; expected text: The sink that the "
	 "records go to.\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: [], sink: o }\n",
	 "x.yaml:4:16: queues.p/n.from: nothing; expected at least one source or node\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: [s, s], sink: o }\n",
	 "x.yaml:4:20: queues.p/n.from[1]: \"s\" is in this list already\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: split.vip, sink: o }\n",
	 "x.yaml:4:16: queues.p/n.from: no source or node is named \"split.vip\"; expected one of "
	 "s\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: s, sink: out }\n",
	 "x.yaml:4:25: queues.p/n.sink: no sink is named \"out\"; expected one of o\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: s, sink: o, format: xml }\n",
	 "x.yaml:4:36: queues.p/n.format: \"xml\" is not known here; expected one of json, "
	 "debezium-json, canal-json, maxwell-json, protobuf\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: s, sink: o, format: canal-json }\n",
	 "x.yaml:4:16: queues.p/n.from: format canal-json is for changes of rows, and source "
	 "\"s\" (syslog) has none; expected a source of parser mysql, or another format\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: s, sink: o, topic: a, key: b }\n",
	 "x.yaml:4:28: queues.p/n.topic: sink o (stdout) has no topics; expected a sink such as "
	 "kafka, or no such key\n"
	 "x.yaml:4:38: queues.p/n.key: sink o (stdout) has no topics; expected a sink such as "
	 "kafka, or no such key\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: { from: s, sink: o, owner: a }\n",
	 "x.yaml:4:28: queues.p/n.owner: not in this version of sluice\n"},
	{BASE "sinks: { o: { stdout: {} } }\nqueues:\n"
	      "  p/n: { from: s, sink: o, spool: always }\n",
	 "x.yaml:4:35: queues.p/n.spool: there is no section spool; expected one, such as spool: { "
	 "dir: /var/lib/sluice/spool }\n"},
	{BASE "sinks: { o: { stdout: {} } }\nqueues:\n"
	      "  p/n: { from: s, sink: o, backup: nosuch }\n",
	 "x.yaml:4:36: queues.p/n.backup: no sink is named \"nosuch\"; expected one of o\n"},
	{BASE "sinks: { o: { stdout: {} } }\nqueues:\n"
	      "  p/n: { from: s, sink: o, backup: o }\n",
	 "x.yaml:4:36: queues.p/n.backup: o is its sink already; expected another one\n"},
	{BASE "sinks: { o: { stdout: {} } }\nqueues:\n"
	      "  p/n: { from: s, sink: o, switch: manual }\n",
	 "x.yaml:4:36: queues.p/n.switch: there is nothing to switch to; expected `backup` too\n"},
	{BASE "sinks: { o: { stdout: {} } }\nspool: { bytes_max: 1GiB }\nqueues:\n"
	      "  p/n: { from: s, sink: o }\n",
	 "x.yaml:3:1: spool: dir is missing; expected a path: Where the records wait; a directory "
	 "in it for each queue.\n"},
	{BASE "sinks: { o: { stdout: {} } }\n"
	      "queues:\n"
	      "  p/n: s\n",
	 "x.yaml:4:8: queues.p/n: \"s\" does not fit here; expected a map of keys to "
	 "values\n"},
};

static void a_queue_names_sources_and_a_sink_that_are_there(void **state)
{
	CHECK(bad_queues);
}

static const struct bad bad_tests[] = {
	{BASE "tests:\n"
	      "  - { input: a, expect: [] }\n",
	 "x.yaml:3:5: tests[0]: source is missing; expected text: The source that the "
	 "input is given to.\n"},
	{BASE "tests:\n"
	      "  - { source: s, input: a }\n",
	 "x.yaml:3:5: tests[0]: expect is missing; expected a list of records, [] for "
	 "none\n"},
	{BASE "tests:\n"
	      "  - { source: s, input: a, expect: { a: b } }\n",
	 "x.yaml:3:36: tests[0].expect: a map does not fit here; expected a list of "
	 "records\n"},
	{BASE "tests:\n"
	      "  - { source: s, input: a, expect: [a] }\n",
	 "x.yaml:3:37: tests[0].expect[0]: \"a\" does not fit here; expected a map of keys "
	 "to values\n"},
	{BASE "tests:\n"
	      "  - { source: t, input: a, expect: [] }\n",
	 "x.yaml:3:15: tests[0].source: no source is named \"t\"; expected one of s\n"},
	{BASE "tests:\n"
	      "  - { source: s, input: a, time: yesterday, expect: [] }\n",
	 "x.yaml:3:34: tests[0].time: \"yesterday\" is no time; expected such as "
	 "\"2026-01-01T00:00:00Z\"\n"},
	{BASE "tests:\n"
	      "  - { source: s, input: a, transport: sctp, expect: [] }\n",
	 "x.yaml:3:39: tests[0].transport: \"sctp\" is not known here; expected one of "
	 "auto, udp, tcp; did you mean \"tcp\"?\n"},
	{"sources: { s: { match: { tcp: 1 }, parser: http1 } }\n"
	 "tests: [{ source: s, input: a, transport: udp, expect: [] }]\n",
	 "x.yaml:2:43: tests[0].transport: parser http1 does not read UDP\n"},
	{BASE "tests: { a: b }\n",
	 "x.yaml:2:8: tests: a map does not fit here; expected a list of tests, such as [{ "
	 "source: syslog, input: '...', expect: [{ severity: err }] }]\n"},
};

static void a_test_of_the_configuration_is_checked_too(void **state)
{
	CHECK(bad_tests);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_no_yaml_is_told_by_line_and_column),
		cmocka_unit_test(an_unknown_key_is_an_error_with_the_nearest_spelling),
		cmocka_unit_test(a_bad_value_says_what_was_expected_with_range_and_unit),
		cmocka_unit_test(a_port_without_a_device_is_told),
		cmocka_unit_test(a_source_that_cannot_be_is_told),
		cmocka_unit_test(a_format_that_cannot_be_is_told_in_its_own_file),
		cmocka_unit_test(a_sink_that_cannot_be_is_told),
		cmocka_unit_test(a_queue_names_sources_and_a_sink_that_are_there),
		cmocka_unit_test(a_test_of_the_configuration_is_checked_too),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
