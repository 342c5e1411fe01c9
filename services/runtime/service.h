/* A service is a value: what it consumes, how it loads, decides, saves and resolves.  It owns no thread, no socket, no loop;
 * the loop (loop.h) calls what is here and nothing else.
 *
 * A work is what one pass over the loop sees: the messages taken, and an entry for each order that they name. */
#ifndef QUADRILLE_SERVICES_RUNTIME_SERVICE_H
#define QUADRILLE_SERVICES_RUNTIME_SERVICE_H

#include "base/arena.h"
#include "base/settings.h"
#include "brokers/broker.h"
#include "database/database.h"
#include "events/flow.h"
#include "events/message.h"
#include "events/saga.h"

/* One order of a work. */
struct entry {
    const char *order_id;
    struct saga *row;      /* of the size in the service's rows; zeroed but for order_id when nothing is stored */
    bool wants_content;    /* load what the row only keeps aside: some message here may need it */
    bool begins;           /* some message here is mostly an order's first */
    bool known;            /* the row comes from memory.h: it is not loaded, and only a save proves it */
    int ask;               /* what the row wants of the outside now */
    uint64_t said;         /* set of FACTs: answers that this batch published already, but for those of answers_each */
};

enum item_kind {
    ITEM_FACT,     /* of an order: goes through decide */
    ITEM_COMMAND,  /* of no order: the service applies it while it saves */
    ITEM_PARK,     /* can never be processed; `why` says so */
    ITEM_REFUSE,   /* its sender is told, nothing else happens */
    ITEM_SKIP,     /* not for this service */
    ITEM_UNKNOWN,  /* an event of a type that nobody knows */
    ITEM_KINDS
};

struct item {
    enum item_kind kind;
    struct incoming incoming;
    struct message message;
    const char *content, *content_id; /* see struct input */
    enum item_kind taken_as; /* the kind that it had before this attempt set it aside, see item_set_aside */
    struct entry *entry;    /* of an ITEM_FACT, for the work it is in */
    uint64_t says;          /* set of FACTs: the answers that are said as caused by it */
    struct error why;
    const char *why_field;
    bool why_envelope;      /* it is a header that is wrong */
};

/* What came of an ask; it stays while the work is tried again, so that nothing is asked twice and no outcome is dropped. */
struct outcome_of_ask {
    struct entry *entry;
    uint64_t on;          /* the OWN_FACT that decide is given */
    const void *outcome;  /* the service's own; in the work's `kept` */
};

struct work {
    struct arena *arena; /* of one attempt: rows, parameters, answers */
    struct arena *kept;  /* of the batch: messages, entries, outcomes */
    struct item **items;
    size_t item_count;
    struct entry *entries; /* in the order in which the messages name them */
    size_t entry_count;
    struct outcome_of_ask *outcomes;
    size_t outcome_count, outcome_capacity;
    int64_t now_us;        /* the database's, as loaded */
};

/* A topic and the types that are taken from it.  Whatever else is there is skipped where it holds events, which others may want; of
 * commands nobody else takes it, so it is set aside. */
struct subscription {
    const char *topic;
    uint64_t types;     /* set of FACTs */
    bool commands;      /* this service is the one they are for */
};

struct rows;

struct service {
    const char *name;                 /* "payment" */
    const char *summary;              /* for --help */
    const struct setting *settings;   /* the service's own; ended by a NULL name */
    const struct setting *const *outside_settings; /* of each who may be asked, up to a NULL; NULL: nobody is */
    const struct subscription *subscriptions;
    size_t subscription_count;
    const struct migrations *migrations;
    const struct saga_table *table;

    /* Made once at start from the settings; passed to everything below as `context`.  NULL and `error` when they are no good.
     * A service that needs none leaves both out. */
    void *(*open)(const struct settings *settings, struct error *error);
    void (*close)(void *context);

    /* By header alone, before any decoding: does an order of this flow need the type here?  NULL: every type. */
    bool (*awaits)(const struct flow *flow, enum message_type type);

    uint64_t needs_content; /* the set of types that need what a row keeps aside */
    uint64_t answers_each;  /* the set of answers whose id is not the fact's but of the message: one for each such message */
    uint64_t inquiries;     /* the set of types that ask what became of an order: they cause an answer only where nothing else did */
    uint64_t begins;        /* the set of types that mostly are the first that the service sees of an order */

    const struct rows *rows; /* how they are loaded and saved */

    /* Pure: the row learns the fact, moves, and may ask.  NULL: nothing applied. */
    const struct transition *(*decide)(const void *context, struct saga *row, const struct input *input);

    /* Pure: does the message say what the row knows to be otherwise?  It is no fact then: it alone is set aside, for the reason in
     * `why`, which may be NULL.  NULL: nothing ever does. */
    bool (*contradicts)(const struct saga *row, const struct input *input, struct error *why);

    /* Pure: what this fact leads to in the row's present state: a set of FACTs. */
    uint64_t (*answers)(const struct saga *row, const struct input *input);

    /* Fills the body and ce_time of an answer. */
    void (*compose)(const struct saga *row, const struct input *input, enum message_type says, struct arena *arena,
                    struct message *out);

    /* Inside the transaction, before the rows: whatever must change together with them.  NULL: nothing. */
    enum status (*apply_in_transaction)(void *context, struct database *database, struct work *work, struct error *error);

    /* Outside any transaction: carries out the asks of all entries that have one, together, and adds what came of each with
     * work_resolve.  What it could not find out is an outcome too.  NULL: the service asks nothing of the outside. */
    enum status (*resolve)(void *context, struct work *work, struct error *error);

    /* Selects (order_id, type of the command) of rows that are due, oldest first, 500 at most.  NULL: nothing is ever due. */
    const char *due_sql;

    /* Puts off by an hour what is due of the orders in $1: for rows that cannot be read, so that their sweeper does not find them
     * again and again. */
    const char *postpone_sql;
};

/* Is the type one that the service takes from that topic?  Its own internal topic may also bring what was parked. */
bool service_takes(const struct service *service, const char *topic, enum message_type type);

/* Can never be processed, as the rows and balances are that this attempt has before it; the next attempt looks again. */
void item_set_aside(struct item *item, const struct error *why);

/* Adds an outcome to the work. */
void work_resolve(struct work *work, struct entry *entry, uint64_t on, const void *outcome);

/* Lets decide see an input, in whatever step; keeps the entry's ask and the log. */
void work_decide(const struct service *service, void *context, struct work *work, struct entry *entry, const struct input *input);

#endif
