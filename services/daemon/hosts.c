#include "services/daemon/hosts.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "services/runtime/heartbeat.h"

/* ---- which ---- */

static void host(struct hosts *hosts, const struct service *service)
{
    assert(hosts->count < HOSTS_MAX && strlen(service->name) < HOSTS_NAME_MAX);
    hosts->list[hosts->count++].service = service;
}

/* "order, payment, inventory, email" */
static const char *names_list(const struct program *program, char list[static 400])
{
    size_t used = 0;

    for (size_t i = 0; i < program->count && used < 400; i++)
        used += (size_t)snprintf(list + used, 400 - used, "%s%s", i == 0 ? "" : ", ",
                                 program->services[i]->name);
    return list;
}

static enum status choice_refused(const struct program *program, const char *given,
                                  const char *name, int length, const char *why,
                                  struct error *error)
{
    char all[400];

    return error_set(error, STATUS_INVALID,
                     "--services is \"%s\": \"%.*s\" %s; one or several of %s are expected, each "
                     "once, separated by commas",
                     given, length, name, why, names_list(program, all));
}

/* The names of a list, blanks around each left out. */
static enum status names_choose(const struct program *program, const char *given,
                                bool chosen[static HOSTS_MAX], struct error *error)
{
    const char *name = given;

    for (;;) {
        size_t length, next, i = 0;

        name += strspn(name, " ");
        next = length = strcspn(name, ",");
        while (length > 0 && name[length - 1] == ' ')
            length--;
        while (i < program->count && (strlen(program->services[i]->name) != length ||
                                      memcmp(program->services[i]->name, name, length) != 0))
            i++;
        if (i == program->count || chosen[i])
            return choice_refused(program, given, name, (int)length,
                                  i == program->count ? "is no service" : "stands there twice",
                                  error);
        chosen[i] = true;
        if (name[next] == '\0')
            return STATUS_OK;
        name += next + 1;
    }
}

enum status hosts_choose(struct hosts *hosts, const struct program *program,
                         const struct settings *settings, struct error *error)
{
    bool chosen[HOSTS_MAX] = {program->settings == NULL};
    size_t used;

    assert(program->count <= HOSTS_MAX);
    if (program->settings != NULL &&
        names_choose(program, settings_text(settings, "services"), chosen, error) != STATUS_OK)
        return error->status;
    used = (size_t)snprintf(hosts->group, sizeof hosts->group, "quadrille");
    for (size_t i = 0; i < program->count; i++) {
        if (!chosen[i])
            continue;
        host(hosts, program->services[i]);
        used += (size_t)snprintf(hosts->group + used, sizeof hosts->group - used, "-%s",
                                 program->services[i]->name);
    }
    return STATUS_OK;
}

/* ---- contexts and databases ---- */

static struct database *database_open(const char *conninfo, const char *program, const char *called,
                                      const struct settings *settings, struct error *error)
{
    struct database *database;

    if (database_check(conninfo, error) != STATUS_OK)
        return NULL;
    database = database_new(conninfo, program);
    database_called(database, called);
    database_by_key(database);
    database_answers_within(database, (int)settings_integer(settings, "database-timeout-ms"));
    return database;
}

/* The setting that names its own; NULL: it has none. */
static const char *own_database(const struct hosted *hosted, const struct program *program,
                                const struct settings *settings)
{
    char name[HOSTS_NAME_MAX + 16];

    if (program->settings == NULL)
        return settings_text(settings, "database");
    snprintf(name, sizeof name, "%s-database", hosted->service->name);
    return settings_text(settings, name);
}

static enum status databases_open(struct hosts *hosts, const struct program *program,
                                  const struct settings *settings, struct error *error)
{
    for (size_t i = 0; i < hosts->count; i++) {
        struct hosted *hosted = &hosts->list[i];
        const char *own = own_database(hosted, program, settings), *called = "database";
        char name[HOSTS_NAME_MAX + 16];

        if (own == NULL && hosts->shared == NULL)
            hosts->shared = database_open(settings_text(settings, "database"), program->name,
                                          called, settings, error);
        if (own != NULL && program->settings != NULL) {
            snprintf(hosts->names[i], sizeof hosts->names[i], "%s database", hosted->service->name);
            called = hosts->names[i];
        }
        snprintf(name, sizeof name, "quadrille-%s", hosted->service->name);
        hosted->database =
            own == NULL ? hosts->shared : database_open(own, name, called, settings, error);
        if (hosted->database == NULL)
            return error->status;
    }
    return STATUS_OK;
}

/* "order, email": those that have the shared one, or those that have their own. */
static size_t hosts_list(const struct hosts *hosts, bool is_shared,
                         char list[static HOSTS_MAX * (HOSTS_NAME_MAX + 2)])
{
    size_t used = 0, count = 0;

    for (size_t i = 0; i < hosts->count; i++)
        if ((hosts->list[i].database == hosts->shared) == is_shared)
            used += (size_t)sprintf(list + used, "%s%s", count++ == 0 ? "" : ", ",
                                    hosts->list[i].service->name);
    return count;
}

void hosts_tell(const struct hosts *hosts)
{
    char shared[HOSTS_MAX * (HOSTS_NAME_MAX + 2)], own[sizeof shared];
    const size_t sharing = hosts_list(hosts, true, shared), apart = hosts_list(hosts, false, own);

    if (sharing > 0)
        log_info("%s share%s a database", shared, sharing == 1 ? "s" : "");
    if (apart > 0)
        log_info("%s: a database of %s own", own, apart == 1 ? "its" : "their");
}

enum status hosts_open(struct hosts *hosts, const struct program *program,
                       const struct settings *settings, struct error *error)
{
    enum status status = databases_open(hosts, program, settings, error);

    for (size_t i = 0; status == STATUS_OK && i < hosts->count; i++) {
        struct hosted *hosted = &hosts->list[i];

        if (hosted->service->open == NULL)
            continue;
        hosted->context = hosted->service->open(settings, error);
        if (hosted->context == NULL)
            status = error->status;
    }
    return status;
}

void hosts_close(struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++) {
        const struct hosted *hosted = &hosts->list[i];

        if (hosted->context != NULL)
            hosted->service->close(hosted->context);
        if (hosted->database != hosts->shared)
            database_free(hosted->database);
    }
    database_free(hosts->shared);
}

/* ---- migrations ---- */

static enum status search_all(const struct hosts *hosts, struct error *error)
{
    char schemas[HOSTS_MAX * (HOSTS_NAME_MAX + 4)];
    size_t used = 0;

    for (size_t i = 0; i < hosts->count; i++)
        if (hosts->list[i].database == hosts->shared)
            used += (size_t)snprintf(schemas + used, sizeof schemas - used, "%s\"%s\"",
                                     used == 0 ? "" : ", ", hosts->list[i].service->name);
    return database_search(hosts->shared, schemas, error);
}

/* Has none before it the same database? */
static bool is_first(const struct hosts *hosts, size_t number)
{
    for (size_t i = 0; i < number; i++)
        if (hosts->list[i].database == hosts->list[number].database)
            return false;
    return true;
}

enum status hosts_migrate(const struct hosts *hosts, struct error *error)
{
    enum status status = STATUS_OK;

    for (size_t i = 0; status == STATUS_OK && i < hosts->count; i++) {
        const struct hosted *hosted = &hosts->list[i];
        const char *schema = hosted->database == hosts->shared ? hosted->service->name : NULL;

        heartbeat_beat();
        if (is_first(hosts, i))
            status = database_has_session(hosted->database, error);
        if (status == STATUS_OK)
            status = database_migrate_schema(hosted->database, schema, hosted->service->migrations,
                                             error);
    }
    return status == STATUS_OK && hosts->shared != NULL ? search_all(hosts, error) : status;
}

/* ---- topics ---- */

static bool is_emitted_here(const struct hosts *hosts, const char *topic)
{
    for (enum message_type type = 0; type < MESSAGE_TYPES; type++) {
        const char *emitter = message_emitter(type);

        for (size_t i = 0; emitter != NULL && i < hosts->count; i++)
            if (strcmp(message_topic(type), topic) == 0 &&
                strcmp(hosts->list[i].service->name, emitter) == 0)
                return true;
    }
    return false;
}

size_t hosts_topics(const struct hosts *hosts, const char *topics[static HOSTS_TOPICS_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < hosts->count; i++) {
        const struct service *service = hosts->list[i].service;

        for (size_t j = 0; j < service->subscription_count; j++) {
            const char *topic = service->subscriptions[j].topic;
            size_t k = 0;

            while (k < count && strcmp(topics[k], topic) != 0)
                k++;
            if (k < count || is_emitted_here(hosts, topic))
                continue;
            assert(count < HOSTS_TOPICS_MAX);
            topics[count++] = topic;
        }
    }
    return count;
}

bool hosts_have_effects(const struct hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        if (hosts->list[i].service->executor != NULL)
            return true;
    return false;
}
