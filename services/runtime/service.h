/* A service is a value: what it consumes, how it loads, decides and saves, and its effects.  It
 * owns no thread, no socket, no loop; the loop (loop.h) calls what is here and nothing else.
 *
 * A batch is what one transaction of it sees: messages, and an entry for each order that they
 * name. */
#ifndef QUADRILLE_SERVICES_RUNTIME_SERVICE_H
#define QUADRILLE_SERVICES_RUNTIME_SERVICE_H

#include "base/arena.h"
#include "base/index.h"
#include "base/settings.h"
#include "brokers/broker.h"
#include "database/database.h"
#include "events/flow.h"
#include "events/message.h"
#include "events/saga.h"
#include "services/runtime/executor.h"

/* One order of a batch. */
struct batch_order {
    const char *order_id;
    struct saga *row;   /* of the size in the service's rows; zeroed when nothing is stored */
    bool wants_content; /* load what the row only keeps aside: some message here may need it */
    bool may_be_first;  /* some message here is usually the first of its order */
    bool is_read;       /* the row is here: loaded, or... */
    bool cached;        /* ...it comes from row_cache.h, and only a save proves it */
    bool wants_stored;  /* an effect may start that nothing is saved for: no cached row will do */
    int effect;         /* what the row wants of the outside now... */
    bool by_result;     /* ...since a result of an effect wanted it, not only a message */
    bool has_result;    /* some record here brings one */
    struct effect *wanted; /* what the row wants, once that is under way... */
    bool starts;           /* ...and was not before */
    uint64_t emitted;      /* set of FACTs that this batch published already, but for emits_each */
};

enum record_kind {
    RECORD_FACT,        /* of an order: goes through decide */
    RECORD_COMMAND,     /* of no order: the service applies it while it saves */
    RECORD_DEAD_LETTER, /* can never be processed; `why` says so */
    RECORD_REJECTED,    /* its sender is told, nothing else happens */
    RECORD_SKIP,        /* not for this service */
    RECORD_UNKNOWN,     /* an event of a type that nobody knows */
    RECORD_KINDS
};

/* What an effect came to, as decide is given it. */
struct effect_result {
    uint64_t on; /* an OWN_FACT; 0: there is none */
    const void *result;
};

struct local;

/* A message that a service of this process takes. */
struct record {
    struct local *local;             /* that service */
    struct inflight_batch *inflight; /* the batch that it came in, which is finished with it */
    struct incoming incoming;
    struct message message;
    const char *content, *content_id; /* see struct input */
    struct batch_order *order;        /* of a RECORD_FACT, for the batch it is in */
    /* it led to an effect, and comes again with what that came to, or beside the one that does */
    struct effect_result result;
    uint64_t emits;       /* set of FACTs: the events that are emitted as caused by it */
    struct event *events; /* of those, what is made already */
    const char *why_field;
    struct error why;
    enum record_kind kind, taken_as; /* the second before record_dead_letter of this attempt */
    bool is_recorded;  /* it was decided then, and saved: only the result is decided now */
    bool is_answered;  /* what it leads to was found... */
    bool is_handed_on; /* ...and handed over to those that are saved together */
    bool why_envelope; /* it is a header that is wrong */
};

struct records {
    struct record **all;
    size_t count, room;
};

struct batch {
    struct arena *arena; /* of one attempt: rows, parameters, events */
    struct records records;
    size_t first;               /* of the records that this round decides on */
    struct batch_order *orders; /* in the order in which the messages name them */
    size_t order_count;
    struct index index; /* of the orders */
    bool wants_content; /* of each order */
    bool lacks_content; /* of an order that is decided on already: it must be done again, with it */
    int64_t now_us;     /* the database's, as loaded */
};

/* A topic and the types that are taken from it.  Whatever else is there is skipped where it holds
 * events, which others may want; of commands nobody else takes it, so it is set aside. */
struct subscription {
    const char *topic;
    uint64_t types; /* set of FACTs */
    bool commands;  /* this service is the one they are for */
};

struct rows;

struct service {
    const char *name;               /* "payment" */
    const char *summary;            /* for --help */
    const struct setting *settings; /* the service's own; ended by a NULL name */
    /* of each provider or transport there is, up to a NULL */
    const struct setting *const *outside_settings;
    const struct subscription *subscriptions;
    size_t subscription_count;
    const struct migrations *migrations;
    const struct saga_table *table;

    /* Made once at start from the settings; passed to everything below as `context`.  NULL and
     * `error` when they are no good. A service that needs none leaves both out. */
    void *(*open)(const struct settings *settings, struct error *error);
    void (*close)(void *context);

    /* By header alone, before any decoding: does an order of this flow need the type here?  NULL:
     * every type. */
    bool (*waits_for)(const struct flow *flow, enum message_type type);

    /* Sets of types: that need what a row keeps aside; that are emitted once a message, under an id
     * of the message in place of the fact's; that inquire about an order, and cause an event
     * only where nothing else did; that mostly are the first that the service sees of an order. */
    uint64_t needs_content;
    uint64_t emits_each;
    uint64_t inquiries;
    uint64_t may_be_first;

    const struct rows *rows; /* how they are loaded and saved */

    /* Pure: the row learns the fact, moves, and may want an effect.  NULL: nothing applied. */
    const struct transition *(*decide)(const void *context, struct saga *row,
                                       const struct input *input);

    /* Pure: does the message say what the row knows to be otherwise?  It is no fact then: it alone
     * is set aside, for the reason in `why`, which may be NULL.  NULL: nothing ever does. */
    bool (*contradicts)(const struct saga *row, const struct input *input, struct error *why);

    /* Pure: what this fact leads to in the row's present state: a set of FACTs. */
    uint64_t (*emits)(const struct saga *row, const struct input *input);

    /* Fills the body and ce_time of an event. */
    void (*event_fill)(const struct saga *row, const struct input *input, enum message_type type,
                       struct arena *arena, struct message *out);

    /* Inside the transaction, before the rows: whatever must change together with them, for the
     * records from batch->first on.  NULL: nothing. */
    enum status (*apply_in_transaction)(void *context, struct database *database,
                                        struct batch *batch, struct error *error);

    /* Who carries out the effects that rows want outside any transaction.  NULL: the service asks
     * nothing of the outside, and has none of the following. */
    const struct executor *(*executor)(const void *context);

    /* What the executor is asked for the row, and room for its answer, in effect->call; all of it
     * in effect->arena.  What needs no asking is answered at once. */
    void (*effect_call)(const void *context, struct saga *row, int64_t now_us,
                        struct effect *effect);

    /* Nobody is asked now: fills in that answer.  Not to be wanted again before that time is
     * over. */
    void (*effect_unavailable)(struct effect *effect, int64_t retry_after_us);

    /* What came of it, in its arena as well. */
    struct effect_result (*effect_result)(const struct effect *effect);

    /* It does no harm to repeat them under the same identity: they are not on record before they
     * start, and a row that wants one is saved with what came of it. */
    bool effects_repeatable;

    /* Selects (order_id, type of the command) of rows that are due, oldest first, 500 at most.
     * NULL: nothing is ever due. */
    const char *due_sql;

    /* Puts off by an hour what is due of the orders in $1: for rows that cannot be read, so that
     * their sweeper does not find them again and again. */
    const char *postpone_sql;
};

/* Is the type one that the service takes from that topic?  Its own internal topic may also bring
 * dead letters. */
bool service_takes(const struct service *service, const char *topic, enum message_type type);

/* Does it read that topic, whatever it takes from there? */
bool service_subscribes(const struct service *service, const char *topic);

/* Can never be processed, as the rows and balances are that this attempt has before it; the next
 * attempt looks again. */
void record_dead_letter(struct record *record, const struct error *why);

/* Is the order's row saved with what comes of the effect that it wants, and not before? */
bool order_is_saved_later(const struct service *service, const struct batch_order *order);

/* Lets decide see an input, in whatever step; keeps the order's effect and the log. */
void batch_decide(const struct service *service, void *context, struct batch *batch,
                  struct batch_order *order, const struct input *input);

#endif
