#include "ctl/cmd_spool.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/config.h"
#include "ctl/exit_code.h"
#include "ctl/render.h"
#include "ctl/spool_files.h"
#include "dataplane/base/text.h"
#include "dataplane/rec/json_text.h"
#include "dataplane/sink/spool.h"

const char cmd_spool_args[] = "ls|fsck|cat|cut ...";
const char cmd_spool_help[] =
	"spools and archives on the disk; PATH is their directory, that of a queue, or a file;\n"
	"      or -c FILE [QUEUE]: the spool of that configuration\n"
	"      spool ls PATH              what is there, and how much is not delivered\n"
	"      spool fsck [--repair] PATH read every byte, say what is wrong and where\n"
	"      spool cat [--raw] [--from NUMBER] PATH\n"
	"                                 the records: JSON as it is, all else in base64\n"
	"      spool cut --below NUMBER PATH\n"
	"                                 forget a queue's records below a number";

struct spool_args {
	bool json, repair, raw, any_number;
	uint64_t number;
	const char *path, *config;
	char text[FILE_OPS_PATH]; /* of path, when a configuration names it */
};

static int show(const struct spool_args *a, json_t *reply, const char *columns)
{
	if (a->json) {
		json_dumpf(reply, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		render_reply(reply, columns, isatty(STDOUT_FILENO), stdout);
	}
	json_t *sound = json_object_get(reply, "sound");
	return sound && !json_is_true(sound) ? EXIT_WRONG : EXIT_DONE;
}

/* What a function has filled, even when it had to end early. */
static int answer(const struct spool_args *a, int rc, json_t *reply, const char *columns,
		  const struct err *e)
{
	bool any = rc == 0 || json_array_size(json_object_get(reply, "rows"));
	int code = any ? show(a, reply, columns) : EXIT_DONE;
	json_decref(reply);
	return rc < 0 ? exit_failed(e) : code;
}

static int run_ls(const struct spool_args *a)
{
	struct err e = {0};
	json_t *reply = json_object();
	return answer(a, spool_ls(a->path, reply, &e), reply, SPOOL_LS_COLUMNS, &e);
}

static int run_fsck(const struct spool_args *a)
{
	struct err e = {0};
	json_t *reply = json_object();
	return answer(a, spool_fsck(a->path, a->repair, reply, &e), reply, SPOOL_FSCK_COLUMNS, &e);
}

static int run_cut(const struct spool_args *a)
{
	struct err e = {0};
	if (!a->any_number)
		return exit_usage("spool: ", "%s: --below NUMBER is missing", "cut");
	json_t *reply = json_object();
	return answer(a, spool_cut(a->path, a->number, reply, &e), reply, NULL, &e);
}

/* ---- cat ---- */

struct printer {
	FILE *out;
	bool raw;
	uint8_t *text; /* of base64 */
	size_t cap;
};

static bool is_json_line(struct slice s)
{
	return s.len >= 3 && s.ptr[0] == '{' && s.ptr[s.len - 2] == '}' &&
	       s.ptr[s.len - 1] == '\n' && text_utf8_valid(s.ptr, s.len) == s.len;
}

static bool print_base64(struct printer *p, struct slice s)
{
	size_t need = 4 * ((s.len + 2) / 3) + 1;
	if (need > p->cap) {
		uint8_t *text = realloc(p->text, need);
		if (!text)
			return false;
		p->text = text;
		p->cap = need;
	}
	size_t n = json_base64_put(p->text, s.ptr, s.len);
	p->text[n] = '\n';
	return fwrite(p->text, 1, n + 1, p->out) == n + 1;
}

static bool print_rec(void *ctx, const struct seg_head *h, uint64_t seq, const struct seg_rec *r)
{
	struct printer *p = ctx;
	if (!p->raw && !is_json_line(r->bytes))
		return print_base64(p, r->bytes);
	return fwrite(r->bytes.ptr, 1, r->bytes.len, p->out) == r->bytes.len;
}

int cmd_spool_print(const char *path, uint64_t from, bool raw, FILE *out, uint64_t *ret_lost,
		    struct err *e)
{
	struct printer p = {.out = out, .raw = raw};
	const struct spool_reader to = {.rec = print_rec, .ctx = &p, .from = from};
	int rc = spool_cat(path, &to, ret_lost, e);
	free(p.text);
	if (rc == 0 && (fflush(out) != 0 || ferror(out)))
		rc = err_set(e, -EIO, "the records could not all be written");
	if (*ret_lost)
		fprintf(stderr, "%s: %llu records are damaged, and left out\n", path,
			(unsigned long long)*ret_lost);
	return rc;
}

static int run_cat(const struct spool_args *a)
{
	struct err e = {0};
	uint64_t lost;
	int rc = cmd_spool_print(a->path, a->number, a->raw, stdout, &lost, &e);
	return rc < 0 ? exit_failed(&e) : lost ? EXIT_WRONG : EXIT_DONE;
}

/* ---- arguments ---- */

static int take_number(struct spool_args *a, int argc, char **argv, int i)
{
	if (i + 1 == argc || !text_u64(slice_str(argv[i + 1]), &a->number))
		return exit_usage("spool: ", "%s: expected the number of a record", argv[i]);
	a->any_number = true;
	return EXIT_DONE;
}

/* The spool of a configuration, or of one queue in it: the path that was given, if any. */
static int path_of_config(struct spool_args *a)
{
	char name[3 * SPOOL_QUEUE_MAX + 1] = "";
	struct err_list errs = {0};
	struct config *c = NULL;
	int rc = config_load(a->config, &c, &errs);
	err_list_print(&errs, stderr);
	err_list_fini(&errs);
	if (rc < 0)
		return EXIT_USAGE;
	if (a->path)
		spool_dir_name(a->path, name);
	if (c->spool.dir)
		snprintf(a->text, sizeof(a->text), "%s%s%s", c->spool.dir, a->path ? "/" : "",
			 name);
	config_free(c);
	if (a->text[0] == '\0')
		return exit_usage("spool: ", "%s: it has no section spool", a->config);
	a->path = a->text;
	return EXIT_DONE;
}

static int take_args(struct spool_args *a, const char *what, int argc, char **argv)
{
	bool cat = strcmp(what, "cat") == 0, cut = strcmp(what, "cut") == 0;
	for (int i = 0; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			a->json = true;
		else if (strcmp(argv[i], "--repair") == 0 && strcmp(what, "fsck") == 0)
			a->repair = true;
		else if (strcmp(argv[i], "--raw") == 0 && cat)
			a->raw = true;
		else if ((strcmp(argv[i], "--from") == 0 && cat) ||
			 (strcmp(argv[i], "--below") == 0 && cut)) {
			int code = take_number(a, argc, argv, i++);
			if (code)
				return code;
		} else if (strcmp(argv[i], "-c") == 0 || strcmp(argv[i], "--config") == 0) {
			if (i + 1 == argc)
				return exit_usage("spool: ", "%s: its value is missing", argv[i]);
			a->config = argv[++i];
		} else if (argv[i][0] == '-')
			return exit_usage("spool: ", "%s: no such option of this command", argv[i]);
		else if (a->path)
			return exit_usage("spool: ", "%s: one path is expected", argv[i]);
		else
			a->path = argv[i];
	}
	if (a->config)
		return path_of_config(a);
	return a->path ? EXIT_DONE : exit_usage("spool: ", "%s: which directory or file?", what);
}

int cmd_spool(bool json, int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(const struct spool_args *a);
	} all[] = {{"ls", run_ls}, {"fsck", run_fsck}, {"cat", run_cat}, {"cut", run_cut}};
	struct spool_args a = {.json = json};
	for (; argc > 0 && strcmp(argv[0], "--json") == 0; argc--, argv++)
		a.json = true;
	for (unsigned i = 0; argc > 0 && i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(argv[0], all[i].name) != 0)
			continue;
		int code = take_args(&a, argv[0], argc - 1, argv + 1);
		return code ? code : all[i].run(&a);
	}
	return exit_usage("spool: ", "expected ls, fsck, cat or cut%s", "");
}
