#include "brokers/topics.h"

#include <string.h>

const struct topic topics[] = {
    {"orders.commands", "what anyone asks of the order service", false},
    {"orders", "what the order service emits", false},
    {"payments", "what the payment service emits", false},
    {"inventory.commands", "what operators ask of the inventory service", false},
    {"inventory", "what the inventory service emits", false},
    {"emails", "what the email service emits", false},
    {"order.internal", "time-outs and republish commands of the order service", false},
    {"payment.internal", "retries and republish commands of the payment service", false},
    {"inventory.internal", "republish commands of the inventory service", false},
    {"email.internal", "retries and republish commands of the email service", false},
    {"order.dlq", "what the order service could not process", true},
    {"payment.dlq", "what the payment service could not process", true},
    {"inventory.dlq", "what the inventory service could not process", true},
    {"email.dlq", "what the email service could not process", true},
};

const size_t topic_count = sizeof topics / sizeof topics[0];

_Static_assert(sizeof topics / sizeof topics[0] <= TOPICS_MAX, "arrays have room for each topic");

const struct former_topic former_topics[FORMER_TOPICS] = {
    {"order.parked", "order.dlq"},
    {"payment.parked", "payment.dlq"},
    {"inventory.parked", "inventory.dlq"},
    {"email.parked", "email.dlq"},
};

bool topic_holds_dead_letters(const char *name)
{
    for (size_t i = 0; i < topic_count; i++)
        if (strcmp(topics[i].name, name) == 0)
            return topics[i].dead_letters;
    return false;
}
