/* extract.h - frames to records.
 *
 * In:     struct frame whose bytes lie in the batch's arena.
 * Out:    one record a frame, in the same batch.
 * Owns:   per worker: a JSON reader, PCRE2 match data, the record builder.
 * Runs:   worker; building formats: main.
 * Limits: fields beyond REC_PAIRS_MAX are kept out and counted.
 */
#ifndef SL_EXTRACT_EXTRACT_H
#define SL_EXTRACT_EXTRACT_H

#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"
#include "dataplane/extract/format.h"
#include "dataplane/frame/parser.h"

/* One source, as extract needs it. */
struct extract_source {
	const struct parser *parser;
	const void *parser_conf;
	struct schema schema; /* of parser->fields */
	int message_field;    /* index of "message" in it, or -1: then a pair "message" */
	int format_field;     /* index of the field that formats read (`field:`), or -1 */
	const struct format_set *formats; /* NULL: none */
	bool keep_message;                /* keep the field that a format took apart */
};

struct extract;

int extract_create(const struct extract_source *sources, unsigned n_sources, struct names *names,
		   struct extract **ret_x, struct err *e);
void extract_destroy(struct extract *x);

/* Makes records of frames[0..n-1] in @b. Returns how many frames were taken: fewer than @n when the
 * batch is full, then the caller passes the batch on and comes back with the rest.
 */
unsigned extract_records(struct extract *x, const struct frame *frames, unsigned n,
			 struct batch *b);

#define EXTRACT_COLS(X)                                                                \
	X(IN, frames_in, "frames from the parser")                                     \
	X(OUT, parsed, "records of the shape that was expected")                       \
	X(OUT, unparsed, "records that carry the frame as text and say why in _error") \
	X(INFO, formatted, "records whose text a format took apart")                   \
	X(INFO, no_format, "records whose text no format fitted")                      \
	X(INFO, fields_lost, "fields beyond the limit of one record")

#define EXTRACT_COL(kind, name, help) EXTRACT_##name,
enum { EXTRACT_COLS(EXTRACT_COL) EXTRACT_N_COLS };
extern const struct ledger_table extract_ledger;
const uint64_t *extract_row(const struct extract *x, unsigned source);

#endif
