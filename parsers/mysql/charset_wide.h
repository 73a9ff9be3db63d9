/* charset_wide.h - the tables of character sets: what charset.c reads, and scripts/charset_tables.c
 * writes when sluice is built.
 *
 * In:     -
 * Out:    UTF-16 units, by the bytes of a character.
 * Owns:   -
 * Runs:   any thread; nothing here changes.
 * Limits: characters of the Basic Multilingual Plane.
 */
#ifndef SL_PARSERS_MYSQL_CHARSET_WIDE_H
#define SL_PARSERS_MYSQL_CHARSET_WIDE_H

#include "parsers/mysql/charset.h"

/* One character set as tables of UTF-16 units; 0: nothing (NUL aside, which is itself). A byte that
 * is no character of its own begins a longer one.
 */
struct wide {
	uint16_t one[256];
	const uint16_t *two; /* 65536, by lead << 8 | trail; NULL for sets of single bytes */
	const uint16_t
		*extra; /* ujis, eucjpms: the same behind 0x8f; gb18030: its four-byte forms */
	bool ascii;     /* 0x00 to 0x7f are ASCII */
};

struct mysql_charsets {
	struct wide set[MYSQL_N_CS];
};

/* The forms b1 b2 b3 b4 of GB 18030, 0x81-0xfe and 0x30-0x39 in turn, counted; those below this
 * number are of the Basic Multilingual Plane.
 */
#define GB_BMP_FORMS   39420
#define GB_PLANES_FROM 189000

#endif
