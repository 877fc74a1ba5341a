/* What two daemons' journals say of each other, after both have ended. */
#ifndef DURABILITY_JOURNALS_H
#define DURABILITY_JOURNALS_H

#include "base/status.h"

/* Whether all that either has received is what the other has sent, byte for byte, and neither has
 * sent two updates with one number. ST_CORRUPT: no, and what. */
enum status journals_agree(const char *first, const char *second, struct err *err);

#endif
