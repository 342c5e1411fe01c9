/* sagactl watch --top: what is open, how old, how fast it goes, what is behind, on one screen. */
#ifndef QUADRILLE_TOOLS_SAGACTL_WATCH_TOP_H
#define QUADRILLE_TOOLS_SAGACTL_WATCH_TOP_H

#include "tools/sagactl/command.h"

enum exit_code watch_top(const struct settings *from);

#endif
