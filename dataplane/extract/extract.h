/* extract.h - frames to records.
 *
 * In:     struct frame whose bytes lie in the batch's arena.
 * Out:    one record a frame, in the same batch.
 * Owns:   per worker: a JSON reader, PCRE2 match data, the record builder.
 * Runs:   worker; building formats: main.
 * Limits: fields beyond REC_PAIRS_MAX are kept out and counted.
 *
 * Pairs of a record, in this order: the parser's meta object (`_http`), `_rules` (names of the
 * content rules that hold), the fields of the body, `_format` (where formats are configured: the
 * one that fitted, or null), the fields that it took out of the text. Keys of the sender's that
 * begin with '_' get another '_'. Of fields with one name the last wins, in the place of the first.
 */
#ifndef SL_EXTRACT_EXTRACT_H
#define SL_EXTRACT_EXTRACT_H

#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"
#include "dataplane/extract/format.h"
#include "dataplane/frame/parser.h"
#include "dataplane/match/rules.h"

/* One source, as extract needs it. */
struct extract_source {
	const struct parser *parser;
	const void *parser_conf;
	struct schema schema; /* of parser->fields */
	int message_field;    /* index of "message" in it, or -1: then a pair "message" */
	int format_field;     /* index of the field that formats read (`field:`), or -1: message */
	const struct format_set *formats; /* NULL: none */
	bool keep_message;                /* keep the field that a format took apart */
};

struct extract;

/* @sources are borrowed: records point to their schemas. @body_bytes_max: the longest JSON body
 * that is read; a longer one goes out as text.
 */
int extract_create(const struct extract_source *sources, unsigned n_sources, size_t body_bytes_max,
		   struct names *names, struct extract **ret_x, struct err *e);
void extract_destroy(struct extract *x);

/* Makes records of frames[first..n-1] in @b. @hits, of the same frames, may be NULL: no rules.
 * Returns the first index that was not taken. Less than @n: the batch is full; the caller passes
 * its records on, gives back the arena behind the frames, and calls again from there. With a batch
 * that has no records at least one frame is always taken.
 */
unsigned extract_records(struct extract *x, const struct frame *frames, unsigned first, unsigned n,
			 const struct rule_hits *hits, struct batch *b);

/* @r, which was made last, becomes a dead letter: it does not go on. */
void extract_dead(struct extract *x, const struct rec *r);

/* A frame of @source that is left unread: shed.h. */
void extract_shed(struct extract *x, unsigned source);

#define EXTRACT_COLS(X)                                                                   \
	X(IN, frames_in, "frames from the parser")                                        \
	X(OUT, parsed, "records of the shape that was expected")                          \
	X(OUT, unparsed, "records that carry the frame as text and say why in _error")    \
	X(POLICY, dead_letters, "frames that became dead letters, and no records")        \
	X(LOSS, no_room, "records that an empty batch could not hold")                    \
	X(LOSS, shed, "frames left unread: a queue could not keep up (sources.shed)")     \
	X(MISSED, cut, "records that lack bytes which the capture never saw: _cut")       \
	X(INFO, formatted, "records whose text a format took apart")                      \
	X(INFO, no_format, "records whose text no format fitted")                         \
	X(INFO, fields_lost, "fields beyond the limits of one record")                    \
	X(INFO, not_converted, "values that are not of the type that their format names") \
	X(INFO, too_costly, "lines on which a pattern of a format gave up")               \
	X(INFO, repaired, "records of JSON with bytes that are not UTF-8, now U+FFFD")

#define EXTRACT_COL(kind, name, help) EXTRACT_##name,
enum { EXTRACT_COLS(EXTRACT_COL) EXTRACT_N_COLS };
extern const struct ledger_table extract_ledger;
const uint64_t *extract_row(const struct extract *x, unsigned source);

#endif
