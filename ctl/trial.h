/* trial.h - a worker's path without ports and sinks: input of a test in, records as JSON out.
 *
 * In:     a built pipeline; the bytes of one datagram or stream.
 * Out:    the lines that a queue would get.
 * Owns:   all stages of one worker, and the lines.
 * Runs:   main.
 * Limits: one run for each trial.
 */
#ifndef SL_CTL_TRIAL_H
#define SL_CTL_TRIAL_H

#include "ctl/pipeline.h"

struct trial_record {
	char *json; /* without the newline; NUL behind it */
	unsigned source;
};

struct trial;

/* Builds what a worker builds. 0 or -errno with a text. */
int trial_create(const struct pipeline *p, struct trial **ret_t, struct err *e);
void trial_destroy(struct trial *t);

/* Sends the input of @test through all stages, to the end of its session. 0 or -errno with a text.
 */
int trial_run(struct trial *t, const struct test_conf *test, struct err *e);

/* Of the test's node; without one, of all sources. */
const struct trial_record *trial_records(const struct trial *t, size_t *ret_n);

#endif
