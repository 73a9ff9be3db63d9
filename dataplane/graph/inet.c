#include "dataplane/graph/inet.h"

#include <arpa/inet.h>

#include "dataplane/base/text.h"

static unsigned bytes_of(const struct inet *in)
{
	return in->family == 4 ? 4 : 16;
}

/* One to four decimal numbers between dots, with zeros in front or without; the rest is zero. */
static bool parse_ipv4(struct slice s, struct inet *in, unsigned *ret_n)
{
	unsigned n = 0;
	for (size_t i = 0, from = 0; i <= s.len; i++) {
		uint64_t octet;
		if (i < s.len && s.ptr[i] != '.')
			continue;
		if (n == 4 || !text_u64(slice_of(s.ptr + from, i - from), &octet) || octet > 255)
			return false;
		in->addr[n++] = (uint8_t)octet;
		from = i + 1;
	}
	in->family = 4;
	*ret_n = n;
	return true;
}

static bool parse_ipv6(struct slice s, struct inet *in)
{
	char text[INET6_ADDRSTRLEN + 1];
	if (s.len >= sizeof(text) || memchr(s.ptr, 0, s.len))
		return false;
	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	in->family = 6;
	return inet_pton(AF_INET6, text, in->addr) == 1;
}

bool inet_parse(struct slice s, struct inet *ret_in)
{
	struct inet in = {0};
	unsigned n_octets = 4;
	const uint8_t *slash = s.len ? memchr(s.ptr, '/', s.len) : NULL;
	struct slice addr = slice_of(s.ptr, slash ? (size_t)(slash - s.ptr) : s.len);
	if (addr.len == 0)
		return false;
	bool ok = memchr(addr.ptr, ':', addr.len) ? parse_ipv6(addr, &in)
						  : parse_ipv4(addr, &in, &n_octets);
	if (!ok || (n_octets < 4 && !slash)) /* 10.1/16 has a mask that says how much is meant */
		return false;
	uint64_t bits = bytes_of(&in) * 8;
	if (slash) {
		struct slice mask = slice_from(s, addr.len + 1);
		if (mask.len > 3 || !text_u64(mask, &bits) || bits > bytes_of(&in) * 8)
			return false;
	}
	in.bits = (uint8_t)bits;
	*ret_in = in;
	return true;
}

size_t inet_put_host(char *out, const struct inet *in)
{
	inet_ntop(in->family == 6 ? AF_INET6 : AF_INET, in->addr, out, INET_TEXT_MAX);
	return strlen(out);
}

size_t inet_put(char *out, const struct inet *in, bool always)
{
	size_t len = inet_put_host(out, in);
	if (always || in->bits < bytes_of(in) * 8) {
		out[len++] = '/';
		len += text_put_u64(out + len, in->bits);
	}
	return len;
}

/* memcmp of the first @bits bits. */
static int compare_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	int d = memcmp(a, b, bits / 8);
	if (d || bits % 8 == 0)
		return d;
	int mask = 0xff00 >> bits % 8 & 0xff;
	return (a[bits / 8] & mask) - (b[bits / 8] & mask);
}

int inet_compare(struct slice x, struct slice y)
{
	struct inet a = {0}, b = {0};
	inet_parse(x, &a);
	inet_parse(y, &b);
	if (a.family != b.family)
		return a.family - b.family;
	int d = compare_bits(a.addr, b.addr, a.bits < b.bits ? a.bits : b.bits);
	if (d == 0)
		d = a.bits - b.bits;
	return d ? d : memcmp(a.addr, b.addr, bytes_of(&a));
}

bool inet_within(const struct inet *a, const struct inet *b, bool or_equal)
{
	if (a->family != b->family || a->bits < b->bits || (a->bits == b->bits && !or_equal))
		return false;
	return compare_bits(a->addr, b->addr, b->bits) == 0;
}
