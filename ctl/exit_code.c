#include "ctl/exit_code.h"

#include <stdio.h>

int exit_usage(const char *command, const char *fmt, const char *what)
{
	fprintf(stderr, "sluicectl: %s", command);
	fprintf(stderr, fmt, what);
	fprintf(stderr, "; see `sluicectl help`\n");
	return EXIT_USAGE;
}

int exit_failed(const struct err *e)
{
	fprintf(stderr, "sluicectl: %s\n", e->text);
	return EXIT_USAGE;
}
