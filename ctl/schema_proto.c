/* The .proto file of a queue. Names must be identifiers there, and different from each other also
 * without case and "_", since protoc makes names of JSON of them: what is not gets the number of
 * its field behind it. json_name has the record's own name.
 */
#include <ctype.h>
#include <string.h>

#include "ctl/queue_schema.h"

#define IDENT_MAX 160

/* Names that are taken, lower case and without "_". */
struct taken {
	char **items;
	size_t n;
	struct memlist *mem;
};

static bool is_word(char c)
{
	return isascii(c) && (isalnum((unsigned char)c) || c == '_');
}

/* 0, -EEXIST or -ENOMEM. */
static int take(struct taken *t, const char *ident)
{
	size_t n = 0;
	char *plain = memlist_text(t->mem, ident, strlen(ident));
	if (!plain)
		return -ENOMEM;
	for (const char *c = ident; *c; c++)
		if (*c != '_')
			plain[n++] = (char)tolower((unsigned char)*c);
	plain[n] = 0;
	for (size_t i = 0; i < t->n; i++)
		if (n == 0 || strcmp(t->items[i], plain) == 0)
			return -EEXIST;
	t->items[t->n++] = plain;
	return 0;
}

/* A name made of @name, which is cut where it is very long. */
static int identify(struct taken *t, const char *name, int64_t number, char *out, size_t cap)
{
	size_t n = 0;
	if (!isascii(name[0]) || (!isalpha((unsigned char)name[0]) && name[0] != '_'))
		out[n++] = 'f';
	for (const char *c = name; *c && n < cap - 24; c++)
		out[n++] = is_word(*c) ? *c : '_';
	out[n] = 0;
	int rc = take(t, out);
	if (rc != -EEXIST)
		return rc;
	/* No name has two numbers, and what a sender calls so is no other field's. */
	snprintf(out + n, cap - n, "_%lld", (long long)number);
	rc = take(t, out);
	for (unsigned again = 2; rc == -EEXIST; again++) {
		snprintf(out + n, cap - n, "_%lld_%u", (long long)number, again);
		rc = take(t, out);
	}
	return rc;
}

static void put_quoted(FILE *out, const char *text)
{
	putc('"', out);
	for (const char *c = text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(out, "\\%c", *c);
		else if ((unsigned char)*c < 0x20 || *c == 0x7f)
			fprintf(out, "\\%03o", (unsigned char)*c);
		else
			putc(*c, out);
	}
	putc('"', out);
}

static void put_field(FILE *out, const char *type, const char *ident, int64_t number,
		      const char *name, const char *what)
{
	fprintf(out, "  optional %s %s = %lld [json_name = ", type, ident, (long long)number);
	put_quoted(out, name);
	fprintf(out, "];%s%s\n", what ? "  // " : "", what ? what : "");
}

/* video/play_vip: package sluice.video, message PlayVip. */
static void put_names(FILE *out, const char *queue)
{
	const char *c = queue;
	fprintf(out, "package sluice.%s", isdigit((unsigned char)*c) ? "p" : "");
	for (; *c && *c != '/'; c++)
		putc(is_word(*c) ? *c : '_', out);
	fputs(";\n\nmessage ", out);
	bool up = true;
	if (*c && !isalpha((unsigned char)c[1]))
		putc('Q', out);
	for (c += *c != 0; *c; c++) {
		if (isalnum((unsigned char)*c))
			putc(up ? toupper((unsigned char)*c) : *c, out);
		up = !isalnum((unsigned char)*c);
	}
}

/* One that is gone keeps its name from others, but for one that is called just so. */
static int take_gone(struct taken *t, const struct schema_file *s, const struct schema_field *gone)
{
	char ident[IDENT_MAX];
	for (size_t i = 0; i < s->n_fields; i++)
		if (strcmp(s->fields[i].name, gone->name) == 0)
			return 0;
	return identify(t, gone->name, gone->number, ident, sizeof(ident));
}

static int put_fields(FILE *out, struct taken *t, const struct schema_file *s)
{
	char ident[IDENT_MAX];
	size_t gone = 0;
	int rc = 0;
	/* In the order of numbers, so that a name is the same in every version. */
	for (size_t i = 0; rc == 0 && i < s->n_fields; i++) {
		const struct schema_field *f = &s->fields[i];
		for (; rc == 0 && gone < s->n_removed && s->removed[gone].number < f->number;
		     gone++)
			rc = take_gone(t, s, &s->removed[gone]);
		if (rc == 0)
			rc = identify(t, f->name, f->number, ident, sizeof(ident));
		if (rc == 0)
			put_field(out, proto_kind_type(queue_schema_kind(f->type)), ident,
				  f->number, f->name, sql_type_name(f->type));
	}
	return rc;
}

int queue_schema_proto(struct queue_schemas *s, unsigned q, FILE *out)
{
	const struct schema_file *now = &s->items[q].now;
	struct taken t = {.mem = &s->mem};
	t.items = memlist_array(t.mem, PROTO_N_META + now->n_fields + now->n_removed + 1,
				sizeof(*t.items));
	if (!t.items)
		return -ENOMEM;
	fprintf(out, "// Queue %s, version %lld of its schema. By `sluiced schema proto`.\n",
		now->queue, (long long)now->version);
	fputs("syntax = \"proto3\";\n\nimport \"google/protobuf/timestamp.proto\";\n\n", out);
	put_names(out, now->queue);
	fputs(" {\n", out);
	int rc = 0;
	for (unsigned i = 1; rc == 0 && i < PROTO_N_META; i++) {
		char ident[32];
		snprintf(ident, sizeof(ident), "sluice%s", proto_meta[i].name);
		rc = take(&t, ident);
		put_field(out, proto_kind_type(proto_meta[i].kind), ident, i, proto_meta[i].name,
			  NULL);
	}
	fprintf(out, "  reserved %u to %u;\n\n", PROTO_N_META, PROTO_FIRST - 1);
	if (rc == 0)
		rc = put_fields(out, &t, now);
	for (size_t i = 0; i < now->n_removed; i++)
		fprintf(out, "  reserved %lld;  // %s\n", (long long)now->removed[i].number,
			sql_type_name(now->removed[i].type));
	fputs("}\n", out);
	return rc;
}
