/* Memory that is released all at once.
 *
 * A batch allocates from one arena and is gone with it: nothing in it is freed alone.  Memory comes
 * aligned for any type.  What is kept is shared by all arenas of a thread; an arena may pass from
 * one thread to another.  When the system has none left, the arena says so on stderr and aborts: a
 * crash is a fault that the saga is built to survive, a half-made batch is not.
 *
 *     struct arena *arena = arena_new();
 *     char *copy = arena_copy(arena, text, strlen(text));
 *     arena_reset(arena);          // everything is gone, some of the memory is kept for the next
 *                                  batch
 *     arena_free(arena); */
#ifndef QUADRILLE_BASE_ARENA_H
#define QUADRILLE_BASE_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_new(void);

/* One that takes memory a kilobyte at a time and keeps none: for what is small, and of which there
 * are many at once. */
struct arena *arena_new_small(void);
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena); /* NULL is allowed */

/* A place to come back to: arena_rewind gives back all that was taken since. */
struct arena_mark {
    void *block;
    size_t used;
};

struct arena_mark arena_mark(const struct arena *arena);
void arena_rewind(struct arena *arena, struct arena_mark mark);

/* Gives back what all arenas keep for the next batch: for when there is none. */
void arena_trim(void);

/* `size` zeroed bytes. */
void *arena_alloc(struct arena *arena, size_t size);

/* `size` bytes that hold anything: for who fills them at once. */
void *arena_room(struct arena *arena, size_t size);

/* Zeroed room for `count` things of `size` bytes; aborts when that overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A NUL-terminated copy of `length` bytes. */
char *arena_copy(struct arena *arena, const void *bytes, size_t length);

/* A copy of a text; NULL of NULL. */
char *arena_text(struct arena *arena, const char *text);

/* A formatted NUL-terminated string. */
char *arena_format(struct arena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
