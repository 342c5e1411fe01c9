#include "tests/explorer/saga/lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LISTS_MAX = UINT16_MAX, SLOTS = 1 << 17 };

struct list {
    uint8_t length, bytes[LIST_MAX]; /* zero behind the last */
};

static struct list lists[LISTS_MAX];
static int count = 1;         /* the empty one is there */
static uint16_t slots[SLOTS]; /* open addressing; 0: free */
/* what queues were asked for before; 0: not yet */
static uint16_t longer[LISTS_MAX][KINDS], rests[LISTS_MAX];

static size_t slot_of(const struct list *list)
{
    uint64_t hash = list->length;

    for (size_t i = 0; i < list->length; i++)
        hash = (hash ^ list->bytes[i]) * UINT64_C(0x100000001b3) + 1;
    return (size_t)(hash * UINT64_C(0x9e3779b97f4a7c15) >> 47);
}

void lists_clear(void)
{
    count = 1;
    memset(slots, 0, sizeof slots);
    memset(longer, 0, sizeof longer);
    memset(rests, 0, sizeof rests);
}

uint16_t list_of(const uint8_t *bytes, size_t length)
{
    struct list list = {.length = (uint8_t)length};
    size_t slot;

    if (length == 0)
        return LIST_EMPTY;
    if (length > LIST_MAX) {
        fprintf(stderr, "explorer: a list is longer than %d bytes\n", LIST_MAX);
        exit(EXIT_FAILURE);
    }
    memcpy(list.bytes, bytes, length);
    slot = slot_of(&list);
    while (slots[slot] != 0 && memcmp(&lists[slots[slot]], &list, sizeof list) != 0)
        slot = (slot + 1) % SLOTS;
    if (slots[slot] != 0)
        return slots[slot];
    if (count == LISTS_MAX) {
        fprintf(stderr, "explorer: more than %d different lists\n", LISTS_MAX);
        exit(EXIT_FAILURE);
    }
    lists[count] = list;
    return slots[slot] = (uint16_t)count++;
}

const uint8_t *list_bytes(uint16_t list)
{
    return lists[list].bytes;
}

size_t list_length(uint16_t list)
{
    return lists[list].length;
}

uint16_t queue_push(uint16_t queue, int kind)
{
    struct list list = lists[queue];

    if (longer[queue][kind] == 0 && list.length < LIST_MAX) {
        list.bytes[list.length] = (uint8_t)kind;
        longer[queue][kind] = list_of(list.bytes, list.length + 1u);
    }
    return longer[queue][kind] != 0 ? longer[queue][kind] : list_of(list.bytes, LIST_MAX + 1);
}

uint16_t queue_put_back(uint16_t queue, const uint8_t *kinds, size_t kind_count)
{
    uint8_t bytes[2 * LIST_MAX];

    memcpy(bytes, kinds, kind_count);
    memcpy(bytes + kind_count, lists[queue].bytes, lists[queue].length);
    return list_of(bytes, kind_count + lists[queue].length);
}

int queue_head(uint16_t queue)
{
    return lists[queue].bytes[0];
}

uint16_t queue_rest(uint16_t queue)
{
    if (rests[queue] == 0)
        rests[queue] = list_of(lists[queue].bytes + 1, lists[queue].length - 1u);
    return rests[queue];
}
