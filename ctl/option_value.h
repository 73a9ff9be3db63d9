/* option_value.h - one value of the configuration: from YAML into its field, and back.
 *
 * In:     a row of an option table and what the file says.
 * Out:    the field filled; else a message with place, path, what is wrong, what was expected.
 * Owns:   nothing: texts and lists lie in the reader's memlist.
 * Runs:   main.
 * Limits: the row's min and max.
 */
#ifndef SL_CTL_OPTION_VALUE_H
#define SL_CTL_OPTION_VALUE_H

#include "ctl/errlist.h"
#include "ctl/memlist.h"
#include "ctl/yaml.h"
#include "dataplane/base/option.h"

/* What reading a configuration file needs at every step. */
struct option_reader {
	struct memlist *mem; /* of the configuration */
	struct err_list *errs;
	const char *file; /* as messages name it; lives as long as errs and mem */
	const char *dir;  /* relative paths begin here; "" is the working directory */
};

/* Adds "FILE:LINE:COL: PATH: text", the place being the value's, or its key's. */
void option_err(const struct option_reader *r, const struct yaml_val *v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void option_key_err(const struct option_reader *r, const struct yaml_val *v, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void option_oom(const struct option_reader *r);

struct err_place option_place(const struct option_reader *r, const struct yaml_val *v);

/* False when the value was refused and said so; then the field is as before. */
bool option_value_read(const struct option_reader *r, const struct opt *o, const struct yaml_val *v,
		       void *field);

/* @path as seen from @r->dir. NULL when out of memory. */
const char *option_path(const struct option_reader *r, const char *path);

/* False for a text that was not given and has no default: nothing to write. */
bool option_value_is_set(const struct opt *o, const void *field);

/* As it would stand in a file, on one line. Secrets are left out, passwords in URLs too: "***". */
void option_value_write(FILE *out, const struct opt *o, const void *field);

/* @text as YAML: as it is where that reads back the same, else in double quotes. */
void option_text_write(FILE *out, const char *text);

/* "a whole number from 1 to 128", "one of off, safe, all". Returns @buf. */
char *option_value_expect(const struct opt *o, char *buf, size_t cap);

#define OPTION_EXPECT_MAX 512

#endif
