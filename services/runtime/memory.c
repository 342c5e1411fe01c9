#include "services/runtime/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/index.h"
#include "services/runtime/work.h"

enum { SLOTS = 4096, SMALL = 64, PERIOD_US = 1000000 };

struct memory {
    struct arena *arena;
    struct saga *slots[SLOTS]; /* by the hash of the order's id; the latest takes the place */
    bool doubts;               /* it was wrong in this period: nothing counts as new */
    int64_t now_us, clock_us;  /* the database's time, and that of this machine's clock, when the period began; now_us is 0 before */
};

struct memory *memory_new(void)
{
    struct memory *memory = calloc(1, sizeof *memory);

    if (memory == NULL)
        abort();
    memory->arena = arena_new();
    return memory;
}

void memory_free(struct memory *memory)
{
    arena_free(memory->arena);
    free(memory);
}

void memory_clear(struct memory *memory)
{
    if (memory->now_us == 0)
        return;
    arena_reset(memory->arena);
    *memory = (struct memory){.arena = memory->arena};
}

void memory_doubt(struct memory *memory)
{
    memory_clear(memory);
    memory->doubts = true;
}

static struct saga **slot_of(struct memory *memory, const char *order_id)
{
    return &memory->slots[index_tag(text_hash(order_id)) % SLOTS];
}

static enum status recall(struct memory *memory, const struct rows *rows, struct decoder *decoder, struct entry *entry, struct arena *arena,
                          struct error *error)
{
    const struct saga *row = *slot_of(memory, entry->order_id);

    if (row == NULL || strcmp(row->order_id, entry->order_id) != 0) {
        entry->known = entry->begins && !memory->doubts;
        return STATUS_OK;
    }
    if (entry->wants_content && row->content == NULL)
        return STATUS_OK;
    entry->known = true;
    row_copy(rows, row, entry->row, arena);
    entry->row->content = row->content;
    return entry->wants_content ? rows->content_read(entry->row, row->content, decoder, arena, error) : STATUS_OK;
}

enum status memory_load(struct memory *memory, const struct rows *rows, struct decoder *decoder, struct database *database, struct work *work,
                        struct error *error)
{
    const int64_t passed_us = clock_steady_us() - memory->clock_us;
    enum status status = STATUS_OK;

    if (work->entry_count > SMALL || passed_us > PERIOD_US)
        memory_clear(memory);
    if (memory->now_us != 0)
        work->now_us = memory->now_us + passed_us;
    for (size_t i = 0; status == STATUS_OK && memory->now_us != 0 && i < work->entry_count; i++)
        status = recall(memory, rows, decoder, &work->entries[i], work->arena, error);
    if (status == STATUS_OK)
        status = rows_load(rows, decoder, database, work, error);
    if (status == STATUS_OK && memory->now_us == 0) {
        memory->now_us = work->now_us;
        memory->clock_us = clock_steady_us();
    }
    return status;
}

void memory_keep(struct memory *memory, const struct rows *rows, struct saga *const *saved, size_t count)
{
    for (size_t i = 0; count <= SMALL && i < count; i++) {
        struct saga **slot = slot_of(memory, saved[i]->order_id), *row = arena_alloc(memory->arena, rows->row_size);

        row_copy(rows, saved[i], row, memory->arena);
        if (*slot != NULL && (*slot)->content == saved[i]->content)
            row->content = saved[i]->content; /* recalled: it is in this arena already */
        else
            row->content = arena_text(memory->arena, saved[i]->content);
        *slot = row;
    }
}
