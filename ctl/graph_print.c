#include "ctl/graph_print.h"

/* "  NAME: uid text, n bigint, ..": an open schema has more fields, which senders name. */
static void print_schema(const struct pipeline *p, unsigned origin, FILE *out)
{
	const struct op_schema *s = pipeline_schema(p, origin);
	fprintf(out, "  %s:", p->conf->origins[origin].name);
	for (unsigned i = 0; i < s->n_fields; i++)
		fprintf(out, "%s %s %s", i ? "," : "", s->fields[i].name,
			sql_type_name(s->fields[i].type));
	fprintf(out, "%s\n",
		!s->open      ? ""
		: s->n_fields ? ", and what senders name"
			      : " what senders name");
}

void graph_print(const struct pipeline *p, FILE *out)
{
	const struct config *c = p->conf;
	for (size_t i = 0; i < c->n_sources && c->n_nodes; i++) {
		fprintf(out, "records of source %s\n", c->sources[i].name);
		print_schema(p, (unsigned)i, out);
	}
	for (size_t i = 0; i < c->n_nodes; i++) {
		const struct node_conf *n = &c->nodes[c->node_order[i]];
		fprintf(out, "node %s: %s from", n->name, n->op->name);
		for (size_t k = 0; k < n->n_origins; k++)
			fprintf(out, " %s", c->origins[n->origins[k]].name);
		fputc('\n', out);
		for (unsigned k = 0; k < n->n_ports; k++)
			print_schema(p, n->first_origin + k, out);
	}
}

/* ---- dot ---- */

/* In double quotes, those in the text and backslashes with a backslash in front. */
static void put_text(const char *text, FILE *out)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', out);
		fputc(*text, out);
	}
}

static void put_place(const char *kind, const char *name, FILE *out)
{
	fprintf(out, "\"%s ", kind);
	put_text(name, out);
	fputc('"', out);
}

static void put_box(const char *kind, const char *name, const char *what, const char *shape,
		    FILE *out)
{
	fputs("  ", out);
	put_place(kind, name, out);
	fputs(" [label=\"", out);
	put_text(name, out);
	fputs("\\n", out);
	put_text(what, out);
	fprintf(out, "\", shape=%s];\n", shape);
}

/* From the source or node of @origin to a taker; a branch has its name at the edge. */
static void put_edge(const struct pipeline *p, unsigned origin, const char *kind, const char *name,
		     FILE *out)
{
	const struct config *c = p->conf;
	const struct origin_conf *o = &c->origins[origin];
	const struct op_schema *s = pipeline_schema(p, origin);
	const char *from = o->node < 0 ? o->name : c->nodes[o->node].name;
	fputs("  ", out);
	put_place(o->node < 0 ? "source" : "node", from, out);
	fputs(" -> ", out);
	put_place(kind, name, out);
	fputs(" [label=\"", out);
	put_text(o->name, out);
	fputs("\\l", out);
	for (unsigned i = 0; i < s->n_fields && i < GRAPH_PRINT_FIELDS; i++) {
		put_text(s->fields[i].name, out);
		fprintf(out, " %s\\l", sql_type_name(s->fields[i].type));
	}
	if (s->n_fields > GRAPH_PRINT_FIELDS)
		fprintf(out, "and %u more\\l", s->n_fields - GRAPH_PRINT_FIELDS);
	fprintf(out, "%s\"];\n", s->open ? "...\\l" : "");
}

void graph_print_dot(const struct pipeline *p, FILE *out)
{
	const struct config *c = p->conf;
	fputs("digraph sluice {\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n"
	      "  edge [fontname=\"monospace\", fontsize=9];\n",
	      out);
	for (size_t i = 0; i < c->n_sources; i++)
		put_box("source", c->sources[i].name, c->sources[i].parser->name, "oval", out);
	for (size_t i = 0; i < c->n_nodes; i++) {
		const struct node_conf *n = &c->nodes[c->node_order[i]];
		put_box("node", n->name, n->op->name, "box", out);
		for (size_t k = 0; k < n->n_origins; k++)
			put_edge(p, n->origins[k], "node", n->name, out);
	}
	for (size_t i = 0; i < c->n_queues; i++) {
		const struct queue_conf *q = &c->queues[i];
		put_box("queue", q->name, c->sinks[q->sink].name, "cylinder", out);
		for (size_t k = 0; k < q->n_origins; k++)
			put_edge(p, q->origins[k], "queue", q->name, out);
	}
	fputs("}\n", out);
}
