#include "events/shape.h"

#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "events/address.h"
#include "events/flow.h"

static bool id_valid(const char *text)
{
    for (; *text != '\0'; text++)
        if (!((*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z') ||
              (*text >= '0' && *text <= ':') || *text == '.' || *text == '_' || *text == '-'))
            return false;
    return true;
}

/* Asked of new orders only: what is in the log already stays readable. */
static bool email_can_be_reached(const char *text)
{
    char ascii[ADDRESS_SIZE];
    struct error ignored;

    return address_to_ascii(text, ascii, &ignored) == STATUS_OK;
}

static void email_explain(const char *text, struct error *why)
{
    char ascii[ADDRESS_SIZE];

    address_to_ascii(text, ascii, why);
}

/* The active alphabetic codes of ISO 4217 as of 1 January 2026 (without those for funds, metals and
 * tests); in front of them those that were withdrawn since 2025, which no order is placed in any
 * more and earlier messages have. */
static const char *const currencies[] = {
    "ANG", /* until 31 March 2025: now XCG */
    "BGN", /* until 31 December 2025: now EUR */
    "AED", "AFN", "ALL", "AMD", "AOA", "ARS", "AUD", "AWG", "AZN", "BAM", "BBD", "BDT", "BHD",
    "BIF", "BMD", "BND", "BOB", "BRL", "BSD", "BTN", "BWP", "BYN", "BZD", "CAD", "CDF", "CHF",
    "CLP", "CNY", "COP", "CRC", "CUP", "CVE", "CZK", "DJF", "DKK", "DOP", "DZD", "EGP", "ERN",
    "ETB", "EUR", "FJD", "FKP", "GBP", "GEL", "GHS", "GIP", "GMD", "GNF", "GTQ", "GYD", "HKD",
    "HNL", "HTG", "HUF", "IDR", "ILS", "INR", "IQD", "IRR", "ISK", "JMD", "JOD", "JPY", "KES",
    "KGS", "KHR", "KMF", "KPW", "KRW", "KWD", "KYD", "KZT", "LAK", "LBP", "LKR", "LRD", "LSL",
    "LYD", "MAD", "MDL", "MGA", "MKD", "MMK", "MNT", "MOP", "MRU", "MUR", "MVR", "MWK", "MXN",
    "MYR", "MZN", "NAD", "NGN", "NIO", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PGK", "PHP",
    "PKR", "PLN", "PYG", "QAR", "RON", "RSD", "RUB", "RWF", "SAR", "SBD", "SCR", "SDG", "SEK",
    "SGD", "SHP", "SLE", "SOS", "SRD", "SSP", "STN", "SVC", "SYP", "SZL", "THB", "TJS", "TMT",
    "TND", "TOP", "TRY", "TTD", "TWD", "TZS", "UAH", "UGX", "USD", "UYU", "UZS", "VED", "VES",
    "VND", "VUV", "WST", "XAF", "XCD", "XCG", "XOF", "XPF", "YER", "ZAR", "ZMW", "ZWG", NULL};

enum { CURRENCIES_WITHDRAWN = 2 };

static const char *const mail_kinds[] = {"confirmed", "cancelled", NULL};

#define ID_PATTERN "^[A-Za-z0-9._:-]+$"
#define EMAIL_PATTERN \
    "^[!#-'*+\\--9=?A-Z^-~]+@[^\\u0000-\\u0020\"(),:;<>@\\[\\\\\\]\\u007f-\\u009f\\u2028\\u2029]+" \
    "$"
#define EMAIL_ATOM "[!#-'*+\\-/-9=?A-Z^-~]+"
#define EMAIL_LABEL "[^\\u0000-\\u0020\"(),.:;<>@\\[\\\\\\]\\u007f-\\u009f\\u2028\\u2029]+"
#define EMAIL_NOW_PATTERN \
    "^" EMAIL_ATOM "(\\." EMAIL_ATOM ")*@" EMAIL_LABEL "(\\." EMAIL_LABEL ")*$"
#define EMAIL_NAME \
    "a mail address in ASCII, but for a domain as IDNA 2008 allows it, without blanks, quotes, " \
    "or a dot at an end or beside another"

/*                                        name                             min max           pattern
 *                                        valid        values      prose  explain */
static const struct text_format order_id = {
    "A-Z a-z 0-9 . _ : -", 1, ORDER_ID_MAX, ID_PATTERN, id_valid, NULL, false, NULL};
static const struct text_format token = {
    "A-Z a-z 0-9 . _ : -", 1, 128, ID_PATTERN, id_valid, NULL, false, NULL};
static const struct text_format short_text = {
    "text without control characters", 1, 64, NULL, NULL, NULL, false, NULL};
static const struct text_format text = {
    "text without control characters", 1, TEXT_MAX, NULL, NULL, NULL, true, NULL};
static const struct text_format email = {"a mail address",    3,    254,   EMAIL_PATTERN,
                                         address_is_readable, NULL, false, NULL};
static const struct text_format email_now = {EMAIL_NAME,           3,    254,   EMAIL_NOW_PATTERN,
                                             email_can_be_reached, NULL, false, email_explain};
static const struct text_format currency = {
    "a currency of ISO 4217", 3, 3, NULL, NULL, currencies, false, NULL};
static const struct text_format currency_now = {
    "a currency of ISO 4217", 3, 3, NULL, NULL, currencies + CURRENCIES_WITHDRAWN, false, NULL};
static const struct text_format flow = {"a flow", 1,          FLOW_NAME_MAX, NULL,
                                        NULL,     flow_names, false,         NULL};
static const struct text_format mail_kind = {"a kind of mail", 1,     16,  NULL, NULL,
                                             mail_kinds,       false, NULL};

bool text_format_allows(const struct text_format *format, const char *text_, size_t bytes)
{
    int64_t length = utf8_text_length(text_, bytes);

    if (length < format->length_min || length > format->length_max)
        return false;
    if (format->values == NULL)
        return format->valid == NULL || format->valid(text_);
    for (const char *const *value = format->values; *value != NULL; value++)
        if (**value == *text_ && strcmp(*value, text_) == 0)
            return true;
    return false;
}

void text_format_tell(const struct text_format *format, const char *text_, struct error *why)
{
    if (format->length_min == format->length_max)
        error_set(why, STATUS_INVALID, "%s, %lld characters, is allowed", format->name,
                  (long long)format->length_min);
    else
        error_set(why, STATUS_INVALID, "%s, %lld to %lld characters, is allowed", format->name,
                  (long long)format->length_min, (long long)format->length_max);
    if (format->explain != NULL)
        format->explain(text_, why);
}

enum { REQUIRED = 1, NULLABLE = 2 };
#define QUANTITY_MAX INT64_C(1000000000)
#define PRICE_MAX INT64_C(1000000000000)

/* clang-format off */
#define TEXT(type, member, wire, flags, format_, meaning_) \
    {.name = wire, .name_length = sizeof wire - 1, .kind = FIELD_TEXT, \
     .required = ((flags) & REQUIRED) != 0, .nullable = ((flags) & NULLABLE) != 0, \
     .offset = offsetof(type, member), .format = &(format_), .meaning = meaning_}
#define INTEGER(type, member, wire, min_, max_, meaning_) \
    {.name = wire, .name_length = sizeof wire - 1, .kind = FIELD_INTEGER, .required = true, \
     .offset = offsetof(type, member), .min = min_, .max = max_, .meaning = meaning_}
#define LINES(type) \
    {.name = "lines", .name_length = sizeof "lines" - 1, .kind = FIELD_LINES, .required = true, \
     .offset = offsetof(type, lines), .count_offset = offsetof(type, line_count), \
     .text_offset = offsetof(type, lines_text), .shape = &line_shape, \
     .meaning = "1 to 1,000 lines; equal SKUs are summed for stock"}
#define CUSTOMER(type, shape_) \
    {.name = "customer", .name_length = sizeof "customer" - 1, .kind = FIELD_OBJECT, \
     .required = true, .offset = offsetof(type, customer), .shape = &(shape_), \
     .meaning = "who ordered"}
/* clang-format on */
#define SHAPE(name) \
    static const struct shape name##_shape = {name##_fields, \
                                              sizeof name##_fields / sizeof name##_fields[0]}
#define ORDER_ID(type) \
    TEXT(type, order_id, "order_id", REQUIRED, order_id, \
         "the order; its idempotency key, chosen by the sender")
#define CURRENCY(type) \
    TEXT(type, currency, "currency", REQUIRED, currency, \
         "ISO 4217 code of all amounts in this message")
#define AMOUNT(type, meaning_) INTEGER(type, amount_minor, "amount", 0, INT64_MAX, meaning_)

static const struct field line_fields[] = {
    TEXT(struct line, sku, "sku", REQUIRED, short_text, "stock keeping unit"),
    TEXT(struct line, name, "name", REQUIRED, text, "what the customer reads"),
    INTEGER(struct line, quantity, "quantity", 1, QUANTITY_MAX, "pieces"),
    INTEGER(struct line, unit_price_minor, "unit_price", 0, PRICE_MAX,
            "of one piece, in minor units"),
};
const struct shape line_shape = {line_fields, sizeof line_fields / sizeof line_fields[0]};

static const struct field customer_fields[] = {
    TEXT(struct customer, id, "id", NULLABLE, short_text, "null or absent for a guest"),
    TEXT(struct customer, name, "name", REQUIRED, text, "as on the mail"),
    TEXT(struct customer, email, "email", NULLABLE, email,
         "where the mail goes; null or absent: there is none"),
};
SHAPE(customer);

static const struct field new_customer_fields[] = {
    TEXT(struct customer, id, "id", NULLABLE, short_text, "null or absent for a guest"),
    TEXT(struct customer, name, "name", REQUIRED, text, "as on the mail"),
    TEXT(struct customer, email, "email", NULLABLE, email_now,
         "where the mail goes; null or absent: there is none"),
};
SHAPE(new_customer);

static const struct field order_place_fields[] = {
    ORDER_ID(struct order_place),
    CUSTOMER(struct order_place, new_customer_shape),
    TEXT(struct order_place, currency, "currency", REQUIRED, currency_now,
         "ISO 4217 code of all amounts in this message"),
    TEXT(struct order_place, payment_method, "payment_method", REQUIRED, token,
         "the provider's token for the customer's means of payment"),
    LINES(struct order_place),
};
SHAPE(order_place);

static const struct field order_created_fields[] = {
    ORDER_ID(struct order_created),
    TEXT(struct order_created, flow, "flow", REQUIRED, flow, "the flow that this order keeps"),
    CUSTOMER(struct order_created, customer_shape),
    CURRENCY(struct order_created),
    AMOUNT(struct order_created, "sum of quantity times unit price, in minor units"),
    TEXT(struct order_created, payment_method, "payment_method", REQUIRED, token, "as placed"),
    {.name = "deadline",
     .name_length = sizeof "deadline" - 1,
     .kind = FIELD_TIME,
     .required = true,
     .offset = offsetof(struct order_created, deadline_us),
     .meaning = "without a decision by then the order is cancelled"},
    LINES(struct order_created),
};
SHAPE(order_created);

static const struct field order_cancel_fields[] = {
    ORDER_ID(struct order_cancel),
    TEXT(struct order_cancel, reason, "reason", NULLABLE, text, "why, as the sender puts it"),
};
SHAPE(order_cancel);

static const struct field order_confirmed_fields[] = {
    ORDER_ID(struct order_confirmed),
    AMOUNT(struct order_confirmed, "what the order is worth, in minor units"),
    CURRENCY(struct order_confirmed),
};
SHAPE(order_confirmed);

static const struct field order_cancelled_fields[] = {
    ORDER_ID(struct order_cancelled),
    TEXT(struct order_cancelled, reason, "reason", REQUIRED, short_text,
         "type of the message that decided it"),
    TEXT(struct order_cancelled, detail, "detail", NULLABLE, text,
         "what that message gave as its reason"),
    AMOUNT(struct order_cancelled, "what the order was worth, in minor units"),
    CURRENCY(struct order_cancelled),
};
SHAPE(order_cancelled);

static const struct field refusal_fields[] = {
    ORDER_ID(struct refusal),
    TEXT(struct refusal, reason, "reason", REQUIRED, text, "why it was not accepted"),
    TEXT(struct refusal, field, "field", NULLABLE, text, "which field is wrong"),
};
SHAPE(refusal);

static const struct field payment_made_fields[] = {
    ORDER_ID(struct payment_made),
    TEXT(struct payment_made, payment_id, "payment_id", REQUIRED, token,
         "the provider's id of the payment"),
    AMOUNT(struct payment_made, "what was charged or refunded, in minor units"),
    CURRENCY(struct payment_made),
};
SHAPE(payment_made);

static const struct field reasoned_fields[] = {
    ORDER_ID(struct outcome),
    TEXT(struct outcome, reason, "reason", REQUIRED, text, "in the words of who refused"),
};
SHAPE(reasoned);

static const struct field plain_fields[] = {
    ORDER_ID(struct outcome),
    TEXT(struct outcome, reason, "reason", NULLABLE, text, "why, where there is something to say"),
};
SHAPE(plain);

static const struct field inventory_failed_fields[] = {
    ORDER_ID(struct inventory_failed),
    TEXT(struct inventory_failed, reason, "reason", REQUIRED, short_text, "out_of_stock"),
    TEXT(struct inventory_failed, sku, "sku", REQUIRED, short_text,
         "the first SKU of which there is too little"),
    INTEGER(struct inventory_failed, wanted, "wanted", 1, INT64_MAX,
            "pieces that the order wants of it"),
    INTEGER(struct inventory_failed, available, "available", INT64_MIN, INT64_MAX,
            "pieces that could be reserved"),
};
SHAPE(inventory_failed);

static const struct field email_sent_fields[] = {
    ORDER_ID(struct email_sent),
    TEXT(struct email_sent, kind, "kind", REQUIRED, mail_kind, "which mail"),
    TEXT(struct email_sent, message_id, "message_id", NULLABLE, text,
         "RFC 5322 Message-ID, without its angle brackets; null or absent: the order has no "
         "address, and there is no mail"),
};
SHAPE(email_sent);

static const struct field stock_set_fields[] = {
    TEXT(struct stock_change, sku, "sku", REQUIRED, short_text, "stock keeping unit"),
    INTEGER(struct stock_change, quantity, "quantity", 0, PRICE_MAX,
            "pieces on hand from now on, reserved ones included"),
};
SHAPE(stock_set);

static const struct field stock_add_fields[] = {
    TEXT(struct stock_change, sku, "sku", REQUIRED, short_text, "stock keeping unit"),
    INTEGER(struct stock_change, quantity, "quantity", -QUANTITY_MAX, QUANTITY_MAX,
            "pieces to add, negative to take away"),
};
SHAPE(stock_add);

#define CUSTOMER_EXAMPLE \
    "\"customer\":{\"id\":\"13085\",\"name\":\"Ada Abbott\",\"email\":\"c13085@example.com\"}"
#define LINES_EXAMPLE \
    "\"lines\":[{\"sku\":\"22350\",\"name\":\"CAT BOWL\",\"quantity\":12,\"unit_price\":255}," \
    "{\"sku\":\"22353\",\"name\":\"LUNCHBOX WITH CUTLERY FAIRY " \
    "CAKES\",\"quantity\":12,\"unit_price\":255}]"
#define PAID_EXAMPLE \
    "{\"order_id\":\"invoice-489435\",\"payment_id\":\"4d0b3f0e-8f0a-5c6e-9a51-6a4b2f6f3a10\"," \
    "\"amount\":6120,\"currency\":\"GBP\"}"
#define ID_EXAMPLE "{\"order_id\":\"invoice-489435\"}"

const struct message_kind message_kinds[MESSAGE_TYPES] = {
    [ORDER_PLACE] =
        {"order.place", "orders.commands", NULL, &order_place_shape,
         "Place an order. Sent again with the same id and content it is the same order.",
         "{\"order_id\":\"invoice-489435\"," CUSTOMER_EXAMPLE
         ",\"currency\":\"GBP\",\"payment_method\":\"pm_card_visa\"," LINES_EXAMPLE "}"},
    [ORDER_CANCEL] = {"order.cancel", "orders.commands", NULL, &order_cancel_shape,
                      "The customer wants the order no more; heeded until the decision.",
                      "{\"order_id\":\"invoice-489435\",\"reason\":\"ordered twice\"}"},
    [ORDER_CREATED] = {"order.created", "orders", "order", &order_created_shape,
                       "The order is stored and under way.",
                       "{\"order_id\":\"invoice-489435\",\"flow\":\"pay-first\"," CUSTOMER_EXAMPLE
                       ",\"currency\":\"GBP\",\"amount\":6120,\"payment_method\":\"pm_card_visa\","
                       "\"deadline\":\"2026-11-22T20:15:30Z\"," LINES_EXAMPLE "}"},
    [ORDER_CONFIRMED] = {"order.confirmed", "orders", "order", &order_confirmed_shape,
                         "The decision: paid and reserved.",
                         "{\"order_id\":\"invoice-489435\",\"amount\":6120,\"currency\":\"GBP\"}"},
    [ORDER_CANCELLED] = {"order.cancelled", "orders", "order", &order_cancelled_shape,
                         "The decision: it will not be; whoever acted compensates.",
                         "{\"order_id\":\"invoice-489435\",\"reason\":\"inventory.failed\","
                         "\"detail\":\"out_of_stock 22350\",\"amount\":6120,\"currency\":\"GBP\"}"},
    [ORDER_REJECTED] = {"order.rejected", "orders", "order", &refusal_shape,
                        "An order.place that cannot be accepted; nothing was stored.",
                        "{\"order_id\":\"invoice-489435\",\"reason\":\"lines[0].quantity is -2: 1 "
                        "to 1000000000 is allowed\",\"field\":\"lines[0].quantity\"}"},
    [ORDER_CANCEL_REJECTED] =
        {"order.cancel_rejected", "orders", "order", &refusal_shape,
         "An order.cancel that came after the decision.",
         "{\"order_id\":\"invoice-489435\",\"reason\":\"the order is CONFIRMED already\"}"},
    [PAYMENT_COMPLETED] = {"payment.completed", "payments", "payment", &payment_made_shape,
                           "The money is taken.", PAID_EXAMPLE},
    [PAYMENT_FAILED] = {"payment.failed", "payments", "payment", &reasoned_shape,
                        "The provider declined.",
                        "{\"order_id\":\"invoice-489435\",\"reason\":\"card_declined\"}"},
    [PAYMENT_PENDING] =
        {"payment.pending", "payments", "payment", &plain_shape,
         "The provider does not answer now; it is asked again.",
         "{\"order_id\":\"invoice-489435\",\"reason\":\"no answer from the provider\"}"},
    [PAYMENT_REFUNDED] = {"payment.refunded", "payments", "payment", &payment_made_shape,
                          "Compensation result: what was charged is refunded.", PAID_EXAMPLE},
    [PAYMENT_VOIDED] = {"payment.voided", "payments", "payment", &plain_shape,
                        "Compensation result: nothing is charged and nothing will be.", ID_EXAMPLE},
    [PAYMENT_REFUND_FAILED] = {"payment.refund_failed", "payments", "payment", &reasoned_shape,
                               "The refund was refused: a person must look.",
                               "{\"order_id\":\"invoice-489435\",\"reason\":\"account_closed\"}"},
    [STOCK_SET] =
        {"stock.set", "inventory.commands", NULL, &stock_set_shape,
         "What is on hand of a SKU, from now on. Needs a ce_id: it is applied once an id.",
         "{\"sku\":\"22350\",\"quantity\":1200}"},
    [STOCK_ADD] = {"stock.add", "inventory.commands", NULL, &stock_add_shape,
                   "What comes in, or goes out, of a SKU. Needs a ce_id: it is applied once an id.",
                   "{\"sku\":\"22350\",\"quantity\":-12}"},
    [INVENTORY_RESERVED] = {"inventory.reserved", "inventory", "inventory", &plain_shape,
                            "All lines are reserved.", ID_EXAMPLE},
    [INVENTORY_FAILED] = {"inventory.failed", "inventory", "inventory", &inventory_failed_shape,
                          "Nothing is reserved: of one SKU there is too little.",
                          "{\"order_id\":\"invoice-489435\",\"reason\":\"out_of_stock\",\"sku\":"
                          "\"22350\",\"wanted\":12,\"available\":2}"},
    [INVENTORY_RELEASED] = {"inventory.released", "inventory", "inventory", &plain_shape,
                            "Compensation result: what was reserved is free again.", ID_EXAMPLE},
    [INVENTORY_VOIDED] = {"inventory.voided", "inventory", "inventory", &plain_shape,
                          "Compensation result: nothing is reserved and nothing will be.",
                          ID_EXAMPLE},
    [EMAIL_SENT] = {"email.sent", "emails", "email", &email_sent_shape,
                    "The mail about the decision went out; without a message_id the order has no "
                    "address, and there is none.",
                    "{\"order_id\":\"invoice-489435\",\"kind\":\"confirmed\",\"message_id\":"
                    "\"4d0b3f0e-8f0a-5c6e-9a51-6a4b2f6f3a10@quadrille.example\"}"},
    [EMAIL_FAILED] =
        {"email.failed", "emails", "email", &reasoned_shape, "The mail cannot be delivered.",
         "{\"order_id\":\"invoice-489435\",\"reason\":\"no mail can reach c13085@shop.invalid\"}"},
    [ORDER_TIMEOUT] = {"order.timeout", "order.internal", NULL, &plain_shape,
                       "Sweeper: the deadline passed without a decision.", ID_EXAMPLE},
    [ORDER_REPUBLISH] = {"order.republish", "order.internal", NULL, &plain_shape,
                         "Sweeper or operator: emit again what the row's state leads to.",
                         ID_EXAMPLE},
    [PAYMENT_RETRY] = {"payment.retry", "payment.internal", NULL, &plain_shape,
                       "Sweeper: ask the provider again.", ID_EXAMPLE},
    [PAYMENT_REPUBLISH] = {"payment.republish", "payment.internal", NULL, &plain_shape,
                           "Operator: emit again what the row's state leads to.", ID_EXAMPLE},
    [INVENTORY_REPUBLISH] = {"inventory.republish", "inventory.internal", NULL, &plain_shape,
                             "Operator: emit again what the row's state leads to.", ID_EXAMPLE},
    [EMAIL_RETRY] = {"email.retry", "email.internal", NULL, &plain_shape,
                     "Sweeper: try the mail again.", ID_EXAMPLE},
    [EMAIL_REPUBLISH] = {"email.republish", "email.internal", NULL, &plain_shape,
                         "Operator: emit again what the row's state leads to.", ID_EXAMPLE},
};
