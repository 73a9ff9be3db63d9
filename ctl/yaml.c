#include "ctl/yaml.h"

#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

#include "dataplane/base/text.h"

struct builder {
	const char *file;
	struct memlist *mem;
	struct err_list *errs;
	yaml_parser_t parser;
	struct slice text;
	struct yaml_val *open[YAML_DEPTH_MAX]; /* lists and maps not closed yet */
	struct yaml_val *last[YAML_DEPTH_MAX]; /* their newest item */
	size_t depth;
	size_t n_values;
	struct yaml_val *root;
	struct yaml_val key; /* read, its value not yet: key, key_line, key_col */
};

static struct err_place at_mark(const struct builder *b, yaml_mark_t m)
{
	return (struct err_place){b->file, (int)m.line + 1, (int)m.column + 1};
}

/* ---- the bytes: UTF-8 and nothing that an editor would not show ---- */

static struct err_place place_of(const char *file, struct slice text, size_t off)
{
	struct err_place at = {file, 1, 1};
	for (size_t i = 0; i < off; i++) {
		if (text.ptr[i] == '\n') {
			at.line++;
			at.col = 1;
		} else if ((text.ptr[i] & 0xc0) != 0x80) {
			at.col++;
		}
	}
	return at;
}

static int check_bytes(const char *file, struct slice text, struct err_list *errs)
{
	struct err_place whole = {.file = file};
	if (text.len > YAML_BYTES_MAX) {
		err_list_add(errs, whole, "%zu bytes; expected at most %u MiB", text.len,
			     YAML_BYTES_MAX >> 20);
		return -EINVAL;
	}
	if (text.len >= 2 && ((text.ptr[0] == 0xff && text.ptr[1] == 0xfe) ||
			      (text.ptr[0] == 0xfe && text.ptr[1] == 0xff))) {
		err_list_add(errs, whole, "UTF-16 text; expected UTF-8");
		return -EINVAL;
	}
	size_t valid = text_utf8_valid(text.ptr, text.len);
	if (valid < text.len) {
		err_list_add(errs, place_of(file, text, valid),
			     "byte 0x%02x is not UTF-8; expected the file in UTF-8",
			     text.ptr[valid]);
		return -EINVAL;
	}
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7f) {
			err_list_add(errs, place_of(file, text, i),
				     "control character 0x%02x; expected text", c);
			return -EINVAL;
		}
	}
	return 0;
}

/* ---- libyaml's complaints in the words of somebody who looks at his file ---- */

/* The characters before @m in its line, and the one at it, hold a tab among blanks. */
static bool tab_at(const struct builder *b, yaml_mark_t m)
{
	size_t i = 0; /* libyaml's own index counts characters */
	for (size_t line = 0; line < m.line && i < b->text.len; i++)
		line += b->text.ptr[i] == '\n';
	for (size_t col = 0; col < m.column && i < b->text.len; col++) {
		do
			i++;
		while (i < b->text.len && (b->text.ptr[i] & 0xc0) == 0x80);
	}
	if (i < b->text.len && b->text.ptr[i] == '\t')
		return true;
	while (i > 0 && (b->text.ptr[i - 1] == ' ' || b->text.ptr[i - 1] == '\t')) {
		if (b->text.ptr[--i] == '\t')
			return true;
	}
	return false;
}

static const struct {
	const char *problem, *context; /* parts of libyaml's texts; NULL: any */
	const char *text;
	bool at_context;
} complaints[] = {
	{"found unexpected end of stream", "quoted scalar", "this quote is never closed", true},
	{"found unexpected document indicator", "quoted scalar", "this quote is never closed",
	 true},
	{NULL, "while parsing a flow sequence",
	 "this list is not closed; expected \",\" or \"]\" after each item", true},
	{NULL, "while parsing a flow mapping",
	 "this map is not closed; expected \",\" or \"}\" after each value", true},
	{"did not find expected node content", NULL,
	 "no value here; expected one, or \"]\" or \"}\" for what was opened above", false},
	{"mapping values are not allowed", NULL,
	 "a \":\" where no key can be; expected quotes around text that holds \": \"", false},
	{"could not find expected ':'", NULL,
	 "a line that is no \"key: value\"; expected \":\" and a blank behind the key", true},
	{"did not find expected key", NULL,
	 "no key here; expected \"key: value\" at the indentation of the lines above", false},
	{"did not find expected '-' indicator", NULL,
	 "no list item here; expected \"- value\" at the indentation of the items above", false},
	{"cannot start any token", NULL,
	 "a value cannot begin with this character; expected quotes around it", false},
	{"unknown escape character", NULL,
	 "no such escape in double quotes; expected \\\\ for a backslash, or single quotes", false},
	{"undefined tag handle", NULL, "tags (!name) are not supported; expected the plain value",
	 false},
	{"did not find expected <document start>", NULL,
	 "more text after the end of the document; expected one document", false},
};

static int complain(struct builder *b)
{
	const yaml_parser_t *p = &b->parser;
	if (p->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	const char *problem = p->problem ? p->problem : "unreadable";
	const char *context = p->context ? p->context : "";
	yaml_mark_t mark = p->problem_mark;
	if (p->error == YAML_READER_ERROR) {
		err_list_add(b->errs, place_of(b->file, b->text, p->problem_offset), "%s", problem);
		return -EINVAL;
	}
	if (tab_at(b, mark)) {
		err_list_add(b->errs, at_mark(b, mark), "a tab; expected blanks for indentation");
		return -EINVAL;
	}
	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++) {
		if (complaints[i].problem && !strstr(problem, complaints[i].problem))
			continue;
		if (complaints[i].context && !strstr(context, complaints[i].context))
			continue;
		err_list_add(b->errs, at_mark(b, complaints[i].at_context ? p->context_mark : mark),
			     "%s", complaints[i].text);
		return -EINVAL;
	}
	err_list_add(b->errs, at_mark(b, mark), "not YAML: %s %s", problem, context);
	return -EINVAL;
}

/* ---- the tree ---- */

static int refuse(struct builder *b, yaml_mark_t m, const char *text)
{
	err_list_add(b->errs, at_mark(b, m), "%s", text);
	return -EINVAL;
}

static int compare_keys(const void *pa, const void *pb)
{
	const struct yaml_val *a = *(const struct yaml_val *const *)pa;
	const struct yaml_val *b = *(const struct yaml_val *const *)pb;
	int d = strcmp(a->key, b->key);
	if (d)
		return d;
	if (a->key_line != b->key_line)
		return a->key_line - b->key_line;
	return a->key_col - b->key_col;
}

/* Takes the keyless out of the list of @map. */
static void unlink_keyless(struct yaml_val *map)
{
	struct yaml_val **link = &map->first;
	while (*link) {
		if ((*link)->key) {
			link = &(*link)->next;
		} else {
			*link = (*link)->next;
			map->n--;
		}
	}
}

/* Tells each key that stands there again, and leaves only the first of them in the tree: whoever
 * reads it finds what yaml_val_get finds.
 */
static int check_duplicates(struct builder *b, struct yaml_val *map)
{
	if (map->n < 2)
		return 0;
	struct yaml_val **keys = malloc(map->n * sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	size_t n = 0, first = 0;
	for (struct yaml_val *v = map->first; v; v = v->next)
		keys[n++] = v;
	qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n; i++) {
		if (strcmp(keys[i]->key, keys[first]->key) != 0) {
			first = i;
			continue;
		}
		char path[YAML_PATH_MAX];
		err_list_add(b->errs,
			     (struct err_place){b->file, keys[i]->key_line, keys[i]->key_col},
			     "%s: the same key again; it stands in line %d already",
			     yaml_val_path(keys[i], path, sizeof(path)), keys[first]->key_line);
		keys[i]->key = NULL;
	}
	free(keys);
	unlink_keyless(map);
	return 0;
}

static int add_key(struct builder *b, const yaml_event_t *ev)
{
	const char *text = (const char *)ev->data.scalar.value;
	size_t len = ev->data.scalar.length;
	if (len == 0)
		return refuse(b, ev->start_mark, "an empty key; expected a name");
	if (strlen(text) != len)
		return refuse(b, ev->start_mark, "a key with a NUL in it; expected a name");
	if (strcmp(text, "<<") == 0 && ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE)
		return refuse(b, ev->start_mark,
			      "merge keys (<<) are not supported; expected the keys themselves");
	b->key.key = memlist_text(b->mem, text, len);
	b->key.key_line = (int)ev->start_mark.line + 1;
	b->key.key_col = (int)ev->start_mark.column + 1;
	return b->key.key ? 0 : -ENOMEM;
}

/* A new value in the innermost open list or map. Returns 0 or -errno. */
static int add_val(struct builder *b, const yaml_event_t *ev, enum yaml_kind kind,
		   struct yaml_val **ret_v)
{
	if (++b->n_values > YAML_VALUES_MAX)
		return refuse(b, ev->start_mark, "more than 1,000,000 values in one file");
	struct yaml_val *v = memlist_alloc(b->mem, sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->kind = kind;
	v->line = (int)ev->start_mark.line + 1;
	v->col = (int)ev->start_mark.column + 1;
	*ret_v = v;
	if (b->depth == 0) {
		b->root = v;
		return 0;
	}
	struct yaml_val *parent = b->open[b->depth - 1], *last = b->last[b->depth - 1];
	v->parent = parent;
	v->idx = parent->n++;
	v->key = b->key.key;
	v->key_line = b->key.key_line;
	v->key_col = b->key.key_col;
	b->key.key = NULL;
	if (last)
		last->next = v;
	else
		parent->first = v;
	b->last[b->depth - 1] = v;
	return 0;
}

static bool wants_key(const struct builder *b)
{
	return b->depth && b->open[b->depth - 1]->kind == YAML_MAP && !b->key.key;
}

static int add_text(struct builder *b, const yaml_event_t *ev)
{
	if (wants_key(b))
		return add_key(b, ev);
	struct yaml_val *v;
	int r = add_val(b, ev, YAML_TEXT, &v);
	if (r < 0)
		return r;
	v->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	v->block = ev->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
		   ev->data.scalar.style == YAML_FOLDED_SCALAR_STYLE;
	v->len = ev->data.scalar.length;
	v->text = memlist_text(b->mem, (const char *)ev->data.scalar.value, v->len);
	return v->text ? 0 : -ENOMEM;
}

static int open_val(struct builder *b, const yaml_event_t *ev, enum yaml_kind kind)
{
	if (wants_key(b))
		return refuse(b, ev->start_mark, "a key that is a list or a map; expected a name");
	if (b->depth == YAML_DEPTH_MAX)
		return refuse(b, ev->start_mark,
			      "lists and maps inside each other; expected at most 32 levels");
	struct yaml_val *v;
	int r = add_val(b, ev, kind, &v);
	if (r < 0)
		return r;
	b->open[b->depth] = v;
	b->last[b->depth] = NULL;
	b->depth++;
	return 0;
}

static int refuse_anchors(struct builder *b, const yaml_event_t *ev)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;
	if (ev->type == YAML_ALIAS_EVENT)
		return refuse(b, ev->start_mark,
			      "aliases (*name) are not supported; expected the value itself");
	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (anchor)
		return refuse(b, ev->start_mark,
			      "anchors (&name) are not supported; expected the plain value");
	if (tag)
		return refuse(b, ev->start_mark,
			      "tags (!name) are not supported; expected the plain value");
	return 0;
}

static int add_event(struct builder *b, const yaml_event_t *ev)
{
	int r = refuse_anchors(b, ev);
	if (r < 0)
		return r;
	switch (ev->type) {
	case YAML_DOCUMENT_START_EVENT:
		if (b->root)
			return refuse(b, ev->start_mark,
				      "a second document; expected one document in a file");
		return 0;
	case YAML_SCALAR_EVENT:
		return add_text(b, ev);
	case YAML_SEQUENCE_START_EVENT:
		return open_val(b, ev, YAML_LIST);
	case YAML_MAPPING_START_EVENT:
		return open_val(b, ev, YAML_MAP);
	case YAML_SEQUENCE_END_EVENT:
		b->depth--;
		return 0;
	case YAML_MAPPING_END_EVENT:
		return check_duplicates(b, b->open[--b->depth]);
	default:
		return 0;
	}
}

static int build(struct builder *b)
{
	for (;;) {
		yaml_event_t ev;
		if (!yaml_parser_parse(&b->parser, &ev))
			return complain(b);
		bool end = ev.type == YAML_STREAM_END_EVENT;
		int r = add_event(b, &ev);
		yaml_event_delete(&ev);
		if (r < 0)
			return r;
		if (end)
			return 0;
	}
}

int yaml_tree_read(struct slice text, const char *file, struct memlist *mem, struct err_list *errs,
		   struct yaml_val **ret_root)
{
	if (slice_starts(text, SLICE_LIT("\xef\xbb\xbf")))
		text = slice_from(text, 3);
	int r = check_bytes(file, text, errs);
	if (r < 0)
		return r;

	struct builder b = {.file = file, .mem = mem, .errs = errs, .text = text};
	if (!yaml_parser_initialize(&b.parser))
		return -ENOMEM;
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b.parser, text.ptr, text.len);
	r = build(&b);
	yaml_parser_delete(&b.parser);
	if (r == 0 && !b.root) {
		b.root = memlist_alloc(mem, sizeof(*b.root));
		if (!b.root)
			return -ENOMEM;
		*b.root = (struct yaml_val){.kind = YAML_MAP, .line = 1, .col = 1};
	}
	if (r == 0)
		*ret_root = b.root;
	return r;
}

/* ---- questions ---- */

const struct yaml_val *yaml_val_get(const struct yaml_val *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_val *v = map->first; v; v = v->next) {
		if (strcmp(v->key, key) == 0)
			return v;
	}
	return NULL;
}

bool yaml_val_is_null(const struct yaml_val *v)
{
	static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
	if (v->kind != YAML_TEXT || !v->plain)
		return false;
	for (size_t i = 0; i < sizeof(nulls) / sizeof(nulls[0]); i++) {
		if (strcmp(v->text, nulls[i]) == 0)
			return true;
	}
	return false;
}

/* Puts @part in front of the text that ends at @end; what does not fit is left out. */
static char *put_front(char *buf, char *end, const char *part)
{
	size_t len = strlen(part);
	size_t room = (size_t)(end - buf);
	if (len > room) {
		part += len - room;
		len = room;
	}
	memcpy(end - len, part, len);
	return end - len;
}

char *yaml_val_path(const struct yaml_val *v, char *buf, size_t cap)
{
	char *at = buf + cap - 1;
	*at = '\0';
	for (; v->parent; v = v->parent) {
		bool first = !v->parent->parent;
		if (v->parent->kind == YAML_LIST) {
			char part[32];
			snprintf(part, sizeof(part), "[%zu]", v->idx);
			at = put_front(buf, at, part);
			continue;
		}
		at = put_front(buf, at, v->key);
		if (!first)
			at = put_front(buf, at, ".");
	}
	memmove(buf, at, strlen(at) + 1);
	return buf;
}

#define SHOWN_BYTES 40

char *yaml_val_show(const struct yaml_val *v, char *buf, size_t cap)
{
	if (v->kind != YAML_TEXT || yaml_val_is_null(v)) {
		const char *what = v->kind == YAML_LIST  ? "a list"
				   : v->kind == YAML_MAP ? "a map"
							 : "no value";
		snprintf(buf, cap, "%s", what);
		return buf;
	}
	size_t len = v->len;
	if (len > SHOWN_BYTES)
		len = text_utf8_valid((const uint8_t *)v->text, SHOWN_BYTES);
	char shown[4 * SHOWN_BYTES + 1];
	size_t n = 0;
	for (size_t i = 0; i < len; i++) {
		uint8_t c = (uint8_t)v->text[i];
		if (c < 0x20 || c == 0x7f)
			n += (size_t)snprintf(shown + n, sizeof(shown) - n, "\\x%02x", c);
		else
			shown[n++] = (char)c;
	}
	shown[n] = '\0';
	snprintf(buf, cap, "\"%s%s\"", shown, len < v->len ? "..." : "");
	return buf;
}
