/* sagactl topics acls: which principal writes and reads which topic. */
#ifndef QUADRILLE_TOOLS_SAGACTL_DOCTOR_ACLS_H
#define QUADRILLE_TOOLS_SAGACTL_DOCTOR_ACLS_H

#include "tools/sagactl/command.h"

/* Prints what `--format` asks for: "table", Markdown for people; "kafka-acls", commands for Kafka's
 * own tool. */
enum exit_code acls_print(const struct settings *from);

#endif
