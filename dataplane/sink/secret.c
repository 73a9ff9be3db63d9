#include "dataplane/sink/secret.h"

#include <stdlib.h>
#include <string.h>

#include "dataplane/base/regular.h"

/* The first line of a file. */
static int read_line(const char *path, char *ret_text)
{
	ssize_t n = regular_read(path, ret_text, SECRET_BYTES_MAX - 1);
	if (n < 0)
		return (int)n;
	ret_text[n] = '\0';
	ret_text[strcspn(ret_text, "\r\n")] = '\0';
	return 0;
}

int secret_read(const char *option, const char *value, char *ret_text, struct err *e)
{
	if (strncmp(value, "file:", 5) == 0) {
		int rc = read_line(value + 5, ret_text);
		return rc < 0 ? err_set(e, rc, "%s: %s: %s", option, value + 5, regular_why(rc))
			      : 0;
	}
	if (strncmp(value, "env:", 4) == 0) {
		const char *text = getenv(value + 4);
		if (!text)
			return err_set(e, -ENOENT, "%s: the environment has no %s", option,
				       value + 4);
		value = text;
	}
	if (strlen(value) >= SECRET_BYTES_MAX)
		return err_set(e, -EINVAL, "%s: expected fewer than %d bytes", option,
			       SECRET_BYTES_MAX);
	memcpy(ret_text, value, strlen(value) + 1);
	return 0;
}
