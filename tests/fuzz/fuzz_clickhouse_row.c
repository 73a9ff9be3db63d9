/* What ClickHouse says of a table, and any record for it: a row is a whole number of values, and
 * the same record gives the same row. Text behind a zero is the record. An answer of HTTP is judged
 * too.
 */
#include "dataplane/sink/clickhouse_http.h"
#include "dataplane/sink/clickhouse_row.h"
#include "tests/fuzz/fuzz.h"

#define TEXT_MAX 4096

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static char described[TEXT_MAX + 1], first[1 << 20];
	static uint8_t record[TEXT_MAX + SL_PAD];
	struct ch_rows *r;
	struct slice row;
	struct err e;
	unsigned code;
	uint32_t at;
	if (len > TEXT_MAX)
		return 0;
	const uint8_t *zero = len ? memchr(p, 0, len) : NULL;
	size_t n = zero ? (size_t)(zero - p) : len;
	memcpy(described, p, n);
	described[n] = '\0';
	must(ch_http_judge(500, described, &code, &at) != CH_GOOD);
	if (ch_rows_create(described, TEXT_MAX, &r, &e) < 0)
		return 0;
	size_t rest = zero ? len - n - 1 : 0;
	if (rest)
		memcpy(record, zero + 1, rest);
	memset(record + rest, 0, SL_PAD);
	int rc = ch_rows_put(r, slice_of(record, rest), &row, &e);
	size_t row_len = rc == 0 ? row.len : 0;
	if (rc == 0 && row_len <= sizeof(first)) {
		memcpy(first, row.ptr, row_len);
		must(ch_rows_put(r, slice_of(record, rest), &row, &e) == 0);
		must(row.len == row_len && memcmp(row.ptr, first, row_len) == 0);
	}
	ch_rows_destroy(r);
	return 0;
}
