/* types.h - the text of a field to a typed value.
 *
 * In:     a type from the configuration ("int", "time:%Y-%m-%d %H:%M:%S,%3"), and text.
 * Out:    struct val; text that is not of the type stays text.
 * Owns:   nothing.
 * Runs:   reading types: main. type_value: worker.
 * Limits: TYPE_LAYOUT_MAX bytes a layout.
 *
 * Layouts: rfc3339, apache (%d/%b/%Y:%H:%M:%S %z), epoch, epoch_ms, epoch_us, epoch_ns, or text
 * with
 *
 *     %Y %y    year of four, of two digits (69 to 99: 19xx)    %H %I %p  hour, of twelve, AM or PM
 *     %m %b %B month: number, name (three letters or whole)    %M %S     minute, second
 *     %d %e    day of the month, %e also with a blank          %3 %6 %9  so many digits of fraction
 *     %j       day of the year                                 %f        one to nine of them
 *     %a %A    day of the week: any name of one                %z        +hhmm, +hh:mm, +hh or Z
 *     %n       white space, one or more                        %Z        UTC, GMT or Z
 *     %s       seconds since 1970                              %%        a percent sign
 *
 * Without a zone the time is UTC. Without a year it is the year that brings it nearest to the
 * packet.
 */
#ifndef SL_EXTRACT_TYPES_H
#define SL_EXTRACT_TYPES_H

#include "dataplane/base/err.h"
#include "dataplane/rec/rec.h"

#define TYPE_LAYOUT_MAX 64

enum type_kind { TYPE_STRING, TYPE_INT, TYPE_FLOAT, TYPE_BOOL, TYPE_TIME };

struct type {
	uint8_t kind;                 /* enum type_kind */
	char layout[TYPE_LAYOUT_MAX]; /* TYPE_TIME: resolved, "" for the epoch kinds */
	uint32_t epoch_ns;            /* TYPE_TIME, epoch kinds: nanoseconds of one unit */
};

/* -EINVAL with a text that says what was expected. */
int type_parse(const char *text, struct type *ret_t, struct err *e);

/* The value of @text, which lies in the arena of @rb. @packet_ns: see above. Text that is not of
 * the type comes back as VAL_STR, and *io_failed goes up by one.
 */
struct val type_value(const struct type *t, struct rec_builder *rb, struct slice text,
		      int64_t packet_ns, uint64_t *io_failed);

#endif
