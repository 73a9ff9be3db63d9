/* conf_default.h - options at their defaults, as the configuration reads them.
 *
 * In:     an option table and the struct that it fills.
 * Out:    the struct filled; a default that cannot be read aborts.
 * Owns:   nothing: texts and lists lie in the caller's memlist. Numbers need none of it.
 * Runs:   tests and benchmarks.
 * Limits: -
 */
#ifndef SL_TESTS_CONF_DEFAULT_H
#define SL_TESTS_CONF_DEFAULT_H

#include <stdlib.h>

#include "ctl/options.h"

static inline void conf_default(struct memlist *m, const struct opt *opts, void *conf)
{
	struct err_list errs = {0};
	struct option_reader r = {.mem = m, .errs = &errs, .file = "defaults", .dir = ""};
	if (!options_default(&r, opts, conf)) {
		err_list_print(&errs, stderr);
		abort();
	}
	err_list_fini(&errs);
}

#endif
