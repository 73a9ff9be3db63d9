/* cmd.h - commands of sluiced that need a file of their own.
 *
 * In:     a loaded configuration, or nothing.
 * Out:    lines on standard output; an exit status: 0 done, 1 something failed, 2 unusable.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_CTL_CMD_H
#define SL_CTL_CMD_H

#include "ctl/config.h"
#include "dataplane/capture/replay.h"

int cmd_check(const struct config *c);
int cmd_check_dot(const struct config *c); /* the graph, in the words of Graphviz */

/* A line of JSON for each record that comes to node @name, or goes from it. Nothing comes to the
 * queues.
 */
int cmd_tap(const struct config *c, const struct replay_conf *rc, const char *name);
/* What the two make of the same files: a line for each record that is not the same. 0: none; 1; 2:
 * it could not be told.
 */
int cmd_diff(const struct config *was, const struct config *is, const struct replay_conf *rc);
int cmd_test(const struct config *c);
int cmd_devices(void);
int cmd_schema_write(const struct config *c);
int cmd_schema_proto(const struct config *c, const char *queue);

#endif
