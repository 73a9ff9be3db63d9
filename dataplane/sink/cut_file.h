/* cut_file.h - the file that says where a queue's records went from one sink to another.
 *
 * In:     cuts, as they are made.
 * Out:    DIR/cuts.ndjson, a line of JSON for each, synced.
 * Owns:   its descriptor.
 * Runs:   one thread at a time.
 * Limits: it grows by a line for each cut.
 *
 *     {"time":"2026-11-25T04:43:16.123456789Z","queue":"web/beacons","from":"kafka-a",
 *      "to":"kafka-b","acked":123456,"why":"a command"}
 */
#ifndef SL_SINK_CUT_FILE_H
#define SL_SINK_CUT_FILE_H

#include "dataplane/base/err.h"
#include "dataplane/sink/file_ops.h"

struct cut_file;

/* Makes the file, and @dir, when they are not there. @io is borrowed. 0 or -errno with a text.
 */
int cut_file_open(const char *dir, const struct file_ops *io, struct cut_file **ret_f,
		  struct err *e);
void cut_file_close(struct cut_file *f); /* accepts NULL */

/* @acked: the number below which the queue's records are written to @from. Texts are without
 * quotes. 0 or -errno with a text.
 */
int cut_file_add(struct cut_file *f, const char *queue, const char *from, const char *to,
		 uint64_t acked, const char *why, struct err *e);

#endif
