#include "dataplane/graph/digest.h"

#define BLOCK 64

/* Runs @block over the whole blocks of @s, and over the rest with a one bit, zeros and the length
 * in bits behind it: what both digests do. @before: bytes that @h has seen already, whole blocks.
 */
static void run_blocks(struct slice s, size_t before, bool big_endian, uint32_t *h,
		       void (*block)(uint32_t *h, const uint8_t *p))
{
	uint8_t tail[2 * BLOCK] = {0};
	size_t i = 0;
	for (; s.len - i >= BLOCK; i += BLOCK)
		block(h, s.ptr + i);
	size_t rest = s.len - i, total = rest + 9 > BLOCK ? 2 * BLOCK : BLOCK;
	if (rest)
		memcpy(tail, s.ptr + i, rest);
	tail[rest] = 0x80;
	uint64_t bits = (uint64_t)(before + s.len) * 8;
	for (int k = 0; k < 8; k++)
		tail[total - 8 + (size_t)k] = (uint8_t)(bits >> (big_endian ? 56 - 8 * k : 8 * k));
	for (i = 0; i < total; i += BLOCK)
		block(h, tail + i);
}

static uint32_t rotl(uint32_t x, unsigned n)
{
	return x << n | x >> (32 - n);
}

/* ---- MD5 ---- */

static const uint32_t md5_sines[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
	0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
	0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
	0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
	0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
	0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
	0xeb86d391};

static void md5_block(uint32_t *h, const uint8_t *p)
{
	static const uint8_t turns[4][4] = {
		{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
	uint32_t a = h[0], b = h[1], c = h[2], d = h[3], w[16];
	memcpy(w, p, sizeof(w)); /* little-endian, as this machine is */
	for (unsigned i = 0; i < 64; i++) {
		uint32_t f;
		unsigned k;
		switch (i / 16) {
		case 0:
			f = d ^ (b & (c ^ d));
			k = i;
			break;
		case 1:
			f = c ^ (d & (b ^ c));
			k = 5 * i + 1;
			break;
		case 2:
			f = b ^ c ^ d;
			k = 3 * i + 5;
			break;
		default:
			f = c ^ (b | ~d);
			k = 7 * i;
		}
		uint32_t next = b + rotl(a + f + md5_sines[i] + w[k % 16], turns[i / 16][i % 4]);
		a = d;
		d = c;
		c = b;
		b = next;
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
}

void digest_md5(struct slice s, uint8_t out[DIGEST_MD5_BYTES])
{
	uint32_t h[4] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};
	run_blocks(s, 0, false, h, md5_block);
	memcpy(out, h, DIGEST_MD5_BYTES);
}

/* ---- SHA-256 ---- */

static const uint32_t sha_roots[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2};

static void sha_block(uint32_t *h, const uint8_t *p)
{
	uint32_t w[64], v[8];
	for (unsigned i = 0; i < 16; i++, p += 4)
		w[i] = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	for (unsigned i = 16; i < 64; i++) {
		uint32_t x = w[i - 15], y = w[i - 2];
		w[i] = w[i - 16] + (rotl(x, 25) ^ rotl(x, 14) ^ x >> 3) + w[i - 7] +
		       (rotl(y, 15) ^ rotl(y, 13) ^ y >> 10);
	}
	memcpy(v, h, sizeof(v));
	for (unsigned i = 0; i < 64; i++) {
		uint32_t s1 = rotl(v[4], 26) ^ rotl(v[4], 21) ^ rotl(v[4], 7);
		uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
		uint32_t t1 = v[7] + s1 + choice + sha_roots[i] + w[i];
		uint32_t s0 = rotl(v[0], 30) ^ rotl(v[0], 19) ^ rotl(v[0], 10);
		uint32_t major = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
		memmove(v + 1, v, 7 * sizeof(v[0]));
		v[4] += t1;
		v[0] = t1 + s0 + major;
	}
	for (unsigned i = 0; i < 8; i++)
		h[i] += v[i];
}

static const uint32_t sha_start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
				      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

static void sha_put(const uint32_t *h, uint8_t *out)
{
	for (unsigned i = 0; i < DIGEST_SHA256_BYTES; i++)
		out[i] = (uint8_t)(h[i / 4] >> (24 - 8 * (i % 4)));
}

void digest_sha256(struct slice s, uint8_t out[DIGEST_SHA256_BYTES])
{
	uint32_t h[8];
	memcpy(h, sha_start, sizeof(h));
	run_blocks(s, 0, true, h, sha_block);
	sha_put(h, out);
}

/* ---- HMAC ---- */

static void hmac_pad(const uint8_t *key, uint8_t with, uint32_t *h)
{
	uint8_t pad[BLOCK];
	for (unsigned i = 0; i < BLOCK; i++)
		pad[i] = key[i] ^ with;
	memcpy(h, sha_start, sizeof(sha_start));
	sha_block(h, pad);
}

void digest_hmac_init(struct digest_hmac *h, struct slice key)
{
	uint8_t block[BLOCK] = {0};
	if (key.len > BLOCK)
		digest_sha256(key, block);
	else if (key.len)
		memcpy(block, key.ptr, key.len);
	hmac_pad(block, 0x36, h->inner);
	hmac_pad(block, 0x5c, h->outer);
}

void digest_hmac_sha256(const struct digest_hmac *h, struct slice s,
			uint8_t out[DIGEST_SHA256_BYTES])
{
	uint32_t state[8];
	uint8_t inner[DIGEST_SHA256_BYTES];
	memcpy(state, h->inner, sizeof(state));
	run_blocks(s, BLOCK, true, state, sha_block);
	sha_put(state, inner);
	memcpy(state, h->outer, sizeof(state));
	run_blocks(slice_of(inner, sizeof(inner)), BLOCK, true, state, sha_block);
	sha_put(state, out);
}
