/* op_feed.h - a node behind a source that keeps a dimension: no operator of the configuration.
 *
 * In:     changes of a database, as its log has them.
 * Out:    the rows of a dimension, changed at the end of each transaction.
 * Owns:   the changes of the transaction that goes on.
 * Runs:   as op.h says; several workers take turns in changing the dimension.
 * Limits: FEED_BYTES_MAX of a transaction; beyond it changes are made before its end.
 */
#ifndef SL_GRAPH_OP_FEED_H
#define SL_GRAPH_OP_FEED_H

#include "dataplane/graph/op.h"

#define FEED_BYTES_MAX (64u << 20)

/* Not in ops[]: there is nothing to configure. */
extern const struct op op_feed;

/* The plan of a node that keeps @d, of a kind that follows a source. 0; -EINVAL, -ENOMEM with a
 * text. */
int op_feed_build(struct dim *d, struct op_plan **ret_p, struct err *e);

#endif
