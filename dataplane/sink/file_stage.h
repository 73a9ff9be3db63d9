/* file_stage.h - the end of a file, gathered into a block that goes past the page cache.
 *
 * In:     bytes, in order, for the end of a file.
 * Out:    the same in the file, never a byte that is not one of them: no padding, no hole.
 * Owns:   the memory of a block; which part of the file is written. The descriptor is borrowed, and
 * so is what is added, until it is written or forgotten.
 * Runs:   create and destroy: main or the sink's thread; all else: the sink's thread.
 * Limits: FILE_STAGE_BYTES gathered at most. What is gathered is lost with the process.
 *
 * The page cache takes a GB at 0.24 CPU-seconds here, O_DIRECT in such blocks at 0.09. It wants
 * whole pages at their place, so that the byte for file offset x lies at x mod 4096 in its page:
 *
 *     file:  ...........|head|     pages      |tail|      head, tail: by the page cache
 *     block:       |....|head|     pages      |tail|....|      pages: O_DIRECT
 *
 * A block that is full ends with a page and has no tail. So no page is written twice, and a direct
 * write never has to wait for one that is still in the cache.
 *
 * Pages that stand at their place already, as those of a batch do whose worker laid it down so
 * (out_batch_lay), are written from there; of a GB, copying them would be 60 of 90 ms. Only the
 * page that two batches share is put together in the block.
 */
#ifndef SL_SINK_FILE_STAGE_H
#define SL_SINK_FILE_STAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILE_STAGE_BYTES (2u << 20)

/* AUTO: where the file system says that it can, and while the disk keeps up. ON: wherever it is
 * not refused. */
enum file_stage_mode { FILE_STAGE_AUTO, FILE_STAGE_OFF, FILE_STAGE_ON };

struct file_stage;

/* NULL: no memory. */
struct file_stage *file_stage_create(enum file_stage_mode mode);
void file_stage_destroy(struct file_stage *s);

/* The file is now @fd: new, empty, open for writing, and written by nobody else. What was gathered
 * is forgotten. */
void file_stage_begin(struct file_stage *s, int fd);

/* Is it worth to gather? False: O_DIRECT is out of the question, for now or for this file. */
bool file_stage_wants(const struct file_stage *s);

/* Takes what there is room for; returns how many bytes. They stay as they are until they are
 * written or forgotten, since they may be written from where they are.
 */
size_t file_stage_add(struct file_stage *s, const uint8_t *p, size_t len);
bool file_stage_is_full(const struct file_stage *s);

/* What is gathered is not written. */
void file_stage_forget(struct file_stage *s);

/* Writes all that is gathered. 0 or -errno: then some of it is written, and the rest still held. */
int file_stage_write(struct file_stage *s);

/* Writes @p[*io_at..len-1] behind the rest without gathering: nothing is gathered now. 0 or -errno,
 * as above. */
int file_stage_pass(struct file_stage *s, const uint8_t *p, size_t len, size_t *io_at);

size_t file_stage_held(const struct file_stage *s);      /* bytes that are gathered */
uint64_t file_stage_written(const struct file_stage *s); /* bytes in the file */

#endif
