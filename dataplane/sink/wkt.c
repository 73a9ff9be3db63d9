/* Well-known binary (OGC 06-103r4, 8.2) to text, as JTS writes it: "POINT (1 2)".
 *
 *     byte order u8 | type u32 | POINT: x f64, y f64
 *                              | LINESTRING: n u32, n of x, y
 *                              | POLYGON: n u32, n of { m u32, m of x, y }
 *                              | the MULTI ones, GEOMETRYCOLLECTION: n u32, n of the whole again
 */
#include <math.h>

#include "dataplane/sink/encode_change.h"

#define DEPTH_MAX 32

enum { POINT = 1, LINE, POLYGON, MULTIPOINT, MULTILINE, MULTIPOLYGON, COLLECTION };

struct reader {
	struct slice base64;
	size_t at, len; /* in bytes that it stands for */
	uint8_t *o;
	bool bad;
};

static uint64_t read_int(struct reader *r, unsigned n, bool little)
{
	uint64_t v = 0;
	if (n > r->len - r->at) {
		r->bad = true;
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		uint64_t c = base64_at(r->base64, r->at + i);
		v = little ? v | c << (8 * i) : v << 8 | c;
	}
	r->at += n;
	return v;
}

static void put_number(struct reader *r, bool little)
{
	uint64_t bits = read_int(r, 8, little);
	double v;
	memcpy(&v, &bits, 8);
	if (!isfinite(v))
		r->bad = true;
	else
		r->o += text_put_f64((char *)r->o, v);
}

static void put_point(struct reader *r, bool little)
{
	put_number(r, little);
	*r->o++ = ' ';
	put_number(r, little);
}

static void put(struct reader *r, const char *text)
{
	r->o = put_bytes(r->o, text, strlen(text));
}

static void put_points(struct reader *r, bool little)
{
	uint64_t n = read_int(r, 4, little);
	if (n == 0)
		put(r, "EMPTY");
	for (uint64_t i = 0; i < n && !r->bad; i++) {
		put(r, i ? ", " : "(");
		put_point(r, little);
	}
	put(r, n ? ")" : "");
}

static void put_rings(struct reader *r, bool little)
{
	uint64_t n = read_int(r, 4, little);
	if (n == 0)
		put(r, "EMPTY");
	for (uint64_t i = 0; i < n && !r->bad; i++) {
		put(r, i ? ", " : "(");
		put_points(r, little);
	}
	put(r, n ? ")" : "");
}

/* @of: the type that it must have, inside of a MULTI one, where it goes without its name. */
static void put_any(struct reader *r, unsigned of, unsigned depth);

static void put_parts(struct reader *r, unsigned of, bool little, unsigned depth)
{
	uint64_t n = read_int(r, 4, little);
	if (n == 0)
		put(r, "EMPTY");
	for (uint64_t i = 0; i < n && !r->bad; i++) {
		put(r, i ? ", " : "(");
		put_any(r, of, depth + 1);
	}
	put(r, n ? ")" : "");
}

static void put_any(struct reader *r, unsigned of, unsigned depth)
{
	static const char *const names[] = {"",
					    "POINT ",
					    "LINESTRING ",
					    "POLYGON ",
					    "MULTIPOINT ",
					    "MULTILINESTRING ",
					    "MULTIPOLYGON ",
					    "GEOMETRYCOLLECTION "};
	bool little = read_int(r, 1, false) == 1;
	uint64_t type = read_int(r, 4, little);
	if (type < POINT || type > COLLECTION || (of && type != of) || depth > DEPTH_MAX) {
		r->bad = true;
		return;
	}
	if (!of)
		put(r, names[type]);
	switch (type) {
	case POINT:
		put(r, "(");
		put_point(r, little);
		put(r, ")");
		break;
	case LINE:
		put_points(r, little);
		break;
	case POLYGON:
		put_rings(r, little);
		break;
	default:
		put_parts(r, type == COLLECTION ? 0 : (unsigned)type - 3, little, depth);
	}
}

uint8_t *put_wkt(uint8_t *o, struct slice base64)
{
	struct reader r = {.base64 = base64, .len = base64_len(base64), .o = o};
	put_any(&r, 0, 0);
	return r.bad || r.at != r.len ? NULL : r.o;
}
