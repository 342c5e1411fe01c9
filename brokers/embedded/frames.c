#include "brokers/embedded/frames.h"

/* Goes over a response; once something is not there, nothing more is. */
struct walk {
    unsigned char *at, *end;
    bool failed;
};

static unsigned char *walk_over(struct walk *walk, size_t size)
{
    unsigned char *at = walk->at;

    if (walk->failed || size > (size_t)(walk->end - at)) {
        walk->failed = true;
        return NULL;
    }
    walk->at += size;
    return at;
}

static uint32_t big_endian(const unsigned char *bytes, size_t size)
{
    uint32_t value = 0;

    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

static void put_big_endian(unsigned char *bytes, size_t size, uint32_t value)
{
    for (size_t i = size; i-- > 0; value >>= 8)
        bytes[i] = (unsigned char)value;
}

static uint32_t walk_number(struct walk *walk, size_t size)
{
    const unsigned char *at = walk_over(walk, size);

    return at == NULL ? 0 : big_endian(at, size);
}

/* A length of -1 says that there is no string. */
static void walk_string(struct walk *walk)
{
    uint32_t length = walk_number(walk, 2);

    if (length != UINT16_MAX)
        walk_over(walk, length);
}

static void walk_port(struct walk *walk, uint16_t port)
{
    unsigned char *at = walk_over(walk, 4);

    if (at != NULL)
        put_big_endian(at, 4, port);
}

struct request request_of(const unsigned char *frame)
{
    return (struct request){.api = (int16_t)big_endian(frame + 4, 2),
                            .version = (int16_t)big_endian(frame + 6, 2),
                            .correlation = (int32_t)big_endian(frame + 8, 4)};
}

int32_t response_correlation(const unsigned char *frame)
{
    return (int32_t)big_endian(frame + 4, 4);
}

uint32_t frame_length(const unsigned char *frame)
{
    return big_endian(frame, FRAME_PREFIX);
}

void api_versions_ask(unsigned char question[API_VERSIONS_QUESTION], int32_t correlation)
{
    put_big_endian(question, 4, API_VERSIONS_QUESTION - FRAME_PREFIX);
    put_big_endian(question + 4, 2, API_VERSIONS);
    put_big_endian(question + 6, 2, 0);
    put_big_endian(question + 8, 4, (uint32_t)correlation);
    put_big_endian(question + 12, 2, UINT16_MAX); /* no name of the client */
}

bool request_concerns(const struct request *request)
{
    return request->api == API_METADATA || request->api == API_FIND_COORDINATOR ||
           (request->api == API_VERSIONS && request->version > API_VERSIONS_MAX);
}

static void versions_refuse(struct walk *walk)
{
    enum { UNSUPPORTED_VERSION = 35 };
    unsigned char *at = walk_over(walk, 2);

    if (at != NULL)
        put_big_endian(at, 2, UNSUPPORTED_VERSION);
}

static void metadata_readdress(struct walk *walk, int16_t version, uint16_t port)
{
    uint32_t brokers, first = 0, controller;
    bool is_there = false;
    unsigned char *at, *ids;

    if (version >= 3)
        walk_over(walk, 4); /* for how long the client is throttled */
    brokers = walk_number(walk, 4);
    ids = walk->at;
    for (uint32_t i = 0; i < brokers && !walk->failed; i++) {
        uint32_t id = walk_number(walk, 4);

        first = i == 0 ? id : first;
        walk_string(walk); /* its host */
        walk_port(walk, port);
        if (version >= 1)
            walk_string(walk); /* its rack */
    }
    if (version >= 2)
        walk_string(walk); /* the cluster's id */
    if (version < 1)
        return;
    at = walk_over(walk, 4);
    if (at == NULL || brokers == 0)
        return;
    controller = big_endian(at, 4);
    walk->at = ids;
    for (uint32_t i = 0; i < brokers; i++) {
        is_there |= walk_number(walk, 4) == controller;
        walk_string(walk);
        walk_over(walk, 4);
        walk_string(walk);
    }
    if (!is_there)
        put_big_endian(at, 4, first);
}

static void coordinator_readdress(struct walk *walk, int16_t version, uint16_t port)
{
    if (version >= 1)
        walk_over(walk, 4); /* for how long the client is throttled */
    walk_over(walk, 2);     /* the error */
    if (version >= 1)
        walk_string(walk); /* what it says */
    walk_over(walk, 4);    /* the broker's id */
    walk_string(walk);     /* its host */
    walk_port(walk, port);
}

bool response_fix(unsigned char *frame, size_t size, const struct request *request, uint16_t port)
{
    struct walk walk = {.end = frame + size};

    walk.at = frame + RESPONSE_HEAD;
    switch (request->api) {
    case API_METADATA:
        metadata_readdress(&walk, request->version, port);
        break;
    case API_FIND_COORDINATOR:
        coordinator_readdress(&walk, request->version, port);
        break;
    default:
        versions_refuse(&walk);
        break;
    }
    return !walk.failed;
}
