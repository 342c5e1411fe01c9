#include "brokers/embedded/relay.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "brokers/embedded/frames.h"

enum {
    READ_AT_ONCE = 65536,
    /* bytes that one end does not take, until no more is read from the other */
    WAITING_MAX = 4 * 1024 * 1024,
    FRAME_MAX = 128 * 1024 * 1024, /* what claims to be longer is no Kafka */
    BYTES_MAX = 4 * FRAME_MAX,     /* twice what waits: a frame, and what came with its end */
    ASKED_MAX = 64,                /* such questions under way on one connection */
    LINKS_MAX = 1000,
};

struct bytes {
    unsigned char *at;
    size_t length, capacity;
};

/* `read` is less than a frame, `unsent` goes out when the other side takes it. */
struct end {
    int fd;
    struct bytes read, unsent;
};

/* A client and its connection to the mock. */
struct link {
    struct end client, broker;
    struct request asked[ASKED_MAX]; /* those whose answers are to be rewritten */
    size_t asked_count;
};

struct relay {
    int listener;
    uint16_t port, behind;
    struct link *links[LINKS_MAX];
    size_t link_count;
};

static void bytes_add(struct bytes *bytes, const unsigned char *more, size_t length)
{
    if (length == 0)
        return;
    if (bytes->capacity - bytes->length < length) {
        const size_t capacity = (bytes->length + length) * 2;
        unsigned char *larger = capacity <= BYTES_MAX ? realloc(bytes->at, capacity) : NULL;

        if (larger == NULL) {
            fprintf(stderr, "quadrille-embedded-broker: no memory\n");
            abort();
        }
        bytes->at = larger;
        bytes->capacity = capacity;
    }
    memcpy(bytes->at + bytes->length, more, length);
    bytes->length += length;
}

static void bytes_drop(struct bytes *bytes, size_t length)
{
    bytes->length -= length;
    if (length > 0 && bytes->length > 0)
        memmove(bytes->at, bytes->at + length, bytes->length);
}

static void link_free(struct link *link)
{
    struct end *ends[] = {&link->client, &link->broker};

    for (int i = 0; i < 2; i++) {
        if (ends[i]->fd >= 0)
            close(ends[i]->fd);
        free(ends[i]->read.at);
        free(ends[i]->unsent.at);
    }
    free(link);
}

static bool end_prepare(int fd)
{
    int on = 1, flags = fcntl(fd, F_GETFL);

    return flags != -1 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

static struct sockaddr_in local(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static struct link *link_new(int client, uint16_t behind)
{
    const struct sockaddr_in address = local(behind);
    struct link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        close(client);
        return NULL;
    }
    link->client.fd = client;
    link->broker.fd = socket(AF_INET, SOCK_STREAM, 0);
    if (link->broker.fd < 0 ||
        connect(link->broker.fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        !end_prepare(link->broker.fd) || !end_prepare(client)) {
        link_free(link);
        return NULL;
    }
    return link;
}

/* False when the other side is gone. */
static bool end_send(struct end *end)
{
    while (end->unsent.length > 0) {
        ssize_t sent = send(end->fd, end->unsent.at, end->unsent.length, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        bytes_drop(&end->unsent, (size_t)sent);
    }
    return true;
}

static bool end_receive(struct end *end)
{
    unsigned char bytes[READ_AT_ONCE];
    ssize_t received = recv(end->fd, bytes, sizeof bytes, 0);

    if (received > 0)
        bytes_add(&end->read, bytes, (size_t)received);
    return received > 0 || (received < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool take_request(struct link *link, const unsigned char *frame, size_t size)
{
    unsigned char question[API_VERSIONS_QUESTION];
    struct request request;

    if (size < REQUEST_HEAD)
        return false;
    request = request_of(frame);
    if (request_concerns(&request)) {
        if (link->asked_count == ASKED_MAX)
            return false;
        link->asked[link->asked_count++] = request;
    }
    if (request.api == API_VERSIONS && request.version > API_VERSIONS_MAX) {
        api_versions_ask(question, request.correlation);
        frame = question;
        size = sizeof question;
    }
    bytes_add(&link->broker.unsent, frame, size);
    return true;
}

static bool take_response(struct link *link, unsigned char *frame, size_t size, uint16_t port)
{
    if (size < RESPONSE_HEAD)
        return false;
    for (size_t i = 0; i < link->asked_count; i++)
        if (link->asked[i].correlation == response_correlation(frame)) {
            if (!response_fix(frame, size, &link->asked[i], port))
                return false;
            link->asked[i] = link->asked[--link->asked_count];
            break;
        }
    bytes_add(&link->client.unsent, frame, size);
    return true;
}

/* Every frame that is there whole. */
static bool take_frames(struct link *link, struct end *from, uint16_t port)
{
    size_t taken = 0;

    while (from->read.length - taken >= FRAME_PREFIX) {
        unsigned char *frame = from->read.at + taken;
        uint32_t length = frame_length(frame);

        if (length > FRAME_MAX)
            return false;
        if (from->read.length - taken < FRAME_PREFIX + (size_t)length)
            break;
        if (!(from == &link->client ? take_request(link, frame, FRAME_PREFIX + length)
                                    : take_response(link, frame, FRAME_PREFIX + length, port)))
            return false;
        taken += FRAME_PREFIX + length;
    }
    bytes_drop(&from->read, taken);
    return true;
}

/* What came before an end is sent on all the same. */
static bool link_move(struct link *link, struct end *from, short events, uint16_t port)
{
    bool goes_on = (events & (POLLIN | POLLHUP | POLLERR)) == 0 || end_receive(from),
         understood = take_frames(link, from, port);
    bool client_takes = end_send(&link->client), broker_takes = end_send(&link->broker);

    return goes_on && understood && client_takes && broker_takes;
}

static short wanted(const struct end *end, const struct end *other)
{
    return (short)((other->unsent.length < WAITING_MAX ? POLLIN : 0) |
                   (end->unsent.length > 0 ? POLLOUT : 0));
}

static void relay_accept(struct relay *relay)
{
    int client = accept(relay->listener, NULL, NULL);
    struct link *link;

    if (client < 0)
        return;
    if (relay->link_count == LINKS_MAX) {
        close(client);
        return;
    }
    link = link_new(client, relay->behind);
    if (link != NULL)
        relay->links[relay->link_count++] = link;
}

int relay_listen(uint16_t *port)
{
    struct sockaddr_in address = local(0);
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    if (listener < 0)
        return -1;
    if (bind(listener, (const struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 128) != 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        fcntl(listener, F_SETFL, O_NONBLOCK) != 0) {
        close(listener);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return listener;
}

/* Of one link, the last one first: one that ends is replaced by the last, which has had its
 * turn. */
static void relay_serve(struct relay *relay, size_t i, const struct pollfd ready[2])
{
    struct link *link = relay->links[i];

    if (link_move(link, &link->client, ready[0].revents, relay->port) &&
        link_move(link, &link->broker, ready[1].revents, relay->port))
        return;
    link_free(link);
    relay->links[i] = relay->links[--relay->link_count];
}

bool relay_run(int listener, uint16_t port, uint16_t behind, int until)
{
    static struct relay relay;
    static struct pollfd ready[2 + 2 * LINKS_MAX];

    relay = (struct relay){.listener = listener, .port = port, .behind = behind};
    ready[0] = (struct pollfd){.fd = until, .events = POLLIN};
    ready[1] = (struct pollfd){.fd = listener, .events = POLLIN};
    for (;;) {
        for (size_t i = 0; i < relay.link_count; i++) {
            const struct link *link = relay.links[i];

            ready[2 + 2 * i] = (struct pollfd){.fd = link->client.fd,
                                               .events = wanted(&link->client, &link->broker)};
            ready[3 + 2 * i] = (struct pollfd){.fd = link->broker.fd,
                                               .events = wanted(&link->broker, &link->client)};
        }
        if (poll(ready, (nfds_t)(2 + 2 * relay.link_count), -1) < 0) {
            if (errno != EINTR)
                return false;
            continue;
        }
        if (ready[0].revents != 0)
            break;
        for (size_t i = relay.link_count; i-- > 0;)
            relay_serve(&relay, i, &ready[2 + 2 * i]);
        if (ready[1].revents != 0)
            relay_accept(&relay);
    }
    while (relay.link_count > 0)
        link_free(relay.links[--relay.link_count]);
    return true;
}
