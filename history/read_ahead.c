#include "history/read_ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "events/message.h"

enum { BATCH = 32, THREADS_MAX = 3, BATCHES = 2 * (THREADS_MAX + 1) };

enum stage { EMPTY, READ, CLAIMED, PREPARED };

/* Its stage is guarded by the lock; all else belongs to who fills, prepares or empties it. */
struct batch {
    enum stage stage;
    size_t count, next;
    struct incoming messages[BATCH];
    void *made[BATCH];
    struct arena *arena;
};

/* A ring: the batches from `taken` on are filled, those from `claimed` on nobody prepares yet. */
struct read_ahead {
    struct reader *reader;
    prepare_message *prepare;
    void *context;
    struct decoder *decoder; /* of the thread that takes */
    struct batch batches[BATCHES];
    size_t read, claimed, taken; /* counts of batches; `claimed` is guarded by the lock */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a batch was read or prepared, or it ends */
    pthread_t threads[THREADS_MAX];
    size_t thread_count;
    bool ends;
};

static struct batch *batch_at(struct read_ahead *ahead, size_t number)
{
    return &ahead->batches[number % BATCHES];
}

/* ---- preparing ---- */

static void batch_prepare(struct read_ahead *ahead, struct batch *batch, struct decoder *decoder)
{
    arena_reset(batch->arena);
    for (size_t i = 0; i < batch->count; i++) {
        incoming_headers(&batch->messages[i]);
        if (ahead->prepare != NULL)
            batch->made[i] =
                ahead->prepare(ahead->context, &batch->messages[i], decoder, batch->arena);
    }
}

/* The next batch that nobody prepares yet, or NULL.  With the lock. */
static struct batch *batch_claim(struct read_ahead *ahead)
{
    struct batch *batch = batch_at(ahead, ahead->claimed);

    if (batch->stage != READ)
        return NULL;
    batch->stage = CLAIMED;
    ahead->claimed++;
    return batch;
}

/* With the lock, which is given up meanwhile. */
static void claimed_prepare(struct read_ahead *ahead, struct batch *batch, struct decoder *decoder)
{
    pthread_mutex_unlock(&ahead->lock);
    batch_prepare(ahead, batch, decoder);
    pthread_mutex_lock(&ahead->lock);
    batch->stage = PREPARED;
    pthread_cond_broadcast(&ahead->changed);
}

static void *help(void *argument)
{
    struct read_ahead *ahead = argument;
    struct decoder *decoder = decoder_new();

    pthread_mutex_lock(&ahead->lock);
    while (!ahead->ends) {
        struct batch *batch = batch_claim(ahead);

        if (batch != NULL)
            claimed_prepare(ahead, batch, decoder);
        else
            pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    pthread_mutex_unlock(&ahead->lock);
    decoder_free(decoder);
    arena_trim();
    return NULL;
}

/* ---- taking ---- */

/* Reads into what is empty: waits for messages only where there is nothing else to be done. */
static void read_on(struct read_ahead *ahead, int timeout_ms)
{
    while (ahead->read - ahead->taken < BATCHES) {
        struct batch *batch = batch_at(ahead, ahead->read);

        batch->count = reader_take_batch(
            ahead->reader, ahead->read == ahead->taken ? timeout_ms : 0, batch->messages, BATCH);
        batch->next = 0;
        if (batch->count == 0)
            return;
        pthread_mutex_lock(&ahead->lock);
        batch->stage = READ;
        ahead->read++;
        pthread_cond_broadcast(&ahead->changed);
        pthread_mutex_unlock(&ahead->lock);
    }
}

/* Until the batch is prepared this thread prepares what nobody else does. */
static void wait_for(struct read_ahead *ahead, const struct batch *batch)
{
    pthread_mutex_lock(&ahead->lock);
    while (batch->stage != PREPARED) {
        struct batch *free = batch_claim(ahead);

        if (free != NULL)
            claimed_prepare(ahead, free, ahead->decoder);
        else
            pthread_cond_wait(&ahead->changed, &ahead->lock);
    }
    pthread_mutex_unlock(&ahead->lock);
}

struct incoming *read_ahead_take(struct read_ahead *ahead, int timeout_ms, void **made)
{
    struct batch *batch = batch_at(ahead, ahead->taken);

    if (ahead->taken < ahead->read && batch->next == batch->count) /* all of it is taken */
        batch = batch_at(ahead, ++ahead->taken);
    if (ahead->taken == ahead->read || batch->next == 0) {
        read_on(ahead, timeout_ms);
        if (ahead->taken == ahead->read)
            return NULL;
        wait_for(ahead, batch);
    }
    *made = batch->made[batch->next];
    return &batch->messages[batch->next++];
}

bool read_ahead_caught_up(const struct read_ahead *ahead)
{
    const struct batch *last = &ahead->batches[ahead->taken % BATCHES];

    return reader_caught_up(ahead->reader) &&
           (ahead->taken == ahead->read ||
            (ahead->taken + 1 == ahead->read && last->next == last->count));
}

enum status read_ahead_status(const struct read_ahead *ahead, struct error *error)
{
    return reader_status(ahead->reader, error);
}

/* ---- all of it ---- */

/* With fewer helpers than wished, with none, it only takes longer. */
static void helpers_start(struct read_ahead *ahead)
{
    long others = ahead->prepare == NULL ? 0 : sysconf(_SC_NPROCESSORS_ONLN) - 1;

    while (ahead->thread_count < THREADS_MAX && (long)ahead->thread_count < others &&
           pthread_create(&ahead->threads[ahead->thread_count], NULL, help, ahead) == 0)
        ahead->thread_count++;
}

struct read_ahead *read_ahead_new(struct reader *reader, prepare_message *prepare, void *context)
{
    struct read_ahead *ahead = calloc(1, sizeof *ahead);

    if (ahead == NULL)
        abort();
    ahead->reader = reader;
    ahead->prepare = prepare;
    ahead->context = context;
    ahead->decoder = decoder_new();
    for (size_t i = 0; i < BATCHES; i++)
        ahead->batches[i].arena = arena_new();
    pthread_mutex_init(&ahead->lock, NULL);
    pthread_cond_init(&ahead->changed, NULL);
    helpers_start(ahead);
    return ahead;
}

void read_ahead_free(struct read_ahead *ahead)
{
    if (ahead == NULL)
        return;
    pthread_mutex_lock(&ahead->lock);
    ahead->ends = true;
    pthread_cond_broadcast(&ahead->changed);
    pthread_mutex_unlock(&ahead->lock);
    for (size_t i = 0; i < ahead->thread_count; i++)
        pthread_join(ahead->threads[i], NULL);
    for (; ahead->taken < ahead->read; ahead->taken++)
        for (struct batch *batch = batch_at(ahead, ahead->taken); batch->next < batch->count;
             batch->next++)
            incoming_release(&batch->messages[batch->next]);
    for (size_t i = 0; i < BATCHES; i++)
        arena_free(ahead->batches[i].arena);
    decoder_free(ahead->decoder);
    pthread_cond_destroy(&ahead->changed);
    pthread_mutex_destroy(&ahead->lock);
    free(ahead);
}
