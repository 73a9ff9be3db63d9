/* secret.h - a password that an option names: itself, or where it stands.
 *
 * In:     env:NAME, file:PATH, or the password.
 * Out:    its text.
 * Owns:   nothing: the caller wipes what it was given.
 * Runs:   main, sink thread.
 * Limits: SECRET_BYTES_MAX, with the zero at the end; of a file the first line.
 */
#ifndef SL_SINK_SECRET_H
#define SL_SINK_SECRET_H

#include "dataplane/base/err.h"

#define SECRET_BYTES_MAX 4096

/* 0, or -errno with a text that begins with the name of the option and never has the secret.
 * @ret_text: SECRET_BYTES_MAX bytes.
 */
int secret_read(const char *option, const char *value, char *ret_text, struct err *e);

#endif
