/* spool_files.h - spools and archives as they lie on the disk: what is there, whether it is sound,
 * its records; without a sluiced.
 *
 * In:     a directory of spools or of an archive, of one queue in it, or a segment.
 * Out:    a reply tree, with `rows`, that is formatted elsewhere; or records.
 * Owns:   nothing. What changes a spool takes its lock first.
 * Runs:   one thread. sluiced may use the same directory: ls, fsck and cat only read.
 * Limits: SPOOL_FILES_MAX segments.
 */
#ifndef SL_CTL_SPOOL_FILES_H
#define SL_CTL_SPOOL_FILES_H

#include <jansson.h>

#include "dataplane/base/err.h"
#include "dataplane/rec/seg_format.h"

#define SPOOL_FILES_MAX    1000000

/* Columns of `rows`, between single spaces. */
#define SPOOL_LS_COLUMNS   "queue file first records bytes from to state"
#define SPOOL_FSCK_COLUMNS "file offset bytes first records what"

/* One row a segment; `records` and `bytes` in all; `waiting`: those that are not delivered, where
 * there is a number that says so. 0 or -errno with a text.
 */
int spool_ls(const char *path, json_t *reply, struct err *e);

/* Reads every byte. One row a damage; `files`, `records`, `lost` (records, as far as is known),
 * `sound`. @repair: files that were not finished get their index, ends that are torn are cut off;
 * a row says so. -EBUSY: a sluiced uses it.
 */
int spool_fsck(const char *path, bool repair, json_t *reply, struct err *e);

/* Marks the records of one queue below @seq as delivered; files of which all are go. `cut`: how
 * many records that was, `left`.
 */
int spool_cut(const char *path, uint64_t seq, json_t *reply, struct err *e);

/* Every record of number @from or above that can be read, in order; @rec returns false to end. What
 * is damaged is left out: *@ret_lost says how many, as far as is known. A file that cannot be read
 * does not keep the others from it; then the first such error is returned at the end.
 */
struct spool_reader {
	bool (*rec)(void *ctx, const struct seg_head *h, uint64_t seq, const struct seg_rec *r);
	void *ctx;
	uint64_t from;
};
int spool_cat(const char *path, const struct spool_reader *to, uint64_t *ret_lost, struct err *e);

#endif
