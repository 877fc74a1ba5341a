/* What daemons' journals say of each other, after all have ended. */
#ifndef DURABILITY_JOURNALS_H
#define DURABILITY_JOURNALS_H

#include "base/status.h"

enum { JOURNALS_MOST = 3 };

/* Whether all that each has received is what another has sent, byte for byte, and none has sent two
 * updates with one number, or signed two states of an app with one version. ST_CORRUPT: no, and
 * what. */
enum status journals_agree(const char *const *folders, usize count, struct err *err);

#endif
