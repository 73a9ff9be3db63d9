/* Dumps of any bytes: refused with a text, or loaded; what was loaded balances. */

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/dim_make.h"

static char path[64];
static int fd = -1;

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	static const char head[] = "-- \n"; /* it is a dump */
	if (fd < 0) {
		fd = memfd_create("dump", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, head, sizeof(head) - 1, 0) == (ssize_t)sizeof(head) - 1);
	must(pwrite(fd, p, len, sizeof(head) - 1) == (ssize_t)len);
	struct dim_spec s = dim_make("binlog");
	struct dim *d = NULL;
	struct err e = {0};
	uint64_t row[DIM_N_COLS];
	s.keys_max = 4;
	dim_make_set(&s, "table", "shop.users");
	dim_make_set(&s, "snapshot", path);
	if (dim_create(&s, &d, &e) == 0) {
		dim_row(d, row);
		must(ledger_imbalance(&dim_ledger, row) == 0);
		must(row[DIM_keys] <= 4);
	} else {
		must(e.text[0] != '\0');
	}
	dim_destroy(d);
	dim_make_free(&s);
	return 0;
}
