/* sagactl dlq redrive and drop. */
#ifndef QUADRILLE_TOOLS_SAGACTL_DLQ_REDRIVE_H
#define QUADRILLE_TOOLS_SAGACTL_DLQ_REDRIVE_H

#include "tools/sagactl/command.h"
#include "tools/sagactl/dlq/entries.h"

enum exit_code dlq_redrive(const struct settings *from, struct dlq_list *dead_letters);
enum exit_code dlq_drop(const struct settings *from, struct dlq_list *dead_letters);

#endif
