/* archive_feed.h - the records of segments as frames of the sources that they came from.
 *
 * In:     segments of records in sluice's JSON, as archives and spools have them.
 * Out:    frames of the source that `_source` names, with the record's own time, id and addresses:
 *         what becomes of them is what became of the events themselves.
 * Owns:   the files, one at a time.
 * Runs:   open, row, close: main. next: the worker.
 * Limits: rec/seg_format.h; four times frame.bytes_max a record. What is not JSON of sluice's own
 * form cannot come back.
 */
#ifndef SL_CTL_ARCHIVE_FEED_H
#define SL_CTL_ARCHIVE_FEED_H

#include "ctl/config.h"
#include "dataplane/base/ledger.h"
#include "dataplane/frame/parser.h"
#include "dataplane/rec/rec.h"

#define ARCHIVE_COLS(X)                                                        \
	X(IN, records_in, "records of the segments")                           \
	X(OUT, frames_out, "handed to their sources")                          \
	X(LOSS, no_source, "of a source that the configuration does not have") \
	X(LOSS, no_form, "not in the form of sluice's JSON")                   \
	X(LOSS, too_large, "larger than extraction reads")                     \
	X(MISSED, damaged, "damaged on the disk")

#define ARCHIVE_COL(kind, name, help) ARCHIVE_##name,
enum { ARCHIVE_COLS(ARCHIVE_COL) ARCHIVE_N_COLS };
extern const struct ledger_table archive_ledger;

struct archive_feed;

/* Of the files @paths: how many are segments, or -errno with a text. */
int archive_feed_probe(const char *const *paths, unsigned n_paths, struct err *e);

/* @paths and @conf are borrowed until close. 0, or -errno with a text. */
int archive_feed_open(const char *const *paths, unsigned n_paths, const struct config *conf,
		      struct archive_feed **ret_a, struct err *e);
void archive_feed_close(struct archive_feed *a);

/* struct worker_feed; @arg: the struct archive_feed. */
bool archive_feed_next(void *arg, struct batch *b, struct frame *ret_f, struct slice *ret_ground);

const uint64_t *archive_feed_row(const struct archive_feed *a);
/* What could not be read; empty: nothing. */
const char *archive_feed_trouble(const struct archive_feed *a);

/* Reads the front of a record, up to its own fields: false when it is not of sluice's form. */
struct archive_head {
	uint64_t session_id, stream_off, time_ns;
	uint32_t idx;
	uint8_t dir;
	struct slice source, stream, origin; /* as they stand there; the last may be empty */
	size_t fields;                       /* where `,"field"` or `}` stands */
};
bool archive_head_read(struct slice line, struct archive_head *ret_h);

#endif
