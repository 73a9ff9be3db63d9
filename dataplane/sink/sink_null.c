/* sink_null.c - writes nowhere: to measure the path, and to try a configuration.
 *
 * In:     batches.
 * Out:    nothing; the shipper counts them as written.
 * Owns:   nothing.
 * Runs:   sink thread.
 * Limits: -
 */
#include "dataplane/sink/sinks.h"

static const struct opt null_opts[] = {OPT_END};

static int null_open(void *state, const void *conf, struct err *e)
{
	return 0;
}

static enum sink_answer null_write(void *state, const struct out_batch *b, struct err *e)
{
	return SINK_DONE;
}

static enum sink_answer null_poll(void *state, struct err *e)
{
	return SINK_DONE;
}

static int null_end(void *state, struct err *e)
{
	return 0;
}

const struct sink_ops sink_null = {
	.name = "null",
	.summary = "nowhere: to measure, and to try a configuration",
	.opts = null_opts,
	.open = null_open,
	.write = null_write,
	.poll = null_poll,
	.flush = null_end,
	.close = null_end,
};
