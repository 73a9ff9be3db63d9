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

/* ---- sources ---- */

const struct source_conf *config_source_named(const struct config *c, const char *name,
					      size_t *io_hint)
{
	for (size_t i = 0, at = *io_hint; i < c->n_sources; i++, at++) {
		at = at < c->n_sources ? at : 0;
		if (strcmp(c->sources[at].name, name) != 0)
			continue;
		*io_hint = at + 1; /* most follow each other */
		return &c->sources[at];
	}
	return NULL;
}

static bool all_equal(const struct opt *opts, const void *a, const void *b)
{
	for (const struct opt *o = opts; o && o->name; o++)
		if (!options_equal(o, a, b))
			return false;
	return true;
}

/* A pool is made by the options; without one they are read at each call. */
const struct source_conf *config_source_before(const struct config *was,
					       const struct source_conf *s, size_t *io_hint)
{
	const struct source_conf *a = config_source_named(was, s->name, io_hint);
	bool goes_on = a && a->parser == s->parser &&
		       (!s->parser->pool_create || all_equal(s->parser->opts, a->conf, s->conf));
	return goes_on ? a : NULL;
}

static bool has_room(const struct config *c, const struct parser *p)
{
	bool has = p->bytes_max <= c->frame.bytes_max;
	for (size_t i = 0; !has && i < c->n_sources; i++)
		has = p->bytes_max <= c->sources[i].parser->bytes_max;
	return has;
}

/* TCP ports of sources whose sessions belong together. */
struct together {
	bool has[65536];
};

static void find_together(const struct config *c, struct together *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct opt_ports *ports = &c->sources[i].tcp;
		for (size_t k = 0; c->sources[i].parser->together && k < ports->n; k++)
			memset(ret->has + ports->items[k].lo, true,
			       1u + ports->items[k].hi - ports->items[k].lo);
	}
}

static bool are_together(const struct together *t, const struct opt_ports *ports)
{
	bool all = true;
	for (size_t k = 0; k < ports->n; k++)
		all &= !memchr(t->has + ports->items[k].lo, false,
			       1u + ports->items[k].hi - ports->items[k].lo);
	return all;
}

/* NULL: it has none. */
static const char *state_file(const struct source_conf *s)
{
	for (const struct opt *o = s->parser->opts; o && o->name; o++)
		if (s->parser->keep_create && strcmp(o->name, "state") == 0)
			return *(const char *const *)((const char *)s->conf + o->off);
	return NULL;
}

/* Does a source that ends write the file that @s begins with? */
static bool takes_state(const struct config *was, const struct config *is,
			const struct source_conf *s)
{
	const char *file = state_file(s);
	for (size_t i = 0; file && i < was->n_sources; i++) {
		const char *other = state_file(&was->sources[i]);
		size_t hint = i;
		const struct source_conf *next =
			config_source_named(is, was->sources[i].name, &hint);
		hint = i;
		bool goes_on = next && config_source_before(was, next, &hint);
		if (other && !goes_on && strcmp(other, file) == 0)
			return true;
	}
	return false;
}

static void compare_sources(struct comparison *c)
{
	const struct config *first = c->was->started ? c->was->started : c->was;
	struct together together;
	size_t hint = 0;
	find_together(first, &together);
	for (size_t i = 0; i < c->is->n_sources; i++) {
		const struct source_conf *s = &c->is->sources[i];
		bool goes_on = config_source_before(c->was, s, &hint);
		if (s->parser->together && config_run_workers(first) > 1 &&
		    !are_together(&together, &s->tcp))
			differs(c, "sources", s->name, "tcp");
		if (!goes_on && !has_room(first, s->parser))
			differs(c, "sources", s->name, "parser");
		if (!goes_on && takes_state(c->was, c->is, s))
			differs(c, "sources", s->name, "state");
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
