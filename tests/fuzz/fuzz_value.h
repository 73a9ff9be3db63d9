/* fuzz_value.h - one value of a record off the front of a fuzzer's input.
 *
 * In:     a byte of type, a byte of length, bytes.
 * Out:    a value as a parser would make it: what a parser promises to be valid is valid here.
 * Owns:   -
 * Runs:   main.
 * Limits: 255 bytes of text.
 */
#ifndef SL_TESTS_FUZZ_VALUE_H
#define SL_TESTS_FUZZ_VALUE_H

#include "dataplane/rec/rec.h"

static inline struct val fuzz_take_val(struct rec_builder *rb, struct slice *io_s)
{
	struct slice s = *io_s;
	enum val_type type = s.ptr[0] % VAL_NAME;
	size_t len = s.len > 1 ? s.ptr[1] : 0;
	struct slice text = slice_from(s, 2);
	if (text.len > len)
		text.len = len;
	*io_s = slice_from(s, 2 + text.len);
	uint8_t eight[8] = {0};
	memcpy(eight, text.ptr, text.len < 8 ? text.len : 8);
	switch (type) {
	case VAL_I64:
	case VAL_U64:
	case VAL_F64:
	case VAL_TIME:
		return rec_make8(rb, type, eight);
	case VAL_NUM:
		return rec_make_text(rb, type,
				     len % 2 ? SLICE_LIT("-0.5e3")
					     : SLICE_LIT("-9223372036854775808"));
	case VAL_JSTR:
		return rec_make_text(rb, type, SLICE_LIT("a\\n\\ud83d\\ude00\\u0000"));
	case VAL_JSON:
		return rec_make_text(rb, type, SLICE_LIT("[{}]"));
	case VAL_STR:
	case VAL_BYTES:
		return rec_make_text(rb, type, text);
	default:
		return val_of(type, 0, 0);
	}
}

#endif
