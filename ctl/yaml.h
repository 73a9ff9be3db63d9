/* yaml.h - a strict reader of YAML: a tree whose every value knows its place and its path.
 *
 * In:     the bytes of one file: UTF-8, with or without BOM, LF or CRLF.
 * Out:    a tree of texts, lists and maps; what is wrong, with line and column.
 * Owns:   nothing: the tree lies in the caller's memlist.
 * Runs:   main.
 * Limits: YAML_BYTES_MAX, YAML_DEPTH_MAX, YAML_VALUES_MAX. One document; no aliases, no anchors, no
 *         tags, no merge keys: a value is what stands there. No key twice in a map.
 */
#ifndef SL_CTL_YAML_H
#define SL_CTL_YAML_H

#include "ctl/errlist.h"
#include "ctl/memlist.h"

#define YAML_BYTES_MAX  (16u << 20)
#define YAML_DEPTH_MAX  32
#define YAML_VALUES_MAX 1000000

enum yaml_kind { YAML_TEXT, YAML_LIST, YAML_MAP };

/* Places are 1-based; columns count characters. The place of a block of text (`|`) is its mark. */
struct yaml_val {
	enum yaml_kind kind;
	bool plain;       /* YAML_TEXT: not in quotes and not a block, so it may be a number */
	bool block;       /* YAML_TEXT: a block (`|` or `>`) */
	int line, col;    /* where the value begins */
	const char *text; /* YAML_TEXT: NUL behind it; may hold NULs */
	size_t len;
	struct yaml_val *first; /* of the items of a list or map, in file order */
	size_t n;               /* of these */

	struct yaml_val *next;         /* in the same list or map */
	const struct yaml_val *parent; /* NULL: the root */
	const char *key;               /* in a map */
	int key_line, key_col;
	size_t idx; /* in a list */
};

/* Returns 0; -EINVAL when the text is no YAML, which @errs tells; -ENOMEM. The same key twice is an
 * error in @errs, too, but the tree is there, with the first of them. @file is named in the
 * messages. An empty text is an empty map at 1:1.
 */
int yaml_tree_read(struct slice text, const char *file, struct memlist *mem, struct err_list *errs,
		   struct yaml_val **ret_root);

/* The value of @key, or NULL; also NULL when @map is no map. */
const struct yaml_val *yaml_val_get(const struct yaml_val *map, const char *key);

/* Nothing stands there: `key:`, `key: ~` or `key: null`. */
bool yaml_val_is_null(const struct yaml_val *v);

/* Writes the path, such as `capture.ports[0].device`; empty for the root. Returns @buf, which holds
 * at least one byte; a path that is too long is cut at its front.
 */
char *yaml_val_path(const struct yaml_val *v, char *buf, size_t cap);

/* What stands there, for messages: `"text"` (the first 40 bytes, made printable), `a list`, `a map`
 * or `no value`. Returns @buf.
 */
char *yaml_val_show(const struct yaml_val *v, char *buf, size_t cap);

#define YAML_PATH_MAX 256
#define YAML_SHOW_MAX 256

#endif
