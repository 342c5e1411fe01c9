/* sagactl parked show. */
#ifndef QUADRILLE_TOOLS_SAGACTL_PARKED_SHOW_H
#define QUADRILLE_TOOLS_SAGACTL_PARKED_SHOW_H

#include "tools/sagactl/command.h"
#include "tools/sagactl/parked/record.h"

enum exit_code parked_show(const struct settings *from, struct parked_list *parked);

#endif
