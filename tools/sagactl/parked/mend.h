/* sagactl parked redrive and drop. */
#ifndef QUADRILLE_TOOLS_SAGACTL_PARKED_MEND_H
#define QUADRILLE_TOOLS_SAGACTL_PARKED_MEND_H

#include "tools/sagactl/command.h"
#include "tools/sagactl/parked/record.h"

enum exit_code parked_redrive(const struct settings *from, struct parked_list *parked);
enum exit_code parked_drop(const struct settings *from, struct parked_list *parked);

#endif
