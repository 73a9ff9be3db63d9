#include "dataplane/base/ledger.h"

uint64_t ledger_sum(const struct ledger_table *t, const uint64_t *row, enum ledger_kind kind)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < t->n_cols; i++)
		if (t->cols[i].kind == kind)
			sum += row[i];
	return sum;
}

int64_t ledger_imbalance(const struct ledger_table *t, const uint64_t *row)
{
	uint64_t left = ledger_sum(t, row, LEDGER_IN);
	left -= ledger_sum(t, row, LEDGER_OUT);
	left -= ledger_sum(t, row, LEDGER_LOSS);
	left -= ledger_sum(t, row, LEDGER_POLICY);
	left -= ledger_sum(t, row, LEDGER_MERGED);
	left -= ledger_sum(t, row, LEDGER_IN_FLIGHT);
	left -= ledger_sum(t, row, LEDGER_HELD);
	return (int64_t)left;
}
