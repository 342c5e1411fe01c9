#define _GNU_SOURCE /* fopencookie */
#include "tools/sagactl/terminal/output.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/utf8.h"

static struct stream {
    int descriptor, why; /* errno of the first write that failed */
    bool coloured;
    char held[4]; /* the beginning of a character whose end is in the next write */
    size_t held_length;
} streams[] = {{.descriptor = STDOUT_FILENO}, {.descriptor = STDERR_FILENO}};

/* How many bytes at the end may be the beginning of a character, or of a mark. */
static size_t unfinished(const char *bytes, size_t length)
{
    for (size_t back = 1; back <= 3 && back <= length; back++) {
        unsigned char c = (unsigned char)bytes[length - back];

        if ((c & 0xc0) == 0x80)
            continue;
        return (c == 0xff && back == 1) || (c >= 0xc2 && c < 0xe0 && back < 2) ||
                       (c >= 0xe0 && c < 0xf0 && back < 3) || (c >= 0xf0 && c < 0xf5)
                   ? back
                   : 0;
    }
    return 0;
}

static const char *sequence_of(char mark)
{
    static const char marks[] = "gbdo";
    static const char *const sequences[] = {"\033[32m", "\033[31m", "\033[2m", "\033[0m"};
    const char *found = mark == '\0' ? NULL : strchr(marks, mark);

    return found == NULL ? NULL : sequences[found - marks];
}

static void put(const struct stream *stream, struct buffer *out, const char *bytes, size_t length)
{
    size_t more;

    for (size_t at = 0; at < length; at += more) {
        const char *newline = memchr(bytes + at, '\n', length - at), *sequence;
        size_t run = newline == NULL ? length - at : (size_t)(newline - bytes) - at;

        more = utf8_valid(bytes + at, run);
        utf8_show(out, bytes + at, more);
        if (more > 0)
            continue;
        more = 1;
        sequence = bytes[at] == MARK[0] && at + 1 < length && stream->coloured
                       ? sequence_of(bytes[at + 1])
                       : NULL;
        if (sequence != NULL)
            buffer_text(out, sequence);
        else if (bytes[at] == '\n')
            buffer_char(out, '\n');
        else
            buffer_text(out, bytes[at] == '\0' ? "\\u0000" : "\\ufffd");
        more += sequence != NULL;
    }
}

static bool write_all(struct stream *stream, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t done = write(stream->descriptor, bytes, length);

        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0) {
            stream->why = stream->why != 0 ? stream->why : errno;
            return false;
        }
        bytes += done;
        length -= (size_t)done;
    }
    return true;
}

/* As fopencookie wants it: `length`, or 0 when it could not be written. */
static ssize_t stream_write(void *cookie, const char *bytes, size_t length)
{
    struct stream *stream = cookie;
    struct arena *arena = arena_new();
    struct buffer all = {.arena = arena}, out = {.arena = arena};
    bool written;

    buffer_bytes(&all, stream->held, stream->held_length);
    buffer_bytes(&all, bytes, length);
    stream->held_length = unfinished(all.data, all.length);
    memcpy(stream->held, all.data + all.length - stream->held_length, stream->held_length);
    buffer_text(&out, "");
    put(stream, &out, all.data, all.length - stream->held_length);
    written = write_all(stream, out.data, out.length);
    arena_free(arena);
    return written ? (ssize_t)length : 0;
}

static FILE *stream_open(struct stream *stream, int mode)
{
    const char *no_colour = getenv("NO_COLOR");
    FILE *file = fopencookie(stream, "w", (cookie_io_functions_t){.write = stream_write});

    if (file == NULL || setvbuf(file, NULL, mode, BUFSIZ) != 0)
        abort();
    stream->coloured = isatty(stream->descriptor) != 0 && (no_colour == NULL || *no_colour == '\0');
    return file;
}

void output_open(void)
{
    stdout = stream_open(&streams[0], isatty(STDOUT_FILENO) != 0 ? _IOLBF : _IOFBF);
    stderr = stream_open(&streams[1], _IOLBF);
}

void output_clear(void)
{
    fflush(stdout);
    write_all(&streams[0], "\033[H\033[J", sizeof "\033[H\033[J" - 1);
}

bool output_close(void)
{
    struct stream *stream = &streams[0];

    if (fflush(stdout) == 0 && ferror(stdout) == 0 && stream->why == 0)
        return true;
    if (stream->why != EPIPE)
        fprintf(stderr, "sagactl: cannot write to standard output: %s\n", strerror(stream->why));
    return false;
}
