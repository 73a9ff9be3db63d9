/* proto_wire.h - the wire format of Protocol Buffers (its encoding guide), writing.
 *
 * In:     numbers, text, the numbers of fields.
 * Out:    bytes at @o, which has room; the new end.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: -
 *
 *     message: field field ...        field: key value
 *     key:     varint of number << 3 | wire type
 *     value:   varint | 8 bytes, little-endian | varint length, bytes
 *     varint:  seven bits a byte, the lowest first, 0x80 in all but the last
 */
#ifndef SL_SINK_PROTO_WIRE_H
#define SL_SINK_PROTO_WIRE_H

#include "dataplane/base/slice.h"

enum proto_wire { PROTO_VARINT = 0, PROTO_FIXED64 = 1, PROTO_LEN = 2 };

#define PROTO_VARINT_MAX 10

static inline uint8_t *proto_put_varint(uint8_t *o, uint64_t v)
{
	while (v >= 0x80) {
		*o++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*o++ = (uint8_t)v;
	return o;
}

static inline unsigned proto_varint_len(uint64_t v)
{
	unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
	return (bits + 6) / 7;
}

/* The bytes of the varint of @v below 2^35 without what says that another follows: its highest
 * seven bits become the fifth byte, then halves of what is below move apart, and halves of those.
 */
static inline uint64_t proto_spread35(uint64_t v)
{
	uint64_t low = (v & 0x3fff) | (v & 0xfffc000) << 2;
	low = (low & 0x7f007f) | (low & 0x3f803f80) << 1;
	return low | v >> 28 << 32;
}

/* As proto_put_varint for @v below 2^35, of any length in the same few steps. Writes eight bytes.
 */
static inline uint8_t *proto_put_varint35(uint8_t *o, uint64_t v)
{
	unsigned len = (73 + 9 * (63 - (unsigned)__builtin_clzll(v | 1))) / 64;
	uint64_t bytes = proto_spread35(v) | (0x80808080 & ((1ull << 8 * (len - 1)) - 1));
	memcpy(o, &bytes, sizeof(bytes));
	return o + len;
}

static inline uint8_t *proto_put_key(uint8_t *o, uint32_t number, enum proto_wire wire)
{
	return proto_put_varint(o, (uint64_t)number << 3 | wire);
}

#endif
