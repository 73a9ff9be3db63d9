#include "ctl/render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/report_told.h"

#define COLUMNS_MAX 16
#define CELL_MAX    512

static const char *text_of(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));
	return s ? s : "?";
}

/* ---- a ledger ---- */

static void print_reasons(const json_t *row, const char *name, FILE *out)
{
	json_t *reason;
	size_t i;
	json_array_foreach(json_object_get(row, "reasons"), i, reason)
	{
		json_int_t times = json_integer_value(json_object_get(reason, "times"));
		if (strcmp(text_of(reason, "name"), name) != 0)
			continue;
		fprintf(out, "    %-9s   %-18s %14" JSON_INTEGER_FORMAT "  %s", "", "why",
			json_integer_value(json_object_get(reason, "bytes")),
			text_of(reason, "why"));
		if (times)
			fprintf(out, " (%" JSON_INTEGER_FORMAT " %s)", times,
				times == 1 ? "time" : "times");
		fputc('\n', out);
	}
}

/* @word: what docs/ledger.md calls @kind. */
static void print_kind(const json_t *row, const char *kind, const char *word, bool only_losses,
		       FILE *out)
{
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(row, kind), name, value)
	{
		json_int_t n = json_integer_value(value);
		if (n == 0 && strcmp(kind, "in") != 0 && strcmp(kind, "out") != 0)
			continue;
		if (only_losses)
			fprintf(out, "%s\t%s\t%s\t%" JSON_INTEGER_FORMAT "\t%s\n",
				text_of(row, "stage"), text_of(row, "scope"), name, n,
				text_of(row, "unit"));
		else
			fprintf(out, "    %-9s %-20s %14" JSON_INTEGER_FORMAT "\n", word, name, n);
		if (!only_losses)
			print_reasons(row, name, out);
	}
}

static bool has_numbers(const json_t *row)
{
	const char *key, *name;
	json_t *kind, *value;
	json_object_foreach((json_t *)row, key, kind)
		json_object_foreach(kind, name, value) if (json_integer_value(value)) return true;
	return false;
}

static void print_row(const json_t *row, FILE *out)
{
	static const struct {
		const char *kind, *word;
	} kinds[] = {{"in", "in"},           {"out", "out"},       {"loss", "lost"},
		     {"policy", "left out"}, {"merged", "merged"}, {"in_flight", "in flight"},
		     {"held", "held"},       {"missed", "missed"}, {"info", "note"}};
	json_int_t off = json_integer_value(json_object_get(row, "imbalance"));
	const char *scope = text_of(row, "scope");
	fprintf(out, "  %s%s%s, %s%s\n", text_of(row, "stage"), *scope ? " " : "", scope,
		text_of(row, "unit"), off ? "   DOES NOT BALANCE" : "");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		print_kind(row, kinds[i].kind, kinds[i].word, false, out);
}

int render_ledger(const json_t *ledger, bool only_losses, FILE *out)
{
	json_t *rows = json_object_get(ledger, "rows"), *row;
	size_t i;
	if (!json_is_array(rows) || !json_is_boolean(json_object_get(ledger, "balanced")))
		return 2;
	json_array_foreach(rows, i, row)
	{
		if (only_losses) {
			print_kind(row, "loss", "lost", true, out);
			print_kind(row, "missed", "missed", true, out);
		} else if (has_numbers(row)) {
			print_row(row, out);
		}
	}
	if (!only_losses)
		report_told_print(json_object_get(ledger, "told"), out);
	bool balanced = json_is_true(json_object_get(ledger, "balanced"));
	json_int_t lost = json_integer_value(json_object_get(ledger, "lost"));
	if (!only_losses)
		fprintf(out, "  balanced: %s; %s\n", balanced ? "yes" : "NO",
			lost ? "lost or missed: see `sluicectl losses`" : "nothing lost");
	return balanced && lost == 0 ? 0 : 1;
}

/* ---- a reply ---- */

/* 1234567 as 1,234,567. */
static void write_integer(json_int_t n, char *cell)
{
	char digits[32];
	int len = snprintf(digits, sizeof(digits), "%" JSON_INTEGER_FORMAT, n);
	char *at = cell;
	for (int i = 0; i < len; i++) {
		int left = len - i;
		if (i > 0 && left % 3 == 0 && digits[i - 1] != '-')
			*at++ = ',';
		*at++ = digits[i];
	}
	*at = '\0';
}

/* What a terminal would take as an order to itself is shown as "?". */
static void write_text(const char *s, char *cell)
{
	size_t n = 0;
	for (; s && *s && n < CELL_MAX - 1; s++)
		cell[n++] = (unsigned char)*s < ' ' || *s == 0x7f ? '?' : *s;
	cell[n] = '\0';
}

static void write_cell(const json_t *v, char cell[CELL_MAX])
{
	if (json_is_integer(v))
		write_integer(json_integer_value(v), cell);
	else if (json_is_string(v))
		write_text(json_string_value(v), cell);
	else if (json_is_real(v))
		snprintf(cell, CELL_MAX, "%.3f", json_real_value(v));
	else
		snprintf(cell, CELL_MAX, "%s",
			 json_is_true(v)    ? "yes"
			 : json_is_false(v) ? "no"
					    : "-");
}

struct table {
	char names[COLUMNS_MAX][32];
	size_t width[COLUMNS_MAX];
	bool right[COLUMNS_MAX]; /* numbers */
	unsigned n;
};

static void split_columns(struct table *t, const char *columns)
{
	t->n = 0;
	while (*columns && t->n < COLUMNS_MAX) {
		size_t len = strcspn(columns, " ");
		snprintf(t->names[t->n], sizeof(t->names[0]), "%.*s", (int)len, columns);
		t->width[t->n] = strlen(t->names[t->n]);
		t->right[t->n++] = false;
		columns += len + (columns[len] == ' ');
	}
}

static void measure(struct table *t, const json_t *rows)
{
	char cell[CELL_MAX];
	json_t *row;
	size_t k;
	json_array_foreach((json_t *)rows, k, row) for (unsigned i = 0; i < t->n; i++)
	{
		const json_t *v = json_object_get(row, t->names[i]);
		write_cell(v, cell);
		if (strlen(cell) > t->width[i])
			t->width[i] = strlen(cell);
		t->right[i] = t->right[i] || json_is_number(v);
	}
}

static void print_cell(const struct table *t, unsigned i, const char *cell, FILE *out)
{
	bool last = i + 1 == t->n;
	if (t->right[i])
		fprintf(out, "%*s", (int)t->width[i], cell);
	else
		fprintf(out, "%-*s", last ? 0 : (int)t->width[i], cell);
	fputs(last ? "\n" : "  ", out);
}

static void print_table(const json_t *rows, const char *columns, bool colour, FILE *out)
{
	struct table t;
	char cell[CELL_MAX];
	json_t *row;
	size_t k;
	split_columns(&t, columns);
	measure(&t, rows);
	fputs(colour ? "\033[1m" : "", out);
	for (unsigned i = 0; i < t.n; i++)
		print_cell(&t, i, t.names[i], out);
	fputs(colour ? "\033[0m" : "", out);
	json_array_foreach((json_t *)rows, k, row) for (unsigned i = 0; i < t.n; i++)
	{
		write_cell(json_object_get(row, t.names[i]), cell);
		print_cell(&t, i, cell, out);
	}
}

static const char *colour_of(const char *key, const json_t *v)
{
	if (strcmp(key, "state") != 0)
		return "";
	return strcmp(json_string_value(v), "ok") == 0 ? "\033[32m" : "\033[31m";
}

static void print_value(const char *prefix, const char *key, const json_t *v, bool colour,
			FILE *out)
{
	char name[128], cell[CELL_MAX];
	const char *sub;
	json_t *one;
	size_t i;
	snprintf(name, sizeof(name), "%s%s", prefix, key);
	if (json_is_object(v)) {
		/* The names of what was lost are units, and those of totals as well. */
		prefix = strcmp(key, "lost") == 0 ? "lost " : "";
		json_object_foreach((json_t *)v, sub, one)
			print_value(prefix, sub, one, colour, out);
		return;
	}
	if (json_is_array(v)) {
		json_array_foreach((json_t *)v, i, one)
		{
			write_cell(one, cell);
			fprintf(out, "%-16s %s\n", i ? "" : name, cell);
		}
		return;
	}
	if (json_is_string(v) && strchr(json_string_value(v), '\n')) {
		fputs(json_string_value(v), out);
		return;
	}
	const char *on = colour && json_is_string(v) ? colour_of(key, v) : "";
	if (strcmp(key, "pid") == 0) /* a name, no amount */
		snprintf(cell, sizeof(cell), "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		write_cell(v, cell);
	fprintf(out, "%-16s %s%s%s\n", name, on, cell, *on ? "\033[0m" : "");
}

void render_reply(const json_t *reply, const char *columns, bool colour, FILE *out)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)reply, key, v)
	{
		if (columns && strcmp(key, "rows") == 0)
			print_table(v, columns, colour, out);
		else
			print_value("", key, v, colour, out);
	}
}
