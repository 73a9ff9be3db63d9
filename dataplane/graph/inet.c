#include "dataplane/graph/inet.h"

#include <arpa/inet.h>

#include "dataplane/base/text.h"

static unsigned bytes_of(const struct inet *in)
{
	return in->family == 4 ? 4 : 16;
}

/* inet_pton takes what PostgreSQL takes, but for octets with zeros in front. */
static bool parse_address(const char *text, struct inet *in)
{
	in->family = strchr(text, ':') ? 6 : 4;
	return inet_pton(in->family == 6 ? AF_INET6 : AF_INET, text, in->addr) == 1;
}

bool inet_parse(struct slice s, struct inet *ret_in)
{
	struct inet in = {0};
	char text[INET6_ADDRSTRLEN + 1];
	const uint8_t *slash = s.len ? memchr(s.ptr, '/', s.len) : NULL;
	size_t len = slash ? (size_t)(slash - s.ptr) : s.len;
	if (len == 0 || len >= sizeof(text) || memchr(s.ptr, 0, len))
		return false;
	memcpy(text, s.ptr, len);
	text[len] = '\0';
	if (!parse_address(text, &in))
		return false;
	uint64_t bits = bytes_of(&in) * 8;
	if (slash) {
		struct slice mask = slice_from(s, len + 1);
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
