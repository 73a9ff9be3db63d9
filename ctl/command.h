/* command.h - the commands of a running sluiced: one table for the API and sluicectl.
 *
 * In:     a path of words ("queue pause"), arguments by name.
 * Out:    a reply tree; an error with its HTTP status.
 * Owns:   nothing.
 * Runs:   command_find and the table: any thread. run, begin: the API's thread; run of a command
 *         that is_long, and write: another one that answers for it.
 * Limits: COMMAND_ARGS_MAX arguments, of COMMAND_VALUE_MAX bytes.
 *
 * A function fills the reply and formats nothing. A reply with `rows` is a table: its columns are
 * those of the command, in this order; all else is shown name by name.
 */
#ifndef SL_CTL_COMMAND_H
#define SL_CTL_COMMAND_H

#include "ctl/control.h"

#define COMMAND_ARGS_MAX  6
#define COMMAND_VALUE_MAX 1024

/* What a command may return, beside 0: each is an HTTP status in api.c. */
enum { COMMAND_BAD_ARGUMENT = -EINVAL, COMMAND_NOT_FOUND = -ENOENT, COMMAND_FAILED = -EIO };

struct command_arg {
	const char *name, *help;
	bool optional;
	bool is_flag; /* its value is `yes` */
};

struct command {
	const char *path; /* words between single spaces */
	const char *help; /* one line */
	bool changes;     /* something: for administrators */
	bool streams;     /* the answer is one line of JSON behind the other, as they come */
	bool is_long;     /* it grows with the configuration: made aside (api_answers.h) */
	struct command_arg args[COMMAND_ARGS_MAX];
	const char *columns; /* of `rows`, between single spaces; NULL: no table */
	/* @values in the order of args, NULL where not given. 0, or one of the above with a text.
	 */
	int (*run)(struct control *c, const char *const *values, json_t *reply, struct err *e);
	/* In place of it, of a command that is_long: the reply as text. Not between control_enter
	 * and control_leave.
	 */
	int (*write)(struct control *c, const char *const *values, struct text_out *o,
		     struct err *e);
	/* In place of it, of a command whose answer takes a while, or is a stream of lines of JSON.
	 */
	int (*begin)(struct control *c, const char *const *values, struct control_job **ret_j,
		     struct err *e);
};

extern const struct command commands[]; /* closed by a NULL path */

/* By its words, with spaces or slashes between them; NULL: there is none. */
const struct command *command_find(const char *path);
unsigned command_n_args(const struct command *c);

/* The OpenAPI 3.0 document of the table, owned by the caller. */
json_t *command_openapi(void);

#endif
