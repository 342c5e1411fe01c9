/* What the relay looks at in the frames of Kafka's protocol, and what it changes there.
 *
 * A frame is a length of four bytes and as many bytes behind it, numbers being big-endian: of a
 * request the API's key, its version and a correlation id come first, of a response the correlation
 * id.  The layouts are those of the protocol guide (kafka.apache.org/protocol) for the versions
 * that the embedded broker promises. */
#ifndef QUADRILLE_BROKERS_EMBEDDED_FRAMES_H
#define QUADRILLE_BROKERS_EMBEDDED_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_PREFIX = 4,
    REQUEST_HEAD = 12,
    RESPONSE_HEAD = 8,
    API_METADATA = 3,
    API_FIND_COORDINATOR = 10,
    API_VERSIONS = 18
};
enum { API_VERSIONS_QUESTION = 14, API_VERSIONS_MAX = 2 };

struct request {
    int16_t api, version;
    int32_t correlation;
};

/* Of a frame that is there whole, with at least REQUEST_HEAD bytes. */
struct request request_of(const unsigned char *frame);

/* The correlation id of a response with at least RESPONSE_HEAD bytes. */
int32_t response_correlation(const unsigned char *frame);

/* The length that the prefix tells, without the prefix. */
uint32_t frame_length(const unsigned char *frame);

/* ApiVersions in version 0, which every broker answers. */
void api_versions_ask(unsigned char question[API_VERSIONS_QUESTION], int32_t correlation);

/* Must a response to it be rewritten? */
bool request_concerns(const struct request *request);

/* In a response to Metadata or FindCoordinator it puts `port` wherever a broker's is told, and a
 * broker that there is as the controller.  One to ApiVersions, asked in version 0 where the client
 * had asked in one that is too new, gets the error that says so (KIP-511: UNSUPPORTED_VERSION, in
 * version 0's body).  False when the response is not laid out as its version is. */
bool response_fix(unsigned char *frame, size_t size, const struct request *request, uint16_t port);

#endif
