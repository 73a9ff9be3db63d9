/* api_wait.h - connections whose answers are not there yet: they are called again, a moment later.
 *
 * In:     connections, from the library's call about them.
 * Out:    the same call again, API_WAIT_MS later.
 * Owns:   a thread, which sleeps for as long as nobody waits.
 * Runs:   create, stop, destroy: main. api_wait, api_wait_call: the API's
 *         threads.
 * Limits: API_WAITING_MAX connections.
 */
#ifndef SL_CTL_API_WAIT_H
#define SL_CTL_API_WAIT_H

#include <stdbool.h>

#include "dataplane/base/err.h"

#define API_WAIT_MS     10
#define API_WAITING_MAX 2400

struct MHD_Connection;
struct api_wait;

int api_wait_create(struct api_wait **ret_w, struct err *e);

/* False: nobody is to wait any more. */
bool api_wait(struct api_wait *w, struct MHD_Connection *conn);

/* All that wait are called now: there is something. */
void api_wait_call(struct api_wait *w);

/* All that wait are called at once, and nobody waits from now on. */
void api_wait_stop(struct api_wait *w);
void api_wait_destroy(struct api_wait *w); /* behind stop; both accept NULL */

#endif
