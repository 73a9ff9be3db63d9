/* out_key.h - the key of a record: the text of one of its fields.
 *
 * In:     records, and the name of the field.
 * Out:    a slice, borrowed until the end of the worker's turn.
 * Owns:   its memory.
 * Runs:   create and destroy: main. of: worker.
 * Limits: -
 *
 * Of a change of a row the name is a column's, looked for in the row after the change, then before.
 */
#ifndef SL_SINK_OUT_KEY_H
#define SL_SINK_OUT_KEY_H

#include "dataplane/rec/rec.h"

struct out_key;

/* @name and @source_names (by rec->source) are borrowed. 0, -ENOMEM or -ENOSPC. */
int out_key_create(const char *name, struct names *names, const struct slice *source_names,
		   struct out_key **ret_k);
void out_key_destroy(struct out_key *k);

/* The text as the output has it, without quotes and escapes; numbers as they are printed. ptr NULL:
 * the record has no such field, or it is null. May take room in the batch's arena.
 */
struct slice out_key_of(struct out_key *k, struct batch *b, struct rec *r);

#endif
