/* errlist.h - all that is wrong with a configuration, not just the first thing.
 *
 * In:     messages with their places.
 * Out:    lines "FILE:LINE:COL: text", in the order of the places.
 * Owns:   the text of its messages.
 * Runs:   main.
 * Limits: ERR_LIST_MAX messages are kept, ERR_LIST_SHOWN are printed; the rest is counted.
 */
#ifndef SL_CTL_ERRLIST_H
#define SL_CTL_ERRLIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#define ERR_LIST_MAX   1000
#define ERR_LIST_SHOWN 20

/* Where something stands in a file: 1-based, columns in characters. Line 0: the file as a whole. */
struct err_place {
	const char *file;
	int line, col;
};

struct err_entry {
	char *text; /* the whole line, without a newline */
	int line, col;
	size_t file_len; /* text begins with the name of the file */
	size_t order;
	bool warning;
};

/* A list begins as { 0 }. */
struct err_list {
	struct err_entry *entries;
	size_t n, cap;
	size_t n_errors, n_warnings; /* of all, kept or not */
};

void err_list_add(struct err_list *l, struct err_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void err_list_warn(struct err_list *l, struct err_place at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* An error whose text names its place already. */
void err_list_text(struct err_list *l, const char *text);

/* By file, line and column; what stands at one place stays in the order of its coming. */
void err_list_sort(struct err_list *l);

/* At most ERR_LIST_SHOWN lines, warnings marked as such, and one line that counts the rest. */
void err_list_print(const struct err_list *l, FILE *out);

void err_list_fini(struct err_list *l);

#endif
