/* Prints the contract from the table that the codec follows (events/shape.h), so that neither can
 * be out of date.
 *
 * usage: schemas FOLDER    writes FOLDER/TYPE.json, FOLDER/asyncapi.yaml
 *        schemas --markdown    prints docs/messages.md */
#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "brokers/properties.h"
#include "brokers/topics.h"
#include "events/envelope.h"
#include "events/json_check.h"
#include "events/shape.h"

/* ---- JSON Schema ---- */

static void text_add(struct json_object *object, const char *name, const char *text)
{
    json_object_object_add(object, name, json_object_new_string(text));
}

static void integer_add(struct json_object *object, const char *name, int64_t value)
{
    json_object_object_add(object, name, json_object_new_int64(value));
}

static struct json_object *texts(const char *const *list)
{
    struct json_object *array = json_object_new_array();

    for (; *list != NULL; list++)
        json_object_array_add(array, json_object_new_string(*list));
    return array;
}

static void object_schema(struct json_object *out, const struct shape *shape);

static void text_schema(struct json_object *out, const struct field *field)
{
    static const char *const nullable[] = {"string", "null", NULL};
    const struct text_format *format = field->format;

    if (field->nullable)
        json_object_object_add(out, "type", texts(nullable));
    else
        text_add(out, "type", "string");
    if (format->values != NULL) {
        json_object_object_add(out, "enum", texts(format->values));
        return;
    }
    integer_add(out, "minLength", format->length_min);
    integer_add(out, "maxLength", format->length_max);
    text_add(out, "pattern", format->pattern != NULL ? format->pattern : TEXT_PATTERN);
}

static struct json_object *field_schema(const struct field *field)
{
    struct json_object *out = json_object_new_object(), *items;

    text_add(out, "description", field->meaning);
    switch (field->kind) {
    case FIELD_TEXT:
        text_schema(out, field);
        break;
    case FIELD_INTEGER:
        text_add(out, "type", "integer");
        integer_add(out, "minimum", field->min);
        integer_add(out, "maximum", field->max);
        break;
    case FIELD_TIME:
        text_add(out, "type", "string");
        text_add(out, "format", "date-time");
        break;
    case FIELD_OBJECT:
        object_schema(out, field->shape);
        break;
    case FIELD_LINES:
        items = json_object_new_object();
        object_schema(items, field->shape);
        text_add(out, "type", "array");
        integer_add(out, "minItems", 1);
        integer_add(out, "maxItems", ORDER_LINES_MAX);
        json_object_object_add(out, "items", items);
        break;
    }
    return out;
}

static void object_schema(struct json_object *out, const struct shape *shape)
{
    struct json_object *properties = json_object_new_object(), *required = json_object_new_array();

    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];

        json_object_object_add(properties, field->name, field_schema(field));
        if (field->required)
            json_object_array_add(required, json_object_new_string(field->name));
    }
    text_add(out, "type", "object");
    json_object_object_add(out, "properties", properties);
    json_object_object_add(out, "required", required);
}

static void message_schema(struct buffer *out, const struct message_kind *kind)
{
    struct json_object *schema = json_object_new_object(), *examples = json_object_new_array();

    json_object_array_add(examples, json_tokener_parse(kind->example));
    text_add(schema, "$schema", "https://json-schema.org/draft/2020-12/schema");
    text_add(schema, "$id",
             arena_format(out->arena, "https://quadrille.example/schemas/%s.json", kind->name));
    text_add(schema, "title", kind->name);
    text_add(schema, "description", kind->meaning);
    json_object_object_add(schema, "examples", examples);
    object_schema(schema, kind->shape);
    buffer_text(out, json_object_to_json_string_ext(schema, JSON_C_TO_STRING_PRETTY |
                                                                JSON_C_TO_STRING_SPACED |
                                                                JSON_C_TO_STRING_NOSLASHESCAPE));
    buffer_char(out, '\n');
    json_object_put(schema);
}

/* ---- AsyncAPI ---- */

/* channel and operation names of AsyncAPI may not hold dots in references */
static char *identifier(const char *name, struct arena *arena)
{
    char *copy = arena_copy(arena, name, strlen(name));

    for (char *c = copy; *c != '\0'; c++)
        if (*c == '.')
            *c = '-';
    return copy;
}

static void asyncapi_channels(struct buffer *out, struct arena *arena)
{
    buffer_text(out, "channels:\n");
    for (size_t i = 0; i < topic_count; i++) {
        bool any = false;

        buffer_format(out, "  %s:\n    address: %s\n    description: %s\n",
                      identifier(topics[i].name, arena), topics[i].name, topics[i].meaning);
        for (int type = 0; type < MESSAGE_TYPES; type++) {
            if (strcmp(message_kinds[type].topic, topics[i].name) != 0)
                continue;
            buffer_text(out, any ? "" : "    messages:\n");
            buffer_format(out, "      %s:\n        $ref: '#/components/messages/%s'\n",
                          identifier(message_kinds[type].name, arena),
                          identifier(message_kinds[type].name, arena));
            any = true;
        }
    }
}

static void asyncapi(struct buffer *out, struct arena *arena)
{
    buffer_text(out, "# Made by `make schemas` from events/shape.c. AsyncAPI 3.0.0.\n"
                     "asyncapi: 3.0.0\n"
                     "info:\n"
                     "  title: Quadrille\n"
                     "  version: 1.0.0\n"
                     "  description: An order saga over Kafka by choreography. Key = order id (or "
                     "SKU); CloudEvents 1.0 in binary mode.\n"
                     "  license: {name: MIT}\n"
                     "defaultContentType: application/json\n");
    asyncapi_channels(out, arena);
    buffer_text(out, "operations:\n");
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const struct message_kind *kind = &message_kinds[type];

        buffer_format(out,
                      "  %s:\n    action: %s\n    channel:\n      $ref: '#/channels/%s'\n    "
                      "messages:\n      - $ref: '#/channels/%s/messages/%s'\n",
                      identifier(kind->name, arena), kind->emitter == NULL ? "receive" : "send",
                      identifier(kind->topic, arena), identifier(kind->topic, arena),
                      identifier(kind->name, arena));
    }
    buffer_text(out, "components:\n  messages:\n");
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const struct message_kind *kind = &message_kinds[type];

        buffer_format(out,
                      "    %s:\n      name: %s\n      summary: ", identifier(kind->name, arena),
                      kind->name);
        buffer_json(out, kind->meaning);
        buffer_format(out,
                      "\n      headers:\n        $ref: '#/components/schemas/headers'\n      "
                      "payload:\n        $ref: './%s.json'\n",
                      kind->name);
    }
    buffer_text(out, "  schemas:\n"
                     "    headers:\n"
                     "      type: object\n"
                     "      required: [ce_type]\n"
                     "      properties:\n"
                     "        ce_specversion: {type: string, const: '1.0'}\n"
                     "        ce_id: {type: string, description: 'required for stock commands, "
                     "which are applied once an id'}\n"
                     "        ce_type: {type: string}\n"
                     "        ce_source: {type: string}\n"
                     "        ce_subject: {type: string}\n"
                     "        ce_time: {type: string, format: date-time}\n"
                     "        ce_flow: {type: string, enum: [pay-first, reserve-first, parallel]}\n"
                     "        ce_causationid: {type: string}\n"
                     "        ce_correlationid: {type: string}\n"
                     "        ce_replayof: {type: string}\n"
                     "        traceparent: {type: string}\n"
                     "        content-type: {type: string, const: application/json}\n");
}

static void markdown_fields(const struct shape *shape, const char *prefix)
{
    for (size_t i = 0; i < shape->count; i++) {
        const struct field *field = &shape->fields[i];
        char path[128];

        snprintf(path, sizeof path, "%s%s%s", prefix, field->name,
                 field->kind == FIELD_LINES ? "[]" : "");
        printf("| `%s` | ", path);
        if (field->kind == FIELD_TEXT)
            printf("text, %s", field->format->name);
        else if (field->kind == FIELD_INTEGER)
            printf("integer");
        else
            printf("%s", field->kind == FIELD_TIME     ? "time, RFC 3339"
                         : field->kind == FIELD_OBJECT ? "object"
                                                       : "array of objects");
        printf("%s | %s |\n", field->required ? "" : ", optional", field->meaning);
        if (field->shape != NULL) {
            strncat(path, ".", sizeof path - strlen(path) - 1);
            markdown_fields(field->shape, path);
        }
    }
}

static void markdown(void)
{
    printf(
        "# Messages\n\nEvery message is one JSON object; its type and identity stand in headers "
        "(CloudEvents 1.0, Kafka binding, binary mode):\n"
        "`ce_type` is always needed, `ce_id` for stock commands. Amounts are integers in minor "
        "units of the currency. A reader ignores\n"
        "fields that it does not know. A key given twice, an integer outside 64 bits, U+0000 and "
        "anything that is not strict JSON is\n"
        "refused wherever it stands, and so is an order whose lines sum up to 2^63 minor units or "
        "more.\n\n"
        "Limits: %d bytes a message (an order %d when written plainly), %d levels, %d keys in "
        "objects that are open at once, %d bytes of UTF-8\n"
        "a header. A number is read from its digits, never from a rounded one: `12.0` and `1e3` "
        "are integers, `12.5` and `1e-400` are not.\n"
        "Text has no control characters: U+0000 to U+001F, U+007F to U+009F, U+2028 and U+2029. "
        "What turns the direction of writing around\n"
        "(U+202E and its like) is text, and `sagactl` shows it escaped. A currency is one of ISO "
        "4217 as of 1 January 2026; ANG and BGN are\n"
        "still read in events of earlier orders. The same holds for what the services emit: a "
        "reason that is too long ends in an ellipsis.\n\n"
        "This page and [schemas/](../schemas) are made from `events/shape.c` by `make schemas`.\n",
        MESSAGE_BYTES_MAX, ORDER_BYTES_MAX, JSON_DEPTH_MAX, JSON_KEYS_MAX, HEADER_VALUE_MAX);
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        const struct message_kind *kind = &message_kinds[type];

        printf("\n## %s\n\n%s\n\nTopic `%s`, emitted by %s.\n\n| field | is | meaning |\n| --- | "
               "--- | --- |\n",
               kind->name, kind->meaning, kind->topic,
               kind->emitter == NULL ? "anyone, or a sweeper" : kind->emitter);
        markdown_fields(kind->shape, "");
        printf("\n```json\n%s\n```\n", kind->example);
    }
}

static void properties_print(bool is_free)
{
    for (size_t i = 0; i < property_rule_count; i++)
        if (property_rules[i].is_free == is_free)
            printf("| `%s` | %s |\n", property_rules[i].name, property_rules[i].why);
}

/* Which properties of librdkafka --kafka takes. */
static void properties(void)
{
    printf("## --kafka\n\nEvery property of librdkafka stands in one of two tables, made from "
           "`brokers/properties.c`; one that stands in none is refused. They are the\n"
           "same for `sagactl`. librdkafka reads no file and no environment of its own. What they "
           "mean says its\n"
           "[CONFIGURATION.md](https://github.com/confluentinc/librdkafka/blob/v2.0.2/"
           "CONFIGURATION.md).\n\n"
           "Fixed, since the guarantees rest on them; a service and sagactl refuse them with exit "
           "code 2:\n\n| property | what would no longer hold |\n| --- | --- |\n");
    properties_print(false);
    printf("\nFree:\n\n| property | what it is good for |\n| --- | --- |\n");
    properties_print(true);
}

static void write_file(const char *folder, const char *name, const struct buffer *content)
{
    char path[1024];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "w");
    if (file == NULL || fwrite(content->data, 1, content->length, file) != content->length ||
        fclose(file) != 0) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    struct arena *arena;
    struct buffer text;

    if (argc != 2) {
        fprintf(stderr, "usage: schemas FOLDER | --markdown | --properties\n");
        return 2;
    }
    if (strcmp(argv[1], "--markdown") == 0) {
        markdown();
        return EXIT_SUCCESS;
    }
    if (strcmp(argv[1], "--properties") == 0) {
        properties();
        return EXIT_SUCCESS;
    }
    arena = arena_new();
    for (int type = 0; type < MESSAGE_TYPES; type++) {
        text = (struct buffer){.arena = arena};
        message_schema(&text, &message_kinds[type]);
        write_file(argv[1], arena_format(arena, "%s.json", message_kinds[type].name), &text);
    }
    text = (struct buffer){.arena = arena};
    asyncapi(&text, arena);
    write_file(argv[1], "asyncapi.yaml", &text);
    arena_free(arena);
    return EXIT_SUCCESS;
}
