#include "events/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 256 * 1024, KEPT_BLOCKS = 16 };

struct block {
    struct block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *current; /* the block in use, then those that are full */
    struct block *spare;   /* kept by arena_reset for later */
};

static void out_of_memory(size_t size)
{
    fprintf(stderr, "out of memory: %zu bytes could not be had\n", size);
    abort();
}

static struct block *block_new(size_t size)
{
    struct block *block = size < SIZE_MAX - sizeof *block ? malloc(sizeof *block + size) : NULL;

    if (block == NULL)
        out_of_memory(size);
    block->next = NULL;
    block->size = size;
    block->used = 0;
    return block;
}

struct arena *arena_new(void)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (arena == NULL)
        out_of_memory(sizeof *arena);
    return arena;
}

static void blocks_free(struct block *block)
{
    while (block != NULL) {
        struct block *next = block->next;

        free(block);
        block = next;
    }
}

/* Blocks of the usual size are kept, up to KEPT_BLOCKS, so that a steady load allocates nothing. */
void arena_reset(struct arena *arena)
{
    struct block *all = arena->current, *next;
    int kept = 0;

    for (struct block *block = arena->spare; block != NULL; block = block->next)
        kept++;
    arena->current = NULL;
    for (; all != NULL; all = next) {
        next = all->next;
        if (all->size != BLOCK_SIZE || kept >= KEPT_BLOCKS) {
            free(all);
            continue;
        }
        all->used = 0;
        all->next = arena->spare;
        arena->spare = all;
        kept++;
    }
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    blocks_free(arena->current);
    blocks_free(arena->spare);
    free(arena);
}

void *arena_alloc(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct block *block = arena->current;
    void *room;

    if (size > SIZE_MAX - align)
        out_of_memory(size);
    size = (size + align - 1) / align * align;
    if (block == NULL || block->size - block->used < size) {
        if (size <= BLOCK_SIZE && arena->spare != NULL) {
            block = arena->spare;
            arena->spare = block->next;
        } else {
            block = block_new(size > BLOCK_SIZE ? size : BLOCK_SIZE);
        }
        block->next = arena->current;
        arena->current = block;
    }
    room = block->bytes + block->used;
    block->used += size;
    return memset(room, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        out_of_memory(SIZE_MAX);
    return arena_alloc(arena, count * size);
}

char *arena_copy(struct arena *arena, const void *bytes, size_t length)
{
    char *copy = arena_alloc(arena, length + 1);

    if (length > 0)
        memcpy(copy, bytes, length);
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    text = arena_alloc(arena, (size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}
