/* dead_letter_sink.h - the sink that writes dead letters into the segments of a folder.
 *
 * In:     batches of letters (dead_letter.h).
 * Out:    DIR/<number of the first letter, 16 hex digits>.seg; .open behind it while it grows.
 *         DONE: the letters are on the disk. REJECT: the folder is full.
 * Owns:   the segment that is written, the lock of the folder.
 * Runs:   sink thread; no queue of a configuration can name this sink.
 * Limits: bytes_max for the folder; segments whose letters have all gone through are removed.
 */
#ifndef SL_SINK_DEAD_LETTER_SINK_H
#define SL_SINK_DEAD_LETTER_SINK_H

#include "dataplane/rec/rec.h"
#include "dataplane/sink/sink.h"

struct file_ops;

struct dead_letter_conf {
	const char *dir; /* NULL: there are no dead letters */
	uint64_t bytes_max, age_max_ns, segment_bytes;
	int64_t level;
	bool unparsed, no_format;  /* frames of which extraction makes no more than text */
	const struct file_ops *io; /* NULL: the disk */
};

/* Extraction's records that become dead letters: enum rec_flag. */
static inline uint8_t dead_letter_flags(const struct dead_letter_conf *d)
{
	return (uint8_t)((d->unparsed ? REC_UNPARSED : 0) | (d->no_format ? REC_NO_FORMAT : 0));
}

extern const struct opt dead_letter_opts[];
extern const struct sink_ops sink_dead_letter;

#endif
