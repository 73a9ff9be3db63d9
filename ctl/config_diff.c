/* Both are printed as a file with every option would be, and compared line by line: a line's name
 * is its key, behind those of the lines that it stands under.
 */
#include "ctl/config_diff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/config_compare.h"

#define DEPTH_MAX 16
#define INDENT    2

/* Every option with its value, as one object; NULL when out of memory. */
static json_t *flatten(const struct config *c)
{
	char *text = NULL, *rest = NULL, name[1024];
	size_t len, ends[DEPTH_MAX + 1] = {0};
	json_t *all = json_object();
	FILE *f = open_memstream(&text, &len);
	if (!f)
		return NULL;
	config_print_effective(c, f);
	fclose(f);
	for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
		size_t n = strspn(line, " "), depth = n / INDENT;
		char *value = strstr(line + n, ": ");
		char *end = value ? value : strrchr(line, ':');
		if (line[n] == '#' || !end || depth >= DEPTH_MAX)
			continue;
		size_t at = depth ? ends[depth - 1] : 0;
		int put = snprintf(name + at, sizeof(name) - at, "%s%.*s", depth ? "." : "",
				   (int)(end - line - (ptrdiff_t)n), line + n);
		ends[depth] = at + (size_t)put < sizeof(name) ? at + (size_t)put : sizeof(name) - 1;
		if (value)
			json_object_set_new(all, name, json_string(value + 2));
	}
	free(text);
	return all;
}

/* Does the @path of config_each_restart mean @option? The name of a part alone means its section; a
 * key that stands inside of match is named without it.
 */
static bool is_meant(const char *path, const char *option)
{
	size_t len = strlen(path);
	const char *dot = strchr(path, '.');
	size_t section = dot ? (size_t)(dot - path) : len;
	const char *last = strrchr(path, '.');
	size_t part = last && last > dot ? (size_t)(last - path) : len;
	if (strncmp(option, path, len) == 0 && (option[len] == '\0' || option[len] == '.'))
		return true;
	if (part == len)
		return strncmp(path, "sources", section) == 0 &&
		       strncmp(option, path, section + 1) == 0;
	size_t key = len - part, n = strlen(option);
	return strncmp(option, path, part + 1) == 0 && n > key &&
	       strncmp(option + n - key, path + part, key) == 0;
}

static void add_path(void *paths, const char *path)
{
	json_array_append_new(paths, json_string(path));
}

static bool needs_restart(const json_t *paths, const char *option)
{
	json_t *path;
	size_t i;
	json_array_foreach((json_t *)paths, i,
			   path) if (is_meant(json_string_value(path), option)) return true;
	return false;
}

const char *config_diff(const struct config *runs, const struct config *file, json_t *rows)
{
	json_t *a = flatten(runs), *b = flatten(file), *v;
	json_t *paths = json_array();
	const char *option, *needs = a && b && paths ? "nothing" : NULL;
	json_t *names = json_object();
	config_each_restart(runs, file, add_path, paths);
	json_object_update(names, a);
	json_object_update(names, b);
	json_object_foreach(names, option, v)
	{
		json_t *was = json_object_get(a, option), *is = json_object_get(b, option);
		if (!needs || (was && is && json_equal(was, is)))
			continue;
		bool restart = needs_restart(paths, option);
		if (restart || strcmp(needs, "nothing") == 0)
			needs = restart ? "restart" : "reload";
		json_array_append_new(rows, json_pack("{s:s,s:s,s:s,s:s}", "option", option, "runs",
						      was ? json_string_value(was) : "", "file",
						      is ? json_string_value(is) : "", "needs",
						      restart ? "restart" : "reload"));
	}
	json_decref(names);
	json_decref(a);
	json_decref(b);
	json_decref(paths);
	return needs;
}
