#include "tools/sagactl/parked/mend.h"

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
#include "tools/sagactl/terminal/terminal.h"

enum { NOTE_BYTES_MAX = 200, RECORD_HEADERS = 6 };

struct mending {
    const struct settings *from;
    struct parked_list *parked;
    struct arena *arena;
    struct sender sender;
    const char *value; /* that takes the place of the message's own; NULL: none does */
    size_t value_length;
};

/* ---- what is said ---- */

static struct header header_of(const char *name, const char *value)
{
    return (struct header){name, value, strlen(value)};
}

/* Does the option list name the header, as NAME or NAME=VALUE? */
static bool is_named(const char *const *list, const char *name)
{
    size_t length = strlen(name);

    for (; list != NULL && *list != NULL; list++)
        if (strncmp(*list, name, length) == 0 && ((*list)[length] == '=' || (*list)[length] == '\0'))
            return true;
    return false;
}

/* As it came, but for what is corrected: all of a name that is set or left out are gone, then come those that are set. */
static struct header *headers_of(const struct mending *mending, const struct parked *parked, size_t *count)
{
    const char *const *set = settings_list(mending->from, "header"), *const *without = settings_list(mending->from, "without-header");
    const struct dead_letter *letter = &parked->letter;
    size_t most = letter->header_count;
    struct header *headers;

    for (size_t i = 0; set != NULL && set[i] != NULL; i++)
        most++;
    headers = arena_array(mending->arena, most + 1, sizeof *headers);
    *count = 0;
    for (size_t i = 0; i < letter->header_count; i++)
        if (!is_named(set, letter->headers[i].name) && !is_named(without, letter->headers[i].name))
            headers[(*count)++] = letter->headers[i];
    for (; set != NULL && *set != NULL; set++) {
        const char *equals = strchr(*set, '=');

        headers[(*count)++] = header_of(arena_copy(mending->arena, *set, (size_t)(equals - *set)), equals + 1);
    }
    return headers;
}

static enum status send(struct mending *mending, const char *topic, const struct parked *parked, const struct header *headers, size_t header_count, const char *value,
                        size_t value_length, struct error *error)
{
    const struct outgoing outgoing = {.topic = topic, .key = parked->letter.key, .key_length = parked->letter.key_length, .value = value, .value_length = value_length,
                                      .headers = headers, .header_count = header_count};
    enum status status = producer_send(mending->sender.producer, &outgoing, &mending->sender.delivery, error);

    return status == STATUS_OK ? sender_flush(&mending->sender, error) : status;
}

static const char *now_text(struct arena *arena)
{
    char *at = arena_alloc(arena, TIMESTAMP_SIZE);

    timestamp_format(clock_us(), at);
    return at;
}

/* What became of it, behind it in the same topic. */
static enum status record(struct mending *mending, const struct parked *parked, const char *resolution, const char *note, struct error *error)
{
    const struct dead_letter *letter = &parked->letter;
    const struct header headers[RECORD_HEADERS] = {
        header_of("parked_resolution", resolution),
        header_of("parked_topic", letter->topic),
        header_of("parked_partition", arena_format(mending->arena, "%d", letter->partition)),
        header_of("parked_offset", arena_format(mending->arena, "%lld", (long long)letter->offset)),
        header_of("parked_at", now_text(mending->arena)),
        header_of("parked_note", note == NULL ? "" : note),
    };

    return send(mending, arena_format(mending->arena, "%s.parked", catalog[parked->service].name), parked, headers,
                note == NULL ? RECORD_HEADERS - 1 : RECORD_HEADERS, NULL, 0, error);
}

/* ---- what may be said ---- */

static enum status check_value(struct mending *mending, const struct parked *parked, enum message_type type, struct error *error)
{
    const struct dead_letter *letter = &parked->letter;
    const char *place = parked_place(parked, mending->arena), *value = mending->value != NULL ? mending->value : letter->value;
    size_t length = mending->value != NULL ? mending->value_length : letter->value_length;
    struct message message = {0};
    struct decoder *decoder;
    struct error why;
    enum status status;

    if (value == NULL && letter->value_left_out)
        return error_set(error, STATUS_WRONG, "%s: its value of %zu bytes was too large to be kept; --with FILE gives one", place, length);
    decoder = decoder_new();
    status = message_decode(decoder, mending->arena, type, value, length, &message, &why);
    decoder_free(decoder);
    if (status == STATUS_OK)
        return STATUS_OK;
    return error_set(error, STATUS_WRONG, "%s would be parked again: %s; --with FILE gives the corrected value", place, why.message);
}

/* Would it only be parked again?  What a database refused may be taken later. */
static enum status check(struct mending *mending, const struct parked *parked, struct error *error)
{
    const char *place = parked_place(parked, mending->arena);
    size_t count;
    struct header *headers = headers_of(mending, parked, &count);
    const char *internal = arena_format(mending->arena, "%s.internal", catalog[parked->service].name);
    struct envelope envelope;
    enum message_type type;
    struct error why;

    if (envelope_decode(mending->arena, headers, count, &envelope, &why) != STATUS_OK)
        return error_set(error, STATUS_WRONG, "%s would be parked again: %s; --header NAME=VALUE sets one, --without-header NAME leaves one out", place,
                         why.message);
    if (!message_type_find(envelope.type, &type) || !service_takes(catalog[parked->service].service, internal, type))
        return error_set(error, STATUS_WRONG, "%s: type \"%s\" is no message that %s takes; --header ce_type=TYPE sets it", place, envelope.type,
                         catalog[parked->service].name);
    return check_value(mending, parked, type, error);
}

static enum status value_read(struct mending *mending, struct error *error)
{
    const char *path = settings_text(mending->from, "with");
    char *value;
    FILE *file;

    if (path == NULL)
        return STATUS_OK;
    if (parked_count(mending->parked) != 1)
        return error_set(error, STATUS_WRONG, "--with corrects one message, and %zu are chosen", parked_count(mending->parked));
    file = fopen(path, "r");
    if (file == NULL)
        return error_set(error, STATUS_WRONG, "--with %s: %s", path, strerror(errno));
    value = arena_alloc(mending->arena, MESSAGE_BYTES_MAX + 1);
    mending->value_length = fread(value, 1, MESSAGE_BYTES_MAX + 1, file);
    mending->value = value;
    fclose(file);
    if (mending->value_length > MESSAGE_BYTES_MAX)
        return error_set(error, STATUS_WRONG, "--with %s has more than %d bytes", path, MESSAGE_BYTES_MAX);
    while (mending->value_length > 0 && (value[mending->value_length - 1] == '\n' || value[mending->value_length - 1] == '\r'))
        mending->value_length--;
    return STATUS_OK;
}

static enum status headers_check(const struct settings *from, struct error *error)
{
    const char *const *set = settings_list(from, "header");

    for (; set != NULL && *set != NULL; set++)
        if (strchr(*set, '=') == NULL || **set == '=' || strchr(*set, '=')[1] == '\0')
            return error_set(error, STATUS_WRONG, "--header is \"%s\": NAME=VALUE is expected", *set);
    for (set = settings_list(from, "without-header"); set != NULL && *set != NULL; set++)
        if (**set == '\0' || strchr(*set, '=') != NULL)
            return error_set(error, STATUS_WRONG, "--without-header is \"%s\": a header's name is expected", *set);
    return STATUS_OK;
}

/* ---- asking ---- */

static enum status ask(const struct mending *mending, const char *what, struct error *error)
{
    for (size_t i = 0; !settings_flag(mending->from, "yes") && isatty(STDIN_FILENO) != 0 && i < parked_count(mending->parked); i++)
        line_say(stderr, "%s  %s  %s", catalog[parked_at(mending->parked, i)->service].name, parked_place(parked_at(mending->parked, i), mending->arena),
                parked_at(mending->parked, i)->type);
    return command_ask(mending->from, error, "These %zu will be %s.", parked_count(mending->parked), what);
}

/* Why something is dropped: one line of text that a header can hold. */
static enum status because_read(const struct mending *mending, const char **because, struct error *error)
{
    char line[NOTE_BYTES_MAX + 2];

    *because = settings_text(mending->from, "because");
    if (*because == NULL && isatty(STDIN_FILENO) != 0) {
        fprintf(stderr, "Why? ");
        if (fgets(line, sizeof line, stdin) != NULL)
            *because = arena_copy(mending->arena, line, strcspn(line, "\n"));
    }
    if (*because == NULL || **because == '\0')
        return error_set(error, STATUS_WRONG, "parked drop needs --because, which is kept");
    if (strlen(*because) > NOTE_BYTES_MAX)
        return error_set(error, STATUS_WRONG, "--because has %zu bytes: 1 to %d are allowed", strlen(*because), NOTE_BYTES_MAX);
    return STATUS_OK;
}

/* ---- doing ---- */

static enum status give_back(struct mending *mending, const struct parked *parked, struct error *error)
{
    const bool corrected = mending->value != NULL;
    size_t count;
    struct header *headers = headers_of(mending, parked, &count);
    enum status status = send(mending, arena_format(mending->arena, "%s.internal", catalog[parked->service].name), parked, headers, count,
                              corrected ? mending->value : parked->letter.value, corrected ? mending->value_length : parked->letter.value_length, error);

    return status == STATUS_OK ? record(mending, parked, "redriven", corrected ? "with a corrected value" : NULL, error) : status;
}

/* In the order of their places; what was done stays done when it ends early. */
static enum exit_code do_all(struct mending *mending, const char *because, struct error *error)
{
    const long rate = (long)settings_integer(mending->from, "rate");
    const struct timespec pause = {.tv_nsec = rate == 1 ? 999999999L : 1000000000L / rate};
    struct broker_settings broker = command_broker(mending->from);
    enum status status = sender_open(&mending->sender, &broker, error);
    struct progress progress;
    size_t done = 0;

    progress_start(&progress, because != NULL ? "dropped" : "given back", parked_count(mending->parked));
    for (; status == STATUS_OK && done < parked_count(mending->parked) && !command_interrupted(); done++) {
        const struct parked *parked = parked_at(mending->parked, done);

        status = because != NULL ? record(mending, parked, "dropped", because, error) : parked_value(mending->from, mending->parked, done, error);
        if (status == STATUS_OK && because == NULL)
            status = give_back(mending, parked, error);
        progress_show(&progress, done + 1);
        if (because == NULL)
            nanosleep(&pause, NULL); /* the rate that was asked for */
    }
    progress_end(&progress);
    sender_close(&mending->sender);
    if (status != STATUS_OK)
        return command_fail(error);
    if (settings_flag(mending->from, "json"))
        printf("{\"%s\":%zu}\n", because != NULL ? "dropped" : "redriven", done);
    else
        printf("%s %zu message%s\n", because != NULL ? "dropped" : "gave back", done, plural(done));
    return done < parked_count(mending->parked) ? EXIT_FOUND : EXIT_FINE;
}

static enum exit_code nothing(const struct settings *from)
{
    if (!settings_flag(from, "json"))
        printf("nothing is parked\n");
    return EXIT_FINE;
}

enum exit_code parked_redrive(const struct settings *from, struct parked_list *parked)
{
    struct mending mending = {.from = from, .parked = parked, .arena = arena_new()};
    struct error error = {0};
    enum status status = headers_check(from, &error);
    enum exit_code code;

    if (status == STATUS_OK)
        status = value_read(&mending, &error);
    for (size_t i = 0; status == STATUS_OK && i < parked_count(parked); i++) {
        const struct arena_mark before = arena_mark(mending.arena);

        status = parked_value(from, parked, i, &error);
        if (status == STATUS_OK)
            status = check(&mending, parked_at(parked, i), &error);
        arena_rewind(mending.arena, before);
    }
    if (status == STATUS_OK && parked_count(parked) > 0)
        status = ask(&mending, "given back", &error);
    if (status != STATUS_OK)
        code = command_fail(&error);
    else
        code = parked_count(parked) == 0 ? nothing(from) : do_all(&mending, NULL, &error);
    arena_free(mending.arena);
    return code;
}

enum exit_code parked_drop(const struct settings *from, struct parked_list *parked)
{
    struct mending mending = {.from = from, .parked = parked, .arena = arena_new()};
    struct error error = {0};
    const char *because = NULL;
    enum status status = parked_count(parked) == 0 ? STATUS_OK : because_read(&mending, &because, &error);
    enum exit_code code;

    if (status == STATUS_OK && parked_count(parked) > 0)
        status = ask(&mending, "dropped", &error);
    if (status != STATUS_OK)
        code = command_fail(&error);
    else
        code = parked_count(parked) == 0 ? nothing(from) : do_all(&mending, because, &error);
    arena_free(mending.arena);
    return code;
}
