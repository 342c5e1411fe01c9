/* sagactl dlq show. */
#ifndef QUADRILLE_TOOLS_SAGACTL_DLQ_SHOW_H
#define QUADRILLE_TOOLS_SAGACTL_DLQ_SHOW_H

#include "tools/sagactl/command.h"
#include "tools/sagactl/dlq/entries.h"

enum exit_code dlq_show(const struct settings *from, struct dlq_list *dead_letters);

#endif
