/* config_diff.h - which options two configurations have otherwise, and what makes them so.
 *
 * In:     the configuration that runs, and another one.
 * Out:    rows: {"option","runs","file","needs"}, the last `reload` or `restart`.
 * Owns:   nothing.
 * Runs:   any thread but a worker.
 * Limits: secrets that differ are not seen: their texts are left out of both.
 */
#ifndef SL_CTL_CONFIG_DIFF_H
#define SL_CTL_CONFIG_DIFF_H

#include <jansson.h>

#include "ctl/config.h"

/* Appends to @rows. Returns "nothing", "reload" or "restart": what the file needs; NULL when out of
 * memory.
 */
const char *config_diff(const struct config *runs, const struct config *file, json_t *rows);

#endif
