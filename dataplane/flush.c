#include "dataplane/flush.h"

#define MS      1000000ll
#define LONGEST (10000 * MS) /* whoever waits longer wants larger batches of the sink */

const struct opt flush_opts[] = {
	{.name = "idle",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flush_conf, idle_ns),
	 .max = LONGEST,
	 .def = "5ms",
	 .live = true,
	 .help = "Longest time that a record waits in a queue's open batch for further ones while "
		 "nothing comes by the worker's ports. 0: it leaves at the first look in vain. Not "
		 "above busy."},
	{.name = "busy",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flush_conf, busy_ns),
	 .min = MS,
	 .max = LONGEST,
	 .def = "50ms",
	 .live = true,
	 .help = "The same while packets come: a record of a queue that has few, beside busy "
		 "ones."},
	OPT_END,
};
