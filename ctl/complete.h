/* complete.h - what may come next on the command line of sluicectl, for its completion in a shell.
 *
 * In:     the words so far; the commands there are; a way to ask for names (of queues, sinks).
 * Out:    lines "word TAB what it is", those alone that begin as the last word does.
 * Owns:   nothing.
 * Runs:   sluicectl's one thread.
 * Limits: none.
 */
#ifndef SL_CTL_COMPLETE_H
#define SL_CTL_COMPLETE_H

#include <stdio.h>

#define COMPLETE_ARGS_MAX 4

struct complete_entry {
	const char *path; /* words between single spaces */
	const char *help;
	const char *choices;                 /* "ls|show|retry ...", of the word behind; or NULL */
	const char *args[COMPLETE_ARGS_MAX]; /* what its arguments name; NULL behind the last */
};

struct complete_conf {
	const struct complete_entry *entries;
	unsigned n_entries;
	/* Names of one kind ("queue"), a line each, for free(); NULL where nobody knows them. */
	char *(*names)(void *arg, const char *kind);
	void *arg;
};

/* @argv[argc - 1] is the word that is being written, "" when it is not yet begun. */
void complete_print(const struct complete_conf *conf, int argc, char **argv, FILE *f);

/* The script that a shell evaluates; NULL: no such shell. */
const char *complete_script(const char *shell);

#endif
