#include "dataplane/rec/names.h"

#include <errno.h>

#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"

struct name {
	char *text;
	size_t len;
	uint8_t *json;
	size_t json_len;
};

struct names {
	struct name *items;
	uint32_t n, cap;
};

struct names *names_create(void)
{
	return mem_alloc(sizeof(struct names));
}

void names_destroy(struct names *n)
{
	if (!n)
		return;
	for (uint32_t i = 0; i < n->n; i++) {
		mem_free(n->items[i].text);
		mem_free(n->items[i].json);
	}
	mem_free(n->items);
	mem_free(n);
}

static int grow(struct names *n)
{
	uint32_t cap = n->cap ? n->cap * 2 : 64;
	struct name *items = mem_alloc(cap * sizeof(*items));
	if (!items)
		return -ENOMEM;
	if (n->n)
		memcpy(items, n->items, n->n * sizeof(*items));
	mem_free(n->items);
	n->items = items;
	n->cap = cap;
	return 0;
}

/* `"name":` in memory of its own; NULL when there is none. */
static uint8_t *spell(struct slice name, size_t *ret_len)
{
	uint8_t *json = mem_alloc(name.len * 6 + 3);
	if (!json)
		return NULL;
	bool invalid = false;
	size_t len = 0;
	json[len++] = '"';
	len += json_text_put(json + len, name.ptr, name.len, &invalid);
	json[len++] = '"';
	json[len++] = ':';
	*ret_len = len;
	return json;
}

int names_add(struct names *n, struct slice name, uint32_t *ret_id)
{
	for (uint32_t i = 0; i < n->n; i++)
		if (slice_eq(names_text(n, i), name)) {
			*ret_id = i;
			return 0;
		}
	if (n->n == NAMES_MAX)
		return -ENOSPC;
	if (n->n == n->cap && grow(n) < 0)
		return -ENOMEM;
	struct name *it = &n->items[n->n];
	it->text = mem_alloc(name.len + 1);
	it->json = spell(name, &it->json_len);
	if (!it->text || !it->json) {
		mem_free(it->text);
		mem_free(it->json);
		*it = (struct name){0};
		return -ENOMEM;
	}
	memcpy(it->text, name.ptr, name.len);
	it->len = name.len;
	*ret_id = n->n++;
	return 0;
}

struct names *names_copy(const struct names *n)
{
	struct names *copy = names_create();
	uint32_t id;
	for (uint32_t i = 0; copy && i < n->n; i++)
		if (names_add(copy, names_text(n, i), &id) < 0) {
			names_destroy(copy);
			return NULL;
		}
	return copy;
}

uint32_t names_count(const struct names *n)
{
	return n->n;
}

struct slice names_text(const struct names *n, uint32_t id)
{
	return slice_of(n->items[id].text, n->items[id].len);
}

struct slice names_json(const struct names *n, uint32_t id)
{
	return slice_of(n->items[id].json, n->items[id].json_len);
}
