/* config_syntax.c: checks of single texts, each answer a reason and a cure. */
#include "config_syntax.h"

#include <stddef.h>
#include <string.h>

#include "segment.h"

#define MAX_INTERFACE 15 /* IFNAMSIZ without its NUL */
#define MAX_HOST 253     /* RFC 1035, section 3.1, in text form */
#define MAX_LABEL 63
#define MAX_PATH 1023
#define MAX_USER 32
#define MAX_TAG 1024

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7F)
            return true;
    return false;
}

static bool is_ascii(const char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text >= 0x80)
            return false;
    return true;
}

const char *config_syntax_interface(const char *text)
{
    if (*text == '\0')
        return "is no name; write the name as 'ip link' shows it";
    if (strlen(text) > MAX_INTERFACE)
        return "is longer than 15 characters; write the name as 'ip link' shows it";
    if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0 || strpbrk(text, "/ ") != NULL || has_control(text))
        return "cannot be an interface: no '/', blank or control character is allowed; write the name as 'ip link' shows it";
    if (strchr(text, ':') != NULL)
        return "is an alias of an address; write the interface's name, without the ':' and what follows";
    return NULL;
}

bool config_syntax_can_be_asked_for(const char *text)
{
    const size_t size = strlen(text);

    return size > 0 && size < SEG_INTERFACE_MAX && strcmp(text, ".") != 0 && strcmp(text, "..") != 0 && is_ascii(text)
           && !has_control(text);
}

/* One label of a name, `size` bytes. */
static bool is_label(const char *text, size_t size)
{
    return size > 0 && size <= MAX_LABEL && strspn(text, LETTERS DIGITS "-_") >= size && text[0] != '-' && text[size - 1] != '-';
}

/* By RFC 1123; one dot at the end is fine. *last: where the last label begins. */
static bool is_host_name(const char *text, const char **last)
{
    size_t size = strlen(text);
    size_t label;

    if (size > 0 && text[size - 1] == '.')
        size--;
    if (size > MAX_HOST)
        return false;
    for (;; text += label + 1, size -= label + 1) {
        label = strcspn(text, ".");
        label = label < size ? label : size;
        if (!is_label(text, label))
            return false;
        *last = text;
        if (label == size)
            return true;
        if (size == label + 1)
            return false;
    }
}

static const char *template_problem(const char *text)
{
    if (strstr(text, "%%") == NULL)
        return NULL;
    return "is an Autodiscovery variable, which only the Agent fills in; write the name or address itself";
}

const char *config_syntax_host(const char *text)
{
    struct ip_prefix prefix;
    const char *last = text;
    size_t digits;

    if (prefix_parse(text, &prefix, NULL))
        return strchr(text, '/') == NULL ? NULL : "is a CIDR block; those belong under 'ips'";
    if (template_problem(text) != NULL)
        return template_problem(text);
    if (!is_ascii(text))
        return "is not ASCII; write the name in its punycode form (xn--...)";
    if (!is_host_name(text, &last))
        return "is not a host name; write a name such as db1.example.com, without scheme, port or path";
    digits = strspn(last, DIGITS);
    if (last[digits] == '\0' || last[digits] == '.')
        return "is neither a host name (the last part is a number) nor an IP address; write a name such as db1.example.com";
    return NULL;
}

const char *config_syntax_net(const char *text)
{
    struct ip_prefix prefix;
    const char *last;

    if (prefix_parse(text, &prefix, NULL))
        return NULL;
    if (template_problem(text) != NULL)
        return template_problem(text);
    if (strpbrk(text, LETTERS) != NULL && is_host_name(text, &last))
        return "is not an IP address; a name can stand only under 'hosts'";
    return "is not an IP address or a CIDR block; write one such as 192.0.2.1, 192.0.2.0/24 or '2001:db8::1'";
}

/* One of its numbers, and the point behind it if there is one. */
static bool take_octet(const char **text, uint8_t *out)
{
    const size_t digits = strspn(*text, DIGITS);
    unsigned number = 0;

    for (size_t i = 0; i < digits && number <= UINT8_MAX; i++)
        number = 10 * number + (unsigned)((*text)[i] - '0');
    *text += digits;
    *out = (uint8_t)number;
    if (digits == 0 || number > UINT8_MAX || (**text != '.' && **text != '\0'))
        return false;
    *text += **text == '.' && (*text)[1] != '\0'; /* a point at the end stays, and is no number */
    return true;
}

bool config_syntax_old_net(const char *text, struct ip_prefix *out)
{
    uint8_t octets[4] = { 0 };
    unsigned count = 0;

    while (*text != '\0')
        if (count == sizeof octets || !take_octet(&text, &octets[count++]))
            return false;
    if (count < 2)
        return false;
    *out = (struct ip_prefix){ .base = address_from_v4(octets), .bits = (uint8_t)(96 + 8 * count) };
    return true;
}

const char *config_syntax_path(const char *text)
{
    if (*text == '\0')
        return "is no path; write the path of a file";
    if (strlen(text) > MAX_PATH)
        return "is longer than 1023 bytes; write a shorter path";
    if (has_control(text))
        return "has a control character in it; write the path of a file";
    return NULL;
}

const char *config_syntax_segment(const char *text)
{
    const char *name = strrchr(text, '/');

    if (config_syntax_path(text) != NULL)
        return config_syntax_path(text);
    if (*text != '/')
        return "is not an absolute path; write one such as /dev/shm/go-metro";
    name++;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return "is a folder; write the path of a file such as /dev/shm/go-metro";
    return NULL;
}

const char *config_syntax_user(const char *text)
{
    size_t size = strlen(text);

    if (size == 0 || size > MAX_USER || strspn(text, LETTERS DIGITS "_.-$") != size || *text == '-')
        return "is not a user's name; write one that 'getent passwd' shows, such as dd-agent";
    return NULL;
}

const char *config_syntax_tag(const char *text)
{
    if (strlen(text) > MAX_TAG)
        return "is longer than 1024 bytes; shorten the tag";
    if (has_control(text))
        return "has a control character in it; write tags such as role:db";
    return NULL;
}
