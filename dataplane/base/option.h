/* option.h - configuration keys, declared beside the code that uses them.
 *
 * In:     a table of struct opt, closed by OPT_END; the configuration reader fills the struct.
 * Out:    a filled configuration struct; conf/sluice.yaml, REFERENCE.md and the man page.
 * Owns:   nothing: strings and lists in a filled struct live as long as their configuration.
 * Runs:   main.
 * Limits: min and max of each row.
 */
#ifndef SL_BASE_OPTION_H
#define SL_BASE_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum opt_type {
	OPT_BOOL,     /* bool */
	OPT_INT,      /* int64_t, min..max */
	OPT_BYTES,    /* uint64_t; written 64KiB, 10MiB, 1GiB or a plain number */
	OPT_DURATION, /* uint64_t nanoseconds; written 5ms, 30s, 2m, 1h, 1d */
	OPT_STRING,   /* const char *, NULL where not set */
	OPT_ENUM,     /* int: the index in choices */
	OPT_STRINGS,  /* struct opt_strings: one string or a list of them */
	OPT_PORTS,    /* struct opt_ports: 514, [514, 601], 5000-5010 */
	OPT_MAP,      /* struct opt_map: names to strings, in file order */
	OPT_SECRET,   /* const char *, never printed */
	OPT_PATH,     /* const char *, NULL where not set; relative to the file that names it */
};

struct opt_strings {
	const char **items;
	size_t n;
};

struct opt_ports {
	struct opt_port_range {
		uint16_t lo, hi;
	} * items;
	size_t n;
};

static inline bool opt_ports_have(const struct opt_ports *ports, uint16_t port)
{
	for (size_t i = 0; i < ports->n; i++)
		if (port >= ports->items[i].lo && port <= ports->items[i].hi)
			return true;
	return false;
}

struct opt_map {
	struct opt_pair {
		const char *key, *value;
		int line, col; /* of the value, 1-based */
	} * items;
	size_t n;
};

struct opt {
	const char *name;
	enum opt_type type;
	size_t off;
	int64_t min, max;           /* OPT_INT, OPT_BYTES, OPT_DURATION (ns); max 0 = no bound */
	const char *def;            /* as it would be written; NULL: not set; see required */
	const char *const *choices; /* OPT_ENUM, closed by NULL */
	bool required;
	bool live;        /* takes effect on reload, without a restart */
	const char *help; /* one sentence, or more; no newline */
};

#define OPT_END              \
	{                    \
		.name = NULL \
	}

#endif
