/* charset.h - the character sets of MySQL and MariaDB, to UTF-8.
 *
 * In:     bytes and the number of their collation, as table maps and queries carry it.
 * Out:    UTF-8; bytes that mean nothing in their set become U+FFFD.
 * Owns:   tables of the sets (1.6 MiB), made when sluice is built (scripts/charset_tables.c); of
 *         them only what is asked for is ever read into memory.
 * Runs:   any thread; nothing allocates.
 * Limits: at most MYSQL_UTF8_FACTOR bytes out for each byte in.
 */
#ifndef SL_PARSERS_MYSQL_CHARSET_H
#define SL_PARSERS_MYSQL_CHARSET_H

#include "dataplane/base/slice.h"

enum mysql_charset {
	MYSQL_CS_UNKNOWN, /* nobody told: UTF-8 where it is valid, else bytes */
	MYSQL_CS_BINARY,
	MYSQL_CS_UTF8, /* utf8mb3 and utf8mb4 */
	MYSQL_CS_ASCII,
	MYSQL_CS_UCS2,
	MYSQL_CS_UTF16,
	MYSQL_CS_UTF16LE,
	MYSQL_CS_UTF32,
	/* one byte a character */
	MYSQL_CS_LATIN1,
	MYSQL_CS_LATIN2,
	MYSQL_CS_LATIN5,
	MYSQL_CS_LATIN7,
	MYSQL_CS_CP1250,
	MYSQL_CS_CP1251,
	MYSQL_CS_CP1256,
	MYSQL_CS_CP1257,
	MYSQL_CS_CP850,
	MYSQL_CS_CP852,
	MYSQL_CS_CP866,
	MYSQL_CS_DEC8,
	MYSQL_CS_HP8,
	MYSQL_CS_KOI8R,
	MYSQL_CS_KOI8U,
	MYSQL_CS_SWE7,
	MYSQL_CS_HEBREW,
	MYSQL_CS_GREEK,
	MYSQL_CS_TIS620,
	MYSQL_CS_ARMSCII8,
	MYSQL_CS_GEOSTD8,
	MYSQL_CS_KEYBCS2,
	MYSQL_CS_MACCE,
	MYSQL_CS_MACROMAN,
	/* one to four bytes a character */
	MYSQL_CS_BIG5,
	MYSQL_CS_GB2312,
	MYSQL_CS_GBK,
	MYSQL_CS_GB18030,
	MYSQL_CS_EUCKR,
	MYSQL_CS_SJIS,
	MYSQL_CS_CP932,
	MYSQL_CS_UJIS,
	MYSQL_CS_EUCJPMS,
	MYSQL_N_CS,
};

#define MYSQL_UTF8_FACTOR 3
#define MYSQL_UTF8_MAX    4 /* bytes of one character */

extern const struct mysql_charsets mysql_charsets;

/* UNKNOWN for numbers that no server uses, and for 0. */
enum mysql_charset mysql_charset_of(unsigned collation);

/* By name as in CREATE TABLE ("utf8mb4", "latin1", "gbk"; any case); UNKNOWN for others. */
enum mysql_charset mysql_charset_by_name(struct slice name);

/* "gbk"; utf8mb4 for MYSQL_CS_UTF8. */
const char *mysql_charset_name(enum mysql_charset cs);

/* Writes @s of @cs as UTF-8 to @out (MYSQL_UTF8_FACTOR * len bytes of room) and returns the bytes
 * written. Sets *io_invalid, never clears it, where a character had to be replaced. UTF8, UNKNOWN
 * and BINARY are copied as they are.
 */
size_t mysql_charset_put(const struct mysql_charsets *c, enum mysql_charset cs, struct slice s,
			 uint8_t *out, bool *io_invalid);

/* The same, as far as @out goes (@cap: at least MYSQL_UTF8_MAX); *io_s is what was not read. */
size_t mysql_charset_some(const struct mysql_charsets *c, enum mysql_charset cs, struct slice *io_s,
			  uint8_t *out, size_t cap, bool *io_invalid);

#endif
