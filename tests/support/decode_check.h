/* decode_check.h - run packets through a decoder and hold its ledger to account.
 *
 * In:     packets of packet_make.h or of a file.
 * Out:    the name of the column that a packet ended in.
 * Owns:   -
 * Runs:   tests with cmocka.
 * Limits: -
 */
#ifndef SL_TESTS_DECODE_CHECK_H
#define SL_TESTS_DECODE_CHECK_H

#include "tests/unit/unit.h"

#include "tests/support/decode_in.h"
#include "tests/support/packet_make.h"

static inline struct decode *decode_with(const struct decode_conf *conf)
{
	struct decode *d = NULL;
	struct err e;
	assert_int_equal(decode_create(conf, &d, &e), 0);
	return d;
}

static inline struct decode *decode_new_dedup(int dedup)
{
	struct decode_conf conf = decode_conf_default();
	conf.dedup = dedup;
	return decode_with(&conf);
}

/* At the defaults, with room for few fragments: quick to make. */
static inline struct decode *decode_new(void)
{
	return decode_new_dedup(DEDUP_SAFE);
}

static inline void assert_balanced(const struct decode *d)
{
	assert_int_equal(ledger_imbalance(&decode_ledger, decode_row(d)), 0);
}

/* The column that one packet ended in. @ret_p is written when it is packets_out, and valid until
 * the next decode_release: none is done here.
 */
static inline const char *decode_as(struct decode *d, const struct pkt_raw *raw, struct pkt *ret_p)
{
	uint64_t before[DECODE_N_COLS];
	struct pkt p;
	const char *name = NULL;
	memcpy(before, decode_row(d), sizeof(before));
	unsigned n = decode_burst(d, raw, 1, &p);
	const uint64_t *after = decode_row(d);
	assert_int_equal(after[DECODE_packets_in], before[DECODE_packets_in] + 1);
	assert_int_equal(after[DECODE_packets_out], before[DECODE_packets_out] + n);
	assert_balanced(d);
	for (unsigned i = 0; i < DECODE_N_COLS; i++) {
		enum ledger_kind kind = decode_ledger.cols[i].kind;
		if (kind != LEDGER_IN && kind != LEDGER_INFO && kind != LEDGER_MERGED &&
		    i != DECODE_fragment_timeout && i != DECODE_fragment_no_room &&
		    after[i] > before[i])
			name = decode_ledger.cols[i].name;
	}
	if (n && ret_p)
		*ret_p = p;
	return name ? name : "fragment_no_room";
}

static inline void decode_end(struct decode *d)
{
	decode_release(d);
	decode_finish(d);
	assert_balanced(d);
	assert_int_equal(decode_row(d)[DECODE_fragments_waiting], 0);
	decode_destroy(d);
}

/* The folder of shared data, or NULL: then the test is skipped, save in CI. */
static inline const char *shared_dir(void)
{
	static char path[4096];
	const char *shared = getenv("SL_SHARED"), *root = getenv("SL_SOURCE_ROOT");
	if (shared)
		snprintf(path, sizeof(path), "%s/data", shared);
	else
		snprintf(path, sizeof(path), "%s/../shared/data", root ? root : ".");
	FILE *f = fopen(path, "r");
	if (f) {
		fclose(f);
		return path;
	}
	const char *ci = getenv("CI");
	if (ci && strcmp(ci, "true") == 0)
		fail_msg("no shared data in %s", path);
	print_message("skipped: no shared data in %s\n", path);
	return NULL;
}

#endif
