#include "ctl/cmd_dlq.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ctl/config.h"
#include "ctl/dead_retry.h"
#include "ctl/exit_code.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "dataplane/rec/json_text.h"

#define TIME_BYTES 40
#define DUMP_WIDTH 16

const char cmd_dlq_args[] = "ls|show|retry ...";
const char cmd_dlq_help[] =
	"dead letters, in the folder of a stopped or a running sluiced:\n"
	"      dlq ls [--each] [--reason R] [--source S] [--rule R] DIR | -c FILE\n"
	"      dlq show LETTER DIR | -c FILE\n"
	"      dlq retry LETTER...|--all|--reason R|--source S|--rule R -c FILE [--dir DIR]";

struct dlq_args {
	bool json, each, all;
	const char *config, *dir;
	struct dead_choice choice;
	char **words; /* those that are no options */
	int n_words;
};

/* ---- arguments ---- */

static int take_args(struct dlq_args *a, int argc, char **argv)
{
	a->words = argv; /* options go out of their way */
	for (int i = 0; i < argc; i++) {
		const char **value = strcmp(argv[i], "-c") == 0         ? &a->config
				     : strcmp(argv[i], "--config") == 0 ? &a->config
				     : strcmp(argv[i], "--dir") == 0    ? &a->dir
				     : strcmp(argv[i], "--reason") == 0 ? &a->choice.reason
				     : strcmp(argv[i], "--source") == 0 ? &a->choice.source
				     : strcmp(argv[i], "--rule") == 0   ? &a->choice.rule
									: NULL;
		if (strcmp(argv[i], "--json") == 0)
			a->json = true;
		else if (strcmp(argv[i], "--each") == 0)
			a->each = true;
		else if (strcmp(argv[i], "--all") == 0)
			a->all = true;
		else if (!value && argv[i][0] == '-')
			return exit_usage("dlq: ", "%s: no such option", argv[i]);
		else if (!value)
			a->words[a->n_words++] = argv[i];
		else if (i + 1 == argc)
			return exit_usage("dlq: ", "%s: its value is missing", argv[i]);
		else
			*value = argv[++i];
	}
	return EXIT_DONE;
}

/* The folder that the configuration names. */
static int dir_of_config(const char *path, char *out, size_t cap)
{
	struct err_list errs = {0};
	struct config *c = NULL;
	int rc = config_load(path, &c, &errs);
	err_list_print(&errs, stderr);
	err_list_fini(&errs);
	if (rc < 0)
		return EXIT_USAGE;
	if (c->dead_letters.dir)
		snprintf(out, cap, "%s", c->dead_letters.dir);
	else
		fprintf(stderr, "sluicectl: %s: it has no section dead_letters\n", path);
	rc = c->dead_letters.dir ? EXIT_DONE : EXIT_USAGE;
	config_free(c);
	return rc;
}

/* Opens --dir, the last word behind @n others, or the configuration's. */
static int open_folder(struct dlq_args *a, int n, struct dead_letter_store **ret_s)
{
	static char named[FILE_OPS_PATH];
	struct err e;
	if (!a->dir && a->n_words == n + 1)
		a->dir = a->words[--a->n_words];
	if (a->n_words > n)
		return exit_usage("dlq: ", "%s: not expected here", a->words[n]);
	if (a->n_words < n)
		return exit_usage("dlq: ", "%s", "which letter?");
	if (!a->dir && !a->config)
		return exit_usage("dlq: ", "%s", "which folder? DIR or -c FILE is missing");
	if (!a->dir) {
		int code = dir_of_config(a->config, named, sizeof(named));
		if (code)
			return code;
		a->dir = named;
	}
	int rc = dead_letter_store_open(&file_ops_real, a->dir, ret_s, &e);
	return rc < 0 ? exit_failed(&e) : EXIT_DONE;
}

/* ---- how things are written ---- */

static const char *time_text(uint64_t ns, char out[TIME_BYTES])
{
	time_t s = (time_t)(ns / 1000000000);
	struct tm tm;
	gmtime_r(&s, &tm);
	size_t n = strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, TIME_BYTES - n, ".%09uZ", (unsigned)(ns % 1000000000));
	return out;
}

/* Bytes of others: what is no UTF-8 is U+FFFD. */
static json_t *json_bytes(struct slice s)
{
	json_t *v = json_null();
	uint8_t *quoted = mem_alloc(JSON_TEXT_FACTOR * s.len + JSON_TEXT_SLACK);
	bool invalid = false;
	if (quoted) {
		size_t n = 1;
		quoted[0] = '"';
		n += json_text_put(quoted + 1, s.ptr, s.len, &invalid);
		quoted[n++] = '"';
		v = json_loadb((char *)quoted, n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	}
	mem_free(quoted);
	return v ? v : json_null();
}

static json_t *json_base64(struct slice s)
{
	char *text = malloc(4 * ((s.len + 2) / 3) + 1);
	size_t n = text ? json_base64_put((uint8_t *)text, s.ptr, s.len) : 0;
	json_t *v = json_stringn(text ? text : "", n);
	free(text);
	return v;
}

/* A terminal gets no control characters. */
static void print_bytes(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < ' ' || s.ptr[i] == 0x7f)
			printf("\\x%02x", s.ptr[i]);
		else
			putchar(s.ptr[i]);
	}
}

static void print_field(const char *name, struct slice value)
{
	if (!value.len)
		return;
	printf("%-10s ", name);
	print_bytes(value);
	putchar('\n');
}

/*     00000000  7b 22 61 22 3a 31                                 |{"a":1| */
static void dump(struct slice s)
{
	for (size_t at = 0; at < s.len; at += DUMP_WIDTH) {
		size_t n = s.len - at < DUMP_WIDTH ? s.len - at : DUMP_WIDTH;
		printf("    %08zx ", at);
		for (size_t i = 0; i < DUMP_WIDTH; i++) {
			if (i < n)
				printf(" %02x", s.ptr[at + i]);
			else
				printf("   ");
		}
		printf("  |");
		for (size_t i = 0; i < n; i++) {
			uint8_t c = s.ptr[at + i];
			putchar(c >= ' ' && c < 0x7f ? c : '.');
		}
		printf("|\n");
	}
}

/* ---- ls ---- */

struct group {
	char *reason, *rule, *source; /* NULL: the letters of all other groups */
	uint8_t stage;
	uint64_t n[DEAD_N_STATES], bytes, first_ns, last_ns;
	uint64_t first_seq;
};

struct groups {
	struct group *of;
	size_t n;
};

static char *text_copy(struct slice s)
{
	char *t = malloc(s.len + 1);
	if (t) {
		memcpy(t, s.ptr, s.len);
		t[s.len] = '\0';
	}
	return t;
}

static bool is_of(const struct group *g, const struct dead_letter *l)
{
	return g->reason && g->stage == l->stage &&
	       slice_eq(l->text[DEAD_REASON], slice_str(g->reason)) &&
	       slice_eq(l->text[DEAD_RULE], slice_str(g->rule)) &&
	       slice_eq(l->text[DEAD_SOURCE], slice_str(g->source));
}

static struct group *find_group(struct groups *gs, const struct dead_letter *l, uint64_t seq)
{
	size_t i = 0;
	while (i < gs->n && !is_of(&gs->of[i], l))
		i++;
	if (i == DLQ_GROUPS_MAX)
		i--;
	if (i < gs->n)
		return &gs->of[i];
	struct group *g = &gs->of[gs->n++];
	*g = (struct group){.stage = l->stage, .first_ns = l->time_ns, .first_seq = seq};
	if (gs->n == DLQ_GROUPS_MAX)
		return g;
	g->reason = text_copy(l->text[DEAD_REASON]);
	g->rule = text_copy(l->text[DEAD_RULE]);
	g->source = text_copy(l->text[DEAD_SOURCE]);
	return g;
}

static void add_letter(struct groups *gs, uint64_t seq, enum dead_state state,
		       const struct dead_letter *l)
{
	struct group *g = find_group(gs, l, seq);
	g->n[state]++;
	g->bytes += l->text[DEAD_RAW].len;
	g->first_ns = l->time_ns < g->first_ns ? l->time_ns : g->first_ns;
	g->last_ns = l->time_ns > g->last_ns ? l->time_ns : g->last_ns;
}

static json_t *letter_json(uint64_t seq, enum dead_state state, const struct dead_letter *l)
{
	char t[TIME_BYTES];
	json_t *o = json_object();
	json_object_set_new(o, "letter", json_integer((json_int_t)seq));
	json_object_set_new(o, "state", json_string(dead_state_names[state]));
	json_object_set_new(o, "kind", json_string(l->kind == DEAD_FRAME ? "frame" : "record"));
	json_object_set_new(o, "stage", json_string(dead_stage_names[l->stage]));
	json_object_set_new(o, "rule", json_bytes(l->text[DEAD_RULE]));
	json_object_set_new(o, "reason", json_bytes(l->text[DEAD_REASON]));
	json_object_set_new(o, "source", json_bytes(l->text[DEAD_SOURCE]));
	json_object_set_new(o, "id", json_bytes(l->text[DEAD_ID]));
	json_object_set_new(o, "time", json_string(time_text(l->time_ns, t)));
	json_object_set_new(o, "bytes", json_integer((json_int_t)l->text[DEAD_RAW].len));
	return o;
}

static void print_json(json_t *o, size_t flags)
{
	json_dumpf(o, stdout, flags);
	putchar('\n');
	json_decref(o);
}

static void print_letter(const struct dlq_args *a, uint64_t seq, enum dead_state state,
			 const struct dead_letter *l)
{
	char t[TIME_BYTES];
	if (a->json) {
		print_json(letter_json(seq, state, l), JSON_COMPACT);
		return;
	}
	printf("%" PRIu64 "\t%s\t%s\t", seq, dead_state_names[state], time_text(l->time_ns, t));
	print_bytes(l->text[DEAD_SOURCE]);
	printf("\t%s ", dead_stage_names[l->stage]);
	print_bytes(l->text[DEAD_RULE]);
	putchar('\t');
	print_bytes(l->text[DEAD_REASON]);
	putchar('\t');
	print_bytes(l->text[DEAD_ID]);
	putchar('\n');
}

static void print_group(const struct group *g)
{
	char t[2][TIME_BYTES];
	printf("%9" PRIu64 " %9" PRIu64 " %9" PRIu64 "  %.19s  %.19s  %-12s %s ", g->n[DEAD_NEW],
	       g->n[DEAD_FAILED], g->n[DEAD_RETRIED], time_text(g->first_ns, t[0]),
	       time_text(g->last_ns, t[1]), g->reason ? g->source[0] ? g->source : "-" : "(others)",
	       g->reason ? dead_stage_names[g->stage] : "");
	if (g->reason) {
		print_bytes(slice_str(g->rule));
		printf(": ");
		print_bytes(slice_str(g->reason));
	}
	putchar('\n');
}

static json_t *group_json(const struct group *g)
{
	char t[TIME_BYTES];
	json_t *o = json_object();
	if (g->reason) {
		json_object_set_new(o, "stage", json_string(dead_stage_names[g->stage]));
		json_object_set_new(o, "rule", json_bytes(slice_str(g->rule)));
		json_object_set_new(o, "reason", json_bytes(slice_str(g->reason)));
		json_object_set_new(o, "source", json_bytes(slice_str(g->source)));
	}
	for (unsigned i = 0; i < DEAD_N_STATES; i++)
		json_object_set_new(o, dead_state_names[i], json_integer((json_int_t)g->n[i]));
	json_object_set_new(o, "first", json_string(time_text(g->first_ns, t)));
	json_object_set_new(o, "last", json_string(time_text(g->last_ns, t)));
	json_object_set_new(o, "first_letter", json_integer((json_int_t)g->first_seq));
	json_object_set_new(o, "bytes", json_integer((json_int_t)g->bytes));
	return o;
}

static void print_groups(const struct dlq_args *a, const struct groups *gs)
{
	if (a->json) {
		json_t *list = json_array();
		for (size_t i = 0; i < gs->n; i++)
			json_array_append_new(list, group_json(&gs->of[i]));
		print_json(list, JSON_INDENT(1));
		return;
	}
	if (gs->n)
		printf("%9s %9s %9s  %-19s  %-19s  %-12s %s\n", "new", "again", "retried",
		       "first (UTC)", "last", "source", "where: reason");
	for (size_t i = 0; i < gs->n; i++)
		print_group(&gs->of[i]);
	if (!gs->n)
		printf("no dead letters\n");
}

static bool is_listed(const struct dlq_args *a, uint64_t seq, const struct dead_letter *l)
{
	return dead_choice_has(&a->choice, seq, DEAD_NEW, l); /* also those that were retried */
}

static int tell_damage(const struct dead_letter_store *s)
{
	uint64_t cut, n = dead_letter_store_damaged(s, &cut);
	if (cut)
		fprintf(stderr,
			"sluicectl: %" PRIu64
			" bytes at the end of segments are no whole letters: a "
			"crash cut them off, or they are being written\n",
			cut);
	if (n)
		fprintf(stderr, "sluicectl: %" PRIu64 " bytes of letters are damaged\n", n);
	return n ? EXIT_WRONG : EXIT_DONE;
}

static int list_letters(struct dlq_args *a)
{
	struct dead_letter_store *s;
	struct dead_letter l;
	struct groups gs = {0};
	struct err e;
	uint64_t seq;
	int rc, code = open_folder(a, 0, &s);
	if (code)
		return code;
	gs.of = calloc(DLQ_GROUPS_MAX, sizeof(*gs.of));
	while ((rc = dead_letter_store_next(s, &seq, &l, &e)) > 0) {
		enum dead_state state = dead_letter_store_state(s, seq);
		if (!is_listed(a, seq, &l))
			continue;
		if (a->each)
			print_letter(a, seq, state, &l);
		else if (gs.of)
			add_letter(&gs, seq, state, &l);
	}
	code = rc < 0 ? exit_failed(&e) : tell_damage(s);
	if (!a->each && rc == 0)
		print_groups(a, &gs);
	for (size_t i = 0; i < gs.n; i++) {
		free(gs.of[i].reason);
		free(gs.of[i].rule);
		free(gs.of[i].source);
	}
	free(gs.of);
	dead_letter_store_close(s);
	return code;
}

/* ---- show ---- */

static void show_json(uint64_t seq, enum dead_state state, const struct dead_letter *l)
{
	static const char *const names[DEAD_N_TEXTS] = {[DEAD_STREAM] = "stream",
							[DEAD_KEY] = "key",
							[DEAD_META] = "meta",
							[DEAD_DETAIL] = "detail"};
	json_t *o = letter_json(seq, state, l);
	struct slice origin = l->text[DEAD_ORIGIN];
	char text[256];
	snprintf(text, sizeof(text), "{%.*s}", (int)origin.len, (const char *)origin.ptr);
	json_t *ends = json_loads(text, 0, NULL);
	json_object_set_new(o, "origin", ends ? ends : json_null());
	for (unsigned i = 0; i < DEAD_N_TEXTS; i++)
		if (names[i] && l->text[i].len)
			json_object_set_new(o, names[i], json_bytes(l->text[i]));
	json_object_set_new(o, "offset", json_integer((json_int_t)l->stream_off));
	json_object_set_new(o, "idx", json_integer(l->idx));
	json_object_set_new(o, "cut", json_boolean(l->flags & DEAD_CUT));
	json_object_set_new(o, "raw", json_base64(l->text[DEAD_RAW]));
	print_json(o, JSON_INDENT(1));
}

static void show_text(uint64_t seq, enum dead_state state, const struct dead_letter *l)
{
	char t[TIME_BYTES];
	printf("letter     %" PRIu64 ", %s\n", seq, dead_state_names[state]);
	print_field("reason", l->text[DEAD_REASON]);
	printf("where      %s ", dead_stage_names[l->stage]);
	print_bytes(l->text[DEAD_RULE]);
	printf("\ntime       %s\n", time_text(l->time_ns, t));
	print_field("source", l->text[DEAD_SOURCE]);
	print_field("stream", l->text[DEAD_STREAM]);
	print_field("session", l->text[DEAD_ORIGIN]);
	if (l->kind == DEAD_FRAME)
		printf("place      byte %" PRIu64 " of what the %s sent, record %" PRIu32
		       " of the frame there%s\n",
		       l->stream_off, l->dir ? "server" : "client", l->idx,
		       l->flags & DEAD_CUT ? "; bytes of it are missing" : "");
	print_field("_id", l->text[DEAD_ID]);
	print_field("key", l->text[DEAD_KEY]);
	print_field("meta", l->text[DEAD_META]);
	print_field("detail", l->text[DEAD_DETAIL]);
	printf("%-10s %zu bytes of the %s\n", "raw", l->text[DEAD_RAW].len,
	       l->kind == DEAD_FRAME ? "frame" : "record, as its queue has it");
	dump(l->text[DEAD_RAW]);
}

static int show_letter(struct dlq_args *a)
{
	struct dead_letter_store *s;
	struct dead_letter l;
	struct err e;
	uint64_t seq, n_shown = 0;
	int rc, code = open_folder(a, 1, &s);
	if (code)
		return code;
	a->choice.ids = (const char *const *)a->words;
	a->choice.n_ids = 1;
	while ((rc = dead_letter_store_next(s, &seq, &l, &e)) > 0) {
		enum dead_state state = dead_letter_store_state(s, seq);
		if (!dead_choice_has(&a->choice, seq, state, &l))
			continue;
		if (a->json)
			show_json(seq, state, &l);
		else
			show_text(seq, state, &l);
		n_shown++;
	}
	if (rc < 0)
		code = exit_failed(&e);
	else if (n_shown == 0)
		code = exit_usage("dlq: ", "%s: no letter has this number or _id", a->words[0]);
	dead_letter_store_close(s);
	return code;
}

/* ---- retry ---- */

#define ARGS_MAX 4096

/* Beside us, else where the shell finds it. */
static void find_sluiced(char *out, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", out, cap - 16);
	char *slash = n > 0 ? memrchr(out, '/', (size_t)n) : NULL;
	if (slash) {
		snprintf(slash + 1, 16, "sluiced");
		if (access(out, X_OK) == 0)
			return;
	}
	snprintf(out, cap, "sluiced");
}

static int retry_letters(struct dlq_args *a)
{
	static char path[FILE_OPS_PATH], named[FILE_OPS_PATH];
	char *args[ARGS_MAX];
	int n = 0;
	const struct dead_choice *c = &a->choice;
	if (!a->config)
		return exit_usage("dlq: ", "%s",
				  "retry: -c FILE is missing: through which pipeline?");
	if (!a->n_words && !a->all && !c->reason && !c->source && !c->rule)
		return exit_usage("dlq: ", "%s",
				  "retry: which letters? LETTER, --reason, --source, --rule "
				  "or --all");
	if (a->n_words > ARGS_MAX - 16)
		return exit_usage("dlq: ", "%s",
				  "retry: too many letters at once; --all takes all");
	if (!a->dir && dir_of_config(a->config, named, sizeof(named)))
		return EXIT_USAGE;
	find_sluiced(path, sizeof(path));
	const char *const pairs[][2] = {{"-c", a->config},
					{"--dead-letters", a->dir ? a->dir : named},
					{"--reason", c->reason},
					{"--source", c->source},
					{"--rule", c->rule}};
	args[n++] = path;
	args[n++] = (char *)"replay";
	args[n++] = (char *)"--quiet";
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (pairs[i][1]) {
			args[n++] = (char *)pairs[i][0];
			args[n++] = (char *)pairs[i][1];
		}
	args[n++] = (char *)"--";
	for (int i = 0; i < a->n_words; i++)
		args[n++] = a->words[i];
	args[n] = NULL;
	execvp(path, args);
	fprintf(stderr, "sluicectl: %s: %s\n", path, strerror(errno));
	return EXIT_USAGE;
}

int cmd_dlq(bool json, int argc, char **argv)
{
	struct dlq_args a = {.json = json};
	const char *what = argc ? argv[0] : "";
	int code = take_args(&a, argc ? argc - 1 : 0, argv + 1);
	if (code)
		return code;
	if (strcmp(what, "ls") == 0)
		return list_letters(&a);
	if (strcmp(what, "show") == 0)
		return show_letter(&a);
	if (strcmp(what, "retry") == 0)
		return retry_letters(&a);
	return exit_usage("dlq: ", "%s: expected ls, show or retry", *what ? what : "dlq");
}
