#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/regular.h"
#include "dataplane/dim/dim.h"
#include "dataplane/dim/dim_dump.h"
#include "dataplane/dim/dim_file.h"
#include "dataplane/dim/dim_json.h"

/* A file of all rows: CSV with the names of its columns in the first line (RFC 4180), or a JSON
 * object a line. Whoever changes it renames a new one into its place.
 */

#define FILE_BYTES_MAX (8ull << 30)

struct file_conf {
	const char *path;
	int format; /* index in formats */
	const char *separator;
};

enum { FILE_AUTO, FILE_CSV, FILE_NDJSON };
static const char *const formats[] = {"auto", "csv", "ndjson", NULL};

static const struct opt file_opts[] = {
	{.name = "path",
	 .type = OPT_PATH,
	 .off = offsetof(struct file_conf, path),
	 .required = true,
	 .live = true,
	 .help = "The file with all rows. A new one is taken in within seconds (run); change it by "
		 "renaming a whole file into its place."},
	{.name = "format",
	 .type = OPT_ENUM,
	 .off = offsetof(struct file_conf, format),
	 .choices = formats,
	 .def = "auto",
	 .live = true,
	 .help = "csv: the first line has the names of the columns. ndjson: a JSON object a line. "
		 "auto: by the first byte."},
	{.name = "separator",
	 .type = OPT_STRING,
	 .off = offsetof(struct file_conf, separator),
	 .def = "\",\"",
	 .live = true,
	 .help = "What stands between the columns of a csv: one byte."},
	OPT_END,
};

struct reading {
	struct dim_load *load;
	const char *path;
	uint8_t *text; /* the whole file, changed in place where quotes are taken out */
	size_t len, at;
	unsigned line;
	const struct dim_field *fields;
	unsigned n_fields;
	const char *key;
	struct slice *values; /* by field */
	struct dim_json json;
};

/* ---- csv ---- */

/* One value, up to the separator or the end of the line. In quotes it may hold both, and doubled
 * quotes, which are made single in place. False: a quote is not closed.
 */
static bool csv_value(struct reading *r, uint8_t sep, struct slice *ret_v, bool *ret_last)
{
	uint8_t *p = r->text + r->at, *end = r->text + r->len, *to = p, *from = p;
	if (p < end && *p == '"') {
		from = ++p;
		to = from;
		for (;; p++) {
			if (p == end)
				return false;
			if (*p == '"' && (p + 1 == end || p[1] != '"'))
				break;
			p += *p == '"';
			r->line += *p == '\n';
			*to++ = *p;
		}
		p++;
	}
	bool quoted = from > r->text + r->at;
	while (p < end && *p != sep && *p != '\n')
		p++;
	if (!quoted)
		to = p;
	*ret_last = p == end || *p == '\n';
	if (*ret_last && !quoted && to > from && to[-1] == '\r')
		to--;
	r->at = (size_t)(p - r->text) + (p < end);
	r->line += *ret_last;
	*ret_v = slice_of(from, (size_t)(to - from));
	return true;
}

#define CSV_COLUMNS_MAX 4096
#define NOT_WANTED      (-1)
#define IS_KEY          (-2)

/* The columns' places in a row: a field's index, IS_KEY or NOT_WANTED; IS_KEY may be a field, too.
 */
struct csv_head {
	int field[CSV_COLUMNS_MAX];
	unsigned n, key;
};

static int csv_head(struct reading *r, uint8_t sep, struct csv_head *h, struct err *e)
{
	bool last = false, has_key = false;
	bool *found = mem_alloc(r->n_fields + 1);
	int rc = found ? 0 : err_set(e, -ENOMEM, "out of memory");
	while (rc == 0 && !last && h->n < CSV_COLUMNS_MAX) {
		struct slice name;
		if (!csv_value(r, sep, &name, &last))
			rc = err_set(e, -EINVAL, "%s:1: a quote is not closed", r->path);
		h->field[h->n] = NOT_WANTED;
		for (unsigned i = 0; rc == 0 && i < r->n_fields; i++)
			if (slice_eq(name, slice_str(r->fields[i].name))) {
				h->field[h->n] = (int)i;
				found[i] = true;
			}
		if (rc == 0 && slice_eq(name, slice_str(r->key))) {
			h->key = h->n;
			has_key = true;
		}
		h->n++;
	}
	if (rc == 0 && !has_key)
		rc = err_set(e, -EINVAL, "%s:1: no column is named %s, which is the key", r->path,
			     r->key);
	for (unsigned i = 0; rc == 0 && i < r->n_fields; i++)
		if (!found[i])
			rc = err_set(e, -EINVAL, "%s:1: no column is named %s", r->path,
				     r->fields[i].name);
	mem_free(found);
	return rc;
}

static int csv_row(struct reading *r, uint8_t sep, const struct csv_head *h, struct err *e)
{
	unsigned line = r->line, n = 0;
	bool last = false;
	struct slice key = {0};
	memset(r->values, 0, r->n_fields * sizeof(*r->values));
	for (; !last; n++) {
		struct slice v;
		if (!csv_value(r, sep, &v, &last))
			return err_set(e, -EINVAL, "%s:%u: a quote is not closed", r->path, line);
		if (n == 0 && last && v.len == 0)
			return 0; /* an empty line */
		if (n < h->n && h->field[n] >= 0)
			r->values[h->field[n]] = v;
		if (n == h->key)
			key = v;
	}
	if (n != h->n)
		return err_set(e, -EINVAL, "%s:%u: %u columns; expected %u, as in the first line",
			       r->path, line, n, h->n);
	dim_load_row(r->load, key, r->values);
	return 0;
}

static int load_csv(struct reading *r, uint8_t sep, struct err *e)
{
	struct csv_head *h = mem_alloc(sizeof(*h));
	if (!h)
		return err_set(e, -ENOMEM, "out of memory");
	int rc = csv_head(r, sep, h, e);
	while (rc == 0 && r->at < r->len)
		rc = csv_row(r, sep, h, e);
	mem_free(h);
	return rc;
}

/* ---- ndjson ---- */

static int json_row(struct reading *r, struct slice line, struct err *e)
{
	struct slice key;
	int rc = dim_json_read(&r->json, line, r->key, &key, r->values, e);
	if (rc == 0 && !key.ptr)
		rc = err_set(e, -EINVAL, ": no %s, which is the key", r->key);
	if (rc < 0)
		return err_prefix(e, rc, "%s:%u", r->path, r->line);
	dim_load_row(r->load, key, r->values);
	return 0;
}

static bool is_blank(const char *s, size_t len)
{
	while (len && (s[len - 1] == ' ' || s[len - 1] == '\t' || s[len - 1] == '\r'))
		len--;
	return len == 0;
}

static int load_ndjson(struct reading *r, struct err *e)
{
	int rc = dim_json_init(&r->json, r->load, e);
	for (; rc == 0 && r->at < r->len; r->line++) {
		const char *line = (const char *)r->text + r->at;
		const char *end = memchr(line, '\n', r->len - r->at);
		size_t len = end ? (size_t)(end - line) : r->len - r->at;
		r->at += len + (end != NULL);
		if (!is_blank(line, len))
			rc = json_row(r, slice_of(line, len), e);
	}
	dim_json_fini(&r->json);
	return rc;
}

/* ---- the file ---- */

static int read_all(int fd, struct reading *r, struct err *e)
{
	for (size_t n = 0; n < r->len;) {
		ssize_t got = read(fd, r->text + n, r->len - n);
		if (got < 0)
			return err_set(e, -errno, "%s: %s", r->path, strerror(errno));
		if (got == 0)
			return err_set(e, -EIO, "%s: it became shorter while it was read", r->path);
		n += (size_t)got;
	}
	return 0;
}

static int open_file(const struct file_conf *c, struct reading *r, struct err *e)
{
	struct stat st;
	int fd = regular_open(c->path);
	if (fd < 0)
		return err_set(e, fd, "%s: %s", c->path, regular_why(fd));
	int rc = fstat(fd, &st) < 0 ? err_set(e, -errno, "%s: %s", c->path, strerror(errno)) : 0;
	r->len = rc == 0 ? (size_t)st.st_size : 0;
	if (rc < 0)
		r->text = NULL;
	else if (r->len > FILE_BYTES_MAX)
		rc = err_set(e, -EINVAL, "%s: expected a file of at most 8 GiB", c->path);
	else if (!(r->text = mem_map(r->len + 1)))
		rc = err_set(e, -ENOMEM, "%s: no memory for %zu bytes", c->path, r->len);
	else
		rc = read_all(fd, r, e);
	close(fd);
	/* Spreadsheets put a mark in front, which is of no column's name. */
	if (rc == 0 && slice_starts(slice_of(r->text, r->len), SLICE_LIT("\xef\xbb\xbf")))
		r->at = 3;
	return rc;
}

/* @table: the file may also be a dump, which has its rows; NULL: not so. */
static int load_file(const struct file_conf *c, const char *table, struct dim_load *l,
		     struct err *e)
{
	struct reading r = {.load = l, .path = c->path, .line = 1, .key = dim_load_key(l)};
	r.fields = dim_load_fields(l, &r.n_fields);
	if (!r.key)
		return err_set(e, -EINVAL, "key is missing: which column is the key?");
	if (strlen(c->separator) != 1)
		return err_set(e, -EINVAL, "separator \"%s\"; expected one byte", c->separator);
	r.values = mem_alloc((r.n_fields + 1) * sizeof(*r.values));
	int rc = r.values ? open_file(c, &r, e) : err_set(e, -ENOMEM, "out of memory");
	if (rc == 0 && table && dim_dump_is(slice_of(r.text + r.at, r.len - r.at))) {
		rc = dim_dump_load(c->path, r.text + r.at, r.len - r.at, table, l, e);
	} else if (rc == 0) {
		bool json = c->format == FILE_NDJSON ||
			    (c->format == FILE_AUTO && r.at < r.len && r.text[r.at] == '{');
		rc = json ? load_ndjson(&r, e) : load_csv(&r, (uint8_t)c->separator[0], e);
	}
	if (r.text)
		mem_unmap(r.text, r.len + 1);
	mem_free(r.values);
	return rc;
}

static int file_load(const void *conf, struct dim_load *l, struct err *e)
{
	return load_file(conf, NULL, l, e);
}

int dim_file_load(const char *path, const char *table, struct dim_load *l, struct err *e)
{
	return load_file(&(struct file_conf){.path = path, .separator = ","}, table, l, e);
}

/* Which file it is, how long, and when it was changed. */
static uint64_t file_stamp(const void *conf)
{
	const struct file_conf *c = conf;
	struct stat st;
	if (stat(c->path, &st) < 0)
		return 0;
	uint64_t h = (uint64_t)st.st_ino * 0x9e3779b97f4a7c15;
	h = (h ^ (uint64_t)st.st_size) * 0x9e3779b97f4a7c15;
	h = (h ^ (uint64_t)st.st_mtim.tv_sec) * 0x9e3779b97f4a7c15;
	return (h ^ (uint64_t)st.st_mtim.tv_nsec) | 1;
}

const struct dim_kind dim_file = {
	.name = "file",
	.summary = "A file with all rows, CSV or a JSON object a line",
	.opts = file_opts,
	.conf_size = sizeof(struct file_conf),
	.load = file_load,
	.stamp = file_stamp,
};
