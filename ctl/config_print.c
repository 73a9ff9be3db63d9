#include "ctl/config_read.h"

static const char *const kinds[] = {
	[FORMAT_GROK] = "grok",     [FORMAT_REGEX] = "regex", [FORMAT_KV] = "kv",
	[FORMAT_LOGFMT] = "logfmt", [FORMAT_CSV] = "csv",     [FORMAT_TSV] = "tsv",
	[FORMAT_JSON] = "json",
};

static void indent(FILE *out, int depth)
{
	fprintf(out, "%*s", 2 * depth, "");
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

static void print_option(FILE *out, int depth, const struct opt *o, const void *conf)
{
	const void *field = (const uint8_t *)conf + o->off;
	if (!option_value_is_set(o, field))
		return;
	indent(out, depth);
	if (o->type == OPT_SECRET) {
		fprintf(out, "%s: # set, not shown\n", o->name);
		return;
	}
	fprintf(out, "%s: ", o->name);
	option_value_write(out, o, field);
	fputc('\n', out);
}

/* The options that are listed in @names (@listed), or those that are not. */
static void print_options(FILE *out, int depth, const struct opt *opts, const void *conf,
			  const char *const *names, bool listed)
{
	for (const struct opt *o = opts; o && o->name; o++) {
		if (is_listed(names, o->name) == listed)
			print_option(out, depth, o, conf);
	}
}

static const char *const none[] = {NULL};

static void print_map(FILE *out, int depth, const char *name, const struct opt *opts,
		      const void *conf)
{
	indent(out, depth);
	bool any = false;
	for (const struct opt *o = opts; o && o->name; o++)
		any = any || option_value_is_set(o, (const uint8_t *)conf + o->off);
	fprintf(out, "%s:%s\n", name, any ? "" : " {}");
	print_options(out, depth + 1, opts, conf, none, false);
}

static void print_name(FILE *out, int depth, const char *name)
{
	indent(out, depth);
	option_text_write(out, name);
	fputs(":\n", out);
}

static void print_texts(FILE *out, int depth, const char *key, const char *const *texts, size_t n)
{
	indent(out, depth);
	fprintf(out, "%s: [", key);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : "", out);
		option_text_write(out, texts[i]);
	}
	fputs("]\n", out);
}

static void print_capture(FILE *out, const struct config *c)
{
	fputs("capture:\n  ports:", out);
	fputs(c->capture.n_ports ? "\n" : " []\n", out);
	for (size_t i = 0; i < c->capture.n_ports; i++) {
		fputs("    - device: ", out);
		option_text_write(out, c->capture.ports[i].device);
		fprintf(out, "\n      queues: %lld\n", (long long)c->capture.ports[i].queues);
	}
	print_options(out, 1, config_capture_opts, &c->capture, none, false);
}

static void print_format(FILE *out, const struct format_def *f)
{
	static const char *const patterns[] = {"grok", "regex", NULL};
	static const char *const tsv_only[] = {"quote", NULL};
	const char *kind = kinds[f->kind];
	print_name(out, 1, f->name);
	if (f->kind == FORMAT_GROK || f->kind == FORMAT_REGEX) {
		indent(out, 2);
		fprintf(out, "%s: ", kind);
		option_text_write(out, f->pattern);
		fputc('\n', out);
	} else if (f->kind == FORMAT_KV) {
		print_map(out, 2, kind, config_kv_opts, f);
	} else if (f->kind == FORMAT_CSV || f->kind == FORMAT_TSV) {
		fprintf(out, "    %s:\n", kind);
		print_options(out, 3, config_csv_opts, f, f->kind == FORMAT_TSV ? tsv_only : none,
			      false);
	} else {
		fprintf(out, "    %s: {}\n", kind);
	}
	print_options(out, 2, config_format_opts, f, patterns, false);
}

static void print_source(FILE *out, const struct config *c, const struct source_conf *s)
{
	static const char *const resolved[] = {"formats", NULL};
	print_name(out, 1, s->name);
	fputs("    match:\n", out);
	print_options(out, 3, config_match_opts, s, none, false);
	print_options(out, 3, s->parser->opts, s->conf, config_match_names, true);
	print_options(out, 2, config_source_opts, s, resolved, false);
	fputs("    formats: [", out);
	for (size_t i = 0; i < s->n_formats; i++) {
		fputs(i ? ", " : "", out);
		option_text_write(out, c->formats[s->formats[i]].name);
	}
	fputs("]\n", out);
	print_options(out, 2, s->parser->opts, s->conf, config_match_names, false);
}

static void print_from(FILE *out, const struct config *c, const unsigned *origins, size_t n)
{
	fputs("    from: [", out);
	for (size_t i = 0; i < n; i++) {
		fputs(i ? ", " : "", out);
		option_text_write(out, c->origins[origins[i]].name);
	}
	fputs("]\n", out);
}

static void print_dimension(FILE *out, const struct dimension_conf *d)
{
	print_name(out, 1, d->spec.name);
	fputs("    from:\n", out);
	print_map(out, 3, d->spec.kind->name, d->spec.kind->opts, d->spec.conf);
	print_options(out, 2, config_dimension_opts, d, none, false);
}

static void print_node(FILE *out, const struct config *c, const struct node_conf *node)
{
	static const char *const resolved[] = {"from", NULL};
	print_name(out, 1, node->name);
	print_from(out, c, node->origins, node->n_origins);
	print_options(out, 2, config_node_opts, node, resolved, false);
	print_options(out, 2, node->op->opts, node->conf, none, false);
}

static void print_queue(FILE *out, const struct config *c, const struct queue_conf *q)
{
	static const char *const resolved[] = {"from", NULL};
	print_name(out, 1, q->name);
	print_from(out, c, q->origins, q->n_origins);
	print_options(out, 2, config_queue_opts, q, resolved, false);
}

void config_print_effective(const struct config *c, FILE *out)
{
	static const char *const last[] = {"patterns", NULL};
	print_options(out, 0, config_top_opts, c, last, false);
	print_map(out, 0, "api", config_api_opts, &c->api);
	print_map(out, 0, "log", config_log_opts, &c->log);
	print_capture(out, c);
	print_map(out, 0, "decode", decode_opts, &c->decode);
	print_map(out, 0, "flow", flow_opts, &c->flow);
	print_map(out, 0, "frame", frame_opts, &c->frame);
	print_map(out, 0, "flush", flush_opts, &c->flush);
	print_texts(out, 0, "patterns", c->patterns.items, c->patterns.n);
	if (c->n_formats)
		fputs("formats:\n", out);
	for (size_t i = 0; i < c->n_formats; i++)
		print_format(out, &c->formats[i]);
	fputs("sources:\n", out);
	for (size_t i = 0; i < c->n_sources; i++)
		print_source(out, c, &c->sources[i]);
	if (c->n_dimensions)
		fputs("dimensions:\n", out);
	for (size_t i = 0; i < c->n_dimensions; i++)
		print_dimension(out, &c->dimensions[i]);
	if (c->n_nodes)
		fputs("pipeline:\n", out);
	for (size_t i = 0; i < c->n_nodes; i++)
		print_node(out, c, &c->nodes[i]);
	/* An implied queue and its sink are implied again when the text is loaded. */
	size_t n_sinks = c->n_sinks - c->queues_implied;
	if (n_sinks)
		fputs("sinks:\n", out);
	for (size_t i = 0; i < n_sinks; i++) {
		print_name(out, 1, c->sinks[i].name);
		print_map(out, 2, c->sinks[i].ops->name, c->sinks[i].ops->opts, c->sinks[i].conf);
	}
	if (c->dead_letters.dir)
		print_map(out, 0, "dead_letters", dead_letter_opts, &c->dead_letters);
	if (c->has_spool)
		print_map(out, 0, "spool", spool_opts, &c->spool);
	if (c->queues_implied)
		return;
	fputs("queues:\n", out);
	for (size_t i = 0; i < c->n_queues; i++)
		print_queue(out, c, &c->queues[i]);
}
