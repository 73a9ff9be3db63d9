/* schema_file.h - the schema of a queue as a file: fields, types, and numbers that never change.
 *
 * In:     DIR/PROJECT.NAME.schema.yaml.
 * Out:    struct schema_file; the file, written anew as a whole.
 * Owns:   nothing: all of it lies in the caller's memlist.
 * Runs:   main.
 * Limits: PROTO_FIELDS_MAX fields.
 *
 *     queue: video/play_vip
 *     version: 3
 *     open: false
 *     fields:
 *       - { number: 16, name: uid, type: text }
 *       - { number: 18, name: seconds, type: bigint }
 *     removed:
 *       - { number: 17, name: dur, type: text }
 */
#ifndef SL_CTL_SCHEMA_FILE_H
#define SL_CTL_SCHEMA_FILE_H

#include "ctl/config.h"

struct schema_field {
	const char *name;
	enum sql_type type;
	int64_t number; /* PROTO_FIRST and above */
	struct err_place at;
};

struct schema_file {
	const char *path;
	int64_t version;             /* 1 and above; 0: there is no file */
	bool open;                   /* records may have other fields too */
	struct schema_field *fields; /* by their numbers, rising; so the next */
	size_t n_fields;
	struct schema_field *removed; /* their numbers are taken for ever */
	size_t n_removed;
	/* as written */
	const char *queue;
};

/* Where the schema of a queue stands, or NULL when out of memory. */
const char *schema_file_path(struct memlist *mem, const char *dir, const char *queue);

/* No file at @path is none of version 0. 0; -EINVAL when @errs tells what is wrong; -ENOMEM. */
int schema_file_read(const char *path, const char *queue, const struct config_files *files,
		     struct memlist *mem, struct err_list *errs, struct schema_file *ret_s);

void schema_file_print(const struct schema_file *s, FILE *out);

/* Under another name first, so that a file is the old one or the new one. 0, or -errno with a text.
 */
int schema_file_write(const struct schema_file *s, struct err *e);

#endif
