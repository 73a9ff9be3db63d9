/* explain.h - one record, from its packets to its queues.
 *
 * In:     a configuration, capture files, the record's _id.
 * Out:    a tree of what became of it, stage by stage (docs/operate.md), and the same as text.
 * Owns:   nothing beyond the calls.
 * Runs:   main.
 * Limits: EXPLAIN_HEX_MAX bytes are shown; see explain_packets.h.
 *
 * The files are replayed: as a record is the same in every replay, this is what happened, as long
 * as the configuration and the dimensions are what they were. Nothing is written anywhere.
 */
#ifndef SL_CTL_EXPLAIN_H
#define SL_CTL_EXPLAIN_H

#include <jansson.h>
#include <stdio.h>

#include "ctl/config.h"
#include "dataplane/capture/replay.h"

#define EXPLAIN_HEX_MAX 512

/* *ret_o is the caller's. 0 or -errno with a text; notes about the schemas of queues go to @notes.
 */
int explain_record(const struct config *c, const struct replay_conf *rc, const char *id,
		   FILE *notes, json_t **ret_o, struct err *e);

/* True: it came to a queue, at least. */
bool explain_found(const json_t *o);
void explain_print(const json_t *o, FILE *out);

#endif
