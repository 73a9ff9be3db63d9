/* quantity.h - numbers with a unit: sizes and durations.
 *
 * In:     text such as 64KiB, 10MiB, 5ms, 30s.
 * Out:    bytes or nanoseconds; and back, in the largest unit that is exact.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: 64 bits.
 */
#ifndef SL_CTL_QUANTITY_H
#define SL_CTL_QUANTITY_H

#include "dataplane/base/slice.h"

enum quantity_kind { QUANTITY_BYTES, QUANTITY_DURATION };

#define QUANTITY_TEXT_MAX 48

/* Returns NULL, or what is wrong (" has no unit", to stand behind the text); then @meant, which
 * holds QUANTITY_TEXT_MAX bytes, has what was probably meant, or is empty. A size without a unit is
 * in bytes; a duration without one is refused, unless it is 0.
 */
const char *quantity_read(enum quantity_kind kind, struct slice text, uint64_t *ret_n, char *meant);

/* Returns @buf, which holds QUANTITY_TEXT_MAX bytes. */
char *quantity_write(enum quantity_kind kind, uint64_t n, char *buf);

#endif
