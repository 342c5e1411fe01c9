/* Fuzzes the reading of a message's value: the first byte chooses the type, the rest is the value.
 *
 * Whatever comes, the decoder neither crashes nor blames itself.  What it takes it writes so that
 * it reads the same again.  And its strict check stands beside json-c: what the check lets through
 * json-c must take whole, and what json-c would have taken is only refused for one of the reasons
 * that json_check.h names.  What is laid out without asking the check is what it passes. */
#include <iconv.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "events/document.h"
#include "events/json_check.h"
#include "events/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A text that comes from outside ends where its length says. */
static void fail_at(const char *what, const char *text, size_t length)
{
    fprintf(stderr, "fuzz: %s: %.*s\n", what, (int)length, text);
    abort();
}

static void fail(const char *what, const char *detail)
{
    fail_at(what, detail, strlen(detail));
}

/* As glibc sees it. */
static bool is_utf8(const char *text, size_t length)
{
    static iconv_t converter;
    char *in = (char *)(uintptr_t)text, out[256];
    bool is = true;

    if (converter == NULL)
        converter = iconv_open("UTF-32", "UTF-8");
    if (converter == (iconv_t)-1)
        abort();
    iconv(converter, NULL, NULL, NULL, NULL);
    while (is && length > 0) {
        char *to = out;
        size_t room = sizeof out;

        is = iconv(converter, &in, &length, &to, &room) != (size_t)-1 || room < sizeof out;
    }
    return is;
}

/* Does json-c alone, at its strictest, take it as one object?  It is shown a question mark for each
 * byte above ASCII: at its strictest json-c 0.18 refuses all of them (it compares a signed char),
 * and for UTF-8 there is another judge. */
static bool json_c_takes(const char *text, size_t length)
{
    struct json_tokener *tokener = json_tokener_new_ex(64);
    struct json_object *json;
    char *shown = malloc(length + 1);
    bool takes;

    if (tokener == NULL || shown == NULL)
        abort();
    for (size_t i = 0; i < length; i++) {
        shown[i] = text[i];
        if ((unsigned char)text[i] >= 0x80)
            shown[i] = '?';
    }
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    json = json_tokener_parse_ex(tokener, shown, (int)length);
    takes = json_tokener_get_error(tokener) == json_tokener_success &&
            json_object_is_type(json, json_type_object) &&
            json_tokener_get_parse_end(tokener) == length;
    json_object_put(json);
    json_tokener_free(tokener);
    free(shown);
    return takes;
}

static void compare_with_json_c(const char *text, size_t length)
{
    static const char *const reasons[] = {"64-bit range",     "U+0000",
                                          "surrogate",        "given twice",
                                          "deeper than",      "256 keys",
                                          "not UTF-8",        "a control character",
                                          "a number",         "something that is no value",
                                          "an unknown escape"};
    struct error error;
    bool known = false;

    if (json_check(text, length, &error) == STATUS_OK) {
        if (!json_c_takes(text, length))
            fail_at("json-c refuses what json_check lets through", text, length);
        if (!is_utf8(text, length))
            fail_at("json_check lets through what is not UTF-8", text, length);
        return;
    }
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        known |= strstr(error.message, reasons[i]) != NULL;
    if (!known && json_c_takes(text, length))
        fail("json-c takes what json_check refuses", error.message);
}

static void compare_with_check(const char *text, size_t length)
{
    struct error check, error;
    yyjson_doc *document = document_read(text, length, DOCUMENT_FLAGS, NULL, &error);
    bool passes = json_check(text, length, &check) == STATUS_OK, read = document != NULL;

    yyjson_doc_free(document);
    if (passes != read)
        fail(passes ? "what json_check passes is not laid out"
                    : "what json_check refuses is laid out",
             passes ? error.message : check.message);
}

/* What was decoded, by another parser, is the same at the one field that every message has. */
static void compare_subject(const char *text, size_t length, const char *subject)
{
    struct json_tokener *tokener = json_tokener_new_ex(64);
    struct json_object *json = tokener == NULL ? NULL
                                               : json_tokener_parse_ex(tokener, text, (int)length),
                       *value = NULL;

    if (!json_object_object_get_ex(json, "order_id", &value) ||
        strcmp(json_object_get_string(value), subject) != 0)
        if (!json_object_object_get_ex(json, "sku", &value) ||
            strcmp(json_object_get_string(value), subject) != 0)
            fail("json-c reads another subject than", subject);
    json_object_put(json);
    json_tokener_free(tokener);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct decoder *decoder;
    static struct arena *arena;
    struct buffer once = {0}, twice = {0};
    struct message message = {0}, refusal;
    struct error error, unread = {0};
    char *value;

    if (size == 0 || size > 65536)
        return 0;
    if (decoder == NULL) {
        decoder = decoder_new();
        arena = arena_new();
    }
    once.arena = twice.arena = arena;
    value = malloc(size); /* of its own size, so that a byte read too far is noticed */
    if (value == NULL)
        abort();
    memcpy(value, data + 1, size - 1);
    compare_with_json_c(value, size - 1);
    compare_with_check(value, size - 1);
    switch (message_decode(decoder, arena, (enum message_type)(data[0] % MESSAGE_TYPES), value,
                           size - 1, &message, &error)) {
    case STATUS_OK:
        compare_subject(value, size - 1, message.subject);
        if (message_encode_strictly(&message, &once, &error) != STATUS_OK)
            fail("what was read is not written", error.message);
        if (message_decode(decoder, arena, message.type, once.data, once.length, &message,
                           &error) != STATUS_OK)
            fail("what was written is not read", error.message);
        if (message_encode(&message, &twice, &error) != STATUS_OK)
            fail("what was read again is not written", error.message);
        if (once.length != twice.length || memcmp(once.data, twice.data, once.length) != 0)
            fail_at("what was written is read as something else", once.data, once.length);
        break;
    case STATUS_INVALID:
        if (error.message[0] == '\0')
            fail("a refusal", "without a reason");
        refusal = (struct message){
            .type = ORDER_REJECTED,
            .refusal = {"order-1", error.message, arena_text(arena, decoder_field(decoder))}};
        if (message_encode(&refusal, &once, &unread) != STATUS_OK ||
            message_decode(decoder, arena, ORDER_REJECTED, once.data, once.length, &message,
                           &unread) != STATUS_OK)
            fail("a refusal that is not read", unread.message);
        break;
    default:
        fail("the decoder blames itself", error.message);
    }
    free(value);
    arena_reset(arena);
    return 0;
}
