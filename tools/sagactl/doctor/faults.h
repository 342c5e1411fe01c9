/* What is wrong with a topic, and how it is fixed; for `topics` and `doctor`. */
#ifndef QUADRILLE_TOOLS_SAGACTL_DOCTOR_FAULTS_H
#define QUADRILLE_TOOLS_SAGACTL_DOCTOR_FAULTS_H

#include "brokers/admin.h"
#include "brokers/topics.h"

/* `partitions` is how many all topics should have; an order may take `deadline_ms`.  Calls `found`
 * for each fault. */
void topic_faults(const struct topic *topic, const struct topic_description *is, int partitions,
                  int64_t deadline_ms,
                  void (*found)(void *context, const char *topic, const char *what,
                                const char *fix),
                  void *context);

#endif
