/* How a function says that it failed.
 *
 * A function that can fail returns an `enum status` and, unless that is STATUS_OK, fills a `struct
 * error` with the same status and one line that names the thing, its value and what would be right.
 * It leaves nothing half done.  The kinds are those that a caller acts upon; there are no
 * others. */
#ifndef QUADRILLE_BASE_ERROR_H
#define QUADRILLE_BASE_ERROR_H

enum status {
    STATUS_OK,
    /* broker, database or provider cannot be reached now: wait and try again */
    STATUS_UNAVAILABLE,
    STATUS_INVALID, /* this input can never be processed: dead-letter it, or tell who sent it */
    /* somebody else moved the row since it was read: load it again and decide anew */
    STATUS_CONFLICT,
    STATUS_BUG /* none of the above: stop loudly */
};

struct error {
    enum status status;
    char message[480]; /* one line, no newline at its end */
};

/* Fills `error` and returns `status`, so that a failing function can end in `return
 * error_set(...)`. */
enum status error_set(struct error *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
