#include "dataplane/rec/json_text.h"

#include "dataplane/base/text.h"

static size_t put_escape(uint8_t *out, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	static const char shorts[32] = {
		['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
	out[0] = '\\';
	if (c >= 0x20 || shorts[c]) {
		out[1] = c >= 0x20 ? c : (uint8_t)shorts[c];
		return 2;
	}
	memcpy(out + 1, "u00", 3);
	out[4] = (uint8_t)hex[c >> 4];
	out[5] = (uint8_t)hex[c & 15];
	return 6;
}

size_t json_text_put(uint8_t *out, const uint8_t *p, size_t len, bool *io_invalid)
{
	uint8_t *o = out;
	size_t i = 0;
	while (i < len) {
		size_t good = text_utf8_valid(p + i, len - i);
		for (size_t end = i + good; i < end; i++) {
			uint8_t c = p[i];
			if (c < 0x20 || c == '"' || c == '\\')
				o += put_escape(o, c);
			else
				*o++ = c;
		}
		if (i == len)
			break;
		*io_invalid = true;
		memcpy(o, "\xef\xbf\xbd", 3);
		o += 3;
		i++;
	}
	return (size_t)(o - out);
}
