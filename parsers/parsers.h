/* parsers.h - the parsers by name.
 *
 * In:     -
 * Out:    one const struct parser for each file of parsers/.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 */
#ifndef SL_PARSERS_PARSERS_H
#define SL_PARSERS_PARSERS_H

#include "dataplane/frame/parser.h"

extern const struct parser parser_http1;
extern const struct parser parser_lines;
extern const struct parser parser_mysql;
extern const struct parser parser_syslog;

/* The example of STYLE 5: built and tested, but not in the table. */
extern const struct parser parser_template;

#endif
