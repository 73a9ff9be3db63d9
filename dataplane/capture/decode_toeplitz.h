/* decode_toeplitz.h - the hash that shares sessions out: see decode_hash.
 *
 * In:     addresses and ports.
 * Out:    16 bits, twice.
 * Owns:   nothing.
 * Runs:   worker. Private to decode.c.
 * Limits: -
 */
#ifndef SL_CAPTURE_DECODE_TOEPLITZ_H
#define SL_CAPTURE_DECODE_TOEPLITZ_H

#include <stdint.h>

/* Toeplitz with a key of period 16 bits: each 16-bit word of the input adds the same function of
 * its bits, whatever its place, and the function is linear. So the hash is that function of the XOR
 * of all words, the same with the ends swapped, and its two halves are equal. BIT(b, j, i) is what
 * bit j of byte @b, i bits into the word, adds.
 */
#define KEY          0x6d5au
#define TURN(i)      ((KEY << (i) | KEY >> (16 - (i))) & 0xffff)
#define BIT(b, j, i) ((b) >> (7 - (j)) & 1 ? TURN((j) + (i)) : 0)
#define BYTE(b, i)                                                                                 \
	(BIT(b, 0, i) ^ BIT(b, 1, i) ^ BIT(b, 2, i) ^ BIT(b, 3, i) ^ BIT(b, 4, i) ^ BIT(b, 5, i) ^ \
	 BIT(b, 6, i) ^ BIT(b, 7, i))
#define ROW4(b, i)  BYTE(b, i), BYTE(b + 1, i), BYTE(b + 2, i), BYTE(b + 3, i)
#define ROW16(b, i) ROW4(b, i), ROW4(b + 4, i), ROW4(b + 8, i), ROW4(b + 12, i)
#define ROW64(b, i) ROW16(b, i), ROW16(b + 16, i), ROW16(b + 32, i), ROW16(b + 48, i)
#define ROW256(i)   ROW64(0, i), ROW64(64, i), ROW64(128, i), ROW64(192, i)

static const uint16_t toeplitz[2][256] = {{ROW256(0)}, {ROW256(8)}};

/* @x: the XOR of both addresses, 8 bytes at a time. */
static inline uint32_t toeplitz_of(uint64_t x, uint16_t sport, uint16_t dport)
{
	x ^= x >> 32;
	x ^= x >> 16;
	x ^= __builtin_bswap16(sport ^ dport);
	uint32_t h = toeplitz[0][x & 0xff] ^ toeplitz[1][x >> 8 & 0xff];
	return h << 16 | h;
}

#endif
