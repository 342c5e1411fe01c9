#include "tests/unit/matrix.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"

static const struct word *word_find(const struct subject *subject, const char *name, size_t length)
{
    for (const struct word *word = subject->words; word->name != NULL; word++)
        if (strlen(word->name) == length && memcmp(word->name, name, length) == 0)
            return word;
    ck_abort_msg("no word is named %.*s", (int)length, name);
    return NULL;
}

static const struct transition *tell_word(const struct subject *subject, struct saga *row,
                                          const char *word, size_t length)
{
    static struct arena *arena; /* of all rows */
    struct input input = word_find(subject, word, length)->input;

    if (arena == NULL)
        arena = arena_new();
    input.arena = arena;
    return subject->decide(subject->rules, row, &input);
}

const struct transition *tell(const struct subject *subject, struct saga *row, const char *word)
{
    return tell_word(subject, row, word, strlen(word));
}

static bool used[64], emitted[64]; /* rows of the two tables */

static void note_used(const struct subject *subject, const struct transition *transition)
{
    if (transition != NULL)
        used[transition - subject->table->transitions] = true;
}

/* Rows that emit something which was emitted, in this state, on this input. */
static void note_emitted(const struct subject *subject, const struct saga *row,
                         const struct input *input)
{
    uint64_t types = subject->answers(row, input);

    for (size_t i = 0; i < subject->table->emission_count; i++) {
        const struct emission *answer = &subject->table->emissions[i];

        emitted[i] |= (answer->states & STATE(row->state)) != 0 && (answer->on & input->on) != 0 &&
                      (types & FACT(answer->event)) != 0;
    }
}

struct saga *row_with(const struct subject *subject, const char *words)
{
    struct saga *row = calloc(1, subject->row_size);

    row->order_id = "o-1";
    while (*words != '\0') {
        size_t length = strcspn(words, " ");

        note_used(subject, tell_word(subject, row, words, length));
        words += length + (words[length] == ' ');
    }
    return row;
}

const char *answers_to(const struct subject *subject, const struct saga *row, const char *word)
{
    static char text[400];
    uint64_t types = subject->answers(row, &word_find(subject, word, strlen(word))->input);

    text[0] = '\0';
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        if ((types & FACT(type)) == 0)
            continue;
        if (text[0] != '\0')
            strcat(text, " ");
        strcat(text, message_type_name((enum message_type)type));
    }
    return text;
}

static void check_move(const struct subject *subject, const struct history *history,
                       const struct word *word)
{
    struct saga *row = row_with(subject, history->words);
    const char *const *names = subject->table->state_names, *next = history->state, *effect = "";
    const char *types = "";
    const struct transition *transition;

    ck_assert_msg(strcmp(names[row->state], history->state) == 0, "%s leads to %s, not to %s",
                  history->words, names[row->state], history->state);
    for (const struct move *move = subject->moves; move->history != NULL; move++)
        if (strcmp(move->history, history->name) == 0 && strcmp(move->word, word->name) == 0) {
            next = move->next;
            effect = move->effect;
        }
    for (const struct saying *saying = subject->sayings; saying->history != NULL; saying++)
        if (strcmp(saying->history, history->name) == 0 && strcmp(saying->word, word->name) == 0)
            types = saying->types;
    transition = tell(subject, row, word->name);
    note_used(subject, transition);
    ck_assert_msg(strcmp(names[row->state], next) == 0, "%s, then %s: goes to %s, not to %s",
                  history->name, word->name, names[row->state], next);
    ck_assert_msg(strcmp(subject->table->effect_names[transition == NULL ? 0 : transition->effect],
                         effect) == 0,
                  "%s, then %s: asks \"%s\", not \"%s\"", history->name, word->name,
                  subject->table->effect_names[transition == NULL ? 0 : transition->effect],
                  effect);
    if (word->input.message != NULL) {
        note_emitted(subject, row, &word->input);
        ck_assert_msg(strcmp(answers_to(subject, row, word->name), types) == 0,
                      "%s, then %s: says \"%s\", not \"%s\"", history->name, word->name,
                      answers_to(subject, row, word->name), types);
    }
    free(row);
}

void matrix_check(const struct subject *subject)
{
    memset(used, 0, sizeof used);
    memset(emitted, 0, sizeof emitted);
    for (const struct history *history = subject->histories; history->name != NULL; history++)
        for (const struct word *word = subject->words; word->name != NULL; word++)
            check_move(subject, history, word);
    for (size_t i = 0; i < subject->table->transition_count; i++)
        ck_assert_msg(used[i], "no test uses the transition \"%s\"",
                      subject->table->transitions[i].reason);
    for (size_t i = 0; i < subject->table->emission_count; i++)
        ck_assert_msg(emitted[i], "no test consumes answer %zu, %s", i,
                      message_type_name(subject->table->emissions[i].event));
}
