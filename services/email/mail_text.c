#include "services/email/mail_text.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/money.h"
#include "events/address.h"
#include "events/identity.h"

enum { LINE_BYTES = 96, HEAD_BYTES = 1024 }; /* of most mails */

void mail_id(const char *order_id, char id[MAIL_ID_SIZE])
{
    event_id(order_id, EMAIL_SENT, id);
}

/* RFC 5322 §3.3, in UTC; the names are the standard's, whatever the locale. */
static void date_put(struct buffer *out, int64_t date_us)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(date_us / 1000000);
    struct tm date;

    gmtime_r(&seconds, &date);
    buffer_format(out, "Date: %s, %d %s %d %02d:%02d:%02d +0000\n", days[date.tm_wday],
                  date.tm_mday, months[date.tm_mon], date.tm_year + 1900, date.tm_hour, date.tm_min,
                  date.tm_sec);
}

static void base64_put(struct buffer *out, const char *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < length; i += 3) {
        unsigned value = 0;

        for (size_t j = 0; j < 3; j++)
            value = value << 8 | (i + j < length ? (unsigned char)bytes[i + j] : 0);
        for (size_t j = 0; j < 4; j++)
            buffer_char(out, (char)(i + j > length ? '=' : digits[value >> (18 - 6 * j) & 63]));
    }
}

/* A display name: quoted when it is ASCII, else as encoded words of at most 75 characters (RFC 2047
 * §2). */
static void name_put(struct buffer *out, const char *name)
{
    bool ascii = true;

    for (const char *c = name; *c != '\0'; c++)
        ascii = ascii && (unsigned char)*c < 0x80;
    if (ascii) {
        buffer_char(out, '"');
        for (const char *c = name; *c != '\0'; c++)
            buffer_format(out, "%s%c", *c == '"' || *c == '\\' ? "\\" : "", *c);
        buffer_char(out, '"');
        return;
    }
    while (*name != '\0') {
        size_t length = utf8_prefix(name, 45);

        buffer_text(out, "=?UTF-8?B?");
        base64_put(out, name, length);
        buffer_text(out, "?=");
        name += length;
        if (*name != '\0')
            buffer_text(out, "\n ");
    }
}

static void pad(struct buffer *out, size_t count)
{
    while (count-- > 0)
        buffer_char(out, ' ');
}

/* In a field of `width` columns; a number stands at its right end. */
static void field_put(struct buffer *out, const char *text, size_t length, size_t width, bool right)
{
    size_t space = length < width ? width - length : 0;

    pad(out, right ? space : 0);
    buffer_bytes(out, text, length);
    pad(out, right ? 0 : space);
}

/* Quantity, SKU, name, price: written by hand, since a busy shop writes a hundred thousand of these
 * a second. */
static void line_put(struct buffer *out, const struct line *line, const char *currency)
{
    struct buffer quantity = {.data = (char[24]){0}, .capacity = 24};
    char price[MONEY_SIZE];

    money_format((money_sum)line->quantity * line->unit_price_minor, currency, price);
    buffer_integer(&quantity, line->quantity);
    field_put(out, quantity.data, quantity.length, 8, true);
    pad(out, 2);
    field_put(out, line->sku, strlen(line->sku), 12, false);
    pad(out, 2);
    field_put(out, line->name, utf8_prefix(line->name, 40), 40, false);
    pad(out, 2);
    field_put(out, price, strlen(price), 12, true);
    buffer_char(out, '\n');
}

static const char *apology(const char *why)
{
    static const struct {
        enum message_type type;
        const char *text;
    } apologies[] = {{ORDER_CANCEL, "as you asked us to"},
                     {PAYMENT_FAILED, "because your payment was declined"},
                     {INVENTORY_FAILED, "because not all of it is in stock"},
                     {ORDER_TIMEOUT, "because it could not be completed in time"}};

    for (size_t i = 0; why != NULL && i < sizeof apologies / sizeof apologies[0]; i++)
        if (strcmp(message_type_name(apologies[i].type), why) == 0)
            return apologies[i].text;
    return "for a reason we are sorry about";
}

const struct mail_text *mail_text_prepare(const struct order_created *created, struct arena *arena)
{
    struct mail_text *text = arena_alloc(arena, sizeof *text);
    struct buffer table = {.arena = arena};
    char amount[MONEY_SIZE];

    buffer_reserve(&table, (created->line_count + 2) * LINE_BYTES);
    for (size_t i = 0; i < created->line_count; i++)
        line_put(&table, &created->lines[i], created->currency);
    money_format(created->amount_minor, created->currency, amount);
    buffer_format(&table, "\n%64s  %12s %s\n", "Total", amount, created->currency);
    *text = (struct mail_text){created->customer.email == NULL ? "" : created->customer.email,
                               created->customer.name, table.data};
    return text;
}

static void body_put(struct buffer *out, const struct email_row *row, const struct mail_text *text)
{
    buffer_format(out, "Dear %.*s,\n\n", (int)utf8_prefix(text->name, 100), text->name);
    if ((row->saga.facts & FACT(ORDER_CONFIRMED)) != 0)
        buffer_format(out, "your order %s is confirmed: it is paid and reserved for you.\n\n",
                      row->saga.order_id);
    else
        buffer_format(out,
                      "your order %s is cancelled, %s.\nWhat you may have paid is given back.\n\n",
                      row->saga.order_id, apology(row->why));
    buffer_text(out, text->table);
}

/* What is ASCII is mailed to as it is: an earlier release took what new orders are refused for. */
const char *mail_text_recipient(const struct mail_text *text, struct arena *arena,
                                struct error *error)
{
    char ascii[ADDRESS_SIZE];

    if (address_is_ascii(text->recipient))
        return text->recipient;
    return address_to_ascii(text->recipient, ascii, error) == STATUS_OK
               ? arena_copy(arena, ascii, strlen(ascii))
               : NULL;
}

const char *mail_text_write(const struct email_row *row, const char *sender, int64_t date_us,
                            struct arena *arena)
{
    struct error ignored; /* who sends the mail asked before */
    const char *recipient = mail_text_recipient(row->text, arena, &ignored);
    struct buffer out = {.arena = arena};
    char id[MAIL_ID_SIZE];

    buffer_reserve(&out, strlen(row->text->table) + HEAD_BYTES);
    mail_id(row->saga.order_id, id);
    date_put(&out, date_us);
    buffer_format(&out, "From: %s\nTo: ", sender);
    name_put(&out, row->text->name);
    buffer_format(&out,
                  "\n <%s>\nSubject: Your order %s is %s\nMessage-ID: <%s@quadrille.example>\n",
                  recipient != NULL ? recipient : row->text->recipient, row->saga.order_id,
                  email_kind(&row->saga), id);
    buffer_format(&out,
                  "X-Order-ID: %s\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n"
                  "Content-Transfer-Encoding: 8bit\n\n",
                  row->saga.order_id);
    body_put(&out, row, row->text);
    return out.data;
}
