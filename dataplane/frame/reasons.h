/* reasons.h - why bytes became no frame: the texts behind a few columns of frame's ledger.
 *
 * In:     a column, a static text, bytes.
 * Out:    a bounded table whose sum of bytes, column by column, is that of the ledger's cell.
 * Owns:   nothing; one table for each row of the ledger.
 * Runs:   worker; read by any thread, as the ledger is.
 * Limits: REASONS_MAX texts; those behind the first REASONS_NAMED are "other reasons", one a
 * column.
 */
#ifndef SL_FRAME_REASONS_H
#define SL_FRAME_REASONS_H

#include "dataplane/base/slice.h"

#define REASONS_MAX   32
#define REASONS_NAMED 28

struct reason {
	const char *text; /* static; NULL: this and all behind it are free */
	uint64_t bytes;
	uint64_t
		times; /* how often it ended a claim, or hindered one; 0 where bytes were skipped */
	unsigned col;  /* of frame's ledger */
};

struct reasons {
	struct reason of[REASONS_MAX];
};

/* The place of (@col, @text), taken when it is new. A place stays as long as the table. At most
 * REASONS_MAX - REASONS_NAMED columns have reasons.
 */
unsigned reasons_place(struct reasons *r, unsigned col, const char *text);

/* What a stream is that no parser reads, by its first bytes: "TLS", "gzip", ... */
const char *reason_of_bytes(struct slice first);

#endif
