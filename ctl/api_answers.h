/* api_answers.h - answers that grow with the configuration are made aside: a short question never
 * waits behind one.
 *
 * In:     commands that are long, with their arguments; /metrics.
 * Out:    the text of the answer, shared by all who asked for the same before it was begun.
 * Owns:   API_ANSWER_THREADS threads; the texts, until nobody has them any more.
 * Runs:   create, stop, destroy: main. The rest: the API's threads.
 * Limits: API_ANSWERS_WAITING wait to be made; no more is begun while those that are not read yet
 *         have API_ANSWERS_BYTES.
 */
#ifndef SL_CTL_API_ANSWERS_H
#define SL_CTL_API_ANSWERS_H

#include "ctl/api_wait.h"
#include "ctl/command.h"

#define API_ANSWER_THREADS  2
#define API_ANSWERS_WAITING 64
#define API_ANSWERS_BYTES   ((size_t)512 << 20)

struct api_answers;
struct api_answer;

/* @w: who waits for an answer is called when one is made. Both are borrowed until destroy. */
int api_answers_create(struct control *c, struct api_wait *w, struct api_answers **ret_a,
		       struct err *e);
void api_answers_destroy(struct api_answers *a); /* nobody has an answer; accepts NULL */

/* @command: NULL: /metrics. @values are copied. *ret_j is an answer to be dropped; its ops are
 * these. -EBUSY: too many wait, or are not read, with a text.
 */
int api_answers_ask(struct api_answers *a, const struct command *command, const char *const *values,
		    struct control_job **ret_j, struct err *e);
extern const struct control_job_ops api_answer_ops;

/* False: not yet. *ret_rc, *ret_e: as the command returned; of 0 *ret_text is borrowed as long as
 * the answer is held.
 */
bool api_answer_is_made(struct control_job *j, int *ret_rc, struct err *ret_e,
			struct slice *ret_text);
void api_answer_hold(struct control_job *j);

#endif
