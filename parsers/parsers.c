#include "parsers/parsers.h"

/* In the order in which they are asked whether a session is theirs: the surest words first. */
const struct parser *const parsers[] = {
	&parser_syslog, &parser_http1, &parser_mysql, &parser_lines, NULL,
};
