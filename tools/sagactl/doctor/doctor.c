/* sagactl doctor: is everything there, and set so that it does not hurt? */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "brokers/admin.h"
#include "brokers/topics.h"
#include "database/database.h"
#include "history/lags.h"
#include "services/runtime/service.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/doctor/faults.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

/* clang-format off */
static const struct setting settings[] = {
    {.name = "deadline-ms", .kind = SETTING_INTEGER, .fallback = "900000",
     .min = 1, .max = 2592000000,
     .meaning = "the order service's own: a topic must keep its messages longer"},
    CATALOG_DATABASES
    CATALOG_GROUPS
    {.name = "provider-database", .kind = SETTING_TEXT,
     .meaning = "PostgreSQL URI of the simulated provider's ledger"},
    {.name = "maildir", .kind = SETTING_TEXT, .meaning = "folder of the mails"},
    {.name = NULL},
};
/* clang-format on */

enum { SKEW_MS = 1000, LAG_MANY = 10000, WHAT_AT = 26 /* the column where it is told */ };

enum severity { FINE, NOTE, BAD };

struct doctor {
    const struct settings *from;
    struct arena *arena;
    bool json, unavailable;
    size_t bad;
    bool embedded; /* its broker describes no groups */
};

static void say(struct doctor *doctor, enum severity severity, const char *thing, const char *fix,
                const char *format, ...) __attribute__((format(printf, 5, 6)));

/* `fix` NULL: there is nothing to be fixed. */
static void say(struct doctor *doctor, enum severity severity, const char *thing, const char *fix,
                const char *format, ...)
{
    static const char *const words[] = {"ok", "note", "BAD"};
    char what[500];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    doctor->bad += severity == BAD;
    if (!doctor->json) {
        line_wrap(WHAT_AT, "%s%-4s%s %-20s %s",
                  severity == FINE  ? colour_good()
                  : severity == BAD ? colour_bad()
                                    : "",
                  words[severity], colour_off(), thing, what);
        if (fix != NULL)
            line_wrap(WHAT_AT + 3, "%*s%s-> %s%s", WHAT_AT, "", colour_dim(), fix, colour_off());
        return;
    }
    json_line_print_texts("severity", words[severity], "thing", thing, "what", what, "fix", fix,
                          NULL);
}

/* ---- the broker and its topics ---- */

struct topic_look {
    struct doctor *doctor;
    size_t faults, single;
};

static void fault(void *context, const char *topic, const char *what, const char *fix)
{
    struct topic_look *look = context;

    look->faults++;
    say(look->doctor, BAD, topic, fix, "%s", what);
}

static enum status topics_look(struct doctor *doctor, struct admin *admin, struct error *error)
{
    struct topic_description *are = calloc(topic_count, sizeof *are);
    struct topic_look look = {.doctor = doctor};
    enum status status = STATUS_OK;
    bool configured = false;
    int partitions = 0;

    if (are == NULL)
        abort();
    for (size_t i = 0; status == STATUS_OK && i < topic_count; i++) {
        status = admin_topic_describe(admin, topics[i].name, &are[i], error);
        partitions = partitions == 0 ? are[i].partitions : partitions;
        configured = configured || are[i].configured;
    }
    doctor->embedded = !configured;
    if (status == STATUS_OK)
        say(doctor, configured ? FINE : NOTE, "broker",
            configured ? NULL
                       : "use Apache Kafka for anything that must last: make up BROKER=kafka",
            configured ? "%s answers"
                       : "%s answers, and tells neither settings of topics nor which services "
                         "run: the embedded broker keeps all in memory",
            settings_text(doctor->from, "brokers"));
    for (size_t i = 0; status == STATUS_OK && i < topic_count; i++) {
        topic_faults(&topics[i], &are[i], partitions, settings_integer(doctor->from, "deadline-ms"),
                     fault, &look);
        look.single += are[i].configured && are[i].replication == 1;
    }
    if (status == STATUS_OK && look.faults == 0)
        say(doctor, FINE, "topics", NULL, "all %zu are there, with %d partitions each", topic_count,
            partitions);
    if (look.single > 0)
        say(doctor, NOTE, "replication",
            "where there are three brokers, make topics with --replication 3 and set "
            "min.insync.replicas to 2",
            "%zu topics have one replica: what is acknowledged is on one disk", look.single);
    free(are);
    return status;
}

/* Nothing reads a topic that has another name since: what lies there is for the version before. */
static enum status former_topics_look(struct doctor *doctor, struct admin *admin,
                                      struct error *error)
{
    bool found[FORMER_TOPICS];
    enum status status = admin_former_topics(admin, found, error);

    for (int i = 0; status == STATUS_OK && i < FORMER_TOPICS; i++)
        if (found[i])
            say(doctor, NOTE, former_topics[i].name,
                "redrive or drop what it holds with the sagactl of 0.1, then delete it",
                "it is called %s since 0.2: nothing reads it any more", former_topics[i].now);
    return status;
}

static void held_found(void *context, const char *topic, int partition, int64_t held)
{
    struct doctor *doctor = context;

    say(doctor, BAD, arena_format(doctor->arena, "%s/%d", topic, partition),
        "end or abort it at its producer; its transaction.timeout.ms ends it too, and "
        "kafka-transactions.sh find-hanging shows it",
        "an open transaction holds back %lld message%s: no service can read what lies behind it",
        (long long)held, plural((size_t)held));
}

static enum status groups_look(struct doctor *doctor, const struct broker_settings *broker,
                               struct error *error)
{
    const char *groups[SERVICES];
    int64_t lags[SERVICES];
    enum status status;

    command_groups(doctor->from, groups);
    status = lags_total(broker, groups, lags, error);
    if (status == STATUS_INVALID) { /* a topic that may not be seen, which was told */
        say(doctor, NOTE, "groups", NULL, "how far they have read is not to be known: %s",
            error->message);
        return STATUS_OK;
    }

    for (int i = 0; status == STATUS_OK && i < SERVICES; i++) {
        const char *thing = arena_format(doctor->arena, "group %s", catalog[i].name);

        if (lags[i] > LAG_MANY)
            say(doctor, BAD, thing,
                "is the service running, and does it keep up? more instances share the work, up to "
                "the number of partitions",
                "%lld messages to read", (long long)lags[i]);
        else
            say(doctor, lags[i] > 0 ? NOTE : FINE, thing, NULL,
                lags[i] > 0 ? "%lld messages to read" : "has read all (%lld left)",
                (long long)lags[i]);
    }
    return status;
}

/* Whoever reads other topics in a group takes what is its services'. */
static void strangers_look(struct doctor *doctor, struct admin *admin, const char *group,
                           unsigned services, const char *thing)
{
    const char *names[TOPICS_MAX];
    char topic[250];
    size_t read = 0;
    int count;

    for (size_t i = 0; i < topic_count; i++)
        if (services_read(services, topics[i].name))
            names[read++] = topics[i].name;
    count = admin_group_strangers(admin, group, names, read, topic);
    if (count > 0)
        say(doctor, BAD, thing,
            "a group belongs to the services of one process: give the others another, and start "
            "them again",
            "%d member%s of %s read%s other topics (%s): what they consume of ours the services "
            "never see",
            count, plural((size_t)count), group, count == 1 ? "s" : "", topic);
}

/* A group without members reads nothing. */
static void members_look(struct doctor *doctor, struct admin *admin)
{
    const char *groups[SERVICES];

    command_groups(doctor->from, groups);
    for (int i = 0; i < SERVICES; i++) {
        const char *thing = arena_format(doctor->arena, "group %s", catalog[i].name);
        const unsigned services = services_sharing(groups, i);
        struct error error;

        if (!doctor->embedded && admin_group_is_idle(admin, groups[i], &error) == STATUS_OK)
            say(doctor, BAD, thing,
                arena_format(doctor->arena,
                             "start it, or look at its log for why it ended; if it is in another "
                             "group, as in a process of several, name that by --%s-group",
                             catalog[i].name),
                "no instance of the service is in %s: is it running?", groups[i]);
        if ((services & (SERVICE_BIT(i) - 1)) == 0) /* the first of its group */
            strangers_look(doctor, admin, groups[i], services, thing);
    }
}

static enum status broker_look(struct doctor *doctor, struct error *error)
{
    struct broker_settings broker = command_broker(doctor->from);
    struct admin *admin = admin_new(&broker, error);
    enum status status = admin == NULL ? error->status : topics_look(doctor, admin, error);

    if (status == STATUS_OK)
        status = former_topics_look(doctor, admin, error);
    if (status == STATUS_OK)
        members_look(doctor, admin);
    admin_free(admin);
    if (status == STATUS_OK)
        status = groups_look(doctor, &broker, error);
    if (status == STATUS_OK)
        status = lags_held(&broker, held_found, doctor, error);
    return status == STATUS_INVALID ? STATUS_OK : status;
}

/* ---- databases ---- */

/* Settings of PostgreSQL that take away what the services count on. */
static const struct {
    const char *name, *wanted, *why;
} wishes[] = {
    {"fsync", "on", "set fsync = on: a crash of the machine may else destroy the database"},
    {"full_page_writes", "on",
     "set full_page_writes = on: a crash of the machine may else destroy the database"},
    {"synchronous_commit", "on",
     "set synchronous_commit = on: an intent that was committed must be there after a crash, or a "
     "charge may be made that nobody knows of"},
    {"default_transaction_read_only", "off",
     "set default_transaction_read_only = off: the service waits until it may write"},
    {"server_encoding", "UTF8",
     "make the database with encoding UTF8: names of customers and goods have any characters"},
};

static enum status one_text(struct database *database, const char *sql, struct arena *arena,
                            const char **text, struct error *error)
{
    struct result *result = NULL, *rest = NULL;
    enum status status = database_stream(database, sql, error);

    *text = "";
    if (status == STATUS_OK)
        status = database_next(database, &result, error);
    if (status != STATUS_OK || result == NULL)
        return status;
    *text = result_text(result, 0, 0) == NULL ? "" : result_copy(result, 0, 0, arena);
    result_free(result);
    status = database_next(database, &rest, error);
    result_free(rest);
    return status;
}

static void schema_look(struct doctor *doctor, struct database *database, int service,
                        const char *thing)
{
    const struct migrations *migrations = catalog[service].service->migrations;
    const char *newest = migrations->list[migrations->count - 1].name, *is = "";
    struct error error;

    if (one_text(database, "SELECT max(name) FROM schema_migration", doctor->arena, &is, &error) !=
            STATUS_OK ||
        *is == '\0')
        say(doctor, BAD, thing,
            "the service makes its schema when it starts: start it, and look at its log",
            "there is no schema");
    else if (strcmp(is, newest) < 0)
        say(doctor, BAD, thing,
            "start the service of this version: it brings its schema up to date",
            "the schema is at %s, %s is the newest", is, newest);
    else if (strcmp(is, newest) > 0)
        say(doctor, NOTE, thing, "use the sagactl of the version that runs",
            "the schema is at %s, newer than this sagactl knows (%s)", is, newest);
    else
        say(doctor, FINE, thing, NULL, "its schema is at %s", is);
}

static void settings_look(struct doctor *doctor, struct database *database, const char *thing)
{
    struct error error;

    for (size_t i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        const char *is = "";

        if (one_text(database,
                     arena_format(doctor->arena, "SELECT current_setting('%s')", wishes[i].name),
                     doctor->arena, &is, &error) != STATUS_OK)
            continue;
        if (strcmp(is, wishes[i].wanted) != 0)
            say(doctor, BAD, thing, wishes[i].why, "%s is %s", wishes[i].name, is);
    }
}

/* A service that has a connection to a server that became read-only leaves it for another; where
 * all are so, it waits. */
static void writing_look(struct doctor *doctor, struct database *database, const char *thing)
{
    const char *is = "";
    struct error error;

    if (one_text(database, "SELECT current_setting('transaction_read_only')", doctor->arena, &is,
                 &error) == STATUS_OK &&
        strcmp(is, "on") == 0)
        say(doctor, BAD, thing,
            "name a server that can write (target_session_attrs=read-write): the service waits for "
            "it",
            "it is read-only");
}

/* Deadlines and republish commands go by the database's clock, and a person by this one. */
static void clock_look(struct doctor *doctor, struct database *database, const char *thing)
{
    const char *text = "";
    int64_t before_ms = clock_us() / 1000, after_ms, theirs_ms;
    struct error error;

    if (one_text(database, "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint::text",
                 doctor->arena, &text, &error) != STATUS_OK)
        return;
    after_ms = clock_us() / 1000;
    theirs_ms = strtoll(text, NULL, 10);
    if (theirs_ms < before_ms - SKEW_MS || theirs_ms > after_ms + SKEW_MS)
        say(doctor, BAD, thing,
            "keep all machines by NTP: deadlines and times of events go by the databases' clocks",
            "its clock is %lld ms %s ours", (long long)llabs(theirs_ms - after_ms),
            theirs_ms > after_ms ? "ahead of" : "behind");
}

static bool database_look(struct doctor *doctor, int service)
{
    const char *thing = arena_format(doctor->arena, "database %s", catalog[service].name);
    const char *url = settings_text(
        doctor->from, arena_format(doctor->arena, "%s-database", catalog[service].name));
    struct database *database;
    struct error error;
    bool unavailable;

    if (url == NULL) {
        say(doctor, NOTE, thing, NULL, "not named, not looked at");
        return true;
    }
    database = database_new(url, "sagactl");
    unavailable = database_connect(database, &error) != STATUS_OK;
    if (unavailable) {
        say(doctor, BAD, thing, "the service waits for it, and goes on when it is back", "%s",
            error.message);
    } else {
        schema_look(doctor, database, service, thing);
        settings_look(doctor, database, thing);
        writing_look(doctor, database, thing);
        clock_look(doctor, database, thing);
    }
    database_free(database);
    return !unavailable;
}

/* What is right is not told: most providers and mails are elsewhere. */
static bool provider_look(struct doctor *doctor)
{
    const char *url = settings_text(doctor->from, "provider-database");
    struct database *database = url == NULL ? NULL : database_new(url, "sagactl");
    struct error error;
    bool unavailable = database != NULL && database_connect(database, &error) != STATUS_OK;

    if (unavailable)
        say(doctor, BAD, "provider", "payment waits for it, and goes on when it is back", "%s",
            error.message);
    database_free(database);
    return !unavailable;
}

static void maildir_look(struct doctor *doctor)
{
    static const char *const folders[] = {"tmp", "new", "cur"};
    const char *maildir = settings_text(doctor->from, "maildir");
    struct statvfs disk;

    for (size_t i = 0; maildir != NULL && i < sizeof folders / sizeof folders[0]; i++) {
        const char *path = arena_format(doctor->arena, "%s/%s", maildir, folders[i]);

        if (access(path, W_OK | X_OK) != 0)
            say(doctor, BAD, "maildir",
                "email waits for it, makes the folders that are missing, and sends what waits",
                "%s: %s", path, strerror(errno));
    }
    if (maildir != NULL && statvfs(maildir, &disk) == 0 && disk.f_bavail == 0)
        say(doctor, BAD, "maildir", "make room: email waits for it, and sends what waits",
            "%s: no space is left", maildir);
}

static enum exit_code run(const struct settings *from)
{
    struct doctor doctor = {
        .from = from, .json = settings_flag(from, "json"), .arena = arena_new()};
    struct error error;
    size_t count;
    bool unavailable;

    settings_arguments(from, &count);
    if (count > 0) {
        arena_free(doctor.arena);
        return command_misused("doctor takes no argument");
    }
    unavailable = broker_look(&doctor, &error) != STATUS_OK;
    if (unavailable)
        say(&doctor, BAD, "broker", "the services wait for it, and go on when it is back", "%s",
            error.message);
    for (int i = 0; i < SERVICES && !command_interrupted(); i++)
        unavailable = !database_look(&doctor, i) || unavailable;
    unavailable = !provider_look(&doctor) || unavailable;
    maildir_look(&doctor);
    arena_free(doctor.arena);
    return unavailable ? EXIT_UNAVAILABLE : doctor.bad > 0 ? EXIT_FOUND : EXIT_FINE;
}

const struct command doctor_command = {
    "doctor",
    "look for what is missing, or set so that it hurts",
    "[OPTION ...]\n\n"
    "Looks at the broker, its topics, how far each service has read, and at the databases that are "
    "named: are\n"
    "they there, with the newest schema, with clocks that agree, and with settings that keep what "
    "is committed?\n"
    "A line each, and under what is bad the reason and the fix. It changes nothing.\n\n"
    "  . build/stack/env; sagactl doctor\n\n"
    "Exit code 1: something is bad; 3: broker or database are unavailable.",
    settings,
    run,
    NULL};
