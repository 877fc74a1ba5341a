#include "layer/contracts.h"

#include "base/bug.h"
#include "layer/contracts.inc"

bytes contract_code(const char *name)
{
    for (usize i = 0; i < countof(contracts); i++)
        if (strcmp(contracts[i].name, name) == 0)
            return (bytes){contracts[i].code, contracts[i].size};
    bug("no such contract");
}

usize child_contract_count(void)
{
    return countof(child_predeploys);
}

struct child_contract child_contract(usize index)
{
    const struct child_predeploy *from = &child_predeploys[index];
    return (struct child_contract){from->name, from->address, {from->code, from->size}};
}
