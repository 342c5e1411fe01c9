#include "base/array.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { CAPACITY_MIN = 64 };

void *array_resize(void *array, size_t count, size_t size)
{
    void *resized =
        count == 0 || size == 0 || count > SIZE_MAX / size ? NULL : realloc(array, count * size);

    if (resized == NULL) {
        fprintf(stderr, "no room for %zu things of %zu bytes\n", count, size);
        abort();
    }
    return resized;
}

void *array_grow(void *array, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return array;
    *capacity = *capacity == 0 ? CAPACITY_MIN : *capacity * 2;
    return array_resize(array, *capacity, size);
}
