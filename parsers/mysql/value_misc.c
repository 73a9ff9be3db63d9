/* GEOMETRY and VECTOR; MariaDB's UUID and addresses, which come as bytes. Contracts: value.h. */
#include <arpa/inet.h>

#include "dataplane/base/text.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

/* srid u32 | well-known binary. A value of no bytes is what the server stores for an empty one. */
enum mysql_fault value_put_geometry(struct slice s, struct mysql_out *out)
{
	if (s.len > 0 && s.len < 4)
		return MYSQL_F_VALUE;
	char *o = (char *)out_room(out, 40);
	if (!o)
		return MYSQL_F_NO_ROOM;
	memcpy(o, "{\"srid\":", 8);
	o += 8;
	o += text_put_u64(o, s.len ? wire_le32(s.ptr) : 0);
	memcpy(o, ",\"wkb\":", 7);
	out_end(out, o + 7);
	enum mysql_fault fault = value_put_bytes(slice_from(s, 4), 0, out);
	return fault ? fault : OUT_LIT(out, "}");
}

/* An array of floats, little-endian. */
enum mysql_fault value_put_vector(struct slice s, struct mysql_out *out)
{
	if (s.len % 4)
		return MYSQL_F_VALUE;
	enum mysql_fault fault = OUT_LIT(out, "[");
	for (size_t i = 0; i < s.len && !fault; i += 4) {
		float v;
		char *o = (char *)out_room(out, VALUE_NUM_MAX);
		if (!o)
			return MYSQL_F_NO_ROOM;
		memcpy(&v, s.ptr + i, 4);
		if (i)
			*o++ = ',';
		out_end(out, o + value_text_f32(o, v));
	}
	return fault ? fault : OUT_LIT(out, "]");
}

/* In the order of its text, also where the server keeps it in another one. */
static char *put_uuid(char *o, const uint8_t *uuid)
{
	static const char hex[] = "0123456789abcdef";
	for (int i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*o++ = '-';
		*o++ = hex[uuid[i] >> 4];
		*o++ = hex[uuid[i] & 15];
	}
	return o;
}

enum mysql_fault value_put_kind(const struct mysql_column *c, struct slice s, struct mysql_out *out)
{
	uint8_t bytes[16] = {0}; /* zeros at the end do not come along */
	size_t want = c->kind == MYSQL_KIND_INET4 ? 4 : 16;
	char *o = (char *)out_room(out, 64);
	if (!o)
		return MYSQL_F_NO_ROOM;
	if (s.len > want)
		return MYSQL_F_VALUE;
	memcpy(bytes, s.ptr, s.len);
	*o++ = '"';
	if (c->kind == MYSQL_KIND_UUID) {
		o = put_uuid(o, bytes);
	} else {
		int family = c->kind == MYSQL_KIND_INET4 ? AF_INET : AF_INET6;
		if (!inet_ntop(family, bytes, o, INET6_ADDRSTRLEN))
			return MYSQL_F_VALUE;
		o += strlen(o);
	}
	*o++ = '"';
	out_end(out, o);
	return MYSQL_F_OK;
}
