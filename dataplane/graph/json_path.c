#include "dataplane/graph/json_path.h"

#include "dataplane/base/text.h"
#include "dataplane/extract/json.h"

/* What is read, from ptr to end. The texts that walk() sees are valid; nothing is read behind the
 * end of those that are not.
 */
struct cursor {
	const uint8_t *p, *end;
};

static void skip_blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

/* Behind the closing quote of the string that begins at @c. */
static bool skip_string(struct cursor *c)
{
	for (c->p++; c->p < c->end; c->p++) {
		if (*c->p == '"') {
			c->p++;
			return true;
		}
		if (*c->p == '\\')
			c->p++;
	}
	c->p = c->end;
	return false;
}

/* Behind the value that begins at @c, whatever it is. */
static bool skip_value(struct cursor *c)
{
	unsigned depth = 0;
	do {
		if (c->p >= c->end)
			return false;
		switch (*c->p) {
		case '"':
			if (!skip_string(c))
				return false;
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return false;
			depth--;
			break;
		default:
			if (depth == 0) { /* a number or a word */
				while (c->p < c->end && !strchr(",]} \t\r\n", *c->p))
					c->p++;
				return true;
			}
		}
		c->p++;
	} while (depth > 0);
	return true;
}

/* The next element of the array or member of the object whose bracket or last element is behind us.
 * @ret_key is the inside of its quotes. False at the end.
 */
static bool next_member(struct cursor *c, bool object, struct slice *ret_key,
			struct slice *ret_value)
{
	skip_blanks(c);
	if (c->p < c->end && *c->p == ',') {
		c->p++;
		skip_blanks(c);
	}
	if (c->p >= c->end || *c->p == '}' || *c->p == ']')
		return false;
	if (object) {
		const uint8_t *from = c->p + 1;
		if (*c->p != '"' || !skip_string(c))
			return false;
		*ret_key = slice_of(from, (size_t)(c->p - 1 - from));
		skip_blanks(c);
		if (c->p >= c->end || *c->p != ':')
			return false;
		c->p++;
		skip_blanks(c);
	}
	const uint8_t *from = c->p;
	if (!skip_value(c) || c->p == from)
		return false;
	*ret_value = slice_of(from, (size_t)(c->p - from));
	return true;
}

static bool open_value(struct slice json, uint8_t bracket, struct cursor *c)
{
	*c = (struct cursor){json.ptr, json.ptr + json.len};
	skip_blanks(c);
	if (c->p >= c->end || *c->p != bracket)
		return false;
	c->p++;
	return true;
}

/* @raw is what stands between the quotes. A key of escapes is as long as its text or longer. */
static bool key_equals(struct slice raw, struct slice key)
{
	if (raw.len == 0 || !memchr(raw.ptr, '\\', raw.len))
		return slice_eq(raw, key);
	uint8_t text[256];
	if (raw.len > sizeof(text) || raw.len < key.len)
		return false;
	return slice_eq(slice_of(text, json_unescape(text, raw)), key);
}

bool json_at_key(struct slice json, struct slice key, struct slice *ret_value)
{
	struct cursor c;
	struct slice k, v;
	bool found = false;
	if (!open_value(json, '{', &c))
		return false;
	while (next_member(&c, true, &k, &v))
		if (key_equals(k, key)) {
			*ret_value = v;
			found = true;
		}
	return found;
}

bool json_length(struct slice json, int64_t *ret_n)
{
	struct cursor c;
	struct slice k, v;
	if (!open_value(json, '[', &c))
		return false;
	for (*ret_n = 0; next_member(&c, false, &k, &v); ++*ret_n)
		;
	return true;
}

bool json_at_index(struct slice json, int64_t i, struct slice *ret_value)
{
	struct cursor c;
	struct slice k;
	int64_t n;
	if (i < 0) {
		if (!json_length(json, &n) || i < -n)
			return false;
		i += n;
	}
	if (!open_value(json, '[', &c))
		return false;
	while (next_member(&c, false, &k, ret_value))
		if (i-- == 0)
			return true;
	return false;
}

const char *json_type(struct slice json)
{
	struct cursor c = {json.ptr, json.ptr + json.len};
	skip_blanks(&c);
	switch (c.p < c.end ? *c.p : 0) {
	case '{':
		return "object";
	case '[':
		return "array";
	case '"':
		return "string";
	case 't':
	case 'f':
		return "boolean";
	case 'n':
		return "null";
	default:
		return "number";
	}
}

/* ---- validity ---- */

static bool valid_string(struct cursor *c)
{
	for (c->p++; c->p < c->end; c->p++) {
		if (*c->p == '"') {
			c->p++;
			return true;
		}
		if (*c->p < 0x20)
			return false;
		if (*c->p != '\\')
			continue;
		if (++c->p >= c->end || !*c->p || !strchr("\"\\/bfnrtu", *c->p))
			return false;
		for (int i = 0; *c->p == 'u' && i < 4; i++)
			if (c->end - c->p <= i + 1 || text_hex_digit(c->p[i + 1]) < 0)
				return false;
	}
	return false;
}

static bool skip_digits(struct cursor *c)
{
	const uint8_t *from = c->p;
	while (c->p < c->end && text_is_digit(*c->p))
		c->p++;
	return c->p > from;
}

static bool valid_number(struct cursor *c)
{
	if (*c->p == '-')
		c->p++;
	if (c->p < c->end && *c->p == '0')
		c->p++;
	else if (!skip_digits(c))
		return false;
	if (c->p < c->end && *c->p == '.' && (c->p++, !skip_digits(c)))
		return false;
	if (c->p < c->end && (*c->p | 0x20) == 'e') {
		c->p++;
		if (c->p < c->end && (*c->p == '+' || *c->p == '-'))
			c->p++;
		return skip_digits(c);
	}
	return true;
}

static bool valid_scalar(struct cursor *c)
{
	static const struct slice words[] = {{(const uint8_t *)"true", 4},
					     {(const uint8_t *)"false", 5},
					     {(const uint8_t *)"null", 4}};
	struct slice rest = slice_of(c->p, (size_t)(c->end - c->p));
	if (*c->p == '"')
		return valid_string(c);
	for (int i = 0; i < 3; i++)
		if (slice_starts(rest, words[i])) {
			c->p += words[i].len;
			return true;
		}
	return valid_number(c);
}

/* "key": */
static bool valid_key(struct cursor *c)
{
	skip_blanks(c);
	if (c->p >= c->end || *c->p != '"' || !valid_string(c))
		return false;
	skip_blanks(c);
	return c->p < c->end && *c->p++ == ':';
}

/* Behind a value: closes what ends here, and stops before the next value. False at a fault;
 * *io_depth is 0 when the whole is read.
 */
static bool valid_behind(struct cursor *c, const uint8_t *objects, unsigned *io_depth)
{
	while (*io_depth > 0) {
		bool object = objects[*io_depth - 1];
		skip_blanks(c);
		if (c->p >= c->end)
			return false;
		if (*c->p == ',') {
			c->p++;
			return !object || valid_key(c);
		}
		if (*c->p != (object ? '}' : ']'))
			return false;
		c->p++;
		--*io_depth;
	}
	return true;
}

bool json_valid(struct slice s)
{
	uint8_t objects[JSON_PATH_DEPTH_MAX];
	unsigned depth = 0;
	struct cursor c = {s.ptr, s.ptr + s.len};
	do {
		skip_blanks(&c);
		if (c.p >= c.end)
			return false;
		if (*c.p == '{' || *c.p == '[') {
			bool object = *c.p++ == '{';
			if (depth == JSON_PATH_DEPTH_MAX)
				return false;
			objects[depth++] = object;
			skip_blanks(&c);
			if (c.p < c.end && *c.p == (object ? '}' : ']')) {
				c.p++;
				depth--;
			} else if (object && !valid_key(&c)) {
				return false;
			} else {
				continue;
			}
		} else if (!valid_scalar(&c)) {
			return false;
		}
		if (!valid_behind(&c, objects, &depth))
			return false;
	} while (depth > 0);
	skip_blanks(&c);
	return c.p == c.end;
}
