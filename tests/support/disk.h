/* disk.h - a disk in memory behind struct file_ops, that forgets what was not synced, and fails.
 *
 * In:     the operations of a program under test; at which of them it is to fail, and how.
 * Out:    the files as they are after the power came back.
 * Owns:   all of it.
 * Runs:   the test.
 * Limits: DISK_FILES files at a time.
 *
 * Names and contents are on the disk when they are synced (a rename is whole or not there). What is
 * not may be there or not, pages of a file in any order.
 */
#ifndef SL_TESTS_DISK_H
#define SL_TESTS_DISK_H

#include <stdbool.h>

#include "dataplane/sink/file_ops.h"

#define DISK_FILES 256
#define DISK_PAGE  512

enum disk_reboot {
	DISK_FORGETS,     /* nothing that was not synced is there */
	DISK_KEEPS,       /* all is there: the process died, not the machine */
	DISK_KEEPS_NAMES, /* names are, what is in the files is not */
	DISK_MIXES,       /* chance */
	DISK_N_REBOOTS
};

struct disk;

struct disk *disk_create(void);
void disk_destroy(struct disk *d);
const struct file_ops *disk_ops(struct disk *d);

/* Operation number @op from now on (1: the next) that changes something fails with -@code, and with
 * @for_ever all that follow. A write that fails does half of its work before. 0: none does.
 */
void disk_fail(struct disk *d, unsigned op, int code, bool for_ever);
unsigned disk_ops_done(const struct disk *d); /* that change something, since the last disk_fail */
void disk_read_fails(struct disk *d, int code); /* every read; 0: none */
/* Bytes of all files together. */
void disk_room(struct disk *d, uint64_t bytes);
uint64_t disk_used(const struct disk *d);

/* Power is lost and comes back. Descriptors and locks are gone. @seed: of chance. */
void disk_reboot(struct disk *d, enum disk_reboot how, uint64_t seed);

/* The bytes of a file, to look at and to damage; NULL: there is none. */
uint8_t *disk_bytes(struct disk *d, const char *path, size_t *ret_len);
void disk_put(struct disk *d, const char *path, const void *bytes, size_t len);
void disk_remove(struct disk *d, const char *path);
/* Path of file number @i in the order in which they were made; NULL behind the last. */
const char *disk_path(struct disk *d, unsigned i);

struct disk *disk_copy(const struct disk *d); /* without descriptors */

#endif
