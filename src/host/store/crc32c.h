/* CRC-32C (Castagnoli): finds torn and rotten records of the log. Source: RFC 3720, appendix B.4.
 */
#ifndef STORE_CRC32C_H
#define STORE_CRC32C_H

#include "base/bytes.h"

/* Continues from `crc` (0 to begin), so that parts can be added one after the other. */
u32 crc32c(u32 crc, bytes in);

/* The same without the processor's instruction; for machines that lack it, and to test both. */
u32 crc32c_portable(u32 crc, bytes in);

#endif
