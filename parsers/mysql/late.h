/* late.h - the images and the place of a row change, carried as they came: rec/later.h.
 *
 * In:     a row whose table says how each of its values is written (mysql_table.room), and what its
 *         frame has for it. Both outlive the turn's records.
 * Out:    fields before, after and source of the record at hand.
 * Owns:   nothing: struct mysql_late lies in the arena of the batch.
 * Runs:   worker.
 * Limits: images with all columns of their table, none of which can turn out to be no value.
 *
 * A row that is not read is a copy of its bytes and a few words. An image says whether its text is
 * valid when it is written; source, which has that as a member, looks at the images itself where
 * they were not.
 */
#ifndef SL_PARSERS_MYSQL_LATE_H
#define SL_PARSERS_MYSQL_LATE_H

#include "parsers/mysql/log.h"

/* To be called when all is known of an event and its table, before its frames are put. */
void mysql_late_begin(struct mysql_event_ctx *ev);

/* Fills the record of a row change from its @images, before first. NULL, or why they cannot be
 * read.
 */
const char *mysql_late_row(const struct mysql_frame_ctx *frame, struct slice images,
			   struct rec_builder *rb);

/* record.c: the field of an image that must be read at once. NULL, or why it cannot be. */
const char *mysql_image_now(struct rec_builder *rb, const struct mysql_event_ctx *ev,
			    const struct mysql_row *row, enum mysql_side side, bool *ret_invalid);

/* The longest text of field source. */
size_t mysql_source_max(const struct mysql_event_ctx *ev);

/* Its text at @o, and its end. @invalid: some text of the change was not valid. */
uint8_t *mysql_source_put(const struct mysql_frame_ctx *frame, bool invalid, uint8_t *o);

#endif
