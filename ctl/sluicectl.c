/* sluicectl - asks a running sluiced, and reads what it has left on disk. `sluicectl help` lists
 * its commands: those of command.c go to sluiced, those below work on files.
 */
#include <ctype.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/client.h"
#include "ctl/cmd_dlq.h"
#include "ctl/cmd_spool.h"
#include "ctl/command.h"
#include "ctl/complete.h"
#include "ctl/doctor.h"
#include "ctl/exit_code.h"
#include "ctl/lookup.h"
#include "ctl/render.h"
#include "ctl/show_shadow.h"
#include "ctl/show_tap.h"
#include "ctl/top.h"
#include "dataplane/base/text.h"

#define SOCKET_DEFAULT "/run/sluice/control.sock"
#define TOKEN_MAX      1024

struct options {
	struct client_conf client;
	bool json;
	char token[TOKEN_MAX];
};

struct local_command {
	const char *name, *args, *help;
	int (*run)(struct options *o, int argc, char **argv);
};

/* ---- files ---- */

static int show_ledger_file(const char *path, bool only_losses)
{
	json_error_t e;
	json_t *o = json_load_file(path, 0, &e);
	int code = o ? render_ledger(o, only_losses, stdout) : EXIT_USAGE;
	if (code == EXIT_USAGE)
		fprintf(stderr, "sluicectl: %s: not a ledger%s%s\n", path, o ? "" : ": ",
			o ? "" : e.text);
	json_decref(o);
	return code;
}

static int run_ledger(struct options *o, int argc, char **argv);
static int run_losses(struct options *o, int argc, char **argv);
static int run_dlq(struct options *o, int argc, char **argv);
static int run_spool(struct options *o, int argc, char **argv);
static int run_metrics(struct options *o, int argc, char **argv);
static int run_openapi(struct options *o, int argc, char **argv);
static int run_top(struct options *o, int argc, char **argv);
static int run_completion(struct options *o, int argc, char **argv);
static int run_complete(struct options *o, int argc, char **argv);
static int take_options(struct options *o, int argc, char **argv, int *io_at);
static int run_doctor(struct options *o, int argc, char **argv);
static int run_help(struct options *o, int argc, char **argv);

static const struct local_command locals[] = {
	{"ledger", "FILE",
	 "the same of a process that has ended (sluiced replay|run --ledger FILE)", run_ledger},
	{"losses", "FILE", "the same, tabs between stage, scope, name, count and unit", run_losses},
	{"dlq", cmd_dlq_args, cmd_dlq_help, run_dlq},
	{"spool", cmd_spool_args, cmd_spool_help, run_spool},
	{"top", "[--every SECONDS] [--count N]", "rates and losses, drawn anew every second",
	 run_top},
	{"doctor", "[-c FILE]", "is this host fit to capture, and what mends what is not",
	 run_doctor},
	{"metrics", "", "what Prometheus reads at /metrics", run_metrics},
	{"openapi", "", "the API's description", run_openapi},
	{"completion", "bash|zsh", "completion for a shell: eval \"$(sluicectl completion bash)\"",
	 run_completion},
	{"complete", "WORD...", "what may come next, for that: word, tab, what it is",
	 run_complete},
	{"help", "", "this list", run_help},
	{0},
};

/* ---- this host ---- */

static int run_doctor(struct options *o, int argc, char **argv)
{
	struct config *c = NULL;
	struct err_list errs = {0};
	if (argc != 0 && (argc != 2 || strcmp(argv[0], "-c") != 0))
		return exit_usage("", "doctor: expected nothing, or -c FILE%s", "");
	int rc = argc ? config_load(argv[1], &c, &errs) : 0;
	err_list_print(&errs, stderr);
	err_list_fini(&errs);
	if (rc < 0)
		return EXIT_USAGE;
	struct doctor_conf dc = {.root = "",
				 .conf = c,
				 .ssh_connection = getenv("SSH_CONNECTION"),
				 .ethtool = ethtool_ask};
	json_t *reply = json_object(), *rows = json_array();
	unsigned n_bad = doctor_look(&dc, rows);
	json_object_set_new(reply, "rows", rows);
	if (o->json)
		json_dumpf(reply, stdout, JSON_INDENT(1));
	else
		render_reply(reply, "state check found mend", isatty(STDOUT_FILENO), stdout);
	json_decref(reply);
	config_free(c);
	return n_bad ? EXIT_WRONG : EXIT_DONE;
}

/* ---- commands of the running sluiced ---- */

static int connect_to(struct options *o, struct client **ret_c)
{
	struct err e;
	return client_open(&o->client, ret_c, &e) < 0 ? exit_failed(&e) : EXIT_DONE;
}

/* What the reply means for the exit status. */
static int judge(const struct command *c, const json_t *reply)
{
	const char *state = json_string_value(json_object_get(reply, "state"));
	if (strcmp(c->path, "status") == 0)
		return state && strcmp(state, "ok") == 0 ? EXIT_DONE : EXIT_WRONG;
	if (strcmp(c->path, "check") == 0)
		return state && strcmp(state, "good") == 0 ? EXIT_DONE : EXIT_WRONG;
	if (strcmp(c->path, "diff") == 0)
		return json_array_size(json_object_get(reply, "rows")) ? EXIT_WRONG : EXIT_DONE;
	if (strncmp(c->path, "reload", 6) == 0)
		return state && strcmp(state, "failed") == 0 ? EXIT_WRONG : EXIT_DONE;
	return EXIT_DONE;
}

static int print_reply(const struct options *o, const struct command *c, const json_t *reply)
{
	if (o->json) {
		json_dumpf(reply, stdout, JSON_INDENT(1));
		putchar('\n');
	} else if (strcmp(c->path, "ledger") == 0) {
		return render_ledger(reply, false, stdout);
	} else {
		render_reply(reply, c->columns, isatty(STDOUT_FILENO), stdout);
	}
	return judge(c, reply);
}

/* As many as there are: it takes no such argument. */
static unsigned find_argument(const struct command *c, const char *name, size_t len)
{
	unsigned n = command_n_args(c), k = 0;
	while (k < n && (strlen(c->args[k].name) != len || strncmp(c->args[k].name, name, len)))
		k++;
	return k;
}

/* sluiced has a folder of its own; what is not here may be where it runs. */
static const char *file_path(const char *value)
{
	static char path[PATH_MAX];
	return realpath(value, path) ? path : value;
}

/* Arguments stand in the order of the table, or as --name VALUE or --name=VALUE; -c is --config. */
static int take_arguments(const struct command *c, int argc, char **argv,
			  const char *pairs[2 * COMMAND_ARGS_MAX], unsigned *ret_n)
{
	unsigned n = command_n_args(c), n_pairs = 0, at = 0;
	for (int i = 0; i < argc; i++) {
		const char *value = argv[i];
		unsigned k = at;
		if (strcmp(value, "-c") == 0) {
			k = find_argument(c, "config", 6);
			value = argv[i + 1];
			if (k < n && !value)
				return exit_usage("", "%s: its value is missing", argv[i]);
		} else if (strncmp(argv[i], "--", 2) == 0) {
			size_t len = strcspn(argv[i], "=") - 2;
			k = find_argument(c, argv[i] + 2, len);
			bool flag = k < n && c->args[k].is_flag;
			value = argv[i][2 + len] ? argv[i] + 3 + len : flag ? "yes" : argv[i + 1];
			if (k < n && !value)
				return exit_usage("", "%s: its value is missing", argv[i]);
		} else {
			while (k < n && c->args[k].is_flag) /* these have no place */
				k++;
			at = k + 1;
		}
		if (k >= n || n_pairs == n)
			return exit_usage("", "%s: not expected here", argv[i]);
		i += value == argv[i + 1];
		pairs[2 * n_pairs] = c->args[k].name;
		bool is_file = strcmp(c->args[k].name, "config") == 0;
		pairs[2 * n_pairs++ + 1] = is_file ? file_path(value) : value;
	}
	*ret_n = n_pairs;
	return EXIT_DONE;
}

/* A reload is built in its own time: waits for its end. */
static int follow_reload(struct client *client, json_t **io_reply, struct err *e)
{
	json_int_t n = json_integer_value(json_object_get(*io_reply, "reload"));
	for (;;) {
		json_t *reply;
		int rc = client_run(client, "reload status", false, NULL, 0, &reply, e);
		if (rc < 0)
			return rc;
		json_decref(*io_reply);
		*io_reply = reply;
		const char *state = json_string_value(json_object_get(reply, "state"));
		if (json_integer_value(json_object_get(reply, "reload")) != n ||
		    strcmp(state ? state : "", "building") != 0)
			return 0;
		usleep(20000);
	}
}

static int run_stream(const struct options *o, struct client *client, const struct command *c,
		      const char *const *pairs, unsigned n)
{
	struct err e;
	bool same = true;
	int rc = strcmp(c->path, "shadow") == 0
			 ? show_shadow(client, c->path, pairs, n, o->json, &same, &e)
			 : show_tap(client, c->path, pairs, n, &e);
	return rc < 0 ? exit_failed(&e) : same ? EXIT_DONE : EXIT_WRONG;
}

static int run_remote(struct options *o, const struct command *c, int argc, char **argv)
{
	const char *pairs[2 * COMMAND_ARGS_MAX];
	unsigned n = 0;
	struct client *client;
	struct err e;
	json_t *reply;
	int code = take_arguments(c, argc, argv, pairs, &n);
	if (code || (code = connect_to(o, &client)))
		return code;
	if (c->streams) {
		code = run_stream(o, client, c, pairs, n);
		client_close(client);
		return code;
	}
	if (c->begin) /* a large candidate is built for minutes */
		client_wait_for_ever(client);
	int rc = client_run(client, c->path, c->changes, pairs, n, &reply, &e);
	if (rc == 0 && strcmp(c->path, "reload") == 0 &&
	    (rc = follow_reload(client, &reply, &e)) < 0)
		json_decref(reply);
	if (rc < 0) {
		code = exit_failed(&e);
	} else {
		code = print_reply(o, c, reply);
		json_decref(reply);
	}
	client_close(client);
	return code;
}

static int run_file_or_remote(struct options *o, const char *name, int argc, char **argv)
{
	if (argc == 1)
		return show_ledger_file(argv[0], strcmp(name, "losses") == 0);
	return run_remote(o, command_find(name), argc, argv);
}

static int run_ledger(struct options *o, int argc, char **argv)
{
	return run_file_or_remote(o, "ledger", argc, argv);
}

static int run_losses(struct options *o, int argc, char **argv)
{
	return run_file_or_remote(o, "losses", argc, argv);
}

static int print_path(struct options *o, const char *path)
{
	struct client *client;
	struct err e;
	char *text;
	int code = connect_to(o, &client);
	if (code)
		return code;
	if (client_get(client, path, &text, &e) < 0) {
		code = exit_failed(&e);
	} else {
		fputs(text, stdout);
		free(text);
	}
	client_close(client);
	return code;
}

static int run_dlq(struct options *o, int argc, char **argv)
{
	return cmd_dlq(o->json, argc, argv);
}

static int run_spool(struct options *o, int argc, char **argv)
{
	return cmd_spool(o->json, argc, argv);
}

static int run_metrics(struct options *o, int argc, char **argv)
{
	return argc ? exit_usage("", "%s: not expected here", argv[0]) : print_path(o, "/metrics");
}

static int run_openapi(struct options *o, int argc, char **argv)
{
	(void)o;
	if (argc)
		return exit_usage("", "%s: not expected here", argv[0]);
	json_t *doc = command_openapi();
	json_dumpf(doc, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(doc);
	return EXIT_DONE;
}

static int run_top(struct options *o, int argc, char **argv)
{
	uint64_t every_s = 1, n = 0;
	struct client *client;
	struct err e;
	for (int i = 0; i < argc; i += 2) {
		bool every = strcmp(argv[i], "--every") == 0;
		if (!every && strcmp(argv[i], "--count") != 0)
			return exit_usage("", "%s: not expected here", argv[i]);
		if (i + 1 == argc || !text_u64(slice_str(argv[i + 1]), every ? &every_s : &n) ||
		    every_s < 1 || every_s > 3600 || n > UINT32_MAX)
			return exit_usage("", "%s: expected a number from 1", argv[i]);
	}
	int code = connect_to(o, &client);
	if (code)
		return code;
	if (top_run(client, (unsigned)every_s, (unsigned)n, isatty(STDOUT_FILENO), &e) < 0)
		code = exit_failed(&e);
	client_close(client);
	return code;
}

/* ---- completion in a shell ---- */

/* Names of what runs: the first column of the command that lists them. */
static char *ask_names(void *arg, const char *kind)
{
	struct options *o = arg;
	struct client *client;
	struct err e;
	json_t *reply, *row;
	char *text = NULL;
	size_t len, i;
	char path[32];
	snprintf(path, sizeof(path), "%ss", kind);
	if (!command_find(path) || client_open(&o->client, &client, &e) < 0)
		return NULL;
	FILE *f = open_memstream(&text, &len);
	if (f && client_run(client, path, false, NULL, 0, &reply, &e) == 0) {
		json_array_foreach(json_object_get(reply, "rows"), i, row)
		{
			const char *name = json_string_value(json_object_get(row, kind));
			if (name)
				fprintf(f, "%s\n", name);
		}
		json_decref(reply);
	}
	if (f)
		fclose(f);
	client_close(client);
	return text;
}

static unsigned count_commands(void)
{
	unsigned n = 0;
	for (const struct command *c = commands; c->path; c++)
		n++;
	for (const struct local_command *l = locals; l->name; l++)
		n++;
	return n;
}

static int run_complete(struct options *o, int argc, char **argv)
{
	int at = 0;
	if (argc && (take_options(o, argc - 1, argv, &at) || at >= argc))
		return EXIT_DONE; /* the value of an option: files, as far as the shell knows */
	struct complete_entry *entries = calloc(count_commands(), sizeof(*entries)), *e = entries;
	if (!entries)
		return EXIT_DONE;
	for (const struct command *c = commands; c->path; c++, e++) {
		*e = (struct complete_entry){.path = c->path, .help = c->help};
		for (unsigned i = 0; i < command_n_args(c) && i < COMPLETE_ARGS_MAX; i++)
			e->args[i] = c->args[i].name;
	}
	for (const struct local_command *l = locals; l->name; l++, e++)
		*e = (struct complete_entry){
			.path = l->name,
			.help = l->help,
			.choices = islower((unsigned char)*l->args) ? l->args : NULL,
		};
	struct complete_conf conf = {.entries = entries,
				     .n_entries = (unsigned)(e - entries),
				     .names = ask_names,
				     .arg = o};
	complete_print(&conf, argc - at, argv + at, stdout);
	free(entries);
	return EXIT_DONE;
}

static int run_completion(struct options *o, int argc, char **argv)
{
	(void)o;
	const char *script = argc == 1 ? complete_script(argv[0]) : NULL;
	if (!script)
		return exit_usage("", "completion: expected bash or zsh%s", "");
	fputs(script, stdout);
	return EXIT_DONE;
}

/* ---- help ---- */

static void print_command(const struct command *c)
{
	unsigned n_args = command_n_args(c);
	printf("  sluicectl %s", c->path);
	for (unsigned i = 0; i < n_args; i++) {
		const struct command_arg *a = &c->args[i];
		char name[32];
		size_t n = 0;
		for (; a->name[n] && n < sizeof(name) - 1; n++)
			name[n] = (char)toupper((unsigned char)a->name[n]);
		name[n] = '\0';
		if (a->is_flag)
			printf(" [--%s]", a->name);
		else if (a->optional && n_args > 2)
			printf(" [--%s %s]", a->name, name);
		else
			printf(a->optional ? " [%s]" : " %s", name);
	}
	printf("\n      %s\n", c->help);
}

static int run_help(struct options *o, int argc, char **argv)
{
	(void)o;
	(void)argc;
	(void)argv;
	puts("sluicectl " SL_VERSION " - asks sluiced\n\nof the `sluiced run` that is up:\n");
	for (const struct command *c = commands; c->path; c++)
		print_command(c);
	puts("\nhere:\n");
	for (const struct local_command *l = locals; l->name; l++)
		printf("  sluicectl %s%s%s\n      %s\n", l->name, *l->args ? " " : "", l->args,
		       l->help);
	puts("\noptions, before the command:\n\n"
	     "  --json             the reply as JSON\n"
	     "  --socket PATH      the Unix socket (api.socket); default " SOCKET_DEFAULT "\n"
	     "  --url URL          over TCP instead (api.listen): http://127.0.0.1:8686\n"
	     "  --token-file FILE  the token for it\n"
	     "  --ca FILE          who signs its certificate\n\n"
	     "exit status: 0 done, and all is well; 1 `status` is not ok, a ledger has losses "
	     "or does not balance, a reload failed, doctor found what is bad; 2 usage, or sluiced "
	     "does not answer or refuses");
	return EXIT_DONE;
}

/* ---- options ---- */

static int read_token(struct options *o, const char *path)
{
	FILE *f = fopen(path, "re");
	if (!f || !fgets(o->token, sizeof(o->token), f)) {
		fprintf(stderr, "sluicectl: %s: %s\n", path, f ? "is empty" : strerror(errno));
		if (f)
			fclose(f);
		return EXIT_USAGE;
	}
	fclose(f);
	o->token[strcspn(o->token, "\r\n")] = '\0';
	o->client.token = o->token;
	return EXIT_DONE;
}

/* Takes the options in front of the command; *io_at is the command's place then. */
static int take_options(struct options *o, int argc, char **argv, int *io_at)
{
	int i = *io_at, code = EXIT_DONE;
	for (; i < argc && strncmp(argv[i], "--", 2) == 0 && !code; i++) {
		const char **value = strcmp(argv[i], "--socket") == 0 ? &o->client.socket
				     : strcmp(argv[i], "--url") == 0  ? &o->client.url
				     : strcmp(argv[i], "--ca") == 0   ? &o->client.ca
								      : NULL;
		bool token = strcmp(argv[i], "--token-file") == 0;
		if (strcmp(argv[i], "--json") == 0)
			o->json = true;
		else if (strcmp(argv[i], "--help") == 0)
			break;
		else if (!value && !token)
			return exit_usage("", "%s: no such option", argv[i]);
		else if (++i == argc)
			return exit_usage("", "%s: its value is missing", argv[i - 1]);
		else if (token)
			code = read_token(o, argv[i]);
		else
			*value = argv[i];
	}
	*io_at = i;
	return code;
}

/* The command that is as many of the words as one has. */
static const struct command *find_words(int argc, char **argv, int *ret_n)
{
	char path[128] = "";
	const struct command *found = NULL;
	for (int i = 0; i < argc && strlen(path) + strlen(argv[i]) + 2 < sizeof(path); i++) {
		size_t n = strlen(path);
		snprintf(path + n, sizeof(path) - n, "%s%s", i ? " " : "", argv[i]);
		const struct command *c = command_find(path);
		if (c) {
			found = c;
			*ret_n = i + 1;
		}
	}
	return found;
}

/* The other program's, or a slip of the fingers. */
static int no_command(const char *name)
{
	static const char *const others[] = {"run", "replay", "test", "devices", "schema"};
	const char *meant = NULL;
	char fmt[128] = "%s: no such command";
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		if (strcmp(name, others[i]) == 0)
			return exit_usage("", "%s: is a command of sluiced", name);
	for (const struct local_command *l = locals; l->name; l++)
		lookup_offer(name, l->name, &meant);
	for (const struct command *c = commands; c->path; c++)
		lookup_offer(name, c->path, &meant);
	if (meant)
		snprintf(fmt, sizeof(fmt), "%%s: no such command; did you mean \"%s\"?", meant);
	return exit_usage("", fmt, name);
}

int main(int argc, char **argv)
{
	struct options o = {.client.socket = SOCKET_DEFAULT};
	int at = 1, n = 0;
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("sluicectl " SL_VERSION);
		return EXIT_DONE;
	}
	int code = take_options(&o, argc, argv, &at);
	if (code)
		return code;
	if (at == argc)
		return exit_usage("", "%s", "which command?");
	if (strcmp(argv[at], "--help") == 0)
		return run_help(&o, 0, NULL);
	for (const struct local_command *l = locals; l->name; l++)
		if (strcmp(l->name, argv[at]) == 0)
			return l->run(&o, argc - at - 1, argv + at + 1);
	const struct command *c = find_words(argc - at, argv + at, &n);
	if (!c)
		return no_command(argv[at]);
	return run_remote(&o, c, argc - at - n, argv + at + n);
}
