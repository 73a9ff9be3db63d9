/* cmd_spool.h - `sluicectl spool ls|fsck|cat|cut`: spools and archives on the disk.
 *
 * In:     the words behind spool.
 * Out:    a table, JSON, or records.
 * Owns:   nothing.
 * Runs:   sluicectl's one thread.
 * Limits: ctl/spool_files.h.
 */
#ifndef SL_CTL_CMD_SPOOL_H
#define SL_CTL_CMD_SPOOL_H

#include <stdbool.h>
#include <stdio.h>

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

/* The exit status: 0; 1: something is damaged; 2: usage, or it cannot be read. */
int cmd_spool(bool json, int argc, char **argv);

extern const char cmd_spool_args[], cmd_spool_help[];

/* The records of @path from number @from on, as lines: JSON as it is, all else in base64; @raw:
 * bytes as they are. What is damaged is told on standard error, and counted. 0 or -errno.
 */
int cmd_spool_print(const char *path, uint64_t from, bool raw, FILE *out, uint64_t *ret_lost,
		    struct err *e);

#endif
