/* `sluiced check`: builds all that a run builds, starts nothing, and tells what it would be. */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "ctl/base_patterns.h"
#include "ctl/cmd.h"
#include "ctl/config_read.h"
#include "ctl/graph_print.h"
#include "ctl/privilege.h"
#include "ctl/queue_schema.h"
#include "ctl/trial.h"
#include "dataplane/base/mem.h"

/* ---- what is wrong ---- */

/* Each format by itself, so that all that are wrong are told and not just the first. */
static void check_formats(const struct config *c, const struct grok *grok, struct err_list *errs)
{
	struct err e;
	struct names *names = names_create();
	for (size_t i = 0; names && i < c->n_formats; i++) {
		struct format *f = NULL;
		if (format_compile(&c->formats[i], grok, names, &f, &e) < 0)
			err_list_text(errs, e.text);
		format_destroy(f);
	}
	names_destroy(names);
}

static void check_all_formats(const struct config *c, struct err_list *errs)
{
	struct err e;
	struct grok *grok = grok_create();
	if (grok && grok_add(grok, slice_of(base_patterns, base_patterns_len), "base.pat", &e) < 0)
		err_list_text(errs, e.text);
	for (size_t i = 0; grok && i < c->patterns.n; i++) {
		if (grok_load(grok, c->patterns.items[i], &e) < 0)
			err_list_text(errs, e.text);
	}
	if (grok && errs->n_errors == 0)
		check_formats(c, grok, errs);
	grok_destroy(grok);
}

/* Files and folders are looked at as the user that a run becomes, where this one may become him. */
static void become_user(const struct config *c, struct err_list *errs)
{
	struct privilege_user user;
	struct err e;
	int rc = privilege_find(c->run_as, &user, &e);
	if (rc == 0)
		rc = privilege_become(&user, &e);
	else if (rc == -EPERM)
		rc = 0; /* it is the start that needs root */
	if (rc < 0)
		err_list_text(errs, e.text);
}

/* Opens a sink as a run would and closes it again: a folder that is not there is found now. */
static void check_sink(const struct sink_conf *s, struct err_list *errs)
{
	struct err e = {{0}};
	void *state = mem_alloc(s->ops->state_size);
	int rc = state ? s->ops->open(state, s->conf, &e) : -ENOMEM;
	if (rc < 0)
		err_list_add(errs, s->at, "sinks.%s: %s", s->name,
			     e.text[0] ? e.text : strerror(-rc));
	if (state)
		s->ops->close(state, &e);
	mem_free(state);
}

/* A folder that is there, or that a run makes, can be written to. NULL: none is asked for. */
static void check_folder(const struct config *c, const char *key, const char *dir,
			 struct err_list *errs)
{
	char parent[PATH_MAX];
	struct err e;
	if (!dir || faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0)
		return;
	snprintf(parent, sizeof(parent), "%s", dir);
	if (errno == ENOENT)
		dir = dirname(parent);
	if (dir == parent && faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0)
		return;
	err_set(&e, 0, "%s: %s: directory %s: %s", c->path, key, dir, strerror(errno));
	err_list_text(errs, e.text);
}

/* ---- what it would be ---- */

static void print_ports(const char *transport, const struct opt_ports *ports)
{
	for (size_t i = 0; i < ports->n; i++) {
		printf("%s%u", i ? "," : transport, ports->items[i].lo);
		if (ports->items[i].hi != ports->items[i].lo)
			printf("-%u", ports->items[i].hi);
	}
}

/* @first_rule: the rules of a pipeline stand in the order of its sources. */
static void print_source(const struct pipeline *p, size_t i, unsigned first_rule)
{
	const struct source_conf *s = &p->conf->sources[i];
	printf("source %s: %s", s->name, s->parser->name);
	print_ports(" udp:", &s->udp);
	print_ports(" tcp:", &s->tcp);
	printf("%s\n", s->probe ? " probe" : "");
	for (size_t k = 0; k < s->n_formats; k++) {
		const struct format *f = p->extract_sources[i].formats->formats[k];
		struct slice name = format_name(f);
		printf("  format %.*s: %s\n", (int)name.len, (const char *)name.ptr,
		       format_engine(f));
	}
	for (size_t k = 0; k < s->rules.n; k++)
		printf("  rule %s: %s\n", s->rules.items[k].key,
		       rules_engine(p->rules, first_rule + (unsigned)k));
}

static void print_changed(const char *prefix, const struct opt *opts, const void *conf)
{
	for (const struct opt *o = opts; o && o->name; o++) {
		const void *field = (const uint8_t *)conf + o->off;
		if (!options_differs(o, conf))
			continue;
		printf("option %s%s: ", prefix, o->name);
		if (o->type == OPT_SECRET)
			fputs("set, not shown", stdout);
		option_value_write(stdout, o, field);
		putchar('\n');
	}
}

static void print_options(const struct config *c)
{
	char prefix[128];
	print_changed("", config_top_opts, c);
	print_changed("api.", config_api_opts, &c->api);
	print_changed("log.", config_log_opts, &c->log);
	print_changed("capture.", config_capture_opts, &c->capture);
	print_changed("decode.", decode_opts, &c->decode);
	print_changed("flow.", flow_opts, &c->flow);
	print_changed("frame.", frame_opts, &c->frame);
	print_changed("flush.", flush_opts, &c->flush);
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct source_conf *s = &c->sources[i];
		snprintf(prefix, sizeof(prefix), "sources.%s.", s->name);
		print_changed(prefix, s->parser->opts, s->conf);
	}
	for (size_t i = 0; i < c->n_sinks; i++) {
		const struct sink_conf *s = &c->sinks[i];
		snprintf(prefix, sizeof(prefix), "sinks.%s.%s.", s->name, s->ops->name);
		print_changed(prefix, s->ops->opts, s->conf);
	}
	if (c->has_spool)
		print_changed("spool.", spool_opts, &c->spool);
}

static void print_summary(const struct config *c, const struct pipeline *p)
{
	for (size_t i = 0; i < c->capture.n_ports; i++)
		printf("port %s: %lld queues\n", c->capture.ports[i].device,
		       (long long)c->capture.ports[i].queues);
	unsigned first_rule = 0;
	for (size_t i = 0; i < c->n_sources; i++) {
		print_source(p, i, first_rule);
		first_rule += (unsigned)c->sources[i].rules.n;
	}
	graph_print(p, stdout);
	for (size_t i = 0; i < c->n_sinks; i++)
		printf("sink %s: %s\n", c->sinks[i].name, c->sinks[i].ops->name);
	for (size_t i = 0; i < c->n_queues; i++) {
		const struct queue_conf *q = &c->queues[i];
		printf("queue %s: %s to %s%s%s from", q->name, encoder_names[q->format],
		       c->sinks[q->sink].name, q->backup_name ? " or " : "",
		       q->backup_name ? q->backup_name : "");
		for (size_t k = 0; k < q->n_origins; k++)
			printf(" %s", c->origins[q->origins[k]].name);
		putchar('\n');
	}
	print_options(c);
}

int cmd_check(const struct config *c)
{
	struct err e;
	struct err_list errs = {0};
	struct pipeline *p = NULL;
	struct trial *t = NULL;
	struct queue_schemas *schemas = NULL;
	become_user(c, &errs);
	check_all_formats(c, &errs);
	if (errs.n_errors == 0 && (pipeline_build(c, &p, &e) < 0 || trial_create(p, &t, &e) < 0))
		err_list_text(&errs, e.text);
	if (p && errs.n_errors == 0 &&
	    queue_schemas_create(p, &config_disk, false, &schemas, &errs) == -ENOMEM)
		err_list_text(&errs, "sluiced: no memory for schemas");
	for (size_t i = 0; i < c->n_sinks; i++)
		check_sink(&c->sinks[i], &errs);
	check_folder(c, "spool.dir", c->has_spool ? c->spool.dir : NULL, &errs);
	check_folder(c, "dead_letters.dir", c->dead_letters.dir, &errs);
	if (errs.n_errors == 0) {
		err_list_print(&p->notes, stderr);
		print_summary(c, p);
		printf("%s: good: %zu sources, %zu formats, %zu sinks, %zu queues, %zu tests\n",
		       c->path, c->n_sources, c->n_formats, c->n_sinks, c->n_queues, c->n_tests);
	}
	err_list_print(&errs, stderr);
	int code = errs.n_errors ? 2 : 0;
	queue_schemas_destroy(schemas);
	trial_destroy(t);
	pipeline_destroy(p);
	err_list_fini(&errs);
	return code;
}

int cmd_check_dot(const struct config *c)
{
	struct err e;
	struct pipeline *p;
	if (pipeline_build(c, &p, &e) < 0) {
		fprintf(stderr, "sluiced: %s\n", e.text);
		return 2;
	}
	graph_print_dot(p, stdout);
	pipeline_destroy(p);
	return 0;
}
