#include "ctl/config_compare.h"

#include <stdio.h>
#include <string.h>

#include "ctl/options.h"

struct comparison {
	const struct config *was, *is;
	config_restart_fn *each;
	void *arg;
};

static void differs(struct comparison *c, const char *what, const char *name, const char *key)
{
	char path[CONFIG_RESTART_PATH];
	snprintf(path, sizeof(path), "%s%s%s%s%s", what, *name ? "." : "", name, *key ? "." : "",
		 key);
	c->each(c->arg, path);
}

/* What of @opts is not live. */
static void compare(struct comparison *c, const char *what, const char *name,
		    const struct opt *opts, const void *was, const void *is)
{
	for (const struct opt *o = opts; o && o->name; o++)
		if (!o->live && !options_equal(o, was, is))
			differs(c, what, name, o->name);
}

static void compare_ports(struct comparison *c)
{
	const struct capture_conf *was = &c->was->capture, *is = &c->is->capture;
	if (was->n_ports != is->n_ports) {
		differs(c, "capture", "ports", "");
		return;
	}
	for (size_t i = 0; i < is->n_ports; i++)
		compare(c, "capture.ports", is->ports[i].device, config_port_opts, &was->ports[i],
			&is->ports[i]);
}

/* Lists of parts with names: the same ones, in the same order. */
static bool same_names(struct comparison *c, const char *what, const void *was, size_t n_was,
		       const void *is, size_t n_is, size_t size, size_t name_off)
{
	for (size_t i = 0; i < n_was || i < n_is; i++) {
		const char *a = NULL, *b = NULL;
		if (i < n_was)
			memcpy(&a, (const uint8_t *)was + i * size + name_off, sizeof(a));
		if (i < n_is)
			memcpy(&b, (const uint8_t *)is + i * size + name_off, sizeof(b));
		if (a && b && strcmp(a, b) == 0)
			continue;
		differs(c, what, b ? b : a, "");
		return false;
	}
	return true;
}

static void compare_sources(struct comparison *c)
{
	const struct config *was = c->was, *is = c->is;
	if (!same_names(c, "sources", was->sources, was->n_sources, is->sources, is->n_sources,
			sizeof(*is->sources), offsetof(struct source_conf, name)))
		return;
	for (size_t i = 0; i < is->n_sources; i++) {
		const struct source_conf *a = &was->sources[i], *b = &is->sources[i];
		compare(c, "sources", b->name, config_source_opts, a, b);
		if (a->parser != b->parser)
			continue;
		compare(c, "sources", b->name, config_match_opts, a, b);
		compare(c, "sources", b->name, b->parser->opts, a->conf, b->conf);
	}
}

void config_each_restart(const struct config *was, const struct config *is, config_restart_fn *each,
			 void *arg)
{
	struct comparison c = {.was = was, .is = is, .each = each, .arg = arg};
	/* `workers` is of replays alone. */
	if (strcmp(was->run_as ? was->run_as : "", is->run_as ? is->run_as : "") != 0)
		differs(&c, "run_as", "", "");
	compare(&c, "api", "", config_api_opts, &was->api, &is->api);
	compare(&c, "capture", "", config_capture_opts, &was->capture, &is->capture);
	compare_ports(&c);
	compare(&c, "log", "", config_log_opts, &was->log, &is->log);
	compare(&c, "dead_letters", "", dead_letter_opts, &was->dead_letters, &is->dead_letters);
	compare(&c, "decode", "", decode_opts, &was->decode, &is->decode);
	compare(&c, "flow", "", flow_opts, &was->flow, &is->flow);
	compare(&c, "frame", "", frame_opts, &was->frame, &is->frame);
	compare(&c, "spool", "", spool_opts, &was->spool, &is->spool);
	compare_sources(&c);
}

struct lines {
	const char *file;
	FILE *out;
	unsigned n;
};

static void put_line(void *arg, const char *path)
{
	struct lines *l = arg;
	fprintf(l->out, "%s: %s: only a restart changes it\n", l->file, path);
	l->n++;
}

unsigned config_restarts(const struct config *was, const struct config *is, FILE *out)
{
	struct lines l = {.file = is->path, .out = out};
	config_each_restart(was, is, put_line, &l);
	return l.n;
}

bool config_same_sources(const struct config *was, const struct config *is)
{
	bool same = was->n_sources == is->n_sources;
	for (size_t i = 0; same && i < is->n_sources; i++)
		same = strcmp(was->sources[i].name, is->sources[i].name) == 0 &&
		       was->sources[i].parser == is->sources[i].parser;
	return same;
}

static bool all_equal(const struct opt *opts, const void *a, const void *b)
{
	for (const struct opt *o = opts; o && o->name; o++)
		if (!options_equal(o, a, b))
			return false;
	return true;
}

bool config_dimension_equal(const struct dimension_conf *a, const struct dimension_conf *b)
{
	return strcmp(a->spec.name, b->spec.name) == 0 && a->spec.kind == b->spec.kind &&
	       all_equal(config_dimension_opts, a, b) &&
	       all_equal(a->spec.kind->opts, a->spec.conf, b->spec.conf);
}

bool config_node_equal(const struct node_conf *a, const struct node_conf *b)
{
	bool same = strcmp(a->name, b->name) == 0 && a->op == b->op && a->from.n == b->from.n;
	for (size_t i = 0; same && i < a->from.n; i++)
		same = strcmp(a->from.items[i], b->from.items[i]) == 0;
	return same && all_equal(a->op->opts, a->conf, b->conf);
}

bool config_sink_equal(const struct sink_conf *a, const struct sink_conf *b)
{
	return strcmp(a->name, b->name) == 0 && a->ops == b->ops &&
	       all_equal(a->ops->opts, a->conf, b->conf);
}

/* What a queue says of its records, and not of their way. */
static bool is_of_records(const char *option)
{
	static const char *const names[] = {"from", "format", "fields",  "compatibility",
					    "ddl",  "key",    "hops_max"};
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(option, names[i]) == 0)
			return true;
	return false;
}

bool config_queue_way_equal(const struct queue_conf *a, const struct queue_conf *b)
{
	bool same = strcmp(a->name, b->name) == 0;
	for (const struct opt *o = config_queue_opts; same && o->name; o++)
		same = is_of_records(o->name) || options_equal(o, a, b);
	return same;
}
