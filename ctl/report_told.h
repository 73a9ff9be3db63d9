/* report_told.h - what parsers tell of their sessions, beside counters: breaks and delays.
 *
 * In:     {"source":..,"breaks":[..],"delays":[..]}, as docs/ledger.md has it.
 * Out:    lines for people.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_CTL_REPORT_TOLD_H
#define SL_CTL_REPORT_TOLD_H

#include <jansson.h>
#include <stdio.h>

#define TOLD_INDENT "    " /* of a line; headings have less */
void report_told_print(const json_t *told, FILE *out);

#endif
