/* signal_stop.h - SIGINT and SIGTERM as something that a loop looks at.
 *
 * In:     signals of the process.
 * Out:    a flag.
 * Owns:   it.
 * Runs:   sluicectl's one thread.
 * Limits: -
 */
#ifndef SL_CTL_SIGNAL_STOP_H
#define SL_CTL_SIGNAL_STOP_H

#include <stdbool.h>

/* From now on: true once one of them has come. */
const volatile bool *signal_stop(void);

#endif
