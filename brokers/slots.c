#include "brokers/slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/array.h"

int64_t span_lag(const struct span *span, int64_t committed)
{
    return span->end - (committed < span->start || committed > span->end ? span->start : committed);
}

struct slot *slot_find(struct slots *slots, const char *topic, int32_t partition)
{
    struct slot *added;

    for (int i = 0; i < slots->count; i++)
        if (slots->all[i].partition == partition && strcmp(slots->all[i].topic, topic) == 0)
            return &slots->all[i];
    slots->all = array_resize(slots->all, (size_t)slots->count + 1, sizeof *slots->all);
    added = &slots->all[slots->count++];
    *added = (struct slot){.topic = strdup(topic),
                           .partition = partition,
                           .taken = -1,
                           .finished = -1,
                           .committed = -1,
                           .end = -1,
                           .end_after = -1,
                           .leader_epoch = -1};
    if (added->topic == NULL)
        abort();
    return added;
}

void slots_free(struct slots *slots)
{
    for (int i = 0; i < slots->count; i++)
        free(slots->all[i].topic);
    free(slots->all);
}

void slot_assign(struct slot *slot)
{
    slot->epoch++;
    slot->ours = true;
    slot->taken = slot->finished = slot->committed = slot->end = slot->end_after = -1;
}

void slots_revoke(struct slots *slots)
{
    for (int i = 0; i < slots->count; i++)
        slots->all[i].ours = false;
}

bool slot_leader(struct slot *slot, int32_t leader_epoch)
{
    if (leader_epoch < 0)
        return true;
    if (leader_epoch < slot->leader_epoch)
        return false;
    slot->leader_epoch = leader_epoch;
    return true;
}

void slots_forget(struct slots *slots, const char *topic)
{
    for (int i = 0; i < slots->count; i++)
        if (strcmp(slots->all[i].topic, topic) == 0)
            slots->all[i].ours = false;
}

void slots_leaderless(struct slots *slots)
{
    for (int i = 0; i < slots->count; i++)
        slots->all[i].leader_epoch = -1;
}

void slot_take(struct slot *slot, int64_t next)
{
    slot->taken = next;
}

void slot_untake(struct slot *slot, int64_t offset)
{
    slot->taken = offset;
}

/* An end behind an end, with no message between them, lies behind the same message as the first. */
void slot_end(struct slot *slot, int64_t end)
{
    if (!slot->ours)
        return;
    if (slot->taken != slot->end)
        slot->end_after = slot->taken;
    if (slot->finished == slot->taken)
        slot->finished = end;
    slot->taken = slot->end = end;
}

void slot_finish(struct slot *slot, int epoch, int64_t next)
{
    if (!slot->ours || slot->epoch != epoch)
        return;
    slot->finished = next == slot->end_after && slot->end > next ? slot->end : next;
}

bool slot_is_due(const struct slot *slot)
{
    return slot->ours && slot->finished >= 0 && slot->finished != slot->committed;
}
