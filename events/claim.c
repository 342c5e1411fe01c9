#include "events/claim.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"

enum { LINE_SIZE = 96 };

/* The line of a claim, its newline included; returns its length. */
static size_t line_write(char line[LINE_SIZE], enum message_type type, int64_t amount_minor,
                         const char *currency)
{
    return (size_t)snprintf(line, LINE_SIZE, "%s %" PRId64 " %s\n", message_type_name(type),
                            amount_minor, currency);
}

/* Is the line one of the claims?  No line is the end of another: each begins with the name of a
 * type. */
static bool has_line(const char *claims, const char *line)
{
    return claims != NULL && strstr(claims, line) != NULL;
}

static bool has_claim(const char *claims, const struct message *payment)
{
    char line[LINE_SIZE];

    line_write(line, payment->type, payment->payment_made.amount_minor,
               payment->payment_made.currency);
    return has_line(claims, line);
}

bool claim_fits(const struct message *payment, int64_t amount_minor, const char *currency,
                struct error *why)
{
    const struct payment_made *made = &payment->payment_made;

    if (made->amount_minor == amount_minor && strcmp(made->currency, currency) == 0)
        return true;
    if (why != NULL)
        error_set(why, STATUS_INVALID,
                  "%s is over %" PRId64 " %s, its order over %" PRId64
                  " %s: it is no payment of this order",
                  message_type_name(payment->type), made->amount_minor, made->currency,
                  amount_minor, currency);
    return false;
}

bool claim_has_room(const char *claims, const struct message *payment, struct error *why)
{
    int count = 0;

    if (has_claim(claims, payment))
        return true;
    for (const char *c = claims; c != NULL && *c != '\0'; c++)
        count += *c == '\n';
    if (count < CLAIMS_MAX)
        return true;
    if (why != NULL)
        error_set(why, STATUS_INVALID,
                  "%s comes before its order, of which %d other payments are claimed already: send "
                  "it again once the order is there",
                  message_type_name(payment->type), count);
    return false;
}

const char *claims_add(const char *claims, const struct message *payment, struct arena *arena)
{
    char line[LINE_SIZE];

    if (has_claim(claims, payment))
        return claims;
    line_write(line, payment->type, payment->payment_made.amount_minor,
               payment->payment_made.currency);
    return arena_format(arena, "%s%s", claims == NULL ? "" : claims, line);
}

/* Does one of the claims of that type fit?  True also when there is none of that type. */
static bool claims_fit(const char *claims, enum message_type type, int64_t amount_minor,
                       const char *currency)
{
    char line[LINE_SIZE];

    if (claims == NULL || strstr(claims, message_type_name(type)) == NULL)
        return true;
    line_write(line, type, amount_minor, currency);
    return has_line(claims, line);
}

/* The claims that do not fit, "payment.completed 1 USD, payment.refunded 1 USD"; empty when all
 * do. */
static const char *astray(const char *claims, int64_t amount_minor, const char *currency,
                          struct arena *arena)
{
    struct buffer out = {.arena = arena};
    char fits[LINE_SIZE];
    size_t length, fits_length = (size_t)snprintf(fits, sizeof fits, " %" PRId64 " %s",
                                                  amount_minor, currency);

    buffer_text(&out, "");
    for (; claims != NULL && *claims != '\0'; claims += length + (claims[length] == '\n')) {
        length = strcspn(claims, "\n");
        if (length > fits_length && memcmp(claims + length - fits_length, fits, fits_length) == 0)
            continue;
        buffer_text(&out, out.length > 0 ? ", " : "");
        buffer_bytes(&out, claims, length);
    }
    return out.data;
}

void claims_settle(struct saga *saga, const char **claims, int64_t amount_minor,
                   const char *currency, struct arena *arena)
{
    static const enum message_type types[] = {PAYMENT_COMPLETED, PAYMENT_REFUNDED};
    const char *left_out = astray(*claims, amount_minor, currency, arena);

    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (!claims_fit(*claims, types[i], amount_minor, currency))
            saga->facts &= ~FACT(types[i]);
    if (*left_out != '\0')
        saga->remark = arena_format(
            arena, "%s came before the order, which is over %" PRId64 " %s: no payment of it",
            left_out, amount_minor, currency);
    *claims = NULL;
}
