#include "dataplane/frame/origin.h"

#include <arpa/inet.h>

#include "dataplane/base/text.h"

size_t origin_end_put(char *out, const uint8_t addr[16], uint16_t port)
{
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	size_t len = 0;
	if (memcmp(addr, v4, 12) == 0) {
		for (int i = 12; i < 16; i++) {
			len += text_put_u64(out + len, addr[i]);
			out[len++] = i < 15 ? '.' : ':';
		}
	} else {
		char text[INET6_ADDRSTRLEN];
		inet_ntop(AF_INET6, addr, text, sizeof(text));
		size_t n = strlen(text);
		out[len++] = '[';
		memcpy(out + len, text, n);
		len += n;
		memcpy(out + len, "]:", 2);
		len += 2;
	}
	return len + text_put_u64(out + len, port);
}

size_t origin_put(char *out, const struct flow_session *s, unsigned dir)
{
	size_t len = 8;
	memcpy(out, "\"_src\":\"", 8);
	len += origin_end_put(out + len, s->addr[dir], s->port[dir]);
	memcpy(out + len, "\",\"_dst\":\"", 10);
	len += 10;
	len += origin_end_put(out + len, s->addr[!dir], s->port[!dir]);
	out[len++] = '"';
	return len;
}
