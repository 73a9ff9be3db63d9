/* Files of rows, CSV and JSON lines, of any bytes: refused with a text, or loaded; what was loaded
 * balances. The first byte is the separator.
 */

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"
#include "tests/support/dim_make.h"

static char path[64], separator[2];
static int fd = -1;

static void load_as(const char *format)
{
	struct dim_spec s = dim_make("file");
	struct dim *d = NULL;
	struct err e = {0};
	uint64_t row[DIM_N_COLS];
	s.keys_max = 4;
	dim_make_set(&s, "path", path);
	dim_make_set(&s, "format", format);
	dim_make_set(&s, "separator", separator);
	if (dim_create(&s, &d, &e) == 0) {
		dim_row(d, row);
		must(ledger_imbalance(&dim_ledger, row) == 0);
		must(row[DIM_keys] <= 4);
	} else {
		must(e.text[0] != '\0');
	}
	dim_destroy(d);
	dim_make_free(&s);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len == 0)
		return 0;
	if (fd < 0) {
		fd = memfd_create("rows", MFD_CLOEXEC);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	}
	separator[0] = (char)p[0];
	must(ftruncate(fd, 0) == 0);
	must(pwrite(fd, p + 1, len - 1, 0) == (ssize_t)(len - 1));
	load_as("csv");
	load_as("ndjson");
	return 0;
}
