/* record_diff.h - two records of one _id, as people and programs read what differs.
 *
 * In:     lines of JSON, each one record.
 * Out:    {"diff":"changed","queue":..,"fields":[..],"old":{..},"new":{..}}, or with what is of one
 *         side only {"diff":"added","queue":..,"record":{..}}: a line.
 * Owns:   nothing.
 * Runs:   any thread but a worker.
 * Limits: -
 */
#ifndef SL_CTL_RECORD_DIFF_H
#define SL_CTL_RECORD_DIFF_H

#include <stdio.h>

#include "dataplane/base/slice.h"

/* Lines with or without their ends. @old or @new without ptr: there is none of that side; both:
 * they were too long to keep, which the line says.
 */
void record_diff_write(FILE *out, const char *what, const char *queue, struct slice old,
		       struct slice new);

#endif
