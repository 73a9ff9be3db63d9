/* json_token.h - what both readers of JSON (json.c, json_quick.c) say of one token.
 *
 * In:     the bytes of a number, or the inside of a string, and SL_PAD readable bytes behind them.
 * Out:    whether RFC 8259 allows them.
 * Owns:   nothing.
 * Runs:   any.
 * Limits: none.
 */
#ifndef SL_EXTRACT_JSON_TOKEN_H
#define SL_EXTRACT_JSON_TOKEN_H

#include "dataplane/base/slice.h"

extern const char json_err_escape[], json_err_surrogate[];

static inline bool json_is_blank(uint8_t c)
{
	return c <= ' ' && (c == ' ' || c == '\t' || c == '\n' || c == '\r');
}

/* A code unit's half of a surrogate pair. */
static inline bool json_is_high(int unit)
{
	return unit >= 0xd800 && unit < 0xdc00;
}

static inline bool json_is_low(int unit)
{
	return unit >= 0xdc00 && unit < 0xe000;
}

/* The code unit of \uXXXX at @p, or -1 when there is none before @end. */
int json_unit_at(const uint8_t *p, const uint8_t *end);

/* NULL, or what is wrong with an escape in it: one of the two above. */
const char *json_check_escapes(struct slice in);

bool json_is_number(struct slice s); /* which is not empty */

/* Has a valid text blanks that break a line? */
bool json_has_breaks(struct slice s);

#endif
