/* What things cost. Names follow the Yellow Paper's appendix G and the EIPs cited. */
#ifndef EVM_GAS_H
#define EVM_GAS_H

#include "base/int.h"

enum gas {
    GAS_ZERO = 0,
    GAS_JUMPDEST = 1,
    GAS_BASE = 2,
    GAS_VERY_LOW = 3,
    GAS_LOW = 5,
    GAS_MID = 8,
    GAS_HIGH = 10,
    GAS_EXP = 10,
    GAS_EXP_BYTE_FRONTIER = 10,
    GAS_EXP_BYTE = 50, /* EIP-160 */
    GAS_KECCAK = 30,
    GAS_KECCAK_WORD = 6,
    GAS_COPY_WORD = 3,
    GAS_MEMORY_WORD = 3,
    GAS_BLOCKHASH = 20,
    GAS_LOG = 375,
    GAS_LOG_TOPIC = 375,
    GAS_LOG_BYTE = 8,
    GAS_CREATE = 32000,
    GAS_CODE_DEPOSIT_BYTE = 200,
    GAS_INITCODE_WORD = 2, /* EIP-3860 */
    GAS_CALL_VALUE = 9000,
    GAS_CALL_STIPEND = 2300,
    GAS_NEW_ACCOUNT = 25000,
    GAS_SELFDESTRUCT = 5000,     /* EIP-150 */
    REFUND_SELFDESTRUCT = 24000, /* until EIP-3529 */
    GAS_WARM = 100,              /* EIP-2929 */
    GAS_COLD_ACCOUNT = 2600,
    GAS_COLD_SLOT = 2100,
    GAS_SSTORE_SET = 20000,
    GAS_SSTORE_RESET = 5000,
    REFUND_SSTORE_CLEAR = 15000,
    REFUND_SSTORE_CLEAR_LONDON = 4800, /* EIP-3529 */
    GAS_SSTORE_SENTRY = 2300,          /* EIP-2200 */
    GAS_TRANSIENT = 100,               /* EIP-1153 */
};

enum {
    MAX_CALL_DEPTH = 1024,
    MAX_CODE_SIZE = 24576,         /* EIP-170 */
    MAX_INITCODE_SIZE = 2 * 24576, /* EIP-3860 */
};

#endif
