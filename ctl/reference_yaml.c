#include "ctl/config_read.h"
#include "ctl/reference.h"

#define COLUMNS 100

struct writer {
	FILE *out;
	int depth;
	bool off; /* the lines are an example: comments, but for the "# " before them */
	int edge; /* off: the depth of that "# " */
};

static void line_start(const struct writer *w)
{
	if (w->off)
		fprintf(w->out, "%*s# %*s", 2 * w->edge, "", 2 * (w->depth - w->edge), "");
	else
		fprintf(w->out, "%*s", 2 * w->depth, "");
}

static struct writer deeper(const struct writer *w, int levels)
{
	struct writer in = *w;
	in.depth += levels;
	return in;
}

/* For an example @levels deeper. */
static struct writer example(const struct writer *w, int levels)
{
	struct writer in = deeper(w, levels);
	in.off = true;
	in.edge = in.depth;
	return in;
}

/* @text as comment lines, broken at blanks. */
static void comment(const struct writer *w, const char *text)
{
	int room = COLUMNS - 2 * w->depth - 2 - 2 * w->off;
	while (*text) {
		size_t len = strlen(text);
		if (len > (size_t)room) {
			len = (size_t)room;
			while (len > 0 && text[len] != ' ')
				len--;
			if (len == 0)
				len = strcspn(text, " ");
		}
		line_start(w);
		fprintf(w->out, "# %.*s\n", (int)len, text);
		text += len;
		text += strspn(text, " ");
	}
}

static void option(const struct writer *w, const struct opt *o)
{
	char expect[OPTION_EXPECT_MAX], text[OPTION_EXPECT_MAX + 64];
	option_value_expect(o, expect, sizeof(expect));
	snprintf(text, sizeof(text), "Expects %s%s.%s", expect, o->required ? "; required" : "",
		 o->live ? " Takes effect on reload." : "");
	comment(w, o->help);
	comment(w, text);
	line_start(w);
	if (o->def)
		fprintf(w->out, "%s: %s\n", o->name, o->def[0] ? o->def : "\"\"");
	else
		fprintf(w->out, "%s%s:\n", w->off ? "" : "# ", o->name);
}

static void options(const struct writer *w, const struct opt *opts)
{
	for (const struct opt *o = opts; o && o->name; o++)
		option(w, o);
}

static void key(const struct writer *w, const char *name, const char *value)
{
	line_start(w);
	fprintf(w->out, "%s:%s%s\n", name, *value ? " " : "", value);
}

static void section(const struct writer *w, const char *name, const struct opt *opts)
{
	struct writer in = deeper(w, 1);
	fputc('\n', w->out);
	key(w, name, opts && opts->name ? "" : "{}");
	options(&in, opts);
}

static void capture(const struct writer *w)
{
	struct writer in = deeper(w, 1), port = example(w, 1);
	fputc('\n', w->out);
	comment(w, "What `sluiced run` reads. `sluiced replay` reads files, and none of this.");
	key(w, "capture", "");
	options(&in, config_capture_opts);
	comment(&in, "A list of ports, each with these keys:");
	options(&port, config_port_opts);
	key(&in, "ports", "[]");
}

static void formats(const struct writer *w)
{
	struct writer name = example(w, 1), body = deeper(&name, 1), in = deeper(&name, 2);
	fputc('\n', w->out);
	comment(w,
		"Shapes of text. Each is of one kind: grok, regex, kv, logfmt, csv, tsv or json.");
	key(w, "formats", "{}");
	key(&name, "name", "");
	options(&body, config_format_opts);
	key(&body, "kv", "");
	options(&in, config_kv_opts);
	key(&body, "csv", "");
	options(&in, config_csv_opts);
	key(&body, "logfmt", "{}");
	key(&body, "json", "{}");
}

static void parser_options(const struct writer *w, const struct parser *p, bool inside)
{
	for (const struct opt *o = p->opts; o && o->name; o++) {
		if (config_is_match_name(o->name) == inside)
			option(w, o);
	}
}

/* The default ports of a parser as a value of match. */
static void match_ports(const struct writer *w, const struct opt *o, const struct opt_ports *ports)
{
	comment(w, o->help);
	line_start(w);
	fprintf(w->out, "%s: ", o->name);
	option_value_write(w->out, o, ports);
	fputc('\n', w->out);
}

static void source(const struct writer *w, const struct parser *p)
{
	struct writer body = deeper(w, 1), in = deeper(w, 2);
	struct memlist mem = {0};
	struct source_conf s = {0};
	config_default_ports(&mem, p->default_ports, &s.udp, &s.tcp);
	comment(w, p->summary);
	key(w, p->name, "");
	key(&body, "match", "");
	if (p->transports & PARSER_UDP)
		match_ports(&in, &config_match_opts[0], &s.udp);
	if (p->transports & PARSER_TCP)
		match_ports(&in, &config_match_opts[1], &s.tcp);
	comment(&in, config_match_opts[2].help);
	key(&in, config_match_opts[2].name, s.udp.n || s.tcp.n ? "false" : "true");
	parser_options(&in, p, true);
	for (const struct opt *o = config_source_opts; o->name; o++) {
		if (strcmp(o->name, "parser") == 0)
			key(&body, "parser", p->name);
		else
			option(&body, o);
	}
	parser_options(&body, p, false);
	memlist_fini(&mem);
}

static bool needs_more(const struct opt *opts)
{
	for (const struct opt *o = opts; o && o->name; o++) {
		if (o->required && !o->def)
			return true;
	}
	return false;
}

static void dimension_section(const struct writer *w)
{
	fputc('\n', w->out);
	comment(w, "What records can be enriched with: each has a name, one kind and its fields.");
	key(w, "dimensions", "{}");
	for (size_t i = 0; dim_kinds[i]; i++) {
		struct writer name = example(w, 1);
		struct writer body = deeper(&name, 1), kind = deeper(&name, 2);
		struct writer in = deeper(&name, 3);
		char dim[64];
		snprintf(dim, sizeof(dim), "of_%s", dim_kinds[i]->name);
		comment(&name, dim_kinds[i]->summary);
		key(&name, dim, "");
		key(&body, "from", "");
		key(&kind, dim_kinds[i]->name, "");
		options(&in, dim_kinds[i]->opts);
		options(&body, config_dimension_opts);
	}
}

static void pipeline_section(const struct writer *w)
{
	fputc('\n', w->out);
	comment(w,
		"What is done with records between sources and queues: nodes, each with a name, an "
		"operator and what it takes from.");
	key(w, "pipeline", "{}");
	for (size_t i = 0; ops[i]; i++) {
		struct writer name = example(w, 1);
		struct writer in = deeper(&name, 1);
		char node[64];
		snprintf(node, sizeof(node), "a_%s", ops[i]->name);
		comment(&name, ops[i]->summary);
		key(&name, node, "");
		key(&in, "op", ops[i]->name);
		key(&in, "from", "[]");
		options(&in, ops[i]->opts);
	}
}

static void sink_section(const struct writer *w)
{
	fputc('\n', w->out);
	comment(w, "Where records go. Each sink has a name and one kind.");
	key(w, "sinks", "");
	for (size_t i = 0; sinks[i]; i++) {
		/* An example where something has to be filled in, or where stdout is enough. */
		bool off = needs_more(sinks[i]->opts) || strcmp(sinks[i]->name, "stdout") != 0;
		struct writer name = off ? example(w, 1) : deeper(w, 1);
		struct writer kind = deeper(&name, 1), in = deeper(&name, 2);
		char to[64];
		snprintf(to, sizeof(to), off ? "to_%s" : "out", sinks[i]->name);
		comment(&name, sinks[i]->summary ? sinks[i]->summary : "");
		key(&name, to, "");
		key(&kind, sinks[i]->name, sinks[i]->opts && sinks[i]->opts->name ? "" : "{}");
		options(&in, sinks[i]->opts);
	}
}

static void spool_section(const struct writer *w)
{
	struct writer name = example(w, 0), in = deeper(&name, 1);
	fputc('\n', w->out);
	comment(w, "Where records wait for sinks that are slow or away. Without it, they do not.");
	key(&name, "spool", "");
	options(&in, spool_opts);
}

static void queue_section(const struct writer *w)
{
	fputs("\n# Queues take the records of sources to a sink. Without any, all go to stdout.\n",
	      w->out);
	fputs("queues:\n  main/all:\n", w->out);
	struct writer in = deeper(w, 2);
	for (const struct opt *o = config_queue_opts; o->name; o++) {
		if (strcmp(o->name, "sink") == 0) {
			comment(&in, o->help);
			key(&in, "sink", "out");
		} else if (strcmp(o->name, "from") == 0) {
			comment(&in, o->help);
			fputs("    from: [", w->out);
			for (size_t i = 0; parsers[i]; i++)
				fprintf(w->out, "%s%s", i ? ", " : "", parsers[i]->name);
			fputs("]\n", w->out);
		} else {
			option(&in, o);
		}
	}
}

static void dead_letter_section(const struct writer *w)
{
	struct writer name = example(w, 0), in = deeper(&name, 1);
	fputc('\n', w->out);
	comment(w, "Where frames and records go that cannot go on. Without this section they are "
		   "lost, by name.");
	key(&name, "dead_letters", "");
	options(&in, dead_letter_opts);
}

static void test_section(const struct writer *w)
{
	struct writer test = example(w, 1);
	fputc('\n', w->out);
	comment(w, "What `sluiced test` runs: input for a source, and what must come out.");
	key(w, "tests", "[]");
	options(&test, config_test_opts);
	comment(&test, "A list of records; each is a part of the record at its index.");
	key(&test, "expect", "[]");
}

void reference_write_yaml(FILE *out)
{
	struct writer w = {.out = out};
	struct writer name = deeper(&w, 1);
	comment(&w,
		"Every option of sluice at its default. `sluiced config sample` writes this file; "
		"a configuration of yours needs only what differs. Sizes are written 64KiB, 10MiB, "
		"1GiB; durations 5ms, 30s, 2m, 1h, 1d. Relative paths begin at the folder of the "
		"file that names them. What does not take effect on reload needs a restart.");
	fputc('\n', out);
	options(&w, config_top_opts);
	section(&w, "api", config_api_opts);
	section(&w, "log", config_log_opts);
	capture(&w);
	section(&w, "decode", decode_opts);
	section(&w, "flow", flow_opts);
	section(&w, "frame", frame_opts);
	section(&w, "flush", flush_opts);
	formats(&w);
	fputs("\n# Sources: which sessions, read by which parser.\nsources:\n", out);
	for (size_t i = 0; parsers[i]; i++)
		source(&name, parsers[i]);
	dimension_section(&w);
	pipeline_section(&w);
	sink_section(&w);
	spool_section(&w);
	queue_section(&w);
	dead_letter_section(&w);
	test_section(&w);
}
