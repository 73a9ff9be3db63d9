/* What explain.c has found, for people. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "ctl/explain.h"

#define LABEL 12

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s ? s : "";
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void label(FILE *out, const char *name)
{
	fprintf(out, "%-*s", LABEL, name);
}

static void print_json(const json_t *v, FILE *out)
{
	fprintf(out, "%*s", LABEL, "");
	json_dumpf(v, out, JSON_COMPACT);
	fputc('\n', out);
}

/* Two digits of @hex. */
static unsigned byte_at(const char *hex, size_t i)
{
	unsigned v = 0;
	for (unsigned k = 0; k < 2; k++) {
		char c = hex[2 * i + k];
		v = v << 4 | (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
	}
	return v;
}

/* As hexdump -C, from offset @from on; @len: how many there are, shown or not. */
static void print_hex(const char *hex, uint64_t from, uint64_t len, FILE *out)
{
	size_t n = strlen(hex) / 2;
	for (size_t at = 0; at < n; at += 16) {
		fprintf(out, "%*s%08" PRIx64 " ", LABEL, "", from + at);
		for (size_t i = at; i < at + 16; i++)
			i < n ? fprintf(out, " %02x", byte_at(hex, i)) : fputs("   ", out);
		fputs("  |", out);
		for (size_t i = at; i < at + 16 && i < n; i++) {
			unsigned c = byte_at(hex, i);
			fputc(c >= ' ' && c < 0x7f ? (int)c : '.', out);
		}
		fputs("|\n", out);
	}
	if (n < len)
		fprintf(out, "%*s... and %" PRIu64 " bytes more\n", LABEL, "", len - n);
}

static void print_session(const json_t *s, FILE *out)
{
	if (!s)
		return;
	label(out, "session");
	fprintf(out, "%s %s > %s, from the %s%s%s; %s\n", text(s, "protocol"), text(s, "client"),
		text(s, "server"), text(s, "from"),
		json_is_true(json_object_get(s, "late")) ? ", late" : "",
		json_is_true(json_object_get(s, "one_sided")) ? ", one-sided" : "",
		text(s, "session"));
}

static void print_wire(const json_t *o, FILE *out)
{
	const json_t *wire = json_object_get(o, "wire");
	json_t *p;
	size_t i;
	json_array_foreach(json_object_get(o, "packets"), i, p)
	{
		const char *layers = text(p, "layers");
		label(out, "packet");
		fprintf(out,
			"%" JSON_INTEGER_FORMAT " of %s, %s, %" JSON_INTEGER_FORMAT
			" bytes: %" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
			" of the stream%s%s\n",
			number(p, "number"), text(p, "file"), text(p, "time"), number(p, "bytes"),
			number(p, "from"), number(p, "until"), *layers ? "; " : "", layers);
	}
	if (!wire)
		return;
	bool exact = json_is_true(json_object_get(wire, "exact"));
	bool of_log = json_is_true(json_object_get(json_object_get(o, "frame"), "of_log"));
	json_int_t from = number(wire, "from"), until = number(wire, "until");
	label(out, "bytes");
	fprintf(out, "%" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT " of the stream%s\n", from,
		until,
		exact    ? ""
		: of_log ? ", all of the packet that completed it"
			 : ", at most: the frame is not on the wire as it is kept");
	print_hex(text(wire, "hex"), (uint64_t)from, (uint64_t)(until - from), out);
}

static void print_frame(const json_t *o, FILE *out)
{
	const json_t *f = json_object_get(o, "frame");
	if (!f)
		return;
	label(out, "frame");
	fprintf(out, "%" JSON_INTEGER_FORMAT " bytes, at %" JSON_INTEGER_FORMAT " of the %s%s\n",
		number(f, "bytes"), number(f, "offset"),
		json_is_true(json_object_get(f, "of_log")) ? "log" : "stream",
		json_is_true(json_object_get(f, "cut")) ? ", cut" : "");
	if (*text(f, "unparsed")) {
		label(out, "unparsed");
		fprintf(out, "%s\n", text(f, "unparsed"));
	}
	if (!json_is_true(json_object_get(json_object_get(o, "wire"), "exact")))
		print_hex(text(f, "hex"), 0, (uint64_t)number(f, "bytes"), out);
}

/* What extraction has said of it, and a row change of its log. */
static void print_extract(const json_t *rec, FILE *out)
{
	const json_t *log = json_object_get(rec, "source");
	const char *names[] = {"_rules", "_error"};
	for (size_t i = 0; i < 2; i++) {
		const json_t *v = json_object_get(rec, names[i]);
		if (!v)
			continue;
		label(out, names[i] + 1);
		json_dumpf(v, out, JSON_COMPACT | JSON_ENCODE_ANY);
		fputc('\n', out);
	}
	if (!json_object_get(log, "file"))
		return;
	label(out, "log");
	fprintf(out,
		"%s at %" JSON_INTEGER_FORMAT ", row %" JSON_INTEGER_FORMAT
		", GTID %s, table %s.%s\n",
		text(log, "file"), number(log, "pos"), number(log, "row"), text(log, "gtid"),
		text(log, "db"), text(log, "table"));
}

/* The records that were seen at the ports of @node, or at a source (NULL). */
static void print_places(const json_t *o, const json_t *node, unsigned n_sources, FILE *out)
{
	json_t *p;
	size_t i;
	json_array_foreach(json_object_get(o, "places"), i, p)
	{
		const char *name = text(p, "origin");
		size_t len = strlen(text(node, "node"));
		bool of_node = node && strncmp(name, text(node, "node"), len) == 0 &&
			       (name[len] == '\0' || name[len] == '.');
		bool of_source = !node && number(p, "number") < (json_int_t)n_sources;
		if (!of_node && !of_source)
			continue;
		if (!node)
			print_extract(json_object_get(p, "record"), out);
		label(out, node ? " gives" : "record");
		fprintf(out, "%s\n", name);
		print_json(json_object_get(p, "record"), out);
	}
}

static void print_nodes(const json_t *o, FILE *out)
{
	json_t *n, *v;
	size_t i;
	const char *name;
	json_array_foreach(json_object_get(o, "nodes"), i, n)
	{
		const json_t *stayed = json_object_get(n, "stayed");
		label(out, "node");
		fprintf(out, "%s (%s):", text(n, "node"), text(n, "op"));
		json_object_foreach(json_object_get(n, "counts"), name, v)
			fprintf(out, " %s %" JSON_INTEGER_FORMAT, name, json_integer_value(v));
		fprintf(out, "%s%s\n", stayed ? ": " : "", stayed ? text(stayed, "help") : "");
		print_places(o, n, 0, out);
	}
}

static void print_queues(const json_t *o, FILE *out)
{
	json_t *q, *l;
	size_t i;
	json_array_foreach(json_object_get(o, "queues"), i, q)
	{
		label(out, "queue");
		fprintf(out, "%s, sink %s (%s)", text(q, "queue"), text(q, "sink"),
			text(q, "type"));
		if (json_object_get(q, "key_hash"))
			fprintf(out, ", topic %s", text(q, "topic"));
		if (json_object_get(q, "key"))
			fprintf(out, ", key \"%s\"", text(q, "key"));
		if (json_object_get(q, "partition"))
			fprintf(out, ", partition %" JSON_INTEGER_FORMAT, number(q, "partition"));
		else if (json_object_get(q, "key_hash"))
			fprintf(out, ", partition %" JSON_INTEGER_FORMAT " modulo their number",
				number(q, "key_hash"));
		if (json_object_get(q, "left_out"))
			fprintf(out, ", left out: %s\n", text(q, "left_out"));
		else
			fprintf(out, ", %s, %" JSON_INTEGER_FORMAT " bytes\n%*s%s\n",
				text(q, "format"), number(q, "bytes"), LABEL, "",
				text(q, "message"));
	}
	json_array_foreach(json_object_get(o, "dead_letters"), i, l)
	{
		label(out, "dead letter");
		fprintf(out, "%s, %s: %s\n", text(l, "stage"), text(l, "rule"), text(l, "reason"));
	}
}

void explain_print(const json_t *o, FILE *out)
{
	json_t *g;
	size_t i;
	label(out, "record");
	fprintf(out, "%s\n", text(o, "id"));
	if (*text(o, "source")) {
		label(out, "source");
		fprintf(out, "%s (%s), %s\n", text(o, "source"), text(o, "parser"),
			text(o, "time"));
	}
	print_session(json_object_get(o, "session"), out);
	print_wire(o, out);
	print_frame(o, out);
	if (*text(o, "format")) {
		label(out, "format");
		fprintf(out, "%s\n", text(o, "format"));
	}
	print_places(o, NULL, (unsigned)number(o, "n_sources"), out);
	print_nodes(o, out);
	print_queues(o, out);
	if (*text(o, "absent")) {
		label(out, "absent");
		fprintf(out, "%s", text(o, "absent"));
		if (json_object_get(o, "frame_before"))
			fprintf(out, "; the frame before it begins at %" JSON_INTEGER_FORMAT,
				number(o, "frame_before"));
		if (json_object_get(o, "frame_after"))
			fprintf(out, "; the next one at %" JSON_INTEGER_FORMAT,
				number(o, "frame_after"));
		fputc('\n', out);
	}
	json_array_foreach(json_object_get(o, "gaps"), i, g)
	{
		label(out, "gap");
		fprintf(out,
			"%" JSON_INTEGER_FORMAT " to %" JSON_INTEGER_FORMAT
			" of the stream were never seen: %s\n",
			number(g, "from"), number(g, "until"), text(g, "why"));
	}
	label(out, "outcome");
	fprintf(out, "%s\n", text(o, "outcome"));
}
