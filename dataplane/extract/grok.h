/* grok.h - patterns with names: %{NAME:field:type} to a regular expression.
 *
 * In:     pattern files ("NAME regex" a line, '#' comments), and a pattern that uses the names.
 * Out:    one PCRE2 expression in which field i is the group (?<fi>...), and the fields' names.
 * Owns:   the library's text; an expansion its own.
 * Runs:   main.
 * Limits: GROK_DEPTH_MAX names inside of names, GROK_BYTES_MAX bytes of expression,
 *         FORMAT_FIELDS_MAX fields.
 *
 * A field is a name (`status`), a path (`[http][status]` is the same as `http.status`), and may
 * have a type (types.h). A group (?<name>...) is a field too. Groups without a name do not capture.
 */
#ifndef SL_EXTRACT_GROK_H
#define SL_EXTRACT_GROK_H

#include "dataplane/base/err.h"
#include "dataplane/extract/format.h"

#define GROK_DEPTH_MAX 32
#define GROK_BYTES_MAX (256 << 10)

struct grok_field {
	char *name;
	char *type; /* NULL: none */
};

struct grok_pattern {
	char *regex;
	struct grok_field fields[FORMAT_FIELDS_MAX];
	unsigned n_fields;
};

struct grok *grok_create(void); /* NULL when out of memory */
void grok_destroy(struct grok *g);

/* Adds patterns from the text of a file; a name that is there already gets the new meaning. @file
 * is for messages. -EINVAL with line and reason, -ENOMEM.
 */
int grok_add(struct grok *g, struct slice text, const char *file, struct err *e);

/* The same from a file. -errno of open and read. */
int grok_load(struct grok *g, const char *path, struct err *e);

size_t grok_count(const struct grok *g);
/* Name @i, in order of names; for lists and tests. */
const char *grok_name(const struct grok *g, size_t i);

/* -EINVAL with a text that says where in @pattern (byte offset in *ret_at, when not NULL). */
int grok_expand(const struct grok *g, const char *pattern, struct grok_pattern *ret_p,
		size_t *ret_at, struct err *e);
void grok_pattern_fini(struct grok_pattern *p);

#endif
