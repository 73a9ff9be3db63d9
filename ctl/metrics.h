/* metrics.h - the ledger as Prometheus reads it (text format 0.0.4).
 *
 * In:     the last report.
 * Out:    a counter for each column of each stage; a gauge for what is held, and for notes.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: one series for each row and column: as many as the configuration has sources, nodes and
 *         queues, and of one metric no more than api.metrics_scopes; nothing on the wire adds one.
 */
#ifndef SL_CTL_METRICS_H
#define SL_CTL_METRICS_H

#include "ctl/control.h"

/* Not between control_enter and control_leave: it is there only as long as it must. */
void metrics_write(struct control *c, struct text_out *out);

#endif
