/* file_name.h - names of output files, from a template with dates and a number.
 *
 * In:     "/var/log/sluice/%Y%m%d/web-%H%M-%n.ndjson", a time, a number.
 * Out:    "/var/log/sluice/20261125/web-0443-000007.ndjson".
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: FILE_NAME_MAX bytes a path.
 *
 *     %Y %m %d %H %M %S   date and time, UTC
 *     %n                  number of the file, six digits or more; "-%n" is put in front of the last
 *                         extension where a template has none, so that names can always differ
 *     %%                  a percent sign
 */
#ifndef SL_SINK_FILE_NAME_H
#define SL_SINK_FILE_NAME_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define FILE_NAME_MAX 4096 /* PATH_MAX */

/* Checks @path and completes it with %n, and with @suffix (".zst", "") where it does not end so. 0,
 * or -EINVAL with a text.
 */
int file_name_prepare(const char *path, const char *suffix, char ret_template[FILE_NAME_MAX],
		      struct err *e);

/* @template comes from file_name_prepare, @ns is since 1970 UTC. False when the name is too long.
 */
bool file_name_expand(const char *template, int64_t ns, uint64_t number, char ret[FILE_NAME_MAX]);

/* A pattern for glob(3) that matches every name of the template, followed by @tail. */
bool file_name_pattern(const char *template, const char *tail, char ret[FILE_NAME_MAX]);

/* The directories in front of the first percent sign: "." or "/" when there is none. */
void file_name_fixed_dir(const char *template, char ret[FILE_NAME_MAX]);

#endif
