/* say.h - what sluiced tells its operator while it runs: on standard error, a line each.
 *
 * In:     a level, and a text with what it is about in front ("sink kafka: ...").
 * Out:    `sluiced: TEXT`, or one JSON object: time, level, part, text. Beneath the journal of
 *         systemd each line begins with its priority, <0> to <7>.
 * Owns:   which messages came how often, of the whole process.
 * Runs:   any thread, not a worker: it writes, and may wait.
 * Limits: SAY_BURST messages of one kind (same format, same beginning) in SAY_WINDOW_S; what is
 *         more is counted, and told once, when they are over.
 */
#ifndef SL_CTL_SAY_H
#define SL_CTL_SAY_H

#include <stdbool.h>
#include <stdio.h>

#define SAY_BURST    20
#define SAY_WINDOW_S 10

/* syslog's numbers (RFC 5424, 6.2.1). */
enum say_level { SAY_ERROR = 3, SAY_WARNING = 4, SAY_NOTICE = 5, SAY_INFO = 6 };
enum say_form { SAY_TEXT, SAY_JSON };

extern const char *const say_levels[]; /* by enum say_level from SAY_ERROR on; closed by NULL */

/* Before the first message that is to obey it; without it: text, everything, to stderr. @out is
 * borrowed; NULL: standard error.
 */
void say_begin(enum say_level least, enum say_form form, FILE *out);
void say_set_level(enum say_level least);
enum say_level say_level(void);

void say(enum say_level level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What a line of this level begins with on @out: "" but beneath the journal. For what is printed
 * otherwise than by say.
 */
const char *say_priority(enum say_level level, FILE *out);

/* Now and then, by main: tells what was held back, once its window is over; @all: at once. */
void say_tick(bool all);

#endif
