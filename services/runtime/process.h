/* From records to what they lead to: saved, published, handed over to the other services of this
 * process, set aside.  attempt.h has what comes before the save. */
#ifndef QUADRILLE_SERVICES_RUNTIME_PROCESS_H
#define QUADRILLE_SERVICES_RUNTIME_PROCESS_H

#include "services/runtime/attempt.h"

/* All of them, and all that services of this process have to say to each other on their account;
 * what is to be kept until then is in the arena.  STATUS_UNAVAILABLE only when told to stop while
 * it waited; everything else than STATUS_OK ends the process. */
enum status process(struct attempts *attempts, const struct records *records, struct arena *arena,
                    struct error *error);

#endif
