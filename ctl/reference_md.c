#include "ctl/config_read.h"
#include "ctl/reference.h"

/* Text inside of a cell: a bar would end it, and grok's angle brackets are no HTML. */
static void cell(FILE *out, const char *text)
{
	for (const char *c = text; *c; c++) {
		if (*c == '|')
			fputs("\\|", out);
		else if (*c == '<')
			fputs("&lt;", out);
		else
			fputc(*c, out);
	}
}

static void row(FILE *out, const struct opt *o, const char *where)
{
	char expect[OPTION_EXPECT_MAX];
	fprintf(out, "| `%s%s` | ", where, o->name);
	cell(out, option_value_expect(o, expect, sizeof(expect)));
	fputs(" | ", out);
	if (o->def)
		fprintf(out, "`%s`", o->def[0] ? o->def : "\"\"");
	else
		fputs(o->required ? "required" : "not set", out);
	fprintf(out, " | %s | ", o->live ? "reload" : "restart");
	cell(out, o->help);
	fputs(" |\n", out);
}

static void head(FILE *out)
{
	fputs("\n| key | expects | default | takes effect on | meaning |\n|---|---|---|---|---|\n",
	      out);
}

static void table(FILE *out, const struct opt *opts)
{
	if (!opts || !opts->name) {
		fputs("\nNo options.\n", out);
		return;
	}
	head(out);
	for (const struct opt *o = opts; o->name; o++)
		row(out, o, "");
}

static void section(FILE *out, const char *title, const char *text, const struct opt *opts)
{
	fprintf(out, "\n## %s\n\n%s\n", title, text);
	table(out, opts);
}

/* ---- parsers ---- */

static const char *type_name(enum val_type t)
{
	switch (t) {
	case VAL_NULL:
		return "null";
	case VAL_FALSE:
	case VAL_TRUE:
		return "boolean";
	case VAL_I64:
	case VAL_U64:
		return "integer";
	case VAL_F64:
	case VAL_NUM:
		return "number";
	case VAL_TIME:
		return "time";
	case VAL_BYTES:
		return "base64";
	case VAL_JSON:
		return "JSON";
	default:
		return "string";
	}
}

static void fields(FILE *out, const struct parser *p)
{
	if (!p->fields || !p->fields->name)
		return;
	fputs("\n| field | type | meaning |\n|---|---|---|\n", out);
	for (const struct field_def *f = p->fields; f->name; f++) {
		fprintf(out, "| `%s` | %s | ", f->name, type_name(f->type));
		cell(out, f->help ? f->help : "");
		fputs(" |\n", out);
	}
}

static void parser(FILE *out, const struct parser *p)
{
	bool udp = p->transports & PARSER_UDP, tcp = p->transports & PARSER_TCP;
	fprintf(out, "\n### parser: %s\n\n%s. Transports: %s. ", p->name,
		p->summary ? p->summary : p->name,
		udp && tcp ? "UDP and TCP"
		: udp      ? "UDP"
			   : "TCP");
	if (p->default_ports && p->default_ports[0])
		fprintf(out, "A replay without a configuration looks at `%s`, and probes.\n",
			p->default_ports);
	else
		fputs("A replay without a configuration finds it by probe.\n", out);
	if (p->opts && p->opts->name) {
		head(out);
		for (const struct opt *o = p->opts; o->name; o++)
			row(out, o, config_is_match_name(o->name) ? "match." : "");
	}
	fields(out, p);
}

static void sources(FILE *out)
{
	section(out, "sources.NAME",
		"Which sessions, read by which parser. A TCP or UDP port belongs to one source.",
		config_source_opts);
	section(out, "sources.NAME.match",
		"At least ports, or `probe: true`. A parser may have more keys here: see below.",
		config_match_opts);
	for (size_t i = 0; parsers[i]; i++)
		parser(out, parsers[i]);
}

static void sink_kinds(FILE *out)
{
	fputs("\n## sinks.NAME\n\nEach sink has a name and one kind: `out: { stdout: {} }`.\n",
	      out);
	for (size_t i = 0; sinks[i]; i++) {
		fprintf(out, "\n### sinks.NAME.%s\n\n%s.\n", sinks[i]->name,
			sinks[i]->summary ? sinks[i]->summary : sinks[i]->name);
		table(out, sinks[i]->opts);
	}
}

static void dimension_kinds(FILE *out)
{
	section(out, "dimensions.NAME",
		"What records can be enriched with. Beside these keys, `from`: one kind, such as "
		"`from: { file: { path: videos.csv } }`.",
		config_dimension_opts);
	for (size_t i = 0; dim_kinds[i]; i++) {
		fprintf(out, "\n### dimensions.NAME.from.%s\n\n%s.\n", dim_kinds[i]->name,
			dim_kinds[i]->summary);
		table(out, dim_kinds[i]->opts);
	}
}

static void operators(FILE *out)
{
	section(out, "pipeline.NODE",
		"What is done with records between sources and queues; `from` of a node or a queue "
		"names it. The keys of the operator stand beside these.",
		config_node_opts);
	for (size_t i = 0; ops[i]; i++) {
		fprintf(out, "\n### op: %s\n\n%s.\n", ops[i]->name, ops[i]->summary);
		table(out, ops[i]->opts);
	}
}

void reference_write_md(FILE *out)
{
	fputs("# Configuration reference\n\n"
	      "`sluiced config reference` writes this page from the tables in the code; "
	      "[docs/configuration.md](../docs/configuration.md) explains. Sizes are written "
	      "`64KiB`, "
	      "`10MiB`, `1GiB`, durations `5ms`, `30s`, `2m`, `1h`, `1d`. Relative paths begin at "
	      "the "
	      "folder of the file that names them.\n",
	      out);
	section(out, "Top level", "Beside the sections below:", config_top_opts);
	section(out, "api", "How `sluicectl` and other programs ask `sluiced run`.",
		config_api_opts);
	section(out, "log", "What `sluiced run` tells of itself.", config_log_opts);
	section(out, "capture", "What `sluiced run` reads; `ports` is a list.",
		config_capture_opts);
	section(out, "capture.ports[]", "One for each port or virtual device.", config_port_opts);
	section(out, "decode", "From link layer to TCP and UDP, per worker.", decode_opts);
	section(out, "flow", "Sessions and the order of their bytes, per worker.", flow_opts);
	section(out, "frame", "From bytes to messages, per worker.", frame_opts);
	section(out, "flush",
		"How long records may wait for further ones before they go to their sink, of a "
		"port "
		"(docs/delivery.md).",
		flush_opts);
	section(out, "formats.NAME",
		"Exactly one kind of `grok`, `regex`, `kv`, `logfmt`, `csv`, `tsv`, `json`; the "
		"last "
		"five are maps: `logfmt: {}`. A format file holds the same map of names.",
		config_format_opts);
	section(out, "formats.NAME.kv", "Pairs of keys and values.", config_kv_opts);
	section(out, "formats.NAME.csv and .tsv", "Columns between commas or tabs.",
		config_csv_opts);
	sources(out);
	dimension_kinds(out);
	operators(out);
	sink_kinds(out);
	section(out, "spool",
		"Where records wait for sinks that are slow or away. Without this section they do "
		"not.",
		spool_opts);
	section(out, "queues.PROJECT/NAME", "Without any queue all records go to standard output.",
		config_queue_opts);
	section(out, "dead_letters",
		"Where frames and records go that cannot go on (docs/delivery.md). Without this "
		"section they are lost, by name.",
		dead_letter_opts);
	section(out, "tests[]",
		"What `sluiced test` runs. Beside these keys, `expect`: a list of records, each a "
		"part "
		"of the one that comes out at its index.",
		config_test_opts);
}
