/* format_files.h - reads conf/formats/NAME.yaml and conf/patterns/ for tests that have no
 * configuration reader at hand: one map of formats, each with one kind and maybe types.
 */
#ifndef SL_TESTS_UNIT_FORMAT_FILES_H
#define SL_TESTS_UNIT_FORMAT_FILES_H

#include "pairs.h"

#include <glob.h>
#include <yaml.h>

#include "dataplane/extract/format.h"
#include "dataplane/extract/grok.h"

#define FORMAT_FILE_MAX 16

struct format_file {
	yaml_document_t doc;
	struct format_def defs[FORMAT_FILE_MAX];
	struct opt_pair types[FORMAT_FILE_MAX][FORMAT_FIELDS_MAX];
	unsigned n;
};

static inline const char *source_root(void)
{
	const char *root = getenv("SL_SOURCE_ROOT");
	return root ? root : ".";
}

/* The library that is shipped; @more: a folder of further patterns inside conf/patterns, or NULL.
 */
static inline struct grok *patterns_load(const char *more)
{
	struct grok *lib = grok_create();
	char path[4096];
	struct err e;
	for (unsigned i = 0; i < (more ? 2u : 1u); i++) {
		glob_t found;
		snprintf(path, sizeof(path), "%s/conf/patterns/%s%s*.pat", source_root(),
			 i ? more : "", i ? "/" : "");
		assert_int_equal(glob(path, 0, NULL, &found), 0);
		for (size_t k = 0; k < found.gl_pathc; k++) {
			if (grok_load(lib, found.gl_pathv[k], &e) < 0)
				fail_msg("%s", e.text);
		}
		globfree(&found);
	}
	return lib;
}

static inline const char *yaml_text(yaml_document_t *doc, yaml_node_item_t at)
{
	yaml_node_t *n = yaml_document_get_node(doc, at);
	return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static inline void format_def_read(struct format_file *f, struct format_def *def,
				   struct opt_pair *types, yaml_node_t *map)
{
	static const char *const kinds[] = {"grok", "regex", "kv", "logfmt", "csv", "tsv", "json"};
	for (yaml_node_pair_t *p = map->data.mapping.pairs.start; p < map->data.mapping.pairs.top;
	     p++) {
		const char *key = yaml_text(&f->doc, p->key);
		for (int k = 0; k < 7; k++) {
			if (strcmp(key, kinds[k]) == 0) {
				def->kind = k;
				def->pattern = yaml_text(&f->doc, p->value);
			}
		}
		if (strcmp(key, "types") != 0)
			continue;
		yaml_node_t *m = yaml_document_get_node(&f->doc, p->value);
		def->types.items = types;
		for (yaml_node_pair_t *t = m->data.mapping.pairs.start;
		     t < m->data.mapping.pairs.top; t++)
			types[def->types.n++] =
				(struct opt_pair){.key = yaml_text(&f->doc, t->key),
						  .value = yaml_text(&f->doc, t->value)};
	}
}

/* @name: "access" for conf/formats/access.yaml. */
static inline struct format_file *format_file_load(const char *name)
{
	struct format_file *f = calloc(1, sizeof(*f));
	yaml_parser_t parser;
	char path[4096];
	snprintf(path, sizeof(path), "%s/conf/formats/%s.yaml", source_root(), name);
	FILE *in = fopen(path, "r");
	if (!in)
		fail_msg("%s cannot be opened", path);
	yaml_parser_initialize(&parser);
	yaml_parser_set_input_file(&parser, in);
	assert_true(yaml_parser_load(&parser, &f->doc));
	yaml_node_t *root = yaml_document_get_root_node(&f->doc);
	assert_non_null(root);
	for (yaml_node_pair_t *p = root->data.mapping.pairs.start; p < root->data.mapping.pairs.top;
	     p++) {
		f->defs[f->n].name = yaml_text(&f->doc, p->key);
		format_def_read(f, &f->defs[f->n], f->types[f->n],
				yaml_document_get_node(&f->doc, p->value));
		f->n++;
	}
	yaml_parser_delete(&parser);
	fclose(in);
	return f;
}

static inline void format_file_free(struct format_file *f)
{
	yaml_document_delete(&f->doc);
	free(f);
}

#endif
