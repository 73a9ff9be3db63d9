/* crc.h - the CRC-32 of events, which is that of zlib and Ethernet.
 *
 * In:     borrowed bytes.
 * Out:    the sum, as zlib's crc32() has it.
 * Owns:   nothing.
 * Runs:   any thread.
 * Limits: processors without carry-less multiplication take zlib's, a quarter as fast.
 */
#ifndef SL_PARSERS_MYSQL_CRC_H
#define SL_PARSERS_MYSQL_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Goes on from @crc (0: begins). */
uint32_t mysql_crc32(uint32_t crc, const uint8_t *p, size_t len);

#endif
