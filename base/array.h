/* An array on the heap that grows, for what outlives an arena.
 *
 *     things = array_grow(things, count, &capacity, sizeof *things);
 *     things[count++] = thing;
 *     free(things); */
#ifndef QUADRILLE_BASE_ARRAY_H
#define QUADRILLE_BASE_ARRAY_H

#include <stddef.h>

/* `array`, which may be NULL, with room for `count` things of `size` bytes, neither of them 0, to
 * be given to free().  When the system has none left it aborts, as an arena does: what was in the
 * array is never lost to a caller that goes on. */
void *array_resize(void *array, size_t count, size_t size);

/* The same, with room for one behind the `count` that are in it.  `capacity`, 0 at first, is for
 * how many there is room: it doubles when they are as many. */
void *array_grow(void *array, size_t count, size_t *capacity, size_t size);

#endif
