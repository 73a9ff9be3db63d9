#include "dataplane/sink/file_name.h"

#include <inttypes.h>
#include <stdio.h>

#include "dataplane/base/civil.h"

/* Text that grows in a buffer of FILE_NAME_MAX bytes; `full` once something did not fit. */
struct path {
	char *text;
	size_t len;
	bool full;
};

static void put(struct path *p, const char *s, size_t len)
{
	if (len >= FILE_NAME_MAX - p->len) {
		p->full = true;
		return;
	}
	memcpy(p->text + p->len, s, len);
	p->len += len;
	p->text[p->len] = '\0';
}

static bool ends_with(const char *s, size_t len, const char *tail)
{
	size_t n = strlen(tail);
	return len >= n && memcmp(s + len - n, tail, n) == 0;
}

/* The length of @s up to the dot of its last extension, or all of it. */
static size_t stem_len(const char *s, size_t len)
{
	for (size_t i = len; i > 0 && s[i - 1] != '/'; i--)
		if (s[i - 1] == '.' && i > 1 && s[i - 2] != '/')
			return i - 1;
	return len;
}

static int check(const char *path, bool *ret_numbered, struct err *e)
{
	*ret_numbered = false;
	for (const char *s = strchr(path, '%'); s; s = strchr(s + 2, '%')) {
		if (s[1] == '\0' || !strchr("YmdHMSn%", s[1]))
			return err_set(e, -EINVAL,
				       "path %s: %%%c is none of %%Y %%m %%d %%H %%M %%S %%n %%%%",
				       path, s[1] ? s[1] : ' ');
		*ret_numbered |= s[1] == 'n';
	}
	size_t len = strlen(path);
	if (len == 0 || path[len - 1] == '/')
		return err_set(e, -EINVAL, "path %s: a file name is expected at its end", path);
	return 0;
}

int file_name_prepare(const char *path, const char *suffix, char ret_template[FILE_NAME_MAX],
		      struct err *e)
{
	bool numbered;
	int rc = check(path, &numbered, e);
	if (rc < 0)
		return rc;
	char text[FILE_NAME_MAX];
	struct path p = {.text = text};
	size_t len = strlen(path);
	if (ends_with(path, len, suffix))
		len -= strlen(suffix);
	size_t stem = numbered ? len : stem_len(path, len);
	put(&p, path, stem);
	if (!numbered)
		put(&p, "-%n", 3);
	put(&p, path + stem, len - stem);
	put(&p, suffix, strlen(suffix));
	if (p.full)
		return err_set(e, -EINVAL, "path %.64s...: longer than %d bytes", path,
			       FILE_NAME_MAX - 1);
	memcpy(ret_template, text, p.len + 1);
	return 0;
}

static void put_part(struct path *p, char letter, const struct civil *c, uint64_t number)
{
	char text[24];
	int len = 0;
	switch (letter) {
	case 'Y':
		len = snprintf(text, sizeof(text), "%04d", c->year);
		break;
	case 'm':
		len = snprintf(text, sizeof(text), "%02d", c->month);
		break;
	case 'd':
		len = snprintf(text, sizeof(text), "%02d", c->day);
		break;
	case 'H':
		len = snprintf(text, sizeof(text), "%02d", c->hour);
		break;
	case 'M':
		len = snprintf(text, sizeof(text), "%02d", c->min);
		break;
	case 'S':
		len = snprintf(text, sizeof(text), "%02d", c->sec);
		break;
	case 'n':
		len = snprintf(text, sizeof(text), "%06" PRIu64, number);
		break;
	default:
		len = snprintf(text, sizeof(text), "%%");
	}
	put(p, text, (size_t)len);
}

bool file_name_expand(const char *template, int64_t ns, uint64_t number, char ret[FILE_NAME_MAX])
{
	struct path p = {.text = ret};
	struct civil c;
	civil_from_ns(ns, &c);
	for (const char *s = template; *s; s++)
		if (*s == '%')
			put_part(&p, *++s, &c, number);
		else
			put(&p, s, 1);
	return !p.full;
}

bool file_name_pattern(const char *template, const char *tail, char ret[FILE_NAME_MAX])
{
	struct path p = {.text = ret};
	for (const char *s = template; *s; s++) {
		if (*s == '%' && *++s != '%') {
			put(&p, "*", 1);
			continue;
		}
		if (strchr("*?[\\", *s))
			put(&p, "\\", 1);
		put(&p, s, 1);
	}
	put(&p, tail, strlen(tail));
	return !p.full;
}

void file_name_fixed_dir(const char *template, char ret[FILE_NAME_MAX])
{
	struct path p = {.text = ret};
	size_t len = strcspn(template, "%");
	while (len > 0 && template[len - 1] != '/')
		len--;
	if (len == 0)
		put(&p, ".", 1);
	else
		put(&p, template, len > 1 ? len - 1 : 1);
}
