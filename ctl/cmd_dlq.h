/* cmd_dlq.h - `sluicectl dlq ls|show|retry`: dead letters, read from their folder.
 *
 * In:     the words behind dlq; a folder, or a configuration that names it.
 * Out:    a table, lines of JSON, or one letter with all there is; for retry a process of sluiced.
 * Owns:   nothing.
 * Runs:   sluicectl's one thread. sluiced may write the folder at the same time.
 * Limits: DLQ_GROUPS_MAX groups in the table; the letters beyond are one group.
 */
#ifndef SL_CTL_CMD_DLQ_H
#define SL_CTL_CMD_DLQ_H

#include <stdbool.h>

#define DLQ_GROUPS_MAX 1024

/* The exit status: 0; 1: something in the folder is damaged; 2: usage, or it cannot be read. Of
 * retry: as sluiced replay.
 */
int cmd_dlq(bool json, int argc, char **argv);

extern const char cmd_dlq_args[], cmd_dlq_help[];

#endif
