/* format.h - known shapes of text: grok, regular expression, key=value, logfmt, CSV, JSON.
 *
 * In:     a definition from the configuration (conf/formats/NAME.yaml), and a pattern library.
 * Out:    a compiled format: from a line to pairs of a record.
 * Owns:   compiled patterns; immutable once built, shared by all workers.
 * Runs:   building: main. format_extract: worker, with scratch of its own.
 * Limits: FORMAT_FIELDS_MAX captures a pattern.
 */
#ifndef SL_EXTRACT_FORMAT_H
#define SL_EXTRACT_FORMAT_H

#include "dataplane/base/err.h"
#include "dataplane/base/option.h"
#include "dataplane/rec/rec.h"

#define FORMAT_FIELDS_MAX 128

enum format_kind {
	FORMAT_GROK,
	FORMAT_REGEX,
	FORMAT_KV,
	FORMAT_LOGFMT,
	FORMAT_CSV,
	FORMAT_TSV,
	FORMAT_JSON
};

struct format_def {
	const char *name;
	int kind;                      /* enum format_kind */
	const char *pattern;           /* grok, regex */
	struct opt_map types;          /* field to type: int, float, string, bool, time:LAYOUT */
	struct opt_strings columns;    /* csv, tsv */
	const char *pair_sep, *kv_sep; /* kv; defaults " " and "=" */
	const char *quote;             /* csv */
	const char *file;              /* where it was defined, for messages */
	int line, col;                 /* of the pattern's text */
};

struct grok; /* pattern library: grok.h */
struct format;
struct format_scratch;

/* -EINVAL with a text that names the format, and the position in the pattern. */
int format_compile(const struct format_def *def, const struct grok *lib, struct names *names,
		   struct format **ret_f, struct err *e);
void format_destroy(struct format *f);
const char *format_name(const struct format *f);

/* "plan" when the pattern became a delimiter plan, "pcre2", "kv", ...: for `sluiced check`. */
const char *format_engine(const struct format *f);

struct format_scratch *format_scratch_create(const struct format *const *formats, unsigned n);
void format_scratch_destroy(struct format_scratch *s);

/* Adds the fields of @line (which lies in the batch's arena) as pairs to @rb. False when the line
 * does not have this shape; then @rb is as before.
 */
bool format_extract(const struct format *f, struct format_scratch *s, struct slice line,
		    struct rec_builder *rb);

/* The formats of one source, tried in order; match narrows them by their first 64 bytes. */
struct format_set {
	struct format **formats;
	unsigned n_formats;
	struct match_prefix *prefix; /* match/prefix.h; NULL with one format */
};

#endif
