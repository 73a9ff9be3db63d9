/* sluiced - the daemon: runs, replays, checks. `sluiced help` lists its commands. */
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/api.h"
#include "ctl/cmd.h"
#include "ctl/cmd_spool.h"
#include "ctl/command.h"
#include "ctl/config.h"
#include "ctl/eal.h"
#include "ctl/explain.h"
#include "ctl/privilege.h"
#include "ctl/quantity.h"
#include "ctl/reference.h"
#include "ctl/report.h"
#include "ctl/say.h"
#include "ctl/topology.h"
#include "dataplane/base/text.h"

/* DESIGN 5: what a script may rely on. */
enum { EXIT_DONE = 0, EXIT_LOST = 1, EXIT_USAGE = 2 };

struct verb {
	const char *name, *args, *help;
	int (*run)(int argc, char **argv);
};

static struct topology *running;

static void on_signal(int sig)
{
	(void)sig;
	if (running)
		topology_stop(running);
}

static void on_hangup(int sig)
{
	(void)sig;
	if (running)
		topology_reload(running);
}

static int usage_error(const char *fmt, const char *what)
{
	fprintf(stderr, "sluiced: ");
	fprintf(stderr, fmt, what);
	fprintf(stderr, "; see `sluiced help`\n");
	return EXIT_USAGE;
}

/* NULL when the file is not usable: everything that is wrong has been printed. */
static struct config *load_config(const char *path)
{
	struct err_list errs = {0};
	struct config *c = NULL;
	int rc = path ? config_load(path, &c, &errs) : config_default(&c, &errs);
	err_list_print(&errs, stderr);
	err_list_fini(&errs);
	if (rc < 0 && rc != -EINVAL)
		fprintf(stderr, "sluiced: %s: %s\n", path ? path : "default", strerror(-rc));
	return rc < 0 ? NULL : c;
}

struct replay_args {
	const char *config, *ledger, *tap, *diff;
	struct replay_conf replay;
	int64_t workers;
	bool quiet;
	const char *letters; /* the folder of dead letters that are read in place of files */
	struct dead_choice choice;
};

/* What answers while it runs. A socket that another process serves, or that cannot be made, is
 * no reason not to capture. NULL: nobody can ask.
 */
static struct api *start_api(const struct config *c, struct topology *t, struct control **ret_c)
{
	struct api *api = NULL;
	struct err e = {0};
	if (!api_is_wanted(&c->api) || !(*ret_c = control_create(c, &topology_control_ops, t)))
		return NULL;
	if (api_start(&c->api, *ret_c, &api, &e) < 0)
		say(SAY_ERROR, "api: %s; sluicectl cannot ask this process", e.text);
	else
		topology_control(t, *ret_c); /* reports are for those who ask */
	return api;
}

/* Marks letters that were tried again. False: not all of them went through. */
static bool finish_letters(struct dead_retry *letters, bool whole, uint64_t lost)
{
	struct err e;
	int64_t left = dead_retry_finish(letters, whole, lost, stderr, &e);
	if (left < 0)
		fprintf(stderr, "sluiced: %s\n", e.text);
	return left == 0;
}

/* Runs a built topology to its end and tells what became of everything. */
static int run_to_end(const struct config *c, struct topology *t, const struct topology_input *in,
		      const char *ledger, bool quiet)
{
	struct err e;
	int code = EXIT_DONE;
	struct report *r = report_create();
	struct control *control = NULL;
	bool live = !in->replay && !in->letters;
	struct api *api = live ? start_api(c, t, &control) : NULL;
	running = t;
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	if (live)
		signal(SIGHUP, on_hangup);
	bool progress = !quiet && !in->letters && isatty(STDERR_FILENO);
	int rc = topology_run(t, progress, stderr);
	running = NULL;
	api_stop(api);
	topology_control(t, NULL);
	control_destroy(control);
	topology_report(t, r);
	topology_tell(t, r);
	/* No exit status of 1 without its reason. */
	if (!quiet)
		report_print(r, stderr);
	else
		report_print_losses(r, stderr);
	if (ledger && report_write_json(r, ledger, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
		code = EXIT_LOST;
	}
	if (report_losses(r) || report_imbalances(r) || topology_n_dead(t))
		code = EXIT_LOST;
	if (in->letters && !finish_letters(in->letters, rc == 0, report_losses(r)))
		code = EXIT_LOST;
	if (rc < 0) {
		say(SAY_ERROR, "not all was read or written: see the messages above%s",
		    quiet ? "" : " the ledger");
		code = EXIT_LOST;
	}
	report_destroy(r);
	return code;
}

/* Before a run of hours, not behind it. */
static bool can_write(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (fd < 0) {
		fprintf(stderr, "sluiced: %s: cannot write the ledger: %s\n", path,
			strerror(errno));
		return false;
	}
	close(fd);
	return true;
}

static int build_and_run(const struct config *c, const struct topology_input *in,
			 const char *ledger, bool quiet)
{
	struct err e;
	/* A run writes it as the user that it becomes. */
	if (ledger && in->replay && !can_write(ledger))
		return EXIT_USAGE;
	const char *note = NULL;
	struct cores cores = {.pinned = false};
	struct topology *t = NULL;
	const char *devices[CONFIG_WORKERS_MAX];
	size_t n_devices = in->replay ? 0 : c->capture.n_ports;
	for (size_t i = 0; i < n_devices; i++)
		devices[i] = c->capture.ports[i].device;
	if (n_devices && cores_of_run(c, &cores, &e) < 0) {
		say(SAY_ERROR, "%s", e.text);
		return EXIT_USAGE;
	}
	struct eal_conf eal = {.n_workers = in->n_workers,
			       .cores = &cores,
			       .devices = devices,
			       .n_devices = n_devices,
			       .extra = c->capture.eal.items,
			       .n_extra = c->capture.eal.n};
	if (n_devices)
		privilege_fence();
	if (!in->replay && eal_start(&eal, &note, &e) < 0) {
		say(SAY_ERROR, "%s", e.text);
		return EXIT_USAGE;
	}
	if (note)
		say(SAY_NOTICE, "%s", note);
	int code = EXIT_USAGE;
	struct topology_input with = *in;
	with.cores = &cores;
	if (topology_build(c, &with, &t, &e) < 0) {
		say(SAY_ERROR, "%s", e.text);
	} else if (in->replay || !ledger || can_write(ledger)) {
		topology_describe(t);
		code = run_to_end(c, t, in, ledger, quiet);
	}
	topology_destroy(t);
	if (!in->replay)
		eal_stop();
	return code;
}

static bool parse_speed(const char *s, double *ret)
{
	char *end;
	if (strcmp(s, "max") == 0)
		*ret = 0;
	else if (strcmp(s, "real") == 0)
		*ret = 1;
	else {
		*ret = strtod(s, &end);
		return end != s && *end == '\0' && *ret > 0 && *ret <= 1e6;
	}
	return true;
}

static bool parse_count(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	uint64_t v;
	if (!text_u64(slice_str(s), &v) || v < (uint64_t)min || v > (uint64_t)max)
		return false;
	*ret = (int64_t)v;
	return true;
}

/* What getopt_long answered with ':' or '?'. Its option is the last that was looked at. */
static int option_error(int answer, char **argv)
{
	const char *given = argv[optind - 1];
	char name[3] = {'-', (char)optopt, '\0'};
	if (strncmp(given, "--", 2) != 0)
		given = name;
	return answer == ':' ? usage_error("%s: its value is missing", given)
			     : usage_error("%s: no such option of this command", given);
}

static int check_letter_args(const struct replay_args *a)
{
	if (!a->config)
		return usage_error("%s", "replay --dead-letters: -c FILE is missing: through which "
					 "pipeline are they to go?");
	if (a->tap || a->replay.loop != 1 || a->replay.speed > 0)
		return usage_error("%s", "--tap, --loop and --speed are for capture files, not for "
					 "--dead-letters");
	return 0;
}

/* Returns 0, or EXIT_USAGE with the reason printed. */
static int parse_replay_args(int argc, char **argv, struct replay_args *a)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'},
		{"workers", required_argument, NULL, 'w'},
		{"speed", required_argument, NULL, 's'},
		{"loop", required_argument, NULL, 'l'},
		{"ledger", required_argument, NULL, 'L'},
		{"read-size", required_argument, NULL, 'r'},
		{"quiet", no_argument, NULL, 'q'},
		{"tap", required_argument, NULL, 't'},
		{"diff", required_argument, NULL, 'D'},
		{"dead-letters", required_argument, NULL, 'd'},
		{"reason", required_argument, NULL, 'R'},
		{"source", required_argument, NULL, 'S'},
		{"rule", required_argument, NULL, 'U'},
		{0},
	};
	int64_t n;
	for (int o; (o = getopt_long(argc, argv, ":c:w:q", longs, NULL)) != -1;) {
		if (o == 'c')
			a->config = optarg;
		else if (o == 'L')
			a->ledger = optarg;
		else if (o == 't')
			a->tap = optarg;
		else if (o == 'D')
			a->diff = optarg;
		else if (o == 'd')
			a->letters = optarg;
		else if (o == 'R')
			a->choice.reason = optarg;
		else if (o == 'S')
			a->choice.source = optarg;
		else if (o == 'U')
			a->choice.rule = optarg;
		else if (o == 'q')
			a->quiet = true;
		else if (o == 'w') {
			if (!parse_count(optarg, 1, TOPOLOGY_WORKERS_MAX, &a->workers))
				return usage_error("--workers %s: expected 1 to 64", optarg);
		} else if (o == 's') {
			if (!parse_speed(optarg, &a->replay.speed))
				return usage_error(
					"--speed %s: expected max, real, or a factor such "
					"as 0.5 or 10",
					optarg);
		} else if (o == 'l') {
			if (!parse_count(optarg, 1, 1000000, &n))
				return usage_error("--loop %s: expected 1 to 1000000", optarg);
			a->replay.loop = (unsigned)n;
		} else if (o == 'r') {
			if (!parse_count(optarg, REPLAY_READ_MIN, REPLAY_READ_MAX, &n))
				return usage_error(
					"--read-size %s: expected 64 to 1073741824 bytes", optarg);
			a->replay.read_bytes = (size_t)n;
		} else {
			return option_error(o, argv);
		}
	}
	if (a->letters) {
		a->choice.ids = (const char *const *)argv + optind;
		a->choice.n_ids = (size_t)(argc - optind);
		return check_letter_args(a);
	}
	if (a->choice.reason || a->choice.source || a->choice.rule)
		return usage_error("%s", "--reason, --source and --rule are for --dead-letters");
	a->replay.paths = (const char *const *)argv + optind;
	a->replay.n_paths = (unsigned)(argc - optind);
	return a->replay.n_paths
		       ? 0
		       : usage_error("%s", "replay: which capture file? (- is standard input)");
}

/* A node that must see all records of a source, whatever worker they come to; NULL: none. */
static const struct node_conf *alone_node(const struct config *c)
{
	for (size_t i = 0; i < c->n_nodes; i++) {
		const struct op *op = c->nodes[i].op;
		if (op->alone && (!op->alone_if || op->alone_if(c->nodes[i].conf)))
			return &c->nodes[i];
	}
	return NULL;
}

/* A replay's part that wants all records in their order: such a node, or a dimension that follows
 * the changes of a source. NULL: none.
 */
static const char *alone_part(const struct config *c, char *text, size_t cap)
{
	const struct node_conf *node = alone_node(c);
	if (node) {
		snprintf(text, cap, "pipeline.%s (%s)", node->name, node->op->name);
		return text;
	}
	for (size_t i = 0; i < c->n_dimensions; i++)
		if (c->dimensions[i].spec.kind->source) {
			snprintf(text, cap, "dimensions.%s (%s)", c->dimensions[i].spec.name,
				 c->dimensions[i].spec.kind->name);
			return text;
		}
	return NULL;
}

/* The same input gives the same output with any number of workers: such a part gets one. */
static unsigned replay_workers(const struct config *c, int64_t wanted)
{
	char text[256];
	const char *part = alone_part(c, text, sizeof(text));
	unsigned n = (unsigned)(wanted ? wanted : c->workers);
	if (n < 2 || !part)
		return n;
	fprintf(stderr, "sluiced: one worker and not %u: %s must see all records in their order\n",
		n, part);
	return 1;
}

/* Dead letters through today's pipeline. They come one by one: more workers would not help. */
static int replay_letters(struct config *c, const struct replay_args *a)
{
	struct err e;
	struct topology_input in = {.replay = &a->replay, .n_workers = 1};
	if (!c->dead_letters.dir)
		c->dead_letters.unparsed = true; /* what was not read is not to pass for a record */
	c->dead_letters.dir = a->letters;
	/* The letters wait until all is written; the spool may be a running sluiced's. */
	c->has_spool = false;
	if (dead_retry_open(a->letters, &a->choice, c, &in.letters, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
		return EXIT_USAGE;
	}
	int code = EXIT_DONE;
	if (dead_retry_n(in.letters))
		code = build_and_run(c, &in, a->ledger, a->quiet);
	else
		fprintf(stderr, "sluiced: %s: there is no such letter to try again\n", a->letters);
	dead_retry_close(in.letters);
	return code;
}

/* Segments without a configuration: their records are printed as they are. */
static int print_archive(const struct replay_args *a)
{
	int code = EXIT_DONE;
	for (unsigned i = 0; i < a->replay.n_paths; i++) {
		struct err e;
		uint64_t lost;
		int rc = cmd_spool_print(a->replay.paths[i], 0, false, stdout, &lost, &e);
		if (rc < 0)
			fprintf(stderr, "sluiced: %s\n", e.text);
		if (rc < 0 || lost)
			code = EXIT_LOST;
	}
	return code;
}

/* Records that have been through a pipeline once, as events of their sources again. */
static int replay_archive(const struct config *c, const struct replay_args *a)
{
	struct err e;
	struct topology_input in = {.replay = &a->replay, .n_workers = 1};
	if (a->replay.loop > 1 || a->replay.speed > 0)
		return usage_error("%s: of captures only, not of segments", "--loop and --speed");
	if (archive_feed_open(a->replay.paths, a->replay.n_paths, c, &in.archive, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
		return EXIT_USAGE;
	}
	int code = build_and_run(c, &in, a->ledger, a->quiet);
	archive_feed_close(in.archive);
	return code;
}

/* EXIT_DONE, or EXIT_USAGE with the reason printed. */
static int probe_archive(const struct replay_args *a, bool *ret_archive)
{
	struct err e;
	int n = archive_feed_probe(a->replay.paths, a->replay.n_paths, &e);
	*ret_archive = n > 0;
	if (n >= 0 && !(n > 0 && (a->tap || a->diff)))
		return EXIT_DONE;
	fprintf(stderr, "sluiced: %s\n",
		n < 0 ? e.text : "--tap and --diff: of captures only, not of segments");
	return EXIT_USAGE;
}

/* What the configuration of --diff and @is make of the files. */
static int replay_diff(const struct config *is, const struct replay_args *a)
{
	for (unsigned i = 0; i < a->replay.n_paths; i++)
		if (strcmp(a->replay.paths[i], "-") == 0)
			return usage_error("%s", "--diff reads the files twice, and standard input "
						 "can be read once");
	struct config *was = load_config(a->diff);
	int code = was ? cmd_diff(was, is, &a->replay) : EXIT_USAGE;
	config_free(was);
	return code;
}

static int cmd_replay(int argc, char **argv)
{
	struct replay_args a = {.replay.loop = 1};
	int rc = parse_replay_args(argc, argv, &a);
	bool archive = false;
	if (rc == 0 && !a.letters)
		rc = probe_archive(&a, &archive);
	if (rc)
		return rc;
	if (archive && !a.config)
		return print_archive(&a);
	struct config *c = load_config(a.config);
	if (!c)
		return EXIT_USAGE;
	if (archive) {
		rc = replay_archive(c, &a);
		config_free(c);
		return rc;
	}
	if (a.tap) {
		rc = cmd_tap(c, &a.replay, a.tap);
		config_free(c);
		return rc;
	}
	if (a.diff) {
		rc = replay_diff(c, &a);
		config_free(c);
		return rc;
	}
	if (a.letters) {
		rc = replay_letters(c, &a);
		config_free(c);
		return rc;
	}
	struct topology_input in = {.replay = &a.replay, .n_workers = replay_workers(c, a.workers)};
	rc = build_and_run(c, &in, a.ledger, a.quiet);
	config_free(c);
	return rc;
}

static int run_explain(int argc, char **argv)
{
	static const struct option longs[] = {
		{"config", required_argument, NULL, 'c'}, {"json", no_argument, NULL, 'j'}, {0}};
	const char *path = NULL;
	bool as_json = false;
	struct err e;
	json_t *o = NULL;
	for (int opt; (opt = getopt_long(argc, argv, ":c:", longs, NULL)) != -1;) {
		if (opt == 'c')
			path = optarg;
		else if (opt == 'j')
			as_json = true;
		else
			return option_error(opt, argv);
	}
	if (argc - optind < 2)
		return usage_error("%s", argc == optind ? "explain: which record?"
							: "explain: which capture file?");
	struct config *c = load_config(path);
	if (!c)
		return EXIT_USAGE;
	struct replay_conf rc = {.paths = (const char *const *)argv + optind + 1,
				 .n_paths = (unsigned)(argc - optind - 1)};
	int code = EXIT_USAGE;
	if (explain_record(c, &rc, argv[optind], stderr, &o, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
	} else {
		code = explain_found(o) ? EXIT_DONE : EXIT_LOST;
		if (as_json)
			json_dumpf(o, stdout, JSON_INDENT(1));
		else
			explain_print(o, stdout);
	}
	json_decref(o);
	config_free(c);
	return code;
}

/* The one option of run, check and test, and --ledger of run. */
static int parse_config_args(int argc, char **argv, const char **ret_config,
			     const char **ret_ledger)
{
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'},
					      {"ledger", required_argument, NULL, 'L'},
					      {0}};
	*ret_config = NULL;
	for (int o; (o = getopt_long(argc, argv, ":c:", longs, NULL)) != -1;) {
		if (o == 'c')
			*ret_config = optarg;
		else if (o == 'L' && ret_ledger)
			*ret_ledger = optarg;
		else if (o == 'L')
			return usage_error("%s: no such option of this command", "--ledger");
		else
			return option_error(o, argv);
	}
	if (optind < argc)
		return usage_error(*ret_config ? "%s: not expected here"
					       : "%s: a configuration is named by -c FILE",
				   argv[optind]);
	return *ret_config ? 0 : usage_error("%s: -c FILE is missing", argv[0]);
}

/* Each worker has sessions of its own, and workers share nothing. */
static void tell_alone(const struct config *c, unsigned n_workers)
{
	const struct node_conf *node = alone_node(c);
	if (n_workers > 1 && node)
		say(SAY_NOTICE,
		    "pipeline.%s (%s) works in each of the %u workers by itself, on the sessions "
		    "of that worker; capture.workers: 1 makes it one",
		    node->name, node->op->name, n_workers);
}

static int cmd_run(int argc, char **argv)
{
	const char *path, *ledger = NULL;
	int rc = parse_config_args(argc, argv, &path, &ledger);
	if (rc)
		return rc;
	struct config *c = load_config(path);
	if (!c)
		return EXIT_USAGE;
	if (c->capture.n_ports == 0) {
		fprintf(stderr,
			"sluiced: %s: capture.ports is missing: which port is to be read? For "
			"example  capture: { ports: [{ device: \"net_af_packet0,iface=eth1\" }] "
			"}\n",
			path);
		rc = EXIT_USAGE;
	} else {
		unsigned n_workers = config_run_workers(c);
		say_begin((enum say_level)(SAY_ERROR + c->log.level), (enum say_form)c->log.form,
			  NULL);
		tell_alone(c, n_workers);
		struct topology_input in = {.n_workers = n_workers};
		rc = build_and_run(c, &in, ledger, false);
	}
	config_free(c);
	return rc;
}

static int with_config(int argc, char **argv, int (*run)(const struct config *))
{
	const char *path;
	int rc = parse_config_args(argc, argv, &path, NULL);
	if (rc)
		return rc;
	struct config *c = load_config(path);
	if (!c)
		return EXIT_USAGE;
	rc = run(c);
	config_free(c);
	return rc;
}

static int run_check(int argc, char **argv)
{
	int (*run)(const struct config *) = cmd_check;
	int n = 1;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--dot") == 0)
			run = cmd_check_dot;
		else
			argv[n++] = argv[i];
	}
	argv[n] = NULL;
	return with_config(n, argv, run);
}

static int run_test(int argc, char **argv)
{
	return with_config(argc, argv, cmd_test);
}

static int run_schema(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	bool proto = strcmp(what, "proto") == 0;
	if (!proto && strcmp(what, "write") != 0)
		return usage_error("schema: expected write or proto%s", "");
	/* The queue may stand before the option or behind it: getopt moves it to the end. */
	const char *path = NULL;
	static const struct option longs[] = {{"config", required_argument, NULL, 'c'}, {0}};
	for (int o; (o = getopt_long(argc - 1, argv + 1, ":c:", longs, NULL)) != -1;) {
		if (o != 'c')
			return option_error(o, argv + 1);
		path = optarg;
	}
	int rest = argc - 1 - optind;
	if (!path)
		return usage_error("schema %s: -c FILE is missing", what);
	if (rest > proto)
		return usage_error("%s: not expected here", argv[argc - 1]);
	if (rest < proto)
		return usage_error("%s: which queue?", "schema proto");
	struct config *c = load_config(path);
	if (!c)
		return EXIT_USAGE;
	int code = proto ? cmd_schema_proto(c, argv[argc - 1]) : cmd_schema_write(c);
	config_free(c);
	return code;
}

static int run_config(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (argc > 2 && strcmp(what, "effective") != 0)
		return usage_error("%s: not expected here", argv[2]);
	if (strcmp(what, "sample") == 0) {
		reference_write_yaml(stdout);
		return EXIT_DONE;
	}
	if (strcmp(what, "reference") == 0) {
		reference_write_md(stdout);
		return EXIT_DONE;
	}
	if (strcmp(what, "effective") != 0)
		return usage_error("config: expected sample, reference or effective%s",
				   argc > 1 ? ", and nothing else" : "");
	const char *path;
	int rc = parse_config_args(argc - 1, argv + 1, &path, NULL);
	if (rc)
		return rc;
	struct config *c = load_config(path);
	if (!c)
		return EXIT_USAGE;
	config_print_effective(c, stdout);
	config_free(c);
	return EXIT_DONE;
}

static int run_devices(int argc, char **argv)
{
	(void)argv;
	if (argc > 1)
		return usage_error("%s", "devices takes no arguments");
	return cmd_devices();
}

static int run_help(int argc, char **argv);

static const struct verb verbs[] = {
	{"replay",
	 "[-c FILE] [--workers N] [--speed max|real|X] [--loop N] [--read-size BYTES] "
	 "[--ledger FILE] [--quiet] [--tap NODE] PCAP...",
	 "read capture files, or segments of an archive; without -c print every event as JSON",
	 cmd_replay},
	{"replay", "-c NEW --diff OLD PCAP...",
	 "what two configurations make of the same files: a line for each record that differs",
	 cmd_replay},
	{"replay",
	 "-c FILE --dead-letters DIR [--reason R] [--source S] [--rule R] [--ledger FILE] "
	 "[--quiet] [LETTER...]",
	 "run dead letters through the pipeline again (sluicectl dlq retry)", cmd_replay},
	{"explain", "[-c FILE] [--json] ID PCAP...",
	 "one record of these files: its packets and bytes, what each node made of it, its queues",
	 run_explain},
	{"run", "-c FILE [--ledger FILE]", "read the configured ports until told to stop", cmd_run},
	{"check", "[--dot] -c FILE", "build everything that the configuration names, start nothing",
	 run_check},
	{"test", "-c FILE", "run the configuration's own tests", run_test},
	{"config", "sample | reference | effective -c FILE",
	 "print every option, their reference, or what a file amounts to", run_config},
	{"schema", "write -c FILE | proto -c FILE QUEUE",
	 "keep the schemas of all queues in their files, or print one as a .proto file",
	 run_schema},
	{"devices", "", "list what could be captured from on this machine", run_devices},
	{"help", "[COMMAND]", "this list", run_help},
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(name, verbs[i].name) == 0)
			return &verbs[i];
	return NULL;
}

static bool is_help(const char *arg)
{
	return strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0;
}

static int run_help(int argc, char **argv)
{
	const char *only = argc > 1 ? argv[1] : NULL;
	if (only && !find_verb(only))
		return usage_error("%s: no such command", only);
	printf("sluiced " SL_VERSION " - events out of mirrored traffic\n\n");
	for (size_t i = 0; i < N_VERBS; i++)
		if (!only || strcmp(only, verbs[i].name) == 0)
			printf("  sluiced %s%s%s\n      %s\n", verbs[i].name,
			       verbs[i].args[0] ? " " : "", verbs[i].args, verbs[i].help);
	printf("\nexit status: 0 done; 1 something was lost, became a dead letter, was cut, or not "
	       "read or "
	       "written (the ledger and the messages say what); 2 usage or configuration\n");
	return EXIT_DONE;
}

/* Started without one of them, the next file that is opened would be it: records or messages would
 * land there. Writing to the stand-in for standard output is an error, as it should be.
 */
static void occupy_standard_fds(void)
{
	for (int fd = 0; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	occupy_standard_fds();
	if (argc < 2)
		return usage_error("%s", "which command?");
	if (strcmp(argv[1], "--version") == 0) {
		puts("sluiced " SL_VERSION);
		return EXIT_DONE;
	}
	if (is_help(argv[1]))
		return run_help(0, NULL);
	const struct verb *verb = find_verb(argv[1]);
	if (!verb)
		return usage_error(command_find(argv[1]) ? "%s: is a command of sluicectl"
							 : "%s: no such command",
				   argv[1]);
	return argc > 2 && is_help(argv[2]) ? run_help(2, argv) : verb->run(argc - 1, argv + 1);
}
