#include "services/payment/providers/stripe/api.h"

#include <json-c/json_object.h>
#include <json-c/json_tokener.h>
#include <stdlib.h>
#include <string.h>

enum { CODE_MAX = 100, MESSAGE_MAX = 300, DEPTH_MAX = 32 };

bool stripe_amount(int64_t amount_minor, const char *currency, int64_t *amount)
{
    if (strstr("ISK UGX", currency) != NULL)
        return !__builtin_mul_overflow(amount_minor, 100, amount);
    if (strcmp(currency, "MGA") == 0) {
        *amount = amount_minor / 100;
        return amount_minor % 100 == 0;
    }
    *amount = amount_minor;
    return strstr("BHD IQD JOD KWD LYD OMR TND", currency) == NULL || amount_minor % 10 == 0;
}

void stripe_encode(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++) {
        const unsigned char c = (unsigned char)*text;

        if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
            strchr("-._~", c) != NULL)
            buffer_char(out, (char)c);
        else
            buffer_format(out, "%%%02X", c);
    }
}

void stripe_form_add(struct buffer *form, const char *name, const char *value)
{
    if (form->length > 0)
        buffer_char(form, '&');
    stripe_encode(form, name);
    buffer_char(form, '=');
    stripe_encode(form, value);
}

static struct json_object *member(struct json_object *of, const char *name)
{
    struct json_object *found = NULL;

    return json_object_is_type(of, json_type_object) && json_object_object_get_ex(of, name, &found)
               ? found
               : NULL;
}

static const char *text(struct arena *arena, struct json_object *of, const char *name)
{
    struct json_object *found = member(of, name);
    const char *value;
    size_t length;

    if (!json_object_is_type(found, json_type_string))
        return NULL;
    value = json_object_get_string(found);
    length = (size_t)json_object_get_string_len(found);
    return length > 0 && length <= CODE_MAX && text_plain(value, length) == length
               ? arena_copy(arena, value, length)
               : NULL;
}

/* An id becomes part of a URL. */
static const char *id_of(struct arena *arena, struct json_object *of)
{
    const char *id = text(arena, of, "id");

    return id != NULL && strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                                    "0123456789_") == strlen(id)
               ? id
               : NULL;
}

static const char *why(struct arena *arena, struct json_object *error)
{
    static const char *const names[] = {"decline_code", "code", "type"};
    const char *found = NULL;

    for (size_t i = 0; found == NULL && i < sizeof names / sizeof names[0]; i++)
        found = text(arena, error, names[i]);
    return found;
}

/* What a person reads: one line of a bounded length. */
static const char *message(struct arena *arena, struct json_object *error)
{
    struct json_object *found = member(error, "message");
    const char *value;

    if (!json_object_is_type(found, json_type_string))
        return NULL;
    value = json_object_get_string(found);
    return arena_copy(arena, value,
                      text_plain(value, strlen(value) < MESSAGE_MAX ? strlen(value) : MESSAGE_MAX));
}

static struct json_object *parse(const char *body, size_t length)
{
    struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
    struct json_object *root;

    if (tokener == NULL)
        abort();
    root = json_tokener_parse_ex(tokener, body, (int)length);
    json_tokener_free(tokener);
    return root;
}

struct stripe_answer stripe_answer_read(struct arena *arena, const char *body, size_t length)
{
    struct json_object *root = parse(body, length);
    struct json_object *error = member(root, "error"), *about = root;
    struct stripe_answer answer;

    if (error != NULL)
        about = member(error, "payment_intent");
    answer = (struct stripe_answer){.id = id_of(arena, about),
                                    .status = text(arena, about, "status"),
                                    .last_error = why(arena, member(about, "last_payment_error")),
                                    .failure = text(arena, about, "failure_reason"),
                                    .error_type = text(arena, error, "type"),
                                    .error_code = text(arena, error, "code"),
                                    .error_param = text(arena, error, "param"),
                                    .decline = why(arena, error),
                                    .error_message = message(arena, error)};
    json_object_put(root);
    return answer;
}

/* How much it matters; 0: not at all. */
static int rank(struct arena *arena, struct json_object *intent, const char *order_id)
{
    const char *order = text(arena, member(intent, "metadata"), "order_id");
    const char *status = text(arena, intent, "status");

    if (order == NULL || strcmp(order, order_id) != 0 || status == NULL ||
        strcmp(status, "canceled") == 0)
        return 0;
    if (strcmp(status, "succeeded") == 0)
        return 3;
    return strcmp(status, "processing") == 0 ? 2 : 1;
}

bool stripe_search_read(struct arena *arena, const char *body, size_t length, const char *order_id,
                        const char **id)
{
    struct json_object *root = parse(body, length), *data = member(root, "data");
    const bool is_answer = json_object_is_type(data, json_type_array);
    const size_t count = is_answer ? json_object_array_length(data) : 0;
    int best = 0;

    *id = NULL;
    for (size_t i = 0; i < count; i++) {
        struct json_object *intent = json_object_array_get_idx(data, i);
        const int matters = rank(arena, intent, order_id);

        if (matters > best && id_of(arena, intent) != NULL) {
            best = matters;
            *id = id_of(arena, intent);
        }
    }
    json_object_put(root);
    return is_answer;
}

/* Some hours less, for clocks that differ. */
bool stripe_keeps_key(int64_t since_ms, int64_t now_ms)
{
    return now_ms - since_ms < INT64_C(20) * 3600 * 1000;
}
