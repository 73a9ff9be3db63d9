/* cut_file.h - the file that says where a queue's records went from one sink to another.
 *
 * In:     cuts, as they are made.
 * Out:    DIR/cuts.ndjson, a line of JSON for each, synced.
 * Owns:   its descriptor.
 * Runs:   one thread at a time.
 * Limits: it grows by a line for each cut.
 *
 *     {"time":"2026-11-25T20:37:02.123456789Z","queue":"web/beacons","from":"kafka-a",
 *      "to":"kafka-b","acked":6120,"why":"a command","written":{"0":[17,940],"3":[0,811]}}
 *     {"time":"2026-11-25T20:37:07.123456789Z","queue":"web/beacons","sink":"kafka-b",
 *      "since":6120,"written":{"0":[5,31]}}
 *
 * A line says where the queue's records are on the side that is left, and another one, later, where
 * they began on the new side: by partition the first and the last offset.
 */
#ifndef SL_SINK_CUT_FILE_H
#define SL_SINK_CUT_FILE_H

#include "dataplane/base/err.h"
#include "dataplane/sink/file_ops.h"
#include "dataplane/sink/sink.h"

struct cut_file;

/* Makes the file, and @dir, when they are not there. @io is borrowed. 0 or -errno with a text.
 */
int cut_file_open(const char *dir, const struct file_ops *io, struct cut_file **ret_f,
		  struct err *e);
void cut_file_close(struct cut_file *f); /* accepts NULL */

struct cut_line {
	const char *queue;
	const char *from; /* NULL: it is the second line */
	const char *to;
	uint64_t acked; /* all below this number are written to the old side */
	const char *why;
	const struct sink_place *places; /* of the side that the line is about */
	unsigned n_places;
};

/* Texts are without quotes. 0 or -errno with a text. */
int cut_file_add(struct cut_file *f, const struct cut_line *l, struct err *e);

#endif
