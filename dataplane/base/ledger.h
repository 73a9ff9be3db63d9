/* ledger.h - what each stage took in and what became of it.
 *
 * In:     per stage one table of columns (an X-macro beside the stage's code) and plain counters.
 * Out:    rows (stage, source) whose counters balance:
 *         in = out + loss + policy + merged + in flight + held.
 * Owns:   rows belong to the worker that counts; ctl/ sums them on read.
 * Runs:   counting: worker, plain adds. Reading: any thread, a torn read is one event off at most.
 * Limits: LEDGER_COLS_MAX columns a table.
 *
 * A stage writes its list once:
 *
 *     #define DECODE_COLS(X) \
 *             X(IN,     packets_in,  "packets read from the source") \
 *             X(OUT,    packets_out, "packets handed to flow") \
 *             X(LOSS,   cut,         "cut by the capture's snap length")
 *
 *     #define DECODE_COL(kind, name, help) DECODE_##name,
 *     enum { DECODE_COLS(DECODE_COL) DECODE_N_COLS };               in the header, and
 *     LEDGER_DEFINE(decode, "capture", "packets", DECODE_COLS);     in the .c file
 *
 * and counts with w->row[DECODE_cut]++, a row being uint64_t[DECODE_N_COLS].
 */
#ifndef SL_BASE_LEDGER_H
#define SL_BASE_LEDGER_H

#include <stdbool.h>
#include <stdint.h>

#define LEDGER_COLS_MAX 48

enum ledger_kind {
	LEDGER_IN,     /* what came in */
	LEDGER_OUT,    /* handed on, whole */
	LEDGER_LOSS,   /* a named drop that cost, or may have cost, a record: replay exits with 1 */
	LEDGER_POLICY, /* left out on purpose, or not ours to read: no loss */
	LEDGER_MERGED, /* taken up in another unit (fragments of a datagram, bytes of a delimiter)
			*/
	LEDGER_IN_FLIGHT, /* still inside the stage, in memory: a crash loses it; a gauge */
	LEDGER_HELD,      /* kept on a disk: a crash does not lose it; a gauge */
	LEDGER_INFO,      /* told, but no part of the balance */
	LEDGER_MISSED,    /* a loss that never came in (a gap in a stream): no part of the balance,
			   * but replay exits with 1 */
};

struct ledger_col {
	const char *name; /* snake_case */
	enum ledger_kind kind;
	const char *help;
};

struct ledger_table {
	const char *stage; /* "capture", "flow", "frame", ... */
	const char *unit;  /* one of REPORT_UNITS of ctl/report.h */
	const struct ledger_col *cols;
	unsigned n_cols;
};

#define LEDGER_COL_ONE_(kind_, name_, help_) \
	{.name = #name_, .kind = LEDGER_##kind_, .help = help_},

#define LEDGER_DEFINE(mod, stage_, unit_, LIST)                                 \
	static const struct ledger_col mod##_cols_[] = {LIST(LEDGER_COL_ONE_)}; \
	const struct ledger_table mod##_ledger = {                              \
		.stage = stage_,                                                \
		.unit = unit_,                                                  \
		.cols = mod##_cols_,                                            \
		.n_cols = sizeof(mod##_cols_) / sizeof(mod##_cols_[0]),         \
	}

/* 0 when the row balances, else in - (out + loss + policy + merged + in flight + held). */
int64_t ledger_imbalance(const struct ledger_table *t, const uint64_t *row);

/* The sum of the columns of one kind. */
uint64_t ledger_sum(const struct ledger_table *t, const uint64_t *row, enum ledger_kind kind);

#endif
