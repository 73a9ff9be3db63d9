/* exit_code.h - how a command of sluicectl ends, and what it says when it ends otherwise.
 *
 * In:     what is the matter.
 * Out:    a line on standard error; the status to end with.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_CTL_EXIT_CODE_H
#define SL_CTL_EXIT_CODE_H

#include "dataplane/base/err.h"

/* What a script may rely on. */
enum { EXIT_DONE = 0, EXIT_WRONG = 1, EXIT_USAGE = 2 };

/* It was called wrongly. @command: "dlq: ", or "". @fmt takes @what. EXIT_USAGE. */
int exit_usage(const char *command, const char *fmt, const char *what);

/* It cannot be done: EXIT_USAGE. */
int exit_failed(const struct err *e);

#endif
