#include "events/address.h"

#include <idn2.h>
#include <stdio.h>
#include <string.h>

static bool is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

bool address_is_ascii(const char *address)
{
    return is_ascii(address, strlen(address));
}

bool address_is_readable(const char *address)
{
    const char *at = strchr(address, '@');

    if (at == NULL || at == address || at[1] == '\0' || strchr(at + 1, '@') != NULL ||
        !is_ascii(address, (size_t)(at - address)))
        return false;
    for (; *address != '\0'; address++)
        if ((unsigned char)*address <= ' ' || *address == 0x7f ||
            strchr("<>,;:()[]\\\"", *address) != NULL)
            return false;
    return true;
}

/* Each dot stands between two other characters: what a mail's header can name (RFC 5322 §3.2.3,
 * dot-atom), and no domain has an empty label. */
static bool is_of_atoms(const char *address)
{
    char before = '@';

    for (; *address != '\0'; before = *address++)
        if ((*address == '.' || *address == '@') && (before == '.' || before == '@'))
            return false;
    return before != '.';
}

static enum status domain_to_ascii(const char *address, const char *domain,
                                   char ascii[ADDRESS_SIZE], struct error *error)
{
    uint8_t *converted = NULL;
    int code =
        idn2_lookup_u8((const uint8_t *)domain, &converted, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    int length;

    if (code != IDN2_OK)
        return error_set(error, STATUS_INVALID, "IDNA 2008 does not allow its domain: %s",
                         idn2_strerror(code));
    length = snprintf(ascii, ADDRESS_SIZE, "%.*s%s", (int)(domain - address), address,
                      (const char *)converted);
    idn2_free(converted);
    if (length > ADDRESS_MAX)
        return error_set(error, STATUS_INVALID,
                         "with its domain as IDNA 2008 has it in ASCII it has %d characters: 3 to "
                         "%d are allowed",
                         length, ADDRESS_MAX);
    return STATUS_OK;
}

enum status address_to_ascii(const char *address, char ascii[ADDRESS_SIZE], struct error *error)
{
    const char *at = strchr(address, '@');
    const size_t length = strlen(address);

    if (!is_ascii(address, at == NULL ? length : (size_t)(at - address)))
        return error_set(
            error, STATUS_INVALID,
            "ASCII is allowed in front of the @, as mail servers need not take more (RFC 6531)");
    if (!address_is_readable(address) || !is_of_atoms(address) ||
        (is_ascii(address, length) && length > ADDRESS_MAX))
        return error_set(error, STATUS_INVALID,
                         "a mail address without blanks, quotes, or a dot at an end or beside "
                         "another, 3 to %d characters, is allowed",
                         ADDRESS_MAX);
    if (is_ascii(address, length)) {
        memcpy(ascii, address, length + 1);
        return STATUS_OK;
    }
    if (domain_to_ascii(address, at + 1, ascii, error) != STATUS_OK)
        return STATUS_INVALID;
    /* what looks like a dot, or like an @, becomes one */
    if (!address_is_readable(ascii) || !is_of_atoms(ascii))
        return error_set(error, STATUS_INVALID,
                         "IDNA 2008 does not allow its domain: in ASCII it is %s",
                         ascii + (at + 1 - address));
    return STATUS_OK;
}
