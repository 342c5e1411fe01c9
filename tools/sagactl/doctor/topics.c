/* sagactl topics: makes the topics of the saga, and tells what is in them and how far each service
 * has read. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "brokers/admin.h"
#include "brokers/topics.h"
#include "tools/sagactl/command.h"
#include "tools/sagactl/doctor/acls.h"
#include "tools/sagactl/doctor/faults.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

static const char *const formats[] = {"table", "kafka-acls", NULL};

/* clang-format off */
static const struct setting settings[] = {
    {.name = "partitions", .kind = SETTING_INTEGER, .fallback = "4", .min = 1, .max = 1000,
     .meaning = "create: of every topic; as many instances of a service can share the work"},
    {.name = "replication", .kind = SETTING_INTEGER, .fallback = "1", .min = 1, .max = 16,
     .meaning = "create: copies of each partition"},
    {.name = "retention-ms", .kind = SETTING_INTEGER, .fallback = "-1", .min = -1, .max = INT64_MAX,
     .meaning = "create: how long messages are kept; -1 for ever, so that state can be rebuilt "
                "from them"},
    {.name = "deadline-ms", .kind = SETTING_INTEGER, .fallback = "900000",
     .min = 1, .max = 2592000000,
     .meaning = "the order service's own: a topic must keep its messages longer"},
    CATALOG_GROUPS
    {.name = "format", .kind = SETTING_CHOICE, .fallback = "table", .choices = formats,
     .meaning = "acls: a table in Markdown, or commands for Kafka's own kafka-acls.sh"},
    {.name = "principal", .kind = SETTING_LIST,
     .meaning = "acls: NAME=TYPE:PRINCIPAL, as order=User:eve, where it is not "
                "User:quadrille-NAME"},
    {.name = NULL},
};
/* clang-format on */

enum { CONTINUED_AT = 39 /* below the lags */ };

/* What is looked at, and what is wrong with it. */
struct look {
    const struct settings *from;
    struct admin *admin;
    struct group_offsets *groups[SERVICES];
    unsigned sharing[SERVICES]; /* of each: the services of its group */
    int64_t deadline_ms;
    bool json;
    int partitions; /* of the first topic that is there; 0: none yet */
    size_t found;   /* things to be fixed */
    size_t single;  /* topics of which one copy is enough */
};

static void warn(void *context, const char *topic, const char *what, const char *fix)
{
    struct look *look = context;

    look->found++;
    if (look->json) {
        struct arena *arena = arena_new();

        json_line_print_texts("topic", topic, "warning", arena_format(arena, "%s; %s", what, fix),
                              NULL);
        arena_free(arena);
    } else {
        line_wrap(4, "  %s%s%s; %s", colour_bad(), what, colour_off(), fix);
    }
}

/* What the service's group has committed where it reads for the service; -1: nothing. */
static int64_t committed_of(const struct look *look, int service, const char *topic, int partition)
{
    return services_read_for(look->sharing[service], service, topic)
               ? group_offset(look->groups[service], topic, partition)
               : -1;
}

/* "order 0, email 12": those who have committed an offset there. */
static const char *lags_text(const struct look *look, const char *topic, int partition,
                             const struct span *span, struct arena *arena)
{
    struct buffer text = {.arena = arena};

    buffer_text(&text, "");
    for (int i = 0; i < SERVICES; i++) {
        int64_t committed = committed_of(look, i, topic, partition);

        if (committed < 0)
            continue;
        buffer_format(&text, "%s%s %lld", text.length == 0 ? "" : ", ", catalog[i].name,
                      (long long)span_lag(span, committed));
    }
    return text.data;
}

static void partition_print_json(const struct look *look, const char *topic, int partition,
                                 const struct extent *extent)
{
    struct json_object *line = json_object_new_object(), *lags;

    json_add_text(line, "topic", topic);
    json_add_integer(line, "partition", partition);
    json_add_integer(line, "start", extent->span.start);
    json_add_integer(line, "end", extent->span.end);
    lags = json_add_object(line, "lag");
    for (int i = 0; i < SERVICES; i++) {
        int64_t committed = committed_of(look, i, topic, partition);

        if (committed >= 0)
            json_add_integer(lags, catalog[i].name, span_lag(&extent->span, committed));
    }
    json_add_integer(line, "held", extent->held);
    json_line_print(line);
}

static void partition_print(const struct look *look, const char *topic, int partition,
                            const struct extent *extent)
{
    const struct span *span = &extent->span;
    struct arena *arena = arena_new();
    const char *lags = lags_text(look, topic, partition, span, arena);
    const char *held = extent->held > 0
                           ? arena_format(arena, "  %s%lld held by an open transaction%s",
                                          colour_bad(), (long long)extent->held, colour_off())
                           : "";

    line_wrap(CONTINUED_AT, "  %9d %12lld %12lld  %s%s", partition, (long long)span->start,
              (long long)span->end, lags, held);
    arena_free(arena);
}

static void topic_print_json(const struct topic *topic, const struct topic_description *is)
{
    struct json_object *line = json_object_new_object();

    json_add_text(line, "topic", topic->name);
    json_add_integer(line, "partitions", is->partitions);
    json_add_integer(line, "replication", is->replication);
    if (is->configured) {
        json_add_integer(line, "retention_ms", is->retention_ms);
        json_add_integer(line, "min_insync_replicas", is->min_insync_replicas);
        json_add_integer(line, "max_message_bytes", is->max_message_bytes);
        json_add_text(line, "cleanup", is->cleanup);
    }
    json_line_print(line);
}

static void topic_print(const struct topic *topic, const struct topic_description *is)
{
    char kept[64] = "for ever";

    if (is->retention_ms >= 0)
        snprintf(kept, sizeof kept, "for %lld ms", (long long)is->retention_ms);
    line_wrap(2, "%s%s%s, %s: %d partitions, %d replica%s%s%s", colour_good(), topic->name,
              colour_off(), topic->meaning, is->partitions, is->replication,
              plural((size_t)is->replication), is->configured ? ", kept " : "",
              is->configured ? kept : "");
}

static void topic_show(struct look *look, const struct topic *topic,
                       const struct topic_description *is, const struct extent *extents)
{
    if (is->denied) {
        if (!look->json)
            line_wrap(2, "%s, %s", topic->name, topic->meaning);
        topic_faults(topic, is, look->partitions, look->deadline_ms, warn, look);
        return;
    }
    if (is->partitions == 0) {
        if (!look->json)
            line_wrap(2, "%s, %s", topic->name, topic->meaning);
        warn(look, topic->name, "there is no such topic", "sagactl topics create makes it");
        return;
    }
    look->json ? topic_print_json(topic, is) : topic_print(topic, is);
    for (int i = 0; i < is->partitions; i++)
        look->json ? partition_print_json(look, topic->name, i, &extents[i])
                   : partition_print(look, topic->name, i, &extents[i]);
    topic_faults(topic, is, look->partitions, look->deadline_ms, warn, look);
    look->single += is->configured && is->replication == 1;
}

static enum status look_up(struct look *look, struct topic_description *are, int *partitions,
                           struct error *error)
{
    const char *groups[SERVICES];
    enum status status = STATUS_OK;

    command_groups(look->from, groups);
    for (size_t i = 0; status == STATUS_OK && i < topic_count; i++) {
        status = admin_topic_describe(look->admin, topics[i].name, &are[i], error);
        partitions[i] = are[i].partitions;
    }
    for (int i = 0; status == STATUS_OK && i < SERVICES; i++) {
        look->sharing[i] = services_sharing(groups, i);
        look->groups[i] = admin_group(look->admin, groups[i], partitions, error);
        status = look->groups[i] == NULL ? error->status : STATUS_OK;
    }
    return status;
}

static void single_tell(const struct look *look)
{
    struct arena *arena = arena_new();
    const char *note =
        arena_format(arena,
                     "%zu topics have one replica and min.insync.replicas 1: what is acknowledged "
                     "is on one disk",
                     look->single);

    if (look->json)
        json_line_print_texts("note", note, NULL);
    else
        line_wrap(2,
                  "%s. That is as it must be with one broker; where there are three, create them "
                  "with --replication 3 and set min.insync.replicas to 2.",
                  note);
    arena_free(arena);
}

static enum status show(struct look *look, struct error *error)
{
    struct topic_description *are = calloc(topic_count, sizeof *are);
    int *partitions = calloc(topic_count, sizeof *partitions);
    struct extent *extents = NULL;
    enum status status;

    if (are == NULL || partitions == NULL)
        abort();
    status = look_up(look, are, partitions, error);
    if (status == STATUS_OK) {
        extents = admin_extents(look->admin, partitions, error);
        status = extents == NULL ? error->status : STATUS_OK;
    }
    if (status == STATUS_OK && !look->json)
        printf("  partition        start          end  lag\n");
    for (size_t i = 0; look->partitions == 0 && i < topic_count; i++)
        look->partitions = are[i].partitions;
    for (size_t i = 0, at = 0; extents != NULL && i < topic_count && !command_interrupted();
         at += (size_t)are[i++].partitions)
        topic_show(look, &topics[i], &are[i], &extents[at]);
    free(extents);
    if (look->single > 0)
        single_tell(look);
    for (int i = 0; i < SERVICES; i++)
        group_offsets_free(look->groups[i]);
    free(partitions);
    free(are);
    return status;
}

static enum status create(struct admin *admin, const struct settings *from, struct error *error)
{
    const struct topic_settings wanted = {(int)settings_integer(from, "partitions"),
                                          (int)settings_integer(from, "replication"),
                                          settings_integer(from, "retention-ms")};
    bool *made = calloc(topic_count, sizeof *made);
    enum status status;
    size_t count = 0;

    if (made == NULL)
        abort();
    status = admin_topics_make(admin, &wanted, made, error);
    for (size_t i = 0; i < topic_count; i++)
        count += made[i];
    free(made);
    if (status == STATUS_OK && settings_flag(from, "json"))
        json_line_print_counts("made", count, "were_there", topic_count - count);
    else if (status == STATUS_OK)
        printf("%zu topics made, %zu were there\n", count, topic_count - count);
    return status;
}

static enum exit_code run(const struct settings *from)
{
    struct broker_settings broker = command_broker(from);
    struct look look = {.from = from,
                        .deadline_ms = settings_integer(from, "deadline-ms"),
                        .json = settings_flag(from, "json")};
    const char *const *arguments;
    struct error error = {0};
    enum status status;
    size_t count;

    arguments = settings_arguments(from, &count);
    if (count == 1 && strcmp(arguments[0], "acls") == 0)
        return acls_print(from);
    if (count > 1 || (count == 1 && strcmp(arguments[0], "create") != 0))
        return command_misused("\"%s\" is nothing to be done with topics: create and acls are",
                               arguments[count - 1]);
    look.admin = admin_new(&broker, &error);
    if (look.admin == NULL)
        return command_fail(&error);
    status = count == 1 ? create(look.admin, from, &error) : show(&look, &error);
    admin_free(look.admin);
    if (status != STATUS_OK)
        return command_fail(&error);
    return look.found > 0 ? EXIT_FOUND : EXIT_FINE;
}

const struct command topics_command = {
    "topics",
    "make the topics, or tell what is in them",
    "[create|acls] [OPTION ...]\n\n"
    "Tells of every topic of the saga its partitions, the first offset of each and the one behind "
    "the\n"
    "last, and how many messages each service has yet to finish there. Exit code 1 when something\n"
    "should be fixed: a topic that is missing, another number of partitions, messages that are "
    "kept\n"
    "for less than an order may take, a topic that is compacted.\n\n"
    "With create it makes those that are missing, and leaves the others as they are. (The embedded "
    "broker\n"
    "makes topics by itself, and cannot be asked to, nor for their settings.)\n\n"
    "With acls it tells who must be allowed what, from the tables of the services: each service "
    "writes its\n"
    "own topics and reads those that it is subscribed to, and nobody else may write there. It asks "
    "no broker.\n\n"
    "  sagactl topics create --partitions 12 --replication 3\n"
    "  sagactl topics acls --format kafka-acls\n"
    "  sagactl topics --json | grep '\"lag\"'",
    settings,
    run,
    "create acls"};
