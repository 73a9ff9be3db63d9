/* command_run.h - a command of sluiced on a configuration in memory, and what it prints.
 *
 * In:     the text of a configuration.
 * Out:    exit status, standard output, standard error.
 * Owns:   the two texts, until command_fini.
 * Runs:   tests.
 * Limits: -
 */
#ifndef SL_TESTS_COMMAND_RUN_H
#define SL_TESTS_COMMAND_RUN_H

#include "tests/unit/unit.h"

#include <unistd.h>

#include "ctl/cmd.h"
#include "ctl/config_read.h"

struct command {
	int code;
	char *out, *err;
};

/* Puts a file in place of a stream; what was written to it is read back by command_restore. */
static inline int command_divert(FILE *stream, FILE *into)
{
	fflush(stream);
	int old = dup(fileno(stream));
	dup2(fileno(into), fileno(stream));
	return old;
}

static inline char *command_restore(FILE *stream, int old, FILE *from)
{
	fflush(stream);
	dup2(old, fileno(stream));
	close(old);
	long len = lseek(fileno(from), 0, SEEK_END);
	char *text = calloc(1, (size_t)len + 1);
	if (pread(fileno(from), text, (size_t)len, 0) != len)
		text[0] = '\0';
	fclose(from);
	return text;
}

static inline struct command command_run(int (*run)(const struct config *), const struct config *c)
{
	struct command cmd;
	FILE *out = tmpfile(), *err = tmpfile();
	int old_out = command_divert(stdout, out), old_err = command_divert(stderr, err);
	cmd.code = run(c);
	cmd.err = command_restore(stderr, old_err, err);
	cmd.out = command_restore(stdout, old_out, out);
	return cmd;
}

/* The configuration must be a good one: what is wrong with it ends the test. */
static inline struct command command_run_yaml(int (*run)(const struct config *), const char *yaml)
{
	struct config *c = NULL;
	struct err_list errs = {0};
	int r = config_parse("x.yaml", slice_str(yaml), &config_disk, &c, &errs);
	err_list_print(&errs, stderr);
	assert_int_equal(r, 0);
	struct command cmd = command_run(run, c);
	config_free(c);
	err_list_fini(&errs);
	return cmd;
}

static inline void command_fini(struct command *cmd)
{
	free(cmd->out);
	free(cmd->err);
}

#endif
