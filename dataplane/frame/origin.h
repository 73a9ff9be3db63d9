/* origin.h - the addresses of a record as its JSON shows them.
 *
 * In:     a session and a direction.
 * Out:    `"_src":"10.0.0.1:514","_dst":"[2001:db8::9]:514"`.
 * Owns:   nothing.
 * Runs:   worker, once a session.
 * Limits: ORIGIN_LEN_MAX bytes.
 */
#ifndef SL_FRAME_ORIGIN_H
#define SL_FRAME_ORIGIN_H

#include "dataplane/flow/flow.h"

/* Twice: key of 8, quotes, brackets, 45 of address, colon, 5 of port; and a comma. */
#define ORIGIN_LEN_MAX 128

/* Returns the bytes written. @dir 0: the client is the source. */
size_t origin_put(char *out, const struct flow_session *s, unsigned dir);

/* One end of it: "10.0.0.1:514" or "[fe80::1]:514". */
size_t origin_end_put(char *out, const uint8_t addr[16], uint16_t port);

#endif
