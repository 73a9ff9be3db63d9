/* sluicectl - asks about what sluiced did. It reads ledgers that a replay has written with
 * --ledger. */
#include <inttypes.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "ctl/report_told.h"

static int usage(FILE *out)
{
	fputs("sluicectl " SL_VERSION "\n\n"
	      "  sluicectl ledger FILE\n"
	      "      what a replay did with everything it read (sluiced replay --ledger FILE)\n"
	      "  sluicectl losses FILE\n"
	      "      only what was lost or missed, a line each: stage, scope, name, count, unit\n"
	      "  sluicectl help\n\n"
	      "exit status: 0 balanced and nothing lost; 1 lost, missed or not balanced; 2 usage\n",
	      out);
	return out == stdout ? 0 : 2;
}

static const char *text_of(const json_t *row, const char *key)
{
	const char *s = json_string_value(json_object_get(row, key));
	return s ? s : "?";
}

static void print_reasons(const json_t *row, const char *name)
{
	json_t *reason;
	size_t i;
	json_array_foreach(json_object_get(row, "reasons"), i, reason)
	{
		json_int_t times = json_integer_value(json_object_get(reason, "times"));
		if (strcmp(text_of(reason, "name"), name) != 0)
			continue;
		printf("    %-9s   %-18s %14" JSON_INTEGER_FORMAT "  %s", "", "why",
		       json_integer_value(json_object_get(reason, "bytes")),
		       text_of(reason, "why"));
		if (times)
			printf(" (%" JSON_INTEGER_FORMAT " %s)", times,
			       times == 1 ? "time" : "times");
		putchar('\n');
	}
}

/* @word: what docs/ledger.md calls @kind. */
static void print_kind(const json_t *row, const char *kind, const char *word, bool only_losses)
{
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(row, kind), name, value)
	{
		json_int_t n = json_integer_value(value);
		if (n == 0 && strcmp(kind, "in") != 0 && strcmp(kind, "out") != 0)
			continue;
		if (only_losses)
			printf("%s\t%s\t%s\t%" JSON_INTEGER_FORMAT "\t%s\n", text_of(row, "stage"),
			       text_of(row, "scope"), name, n, text_of(row, "unit"));
		else
			printf("    %-9s %-20s %14" JSON_INTEGER_FORMAT "\n", word, name, n);
		if (!only_losses)
			print_reasons(row, name);
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

static void print_row(const json_t *row)
{
	static const struct {
		const char *kind, *word;
	} kinds[] = {{"in", "in"},           {"out", "out"},       {"loss", "lost"},
		     {"policy", "left out"}, {"merged", "merged"}, {"held", "held"},
		     {"missed", "missed"},   {"info", "note"}};
	json_int_t off = json_integer_value(json_object_get(row, "imbalance"));
	const char *scope = text_of(row, "scope");
	printf("  %s%s%s, %s%s\n", text_of(row, "stage"), *scope ? " " : "", scope,
	       text_of(row, "unit"), off ? "   DOES NOT BALANCE" : "");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		print_kind(row, kinds[i].kind, kinds[i].word, false);
}

static int show_ledger(const char *path, bool only_losses)
{
	json_error_t e;
	json_t *o = json_load_file(path, 0, &e);
	json_t *rows = json_object_get(o, "rows"), *row;
	size_t i;
	if (!json_is_array(rows)) {
		fprintf(stderr, "sluicectl: %s: not a ledger%s%s\n", path, o ? "" : ": ",
			o ? "" : e.text);
		json_decref(o);
		return 2;
	}
	json_array_foreach(rows, i, row)
	{
		if (only_losses) {
			print_kind(row, "loss", "lost", true);
			print_kind(row, "missed", "missed", true);
		} else if (has_numbers(row)) {
			print_row(row);
		}
	}
	if (!only_losses)
		report_told_print(json_object_get(o, "told"), stdout);
	bool balanced = json_is_true(json_object_get(o, "balanced"));
	json_int_t lost = json_integer_value(json_object_get(o, "lost"));
	if (!only_losses)
		printf("  balanced: %s; %s\n", balanced ? "yes" : "NO",
		       lost ? "lost or missed: see `sluicectl losses`" : "nothing lost");
	json_decref(o);
	return balanced && lost == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("sluicectl " SL_VERSION);
		return 0;
	}
	if (argc == 2 && (strcmp(argv[1], "help") == 0 || strcmp(argv[1], "--help") == 0))
		return usage(stdout);
	if (argc == 3 && strcmp(argv[1], "ledger") == 0)
		return show_ledger(argv[2], false);
	if (argc == 3 && strcmp(argv[1], "losses") == 0)
		return show_ledger(argv[2], true);
	return usage(stderr);
}
