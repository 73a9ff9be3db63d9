#include "ctl/schema_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/options.h"
#include "dataplane/sink/proto_shape.h"

/* The first dot stands for the slash, so one that is the project's own is spelled %2E. */
const char *schema_file_path(struct memlist *mem, const char *dir, const char *queue)
{
	size_t cap = strlen(dir) + 3 * strlen(queue) + sizeof("/.schema.yaml");
	char *path = memlist_alloc(mem, cap);
	if (!path)
		return NULL;
	char *o = stpcpy(stpcpy(path, dir), "/");
	for (const char *c = queue, *slash = strchr(queue, '/'); *c; c++) {
		if (*c == '.' && c < slash)
			o = stpcpy(o, "%2E");
		else
			*o++ = c == slash ? '.' : *c;
	}
	stpcpy(o, ".schema.yaml");
	return path;
}

/* ---- reading ---- */

/* One of the fields, as it is written. */
struct field_text {
	int64_t number;
	const char *name;
	int type;
};

static const struct opt field_opts[] = {
	{.name = "number",
	 .type = OPT_INT,
	 .off = offsetof(struct field_text, number),
	 .min = PROTO_FIRST,
	 .max = PROTO_NUMBER_MAX,
	 .required = true,
	 .help = "Of the field in Protocol Buffers."},
	{.name = "name",
	 .type = OPT_STRING,
	 .off = offsetof(struct field_text, name),
	 .required = true,
	 .help = "Of the field in the record."},
	{.name = "type",
	 .type = OPT_ENUM,
	 .off = offsetof(struct field_text, type),
	 .choices = sql_type_names,
	 .required = true,
	 .help = "In SQL."},
	OPT_END,
};

static const struct opt file_opts[] = {
	{.name = "queue",
	 .type = OPT_STRING,
	 .off = offsetof(struct schema_file, queue),
	 .required = true,
	 .help = "Whose schema it is."},
	{.name = "version",
	 .type = OPT_INT,
	 .off = offsetof(struct schema_file, version),
	 .min = 1,
	 .max = INT32_MAX,
	 .required = true,
	 .help = "One more with each change."},
	{.name = "open",
	 .type = OPT_BOOL,
	 .off = offsetof(struct schema_file, open),
	 .def = "false",
	 .help = "Records may have other fields too."},
	OPT_END,
};

static const char *const file_lists[] = {"fields", "removed", NULL};

static int read_list(const struct option_reader *r, const struct yaml_val *list,
		     struct schema_field **ret_f, size_t *ret_n)
{
	if (!list || yaml_val_is_null(list))
		return 0;
	if (list->kind != YAML_LIST || list->n > PROTO_FIELDS_MAX) {
		option_err(r, list, "expected a list of at most %d fields", PROTO_FIELDS_MAX);
		return 0;
	}
	struct schema_field *f = *ret_f = memlist_array(r->mem, list->n + 1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	for (const struct yaml_val *v = list->first; v; v = v->next, f++) {
		struct field_text t = {0};
		struct options_part part = {field_opts, &t};
		struct options_shape shape = {.parts = &part, .n_parts = 1};
		if (!options_is_map(r, v) || !options_read(r, &shape, v))
			continue;
		*f = (struct schema_field){.name = t.name,
					   .type = (enum sql_type)t.type,
					   .number = t.number,
					   .at = option_place(r, v)};
		if (f->number >= PROTO_RESERVED_FROM && f->number <= PROTO_RESERVED_TO)
			option_err(r, v, "number %lld: 19000 to 19999 are Protocol Buffers' own",
				   (long long)f->number);
	}
	*ret_n = list->n;
	return 0;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = ((const struct schema_field *)a)->number;
	int64_t y = ((const struct schema_field *)b)->number;
	return (x > y) - (x < y);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct schema_field *)a)->name,
		      ((const struct schema_field *)b)->name);
}

/* No number twice, removed ones among them; no name twice among those that are there. */
static int check_unique(struct memlist *mem, struct err_list *errs, struct schema_file *s)
{
	size_t n = s->n_fields + s->n_removed;
	struct schema_field *all = memlist_array(mem, n + 1, sizeof(*all));
	if (!all)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		all[i] = i < s->n_fields ? s->fields[i] : s->removed[i - s->n_fields];
	qsort(all, s->n_fields, sizeof(*all), by_name);
	for (size_t i = 1; i < s->n_fields; i++)
		if (strcmp(all[i].name, all[i - 1].name) == 0)
			err_list_add(errs, all[i].at, "the field %s twice", all[i].name);
	qsort(all, n, sizeof(*all), by_number);
	for (size_t i = 1; i < n; i++)
		if (all[i].number == all[i - 1].number)
			err_list_add(errs, all[i].at,
				     "the number %lld twice: %s and %s; a number is a field's for "
				     "ever",
				     (long long)all[i].number, all[i - 1].name, all[i].name);
	return 0;
}

static int read_tree(const struct option_reader *r, const struct yaml_val *root, const char *queue,
		     struct schema_file *s)
{
	struct options_part part = {file_opts, s};
	struct options_shape shape = {.parts = &part, .n_parts = 1, .others = file_lists};
	size_t before = r->errs->n_errors;
	options_read(r, &shape, root);
	if (s->queue && strcmp(s->queue, queue) != 0)
		option_err(r, yaml_val_get(root, "queue"),
			   "this is the schema of queue %s; expected that of %s", s->queue, queue);
	int rc = read_list(r, yaml_val_get(root, "fields"), &s->fields, &s->n_fields);
	if (rc == 0)
		rc = read_list(r, yaml_val_get(root, "removed"), &s->removed, &s->n_removed);
	if (rc == 0 && r->errs->n_errors == before)
		rc = check_unique(r->mem, r->errs, s);
	if (rc < 0)
		return rc;
	if (r->errs->n_errors > before)
		return -EINVAL;
	if (s->n_fields)
		qsort(s->fields, s->n_fields, sizeof(*s->fields), by_number);
	return 0;
}

int schema_file_read(const char *path, const char *queue, const struct config_files *files,
		     struct memlist *mem, struct err_list *errs, struct schema_file *ret_s)
{
	uint8_t *bytes;
	size_t len;
	struct err e = {{0}};
	*ret_s = (struct schema_file){.path = path, .queue = queue};
	int rc = files->read(files->arg, path, &bytes, &len, &e);
	if (rc == -ENOENT)
		return 0;
	if (rc < 0) {
		err_list_add(errs, (struct err_place){.file = path}, "%s", e.text);
		return rc == -ENOMEM ? rc : -EINVAL;
	}
	struct yaml_val *root;
	struct option_reader r = {.mem = mem, .errs = errs, .file = path, .dir = ""};
	rc = yaml_tree_read(slice_of(bytes, len), path, mem, errs, &root);
	if (rc == 0)
		rc = read_tree(&r, root, queue, ret_s);
	free(bytes);
	return rc;
}

/* ---- writing ---- */

static void print_list(FILE *out, const char *name, const struct schema_field *f, size_t n)
{
	fprintf(out, "%s:%s\n", name, n ? "" : " []");
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "  - { number: %lld, name: ", (long long)f[i].number);
		option_text_write(out, f[i].name);
		fprintf(out, ", type: %s }\n", sql_type_names[f[i].type]);
	}
}

void schema_file_print(const struct schema_file *s, FILE *out)
{
	fputs("# The schema of a queue, by `sluiced schema write`. Keep it with the "
	      "configuration:\n# numbers are never given out twice.\n",
	      out);
	fprintf(out, "queue: %s\nversion: %lld\nopen: %s\n", s->queue, (long long)s->version,
		s->open ? "true" : "false");
	print_list(out, "fields", s->fields, s->n_fields);
	if (s->n_removed)
		print_list(out, "removed", s->removed, s->n_removed);
}

static void make_folder(const char *path)
{
	char folder[4096];
	const char *slash = strrchr(path, '/');
	if (slash && slash > path && (size_t)(slash - path) < sizeof(folder)) {
		memcpy(folder, path, (size_t)(slash - path));
		folder[slash - path] = 0;
		mkdir(folder, 0777); /* what is wrong with it, open says */
	}
}

int schema_file_write(const struct schema_file *s, struct err *e)
{
	char part[4096];
	make_folder(s->path);
	if (snprintf(part, sizeof(part), "%s.part", s->path) >= (int)sizeof(part))
		return err_set(e, -ENAMETOOLONG, "%s: %s", s->path, strerror(ENAMETOOLONG));
	FILE *out = fopen(part, "we");
	if (!out)
		return err_set(e, -errno, "%s: %s", part, strerror(errno));
	schema_file_print(s, out);
	bool good = fflush(out) == 0 && !ferror(out) && fsync(fileno(out)) == 0;
	int code = errno;
	good = fclose(out) == 0 && good;
	if (good && rename(part, s->path) == 0)
		return 0;
	code = good ? errno : code;
	unlink(part);
	return err_set(e, -code, "%s: %s", s->path, strerror(code));
}
