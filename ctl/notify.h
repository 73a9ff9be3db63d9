/* notify.h - what a service manager is told: sd_notify(3)'s protocol, without its library.
 *
 * In:     $NOTIFY_SOCKET and $WATCHDOG_USEC, which systemd sets for Type=notify and WatchdogSec.
 * Out:    datagrams such as READY=1 to that socket.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: without the variables nothing is sent.
 */
#ifndef SL_CTL_NOTIFY_H
#define SL_CTL_NOTIFY_H

#include <stdint.h>

/* @state: "READY=1", "STOPPING=1", lines of more such. What cannot be sent is not. */
void notify(const char *state);

/* How often to send WATCHDOG=1, in milliseconds; 0: never. */
uint64_t notify_watchdog_ms(void);

#endif
