/* conf.h - the options of a source that is read by this parser.
 *
 * In:     the configuration.
 * Out:    struct mysql_conf.
 * Owns:   nothing.
 * Runs:   main; workers read it.
 * Limits: those of mysql_opts.
 */
#ifndef SL_PARSERS_MYSQL_CONF_H
#define SL_PARSERS_MYSQL_CONF_H

#include "dataplane/base/err.h"
#include "dataplane/base/option.h"

struct mysql_conf {
	struct opt_strings tables;
	const char *schema; /* path of a dump */
	const char *state;  /* path of what is kept across restarts */
	bool ignore_case;
	bool statements;
	bool query;
	uint64_t payload_bytes_max;
};

extern const struct opt mysql_opts[];

/* struct parser's check. */
int mysql_check(const void *conf, const char **ret_opt, size_t *ret_item, struct err *e);

#endif
