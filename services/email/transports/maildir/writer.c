#include "services/email/transports/maildir/writer.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/backoff.h"
#include "base/wait.h"
#include "services/runtime/absence.h"

enum { AGAIN_MIN_MS = 100, AGAIN_MAX_MS = 5000, CLOSE_MS = 2000 };

struct writer {
    struct maildir *maildir; /* the thread's */
    pthread_t thread;
    int descriptor;         /* there is something to collect */
    struct outages absence; /* the loop's */
    pthread_mutex_t lock;   /* of what follows */
    pthread_cond_t changed;
    struct due_mails waiting, delivered;
    struct error failure; /* the last that was not collected */
    bool fails, stops, has_ended;
};

/* ---- lists ---- */

static void mails_add(struct due_mails *mails, struct effect *effect)
{
    const struct mail *from = effect->call;
    const size_t id_size = strlen(from->id) + 1, text_size = strlen(from->text) + 1;
    struct due_mail *mail = calloc(1, sizeof *mail + id_size + text_size);

    if (mail == NULL)
        abort();
    mail->effect = effect;
    memcpy(mail->id, from->id, id_size);
    mail->text = memcpy(mail->id + id_size, from->text, text_size);
    if (mails->first == NULL)
        mails->first = mail;
    else
        mails->last->next = mail;
    mails->last = mail;
    mails->count++;
}

static void mails_move(struct due_mails *to, struct due_mails *from)
{
    if (from->first == NULL)
        return;
    if (to->first == NULL)
        to->first = from->first;
    else
        to->last->next = from->first;
    to->last = from->last;
    to->count += from->count;
    *from = (struct due_mails){0};
}

static void mails_free(const struct due_mails *mails)
{
    struct due_mail *next;

    for (struct due_mail *mail = mails->first; mail != NULL; mail = next) {
        next = mail->next;
        free(mail);
    }
}

/* ---- the thread ---- */

static void tell(const struct writer *writer)
{
    static const uint64_t one = 1;

    if (write(writer->descriptor, &one, sizeof one) < 0)
        return; /* it is ready as it is */
}

/* Until that is so, for at most so long. */
static void wait_until(struct writer *writer, const bool *is_so, int timeout_ms)
{
    struct timespec until;

    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += timeout_ms % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (!*is_so && pthread_cond_timedwait(&writer->changed, &writer->lock, &until) == 0)
        continue;
}

/* Whatever else is due meanwhile waits too. */
static void wait_a_little(struct writer *writer, int *wait_ms)
{
    *wait_ms = backoff_next_ms(*wait_ms, AGAIN_MIN_MS, AGAIN_MAX_MS);
    wait_until(writer, &writer->stops, *wait_ms);
}

/* What has come while others were written is written with one wait for the disk. */
static void *run(void *state)
{
    struct writer *writer = state;
    struct due_mails taken = {0};
    struct error error;
    int wait_ms = 0;

    pthread_mutex_lock(&writer->lock);
    while (!writer->stops) {
        mails_move(&taken, &writer->waiting);
        if (taken.first == NULL) {
            pthread_cond_wait(&writer->changed, &writer->lock);
            continue;
        }
        pthread_mutex_unlock(&writer->lock);
        error.status = maildir_deliver(writer->maildir, &taken, &error);
        pthread_mutex_lock(&writer->lock);
        writer->fails = error.status != STATUS_OK;
        if (writer->fails)
            writer->failure = error;
        else
            mails_move(&writer->delivered, &taken);
        tell(writer);
        if (writer->fails)
            wait_a_little(writer, &wait_ms);
        else
            wait_ms = 0;
    }
    mails_free(&taken);
    writer->has_ended = true;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

/* Signals are the loop's. */
static int thread_start(struct writer *writer)
{
    sigset_t all, before;
    int failure;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failure = pthread_create(&writer->thread, NULL, run, writer);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failure;
}

/* ---- the executor ---- */

/* Domains have no case (RFC 4343). */
static bool is_invalid(const char *recipient)
{
    size_t length = strlen(recipient);

    return length > 8 && strcasecmp(recipient + length - 8, ".invalid") == 0;
}

static enum status start(void *state, struct effect *const *effects, size_t count,
                         struct error *error)
{
    struct writer *writer = state;
    struct due_mails due = {0};

    (void)error;
    for (size_t i = 0; i < count; i++) {
        struct mail *mail = effects[i]->call;

        if (!is_invalid(mail->recipient)) {
            mails_add(&due, effects[i]);
            continue;
        }
        mail->answer = TRANSPORT_REFUSED;
        mail->reason = arena_format(effects[i]->arena, "no mail can reach %s", mail->recipient);
        effects[i]->answered = true;
    }
    pthread_mutex_lock(&writer->lock);
    mails_move(&writer->waiting, &due);
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    return STATUS_OK;
}

/* A maildir that is unavailable is tried again by the thread, for as long as it takes. */
static void collect(void *state)
{
    struct writer *writer = state;
    struct due_mails delivered = {0};
    struct error failure;
    bool fails;

    pthread_mutex_lock(&writer->lock);
    mails_move(&delivered, &writer->delivered);
    failure = writer->failure;
    writer->failure.status = STATUS_OK;
    fails = writer->fails;
    pthread_mutex_unlock(&writer->lock);
    if (failure.status != STATUS_OK)
        absence_begin(&writer->absence, failure.message);
    if (!fails && delivered.first != NULL)
        absence_end(&writer->absence);
    for (const struct due_mail *due = delivered.first; due != NULL; due = due->next) {
        struct mail *mail = due->effect->call;

        mail->answer = TRANSPORT_ACCEPTED;
        due->effect->answered = true;
    }
    mails_free(&delivered);
}

/* The descriptor ends whatever wait there is. */
static int64_t due_us(const void *state)
{
    (void)state;
    return INT64_MAX;
}

static void on_ready(void *context, short events)
{
    const struct writer *writer = context;
    uint64_t count;

    (void)events;
    if (read(writer->descriptor, &count, sizeof count) < 0)
        return; /* it only says to collect */
}

static void writer_free(struct writer *writer)
{
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    close(writer->descriptor);
    mails_free(&writer->waiting);
    mails_free(&writer->delivered);
    maildir_free(writer->maildir);
    free(writer);
}

/* What is being written is waited for, what waits is not written any more: it comes again.  Where
 * the disk stands still the process ends with the thread as it is, which keeps what it has. */
static void close_writer(void *state)
{
    struct writer *writer = state;
    bool has_ended;

    pthread_mutex_lock(&writer->lock);
    writer->stops = true;
    pthread_cond_signal(&writer->changed);
    wait_until(writer, &writer->has_ended, CLOSE_MS);
    has_ended = writer->has_ended;
    pthread_mutex_unlock(&writer->lock);
    wait_unwatch(writer->descriptor);
    if (!has_ended)
        return;
    pthread_join(writer->thread, NULL);
    writer_free(writer);
}

enum status writer_open(struct maildir *maildir, struct executor *executor, struct error *error)
{
    struct writer *writer = calloc(1, sizeof *writer);
    pthread_condattr_t steady;
    int failure;

    if (writer == NULL)
        abort();
    writer->maildir = maildir;
    writer->descriptor = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (writer->descriptor < 0)
        abort();
    pthread_condattr_init(&steady);
    pthread_condattr_setclock(&steady, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->changed, &steady);
    pthread_condattr_destroy(&steady);
    pthread_mutex_init(&writer->lock, NULL);
    failure = thread_start(writer);
    if (failure != 0) {
        writer_free(writer);
        return error_set(error, STATUS_BUG, "maildir: cannot start a thread: %s",
                         strerror(failure));
    }
    wait_watch(writer->descriptor, POLLIN, on_ready, writer);
    *executor = (struct executor){.state = writer,
                                  .start = start,
                                  .collect = collect,
                                  .due_us = due_us,
                                  .close = close_writer};
    return STATUS_OK;
}
