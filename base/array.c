#include "base/array.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

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
