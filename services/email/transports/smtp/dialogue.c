#include "services/email/transports/smtp/dialogue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/utf8.h"

/* RFC 5321 §4.5.3.1.5 has lines of at most 512; what is longer by far is no SMTP. */
enum { LINE_MAX = 2048, LINES_MAX = 128, REASON_MAX = 300 };

struct dialogue {
    enum dialogue_state state;
    bool takes_8bit, takes_utf8; /* RFC 6152, RFC 6531 */
    bool was_answered;           /* since the mail was begun */
    bool refuses_us;
    struct mail *mail;
    struct arena *mail_arena;
    struct arena *arena; /* of what follows; of one mail */
    struct buffer out;
    size_t sent;
    char line[LINE_MAX]; /* of a reply */
    size_t line_length, line_count;
    int code;            /* of its first line */
    struct buffer reply; /* what its lines say */
    char trouble[REASON_MAX * 2];
};

struct dialogue *dialogue_new(void)
{
    struct dialogue *dialogue = calloc(1, sizeof *dialogue);

    if (dialogue == NULL)
        abort();
    dialogue->arena = arena_new_small();
    dialogue->state = DIALOGUE_IS_BROKEN;
    return dialogue;
}

void dialogue_free(struct dialogue *dialogue)
{
    if (dialogue == NULL)
        return;
    arena_free(dialogue->arena);
    free(dialogue);
}

enum dialogue_state dialogue_state(const struct dialogue *dialogue)
{
    return dialogue->state;
}

const char *dialogue_trouble(const struct dialogue *dialogue)
{
    return dialogue->trouble;
}

bool dialogue_is_sending(const struct dialogue *dialogue)
{
    return dialogue->mail != NULL;
}

bool dialogue_was_answered(const struct dialogue *dialogue)
{
    return dialogue->was_answered;
}

bool dialogue_refuses_us(const struct dialogue *dialogue)
{
    return dialogue->refuses_us;
}

/* ---- what is said ---- */

static void clear(struct dialogue *dialogue)
{
    arena_reset(dialogue->arena);
    dialogue->out = dialogue->reply = (struct buffer){.arena = dialogue->arena};
    dialogue->sent = 0;
}

const char *dialogue_output(const struct dialogue *dialogue, size_t *length)
{
    *length = dialogue->out.length - dialogue->sent;
    return *length == 0 ? "" : dialogue->out.data + dialogue->sent;
}

void dialogue_sent(struct dialogue *dialogue, size_t length)
{
    assert(length <= dialogue->out.length - dialogue->sent);
    dialogue->sent += length;
}

static struct buffer *command(struct dialogue *dialogue, enum dialogue_state state)
{
    dialogue->state = state;
    dialogue->out.length = dialogue->sent = 0;
    return &dialogue->out;
}

void dialogue_begin(struct dialogue *dialogue, const char *name)
{
    clear(dialogue);
    dialogue->takes_8bit = dialogue->takes_utf8 = false;
    dialogue->was_answered = dialogue->refuses_us = false;
    dialogue->mail = NULL;
    dialogue->line_length = dialogue->line_count = 0;
    dialogue->trouble[0] = '\0';
    buffer_format(command(dialogue, DIALOGUE_HELLO), "EHLO %s\r\n", name);
}

static bool is_ascii(const char *text)
{
    return text_plain(text, strlen(text)) == strlen(text);
}

static bool has_high_bit(const char *text)
{
    while (*text != '\0' && (unsigned char)*text < 0x80)
        text++;
    return *text != '\0';
}

/* Nothing that would end the path, the command or the line (RFC 5321 §4.1.2). */
static bool is_path(const char *address)
{
    const size_t length = strlen(address);

    return length > 0 && strpbrk(address, "<> ") == NULL && utf8_text(address, length) == length;
}

/* Every line ends in CRLF, no CR or LF stands alone, and a dot that begins a line is doubled
 * (§4.5.2): the text cannot end before its end. */
static void text_put(struct buffer *out, const char *text)
{
    buffer_reserve(out, strlen(text) + strlen(text) / 16 + 16);
    while (*text != '\0') {
        const size_t length = strcspn(text, "\r\n");

        if (*text == '.')
            buffer_char(out, '.');
        buffer_bytes(out, text, length);
        buffer_bytes(out, "\r\n", 2);
        text += length;
        if (text[0] == '\r' && text[1] == '\n')
            text++;
        if (*text != '\0')
            text++;
    }
    buffer_bytes(out, ".\r\n", 3);
}

/* ---- what becomes of the mail ---- */

static void answered(struct dialogue *dialogue, enum transport_answer answer, const char *reason)
{
    struct mail *mail = dialogue->mail;

    dialogue->mail = NULL;
    mail->answer = answer;
    if (answer == TRANSPORT_REFUSED)
        mail->reason = arena_text(dialogue->mail_arena, reason);
}

static void trouble_set(struct dialogue *dialogue, const char *why)
{
    const size_t length = utf8_prefix(why, sizeof dialogue->trouble - 1);

    memcpy(dialogue->trouble, why, length);
    dialogue->trouble[length] = '\0';
}

void dialogue_break(struct dialogue *dialogue, const char *why)
{
    if (dialogue->state == DIALOGUE_IS_BROKEN)
        return;
    trouble_set(dialogue, why);
    if (dialogue->mail != NULL)
        answered(dialogue, TRANSPORT_SILENT, NULL);
    dialogue->state = DIALOGUE_IS_BROKEN;
    dialogue->out.length = dialogue->sent = 0;
}

/* What the server said, fit for a log and an event. */
static const char *reply_text(struct dialogue *dialogue)
{
    struct buffer shown = {.arena = dialogue->arena}, text = {.arena = dialogue->arena};

    if (dialogue->reply.length > 0)
        utf8_show(&shown, dialogue->reply.data, dialogue->reply.length);
    buffer_format(&text, "%d ", dialogue->code);
    utf8_fit(&text, shown.length == 0 ? "" : shown.data, REASON_MAX / 2);
    return text.data;
}

/* 503, 530, 534, 535 and 538 are about us, 421 is about the server.  So is whatever else refuses
 * the sender, who is the same for all mails: only 552 is about the size of this one (RFC 1870). */
static bool is_about_the_mail(const struct dialogue *dialogue)
{
    static const int others[] = {421, 503, 530, 534, 535, 538};
    const int code = dialogue->code;

    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (code == others[i])
            return false;
    return dialogue->state != DIALOGUE_MAIL || code < 500 || code == 552;
}

/* Not what was asked for. */
static void put_off_or_refuse(struct dialogue *dialogue, bool begun)
{
    const char *said = reply_text(dialogue);

    if (dialogue->code < 400 || !is_about_the_mail(dialogue)) {
        dialogue->refuses_us = dialogue->code >= 500;
        dialogue_break(dialogue, said);
        return;
    }
    if (dialogue->code >= 500) {
        answered(dialogue, TRANSPORT_REFUSED, said);
    } else {
        trouble_set(dialogue, said);
        answered(dialogue, TRANSPORT_SILENT, NULL);
    }
    if (begun)
        buffer_text(command(dialogue, DIALOGUE_RESET), "RSET\r\n");
    else
        dialogue->state = DIALOGUE_READY;
}

/* What cannot even be asked of this server. */
static const char *unsendable(const struct dialogue *dialogue, const struct mail *mail,
                              const char *sender, struct arena *arena)
{
    const char *const addresses[] = {sender, mail->recipient};

    for (size_t i = 0; i < 2; i++) {
        if (!is_path(addresses[i]))
            return arena_format(arena, "no mail can go by SMTP where an address is written so");
        if (!is_ascii(addresses[i]) && !dialogue->takes_utf8)
            return arena_format(arena,
                                "the mail server takes no address that is not ASCII (SMTPUTF8): %s",
                                addresses[i]);
    }
    if (has_high_bit(mail->text) && !dialogue->takes_8bit)
        return "the mail server takes no text that is not ASCII (8BITMIME)";
    return NULL;
}

void dialogue_send(struct dialogue *dialogue, struct mail *mail, const char *sender,
                   struct arena *arena)
{
    const char *why = unsendable(dialogue, mail, sender, arena);
    const bool is_8bit = has_high_bit(mail->text);
    const bool is_utf8 = !is_ascii(sender) || !is_ascii(mail->recipient);

    assert(dialogue->state == DIALOGUE_READY);
    clear(dialogue);
    dialogue->trouble[0] = '\0';
    dialogue->mail = mail;
    dialogue->mail_arena = arena;
    dialogue->was_answered = false;
    if (why != NULL) {
        answered(dialogue, TRANSPORT_REFUSED, why);
        return;
    }
    buffer_format(command(dialogue, DIALOGUE_MAIL), "MAIL FROM:<%s>%s%s\r\n", sender,
                  is_8bit ? " BODY=8BITMIME" : "", is_utf8 ? " SMTPUTF8" : "");
}

/* ---- what the server says ---- */

/* A line of the answer to EHLO but the first (§4.1.1.1). */
static void offer_take(struct dialogue *dialogue, const char *offer)
{
    const size_t length = strcspn(offer, " ");

    if (length == 8 && strncasecmp(offer, "8BITMIME", length) == 0)
        dialogue->takes_8bit = true;
    if (length == 8 && strncasecmp(offer, "SMTPUTF8", length) == 0)
        dialogue->takes_utf8 = true;
}

static void hello_answered(struct dialogue *dialogue)
{
    if (dialogue->code / 100 == 2)
        dialogue->state = DIALOGUE_READY;
    else
        dialogue_break(dialogue, reply_text(dialogue));
}

static bool is_sent(const struct dialogue *dialogue)
{
    return dialogue->sent == dialogue->out.length;
}

/* An answer to what has not left yet is none; but a text may be refused before its end. */
static bool is_expected(const struct dialogue *dialogue)
{
    return is_sent(dialogue) || (dialogue->state == DIALOGUE_ACCEPT &&
                                 (dialogue->line[0] == '4' || dialogue->line[0] == '5'));
}

/* A whole reply has come. */
static void reply_take(struct dialogue *dialogue)
{
    const int class = dialogue->code / 100;

    dialogue->was_answered = true;
    switch (dialogue->state) {
    case DIALOGUE_HELLO:
        hello_answered(dialogue);
        break;
    case DIALOGUE_MAIL:
        if (class == 2)
            buffer_format(command(dialogue, DIALOGUE_RCPT), "RCPT TO:<%s>\r\n",
                          dialogue->mail->recipient);
        else
            put_off_or_refuse(dialogue, false);
        break;
    case DIALOGUE_RCPT:
        if (class == 2)
            buffer_text(command(dialogue, DIALOGUE_DATA), "DATA\r\n");
        else
            put_off_or_refuse(dialogue, true);
        break;
    case DIALOGUE_DATA:
        if (dialogue->code == 354)
            text_put(command(dialogue, DIALOGUE_ACCEPT), dialogue->mail->text);
        else
            put_off_or_refuse(dialogue, true);
        break;
    case DIALOGUE_ACCEPT:
        if (class == 2) {
            dialogue->state = DIALOGUE_READY;
            answered(dialogue, TRANSPORT_ACCEPTED, NULL);
        } else {
            const bool was_sent = is_sent(dialogue);

            put_off_or_refuse(dialogue, false);
            if (!was_sent)
                dialogue_break(dialogue, "it would not take the whole text");
        }
        break;
    case DIALOGUE_RESET:
        if (class == 2)
            dialogue->state = DIALOGUE_READY;
        else
            dialogue_break(dialogue, reply_text(dialogue));
        break;
    case DIALOGUE_READY:
    case DIALOGUE_IS_BROKEN:
        dialogue_break(dialogue, reply_text(dialogue)); /* it was asked for nothing */
        break;
    }
}

/* The three digits, of 200 to 599; 0: there are none. */
static int code_of(const char *line, size_t length)
{
    if (length < 3 || line[0] < '2' || line[0] > '5' || line[1] < '0' || line[1] > '5' ||
        line[2] < '0' || line[2] > '9' || (length > 3 && line[3] != ' ' && line[3] != '-'))
        return 0;
    return (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
}

/* A line without its end (§4.2.1: all lines of a reply have one code, and all but the last a
 * hyphen behind it). */
static void line_take(struct dialogue *dialogue, char *line, size_t length)
{
    const int code = code_of(line, length);
    const bool is_first = dialogue->line_count == 0;
    const bool is_last = length < 4 || line[3] == ' ';
    const size_t from = length < 4 ? length : 4;

    if (code == 0 || (!is_first && code != dialogue->code) || dialogue->line_count == LINES_MAX) {
        dialogue_break(dialogue, "what it says is no SMTP");
        return;
    }
    if (is_first)
        dialogue->reply = (struct buffer){.arena = dialogue->arena};
    dialogue->code = code;
    dialogue->line_count++;
    if (dialogue->state == DIALOGUE_HELLO && !is_first && strlen(line) == length)
        offer_take(dialogue, line + from);
    if (dialogue->reply.length < REASON_MAX) {
        if (dialogue->reply.length > 0)
            buffer_char(&dialogue->reply, ' ');
        buffer_bytes(&dialogue->reply, line + from, length - from);
    }
    if (!is_last)
        return;
    dialogue->line_count = 0;
    reply_take(dialogue);
}

void dialogue_take(struct dialogue *dialogue, const char *bytes, size_t length)
{
    for (size_t i = 0; i < length && dialogue->state != DIALOGUE_IS_BROKEN; i++) {
        if (bytes[i] != '\n') {
            if (dialogue->line_length + 1 == LINE_MAX)
                dialogue_break(dialogue, "what it says is too long for SMTP");
            else
                dialogue->line[dialogue->line_length++] = bytes[i];
            continue;
        }
        if (dialogue->line_length > 0 && dialogue->line[dialogue->line_length - 1] == '\r')
            dialogue->line_length--;
        dialogue->line[dialogue->line_length] = '\0';
        if (!is_expected(dialogue))
            dialogue_break(dialogue, "it answers what it was not asked");
        else
            line_take(dialogue, dialogue->line, dialogue->line_length);
        dialogue->line_length = 0;
    }
}
