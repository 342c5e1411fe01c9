#include "base/arena.h"

#include <stdarg.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_SIZE = 256 * 1024, SMALL_BLOCK_SIZE = 1024, SPARE_BLOCKS = 64 };

struct block {
    struct block *next;
    size_t size, used;
    alignas(max_align_t) unsigned char bytes[];
};

struct arena {
    struct block *current; /* the block in use, then those that are full */
    size_t block_size;
};

/* Kept for whichever arena of this thread needs one next, so that a steady load allocates
 * nothing. */
static _Thread_local struct {
    struct block *first;
    int count;
} spare;

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

static struct arena *arena_of(size_t block_size)
{
    struct arena *arena = calloc(1, sizeof *arena);

    if (arena == NULL)
        out_of_memory(sizeof *arena);
    arena->block_size = block_size;
    return arena;
}

struct arena *arena_new(void)
{
    return arena_of(BLOCK_SIZE);
}

struct arena *arena_new_small(void)
{
    return arena_of(SMALL_BLOCK_SIZE);
}

/* Blocks of the usual size are kept, up to SPARE_BLOCKS. */
static void block_release(struct block *block)
{
    if (block->size != BLOCK_SIZE || spare.count == SPARE_BLOCKS) {
        free(block);
        return;
    }
    block->used = 0;
    block->next = spare.first;
    spare.first = block;
    spare.count++;
}

struct arena_mark arena_mark(const struct arena *arena)
{
    return (struct arena_mark){arena->current, arena->current == NULL ? 0 : arena->current->used};
}

void arena_rewind(struct arena *arena, struct arena_mark mark)
{
    while (arena->current != mark.block) {
        struct block *block = arena->current;

        arena->current = block->next;
        block_release(block);
    }
    if (arena->current != NULL)
        arena->current->used = mark.used;
}

void arena_reset(struct arena *arena)
{
    arena_rewind(arena, (struct arena_mark){NULL, 0});
}

void arena_trim(void)
{
    struct block *next;

    for (; spare.first != NULL; spare.first = next) {
        next = spare.first->next;
        free(spare.first);
    }
    spare.count = 0;
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    arena_reset(arena);
    free(arena);
}

static struct block *block_take(const struct arena *arena, size_t size)
{
    struct block *block = arena->block_size == BLOCK_SIZE ? spare.first : NULL;

    if (size > arena->block_size || block == NULL)
        return block_new(size > arena->block_size ? size : arena->block_size);
    spare.first = block->next;
    spare.count--;
    return block;
}

void *arena_room(struct arena *arena, size_t size)
{
    const size_t align = alignof(max_align_t);
    struct block *block = arena->current;
    void *room;

    if (size > SIZE_MAX - align)
        out_of_memory(size);
    size = (size + align - 1) / align * align;
    if (block == NULL || block->size - block->used < size) {
        block = block_take(arena, size);
        block->next = arena->current;
        arena->current = block;
    }
    room = block->bytes + block->used;
    block->used += size;
    return room;
}

void *arena_alloc(struct arena *arena, size_t size)
{
    return memset(arena_room(arena, size), 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    if (size != 0 && count > SIZE_MAX / size)
        out_of_memory(SIZE_MAX);
    return arena_alloc(arena, count * size);
}

char *arena_copy(struct arena *arena, const void *bytes, size_t length)
{
    char *copy = arena_room(arena, length + 1);

    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *arena_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_copy(arena, text, strlen(text));
}

char *arena_format(struct arena *arena, const char *format, ...)
{
    va_list arguments;
    char *text;
    int length;

    va_start(arguments, format);
    length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    text = arena_room(arena, (size_t)length + 1);
    va_start(arguments, format);
    vsnprintf(text, (size_t)length + 1, format, arguments);
    va_end(arguments);
    return text;
}
