/* device.h - what a port's `device` names, and what is missing of it, in plain words.
 *
 * In:     "0000:3b:00.0", "net_af_packet0,iface=eth1", or a mistake.
 * Out:    an error that says what there is not, and what to write or to do.
 * Owns:   nothing. Asks sysfs and the file system, not DPDK, whose drivers answer "operation not
 *         permitted" for all of their reasons.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_CAPTURE_DEVICE_H
#define SL_CAPTURE_DEVICE_H

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/base/err.h"

/* "0000:3b:00.0", or "3b:00.0", maybe with arguments behind a comma. */
bool device_is_pci(const char *device);

/* The value of @key in "net_x0,key=value,...". False when it is not there, or not shorter than
 * @cap. */
bool device_arg(const char *device, const char *key, char *out, size_t cap);

/* Before a driver is asked. 0, or -ENODEV, -ENOENT, -EACCES, -EINVAL with a text. @sys: "/sys". */
int device_check(const char *device, const char *sys, struct err *e);

#endif
