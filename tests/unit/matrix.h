/* Checks a decide table cell by cell.
 *
 * A history brings a row into a state by inputs, named by short words.  Then every input there is
 * comes, and the cell must do exactly what `moves` and `says` list for it; a cell that they do not
 * list must not move, ask or say anything. */
#ifndef QUADRILLE_TESTS_UNIT_MATRIX_H
#define QUADRILLE_TESTS_UNIT_MATRIX_H

#include "events/saga.h"

struct history {
    const char *name, *words;
    const char *state; /* that it leads to */
};

struct word {
    const char *name;
    struct input input;
};

struct move {
    const char *history, *word, *next, *effect;
};

struct saying {
    const char *history, *word, *types; /* separated by spaces, in the order of the message types */
};

struct subject {
    const struct saga_table *table;
    const struct transition *(*decide)(const void *rules, struct saga *row,
                                       const struct input *input);
    uint64_t (*answers)(const struct saga *row, const struct input *input);
    const void *rules;
    size_t row_size;
    const struct word *words;
    const struct history *histories;
    const struct move *moves;
    const struct saying *sayings; /* each list ends with a row of NULLs */
};

/* All cells; and every row of the table is used by some cell or history. */
void matrix_check(const struct subject *subject);

/* A row with that history, allocated by malloc. */
struct saga *row_with(const struct subject *subject, const char *words);

/* The answer to a word, as "a.b c.d". */
const char *answers_to(const struct subject *subject, const struct saga *row, const char *word);

/* Lets decide see the word. */
const struct transition *tell(const struct subject *subject, struct saga *row, const char *word);

#endif
