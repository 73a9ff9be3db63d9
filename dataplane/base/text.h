/* text.h - small text and number work that several stages share.
 *
 * In:     borrowed bytes.
 * Out:    numbers, or bytes in a buffer of the caller's.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: named at each function.
 */
#ifndef SL_BASE_TEXT_H
#define SL_BASE_TEXT_H

#include "dataplane/base/slice.h"

/* Decimal digits only, no sign, no blanks. False when empty, not a number, or beyond 64 bits. */
bool text_u64(struct slice s, uint64_t *ret_v);

/* Writes @v in decimal (at most 20 bytes) and returns the number of bytes. */
size_t text_put_u64(char *out, uint64_t v);
size_t text_put_i64(char *out, int64_t v);
size_t text_put_hex64(char *out, uint64_t v); /* 16 lower-case digits */

/* Writes nine digits, zeros in front: nanoseconds of a second. @v < 1,000,000,000. */
void text_put_9digits(char *out, uint32_t v);

/* Shortest text that reads back as the same double ("1e+300", "0.5"); at most 32 bytes. Not for NaN
 * and infinities: those write "null", since JSON has no word for them.
 */
size_t text_put_f64(char *out, double v);

/* The bytes of the longest valid UTF-8 prefix (RFC 3629: no surrogates, no overlong forms). */
size_t text_utf8_valid(const uint8_t *p, size_t len);

static inline bool text_is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static inline uint8_t text_lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* The value of a hexadecimal digit of either case, or -1. */
static inline int text_hex_digit(uint8_t c)
{
	if (text_is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ASCII case is ignored; other bytes are compared as they are. */
bool text_ieq(struct slice a, struct slice b);

#endif
