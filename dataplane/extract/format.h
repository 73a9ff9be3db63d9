/* format.h - known shapes of text: grok, regular expression, key=value, logfmt, CSV, JSON.
 *
 * In:     a definition from the configuration (conf/formats/NAME.yaml), and a pattern library.
 * Out:    a compiled format: from a line to pairs of a record.
 * Owns:   compiled patterns; immutable once built, shared by all workers.
 * Runs:   building: main. format_extract: worker, with scratch of its own.
 * Limits: FORMAT_FIELDS_MAX captures a pattern; FORMATS_MAX formats a source.
 */
#ifndef SL_EXTRACT_FORMAT_H
#define SL_EXTRACT_FORMAT_H

#include "dataplane/base/err.h"
#include "dataplane/base/option.h"
#include "dataplane/rec/rec.h"

#define FORMAT_FIELDS_MAX 128
#define FORMATS_MAX       1024

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
struct select;
struct select_format;

/* -EINVAL with a text that names file, line, column and the format, and what was expected. */
int format_compile(const struct format_def *def, const struct grok *lib, struct names *names,
		   struct format **ret_f, struct err *e);
void format_destroy(struct format *f);
struct slice format_name(const struct format *f);

/* "plan" when the pattern became a delimiter plan, else "pcre2", "kv", "logfmt", "csv", "tsv" or
 * "json": for `sluiced check`.
 */
const char *format_engine(const struct format *f);

/* One for all formats of a worker. @json_bytes_max: the longest line that a json format reads. */
struct format_scratch *format_scratch_create(const struct format *const *formats, unsigned n,
					     size_t json_bytes_max);
void format_scratch_destroy(struct format_scratch *s);

/* What was counted since the last call; both are set back to 0. */
struct format_counts {
	uint64_t not_converted; /* values that are not of their type: they stay text */
	uint64_t too_costly;    /* lines on which a pattern gave up: see regex.h */
};
struct format_counts format_counts_take(struct format_scratch *s);

/* Adds the fields of @line (which lies in the batch's arena) as pairs to @rb; @packet_ns fills in
 * the year of times that have none. False when the line does not have this shape; then @rb is as
 * before. The whole line must fit: what a pattern does not name would be lost in silence.
 */
bool format_extract(const struct format *f, struct format_scratch *s, struct slice line,
		    int64_t packet_ns, struct rec_builder *rb);

/* What is known of how lines of @f begin, for select.h. */
const struct select_format *format_beginning(const struct format *f);

/* Whether a pair of @f may have the name @name. Always true for kv, logfmt and json, whose keys
 * come from the line: these may also come twice.
 */
bool format_may_have(const struct format *f, const struct names *names, struct slice name);
bool format_has_sender_keys(const struct format *f);

/* The fields that a pattern or a list of columns names, twice where it names them twice; @i below
 * format_n_fields. What a key=value line or a JSON line has is not known before it is seen.
 */
unsigned format_n_fields(const struct format *f);
struct field_def format_field(const struct format *f, const struct names *names, unsigned i);

/* The formats of one source, tried in order; those that a line cannot have are left out. */
struct format_set {
	struct format **formats;
	unsigned n_formats;
	struct select *select;
};

/* Compiles @defs in this order. */
int format_set_create(const struct format_def *const *defs, unsigned n, const struct grok *lib,
		      struct names *names, struct format_set **ret_fs, struct err *e);
void format_set_destroy(struct format_set *fs);

#endif
