/* time_field.h - the fields of times that extract and date_trunc name.
 *
 * In:     the constant first argument of a call.
 * Out:    enum time_field.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_GRAPH_TIME_FIELD_H
#define SL_GRAPH_TIME_FIELD_H

#include "dataplane/graph/literal.h"

/* Up to DAY: lengths of time; behind it: calendar. */
enum time_field {
	FIELD_MICROSECONDS,
	FIELD_MILLISECONDS,
	FIELD_SECOND,
	FIELD_MINUTE,
	FIELD_HOUR,
	FIELD_DAY,
	FIELD_WEEK,
	FIELD_MONTH,
	FIELD_QUARTER,
	FIELD_YEAR,
	FIELD_DECADE,
	FIELD_CENTURY,
	FIELD_MILLENNIUM,
	/* extract only */
	FIELD_DOW,
	FIELD_ISODOW,
	FIELD_DOY,
	FIELD_ISOYEAR,
	FIELD_EPOCH,
	FIELD_TIMEZONE,
	FIELD_TIMEZONE_HOUR,
	FIELD_TIMEZONE_MINUTE,
};

/* Sets of fields: bits 1 << field. */
#define FIELD_CAN_TRUNC ((1u << (FIELD_MILLENNIUM + 1)) - 1)

/* The field that argument 0 names; -EINVAL with a text that lists those of @set. A NULL is refused
 * too.
 */
int time_field_prepare(struct fn_prep *p, uint32_t set, enum time_field *ret_field);

#endif
