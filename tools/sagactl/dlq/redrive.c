#include "tools/sagactl/dlq/redrive.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/timestamp.h"
#include "events/message.h"
#include "services/runtime/service.h"
#include "tools/sagactl/send.h"
#include "tools/sagactl/terminal/json_line.h"
#include "tools/sagactl/terminal/terminal.h"

enum { NOTE_BYTES_MAX = 200, RECORD_HEADERS = 6 };

struct redriving {
    const struct settings *from;
    struct dlq_list *dead_letters;
    struct arena *arena;
    struct sender sender;
    const char *value; /* that takes the place of the message's own; NULL: none does */
    size_t value_length;
};

/* ---- what is emitted ---- */

static struct header header_of(const char *name, const char *value)
{
    return (struct header){name, value, strlen(value)};
}

/* Does the option list name the header, as NAME or NAME=VALUE? */
static bool is_named(const char *const *list, const char *name)
{
    size_t length = strlen(name);

    for (; list != NULL && *list != NULL; list++)
        if (strncmp(*list, name, length) == 0 &&
            ((*list)[length] == '=' || (*list)[length] == '\0'))
            return true;
    return false;
}

/* As it came, but for what is corrected: all of a name that is set or left out are gone, then come
 * those that are set. */
static struct header *headers_of(const struct redriving *redriving, const struct dlq_entry *entry,
                                 size_t *count)
{
    const char *const *set = settings_list(redriving->from, "header"), *const *without =
                                                                           settings_list(
                                                                               redriving->from,
                                                                               "without-header");
    const struct dead_letter *dead_letter = &entry->dead_letter;
    size_t most = dead_letter->header_count;
    struct header *headers;

    for (size_t i = 0; set != NULL && set[i] != NULL; i++)
        most++;
    headers = arena_array(redriving->arena, most + 1, sizeof *headers);
    *count = 0;
    for (size_t i = 0; i < dead_letter->header_count; i++)
        if (!is_named(set, dead_letter->headers[i].name) &&
            !is_named(without, dead_letter->headers[i].name))
            headers[(*count)++] = dead_letter->headers[i];
    for (; set != NULL && *set != NULL; set++) {
        const char *equals = strchr(*set, '=');

        headers[(*count)++] =
            header_of(arena_copy(redriving->arena, *set, (size_t)(equals - *set)), equals + 1);
    }
    return headers;
}

static enum status send(struct redriving *redriving, const char *topic,
                        const struct dlq_entry *entry, const struct header *headers,
                        size_t header_count, const char *value, size_t value_length,
                        struct error *error)
{
    const struct outgoing outgoing = {.topic = topic,
                                      .key = entry->dead_letter.key,
                                      .key_length = entry->dead_letter.key_length,
                                      .value = value,
                                      .value_length = value_length,
                                      .headers = headers,
                                      .header_count = header_count};
    enum status status =
        producer_send(redriving->sender.producer, &outgoing, &redriving->sender.delivery, error);

    return status == STATUS_OK ? sender_flush(&redriving->sender, error) : status;
}

static const char *now_text(struct arena *arena)
{
    char *at = arena_alloc(arena, TIMESTAMP_SIZE);

    timestamp_format(clock_us(), at);
    return at;
}

/* What became of it, behind it in the same topic. */
static enum status record(struct redriving *redriving, const struct dlq_entry *entry,
                          const char *resolution, const char *note, struct error *error)
{
    const struct dead_letter *dead_letter = &entry->dead_letter;
    const struct header headers[RECORD_HEADERS] = {
        header_of("dlq_resolution", resolution),
        header_of("dlq_topic", dead_letter->topic),
        header_of("dlq_partition", arena_format(redriving->arena, "%d", dead_letter->partition)),
        header_of("dlq_offset",
                  arena_format(redriving->arena, "%lld", (long long)dead_letter->offset)),
        header_of("dlq_at", now_text(redriving->arena)),
        header_of("dlq_note", note == NULL ? "" : note),
    };

    return send(redriving, arena_format(redriving->arena, "%s.dlq", catalog[entry->service].name),
                entry, headers, note == NULL ? RECORD_HEADERS - 1 : RECORD_HEADERS, NULL, 0, error);
}

/* ---- what may be redriven ---- */

static enum status check_value(struct redriving *redriving, const struct dlq_entry *entry,
                               enum message_type type, struct error *error)
{
    const struct dead_letter *dead_letter = &entry->dead_letter;
    const char *place = dlq_place(entry, redriving->arena),
               *value = redriving->value != NULL ? redriving->value : dead_letter->value;
    size_t length = redriving->value != NULL ? redriving->value_length : dead_letter->value_length;
    struct message message = {0};
    struct decoder *decoder;
    struct error why;
    enum status status;

    if (value == NULL && dead_letter->value_left_out)
        return error_set(
            error, STATUS_INVALID,
            "%s: its value of %zu bytes was too large to be kept; --with FILE gives one", place,
            length);
    decoder = decoder_new();
    status = message_decode(decoder, redriving->arena, type, value, length, &message, &why);
    decoder_free(decoder);
    if (status == STATUS_OK)
        return STATUS_OK;
    return error_set(error, STATUS_INVALID,
                     "%s would be dead-lettered again: %s; --with FILE gives the corrected value",
                     place, why.message);
}

/* Would it only be dead-lettered again?  What a database refused may be taken later. */
static enum status check(struct redriving *redriving, const struct dlq_entry *entry,
                         struct error *error)
{
    const char *place = dlq_place(entry, redriving->arena);
    size_t count;
    struct header *headers = headers_of(redriving, entry, &count);
    const char *internal =
        arena_format(redriving->arena, "%s.internal", catalog[entry->service].name);
    struct envelope envelope;
    enum message_type type;
    struct error why;

    if (envelope_decode(redriving->arena, headers, count, &envelope, &why) != STATUS_OK)
        return error_set(error, STATUS_INVALID,
                         "%s would be dead-lettered again: %s; --header NAME=VALUE sets one, "
                         "--without-header NAME leaves one out",
                         place, why.message);
    if (!message_type_find(envelope.type, &type) ||
        !service_takes(catalog[entry->service].service, internal, type))
        return error_set(
            error, STATUS_INVALID,
            "%s: type \"%s\" is no message that %s takes; --header ce_type=TYPE sets it", place,
            envelope.type, catalog[entry->service].name);
    return check_value(redriving, entry, type, error);
}

static enum status value_read(struct redriving *redriving, struct error *error)
{
    const char *path = settings_text(redriving->from, "with");
    char *value;
    FILE *file;

    if (path == NULL)
        return STATUS_OK;
    if (dlq_count(redriving->dead_letters) != 1)
        return error_set(error, STATUS_INVALID, "--with corrects one message, and %zu are chosen",
                         dlq_count(redriving->dead_letters));
    file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, STATUS_INVALID, "--with %s: %s", path, strerror(errno));
    value = arena_alloc(redriving->arena, MESSAGE_BYTES_MAX + 1);
    redriving->value_length = fread(value, 1, MESSAGE_BYTES_MAX + 1, file);
    redriving->value = value;
    fclose(file);
    if (redriving->value_length > MESSAGE_BYTES_MAX)
        return error_set(error, STATUS_INVALID, "--with %s has more than %d bytes", path,
                         MESSAGE_BYTES_MAX);
    while (redriving->value_length > 0 && (value[redriving->value_length - 1] == '\n' ||
                                           value[redriving->value_length - 1] == '\r'))
        redriving->value_length--;
    return STATUS_OK;
}

static enum status headers_check(const struct settings *from, struct error *error)
{
    const char *const *set = settings_list(from, "header");

    for (; set != NULL && *set != NULL; set++)
        if (strchr(*set, '=') == NULL || **set == '=' || strchr(*set, '=')[1] == '\0')
            return error_set(error, STATUS_INVALID, "--header is \"%s\": NAME=VALUE is expected",
                             *set);
    for (set = settings_list(from, "without-header"); set != NULL && *set != NULL; set++)
        if (**set == '\0' || strchr(*set, '=') != NULL)
            return error_set(error, STATUS_INVALID,
                             "--without-header is \"%s\": a header's name is expected", *set);
    return STATUS_OK;
}

/* ---- asking ---- */

static enum status ask(const struct redriving *redriving, const char *what, struct error *error)
{
    for (size_t i = 0; !settings_flag(redriving->from, "yes") && isatty(STDIN_FILENO) != 0 &&
                       i < dlq_count(redriving->dead_letters);
         i++)
        line_say(stderr, "%s  %s  %s", catalog[dlq_at(redriving->dead_letters, i)->service].name,
                 dlq_place(dlq_at(redriving->dead_letters, i), redriving->arena),
                 dlq_at(redriving->dead_letters, i)->type);
    return command_ask(redriving->from, error, "These %zu will be %s.",
                       dlq_count(redriving->dead_letters), what);
}

/* Why something is dropped: one line of text that a header can hold. */
static enum status because_read(const struct redriving *redriving, const char **because,
                                struct error *error)
{
    char line[NOTE_BYTES_MAX + 2];

    *because = settings_text(redriving->from, "because");
    if (*because == NULL && isatty(STDIN_FILENO) != 0) {
        fprintf(stderr, "Why? ");
        if (fgets(line, sizeof line, stdin) != NULL)
            *because = arena_copy(redriving->arena, line, strcspn(line, "\n"));
    }
    if (*because == NULL || **because == '\0')
        return error_set(error, STATUS_INVALID, "dlq drop needs --because, which is kept");
    if (strlen(*because) > NOTE_BYTES_MAX)
        return error_set(error, STATUS_INVALID, "--because has %zu bytes: 1 to %d are allowed",
                         strlen(*because), NOTE_BYTES_MAX);
    return STATUS_OK;
}

/* ---- doing ---- */

static enum status redrive_one(struct redriving *redriving, const struct dlq_entry *entry,
                               struct error *error)
{
    const bool corrected = redriving->value != NULL;
    size_t count;
    struct header *headers = headers_of(redriving, entry, &count);
    enum status status =
        send(redriving, arena_format(redriving->arena, "%s.internal", catalog[entry->service].name),
             entry, headers, count, corrected ? redriving->value : entry->dead_letter.value,
             corrected ? redriving->value_length : entry->dead_letter.value_length, error);

    return status == STATUS_OK ? record(redriving, entry, "redriven",
                                        corrected ? "with a corrected value" : NULL, error)
                               : status;
}

/* In the order of their places; what was done stays done when it ends early. */
static enum exit_code do_all(struct redriving *redriving, const char *because, struct error *error)
{
    const long rate = (long)settings_integer(redriving->from, "rate");
    const struct timespec pause = {.tv_nsec = rate == 1 ? 999999999L : 1000000000L / rate};
    struct broker_settings broker = command_broker(redriving->from);
    enum status status = sender_open(&redriving->sender, &broker, error);
    struct progress progress;
    size_t done = 0;

    progress_start(&progress, because != NULL ? "dropped" : "redriven",
                   dlq_count(redriving->dead_letters));
    for (;
         status == STATUS_OK && done < dlq_count(redriving->dead_letters) && !command_interrupted();
         done++) {
        const struct dlq_entry *entry = dlq_at(redriving->dead_letters, done);

        status = because != NULL ? record(redriving, entry, "dropped", because, error)
                                 : dlq_value(redriving->from, redriving->dead_letters, done, error);
        if (status == STATUS_OK && because == NULL)
            status = redrive_one(redriving, entry, error);
        progress_show(&progress, done + 1);
        if (because == NULL)
            nanosleep(&pause, NULL); /* the rate that was asked for */
    }
    progress_end(&progress);
    sender_close(&redriving->sender);
    if (status != STATUS_OK)
        return command_fail(error);
    if (settings_flag(redriving->from, "json"))
        json_line_print_counts(because != NULL ? "dropped" : "redriven", done, NULL, 0);
    else
        printf("%s %zu message%s\n", because != NULL ? "dropped" : "redrove", done, plural(done));
    return done < dlq_count(redriving->dead_letters) ? command_stopped("the rest stays as it was")
                                                     : EXIT_FINE;
}

static enum exit_code nothing(const struct settings *from)
{
    if (!settings_flag(from, "json"))
        printf("there are no dead letters\n");
    return EXIT_FINE;
}

enum exit_code dlq_redrive(const struct settings *from, struct dlq_list *dead_letters)
{
    struct redriving redriving = {.from = from, .dead_letters = dead_letters, .arena = arena_new()};
    struct error error = {0};
    enum status status = headers_check(from, &error);
    enum exit_code code;

    if (status == STATUS_OK)
        status = value_read(&redriving, &error);
    for (size_t i = 0; status == STATUS_OK && i < dlq_count(dead_letters); i++) {
        const struct arena_mark before = arena_mark(redriving.arena);

        status = dlq_value(from, dead_letters, i, &error);
        if (status == STATUS_OK)
            status = check(&redriving, dlq_at(dead_letters, i), &error);
        arena_rewind(redriving.arena, before);
    }
    if (status == STATUS_OK && dlq_count(dead_letters) > 0)
        status = ask(&redriving, "redriven", &error);
    if (status != STATUS_OK)
        code = command_fail(&error);
    else
        code = dlq_count(dead_letters) == 0 ? nothing(from) : do_all(&redriving, NULL, &error);
    arena_free(redriving.arena);
    return code;
}

enum exit_code dlq_drop(const struct settings *from, struct dlq_list *dead_letters)
{
    struct redriving redriving = {.from = from, .dead_letters = dead_letters, .arena = arena_new()};
    struct error error = {0};
    const char *because = NULL;
    enum status status =
        dlq_count(dead_letters) == 0 ? STATUS_OK : because_read(&redriving, &because, &error);
    enum exit_code code;

    if (status == STATUS_OK && dlq_count(dead_letters) > 0)
        status = ask(&redriving, "dropped", &error);
    if (status != STATUS_OK)
        code = command_fail(&error);
    else
        code = dlq_count(dead_letters) == 0 ? nothing(from) : do_all(&redriving, because, &error);
    arena_free(redriving.arena);
    return code;
}
