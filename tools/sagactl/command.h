/* A command of sagactl: a row of the table in main.c. */
#ifndef QUADRILLE_TOOLS_SAGACTL_COMMAND_H
#define QUADRILLE_TOOLS_SAGACTL_COMMAND_H

#include "base/settings.h"
#include "brokers/broker.h"
#include "history/log_source.h"
#include "services/catalog.h"

enum exit_code {
    EXIT_FINE = 0,
    EXIT_FOUND = 1,
    EXIT_USAGE = 2,
    EXIT_UNAVAILABLE = 3,
    EXIT_INTERRUPTED = 130
};

struct command {
    const char *name;
    const char *summary; /* for the list of commands */
    /* what stands behind the name, then a blank line, then text with examples */
    const char *usage;
    const struct setting *settings; /* the command's own; ended by a NULL name */
    enum exit_code (*run)(const struct settings *settings);
    /* words that may come first, separated by spaces, for completion; NULL: none */
    const char *verbs;
};

extern const struct command place_command, cancel_command, republish_command, stock_command,
    trace_command, watch_command, list_command, audit_command, replay_command, dlq_command,
    choreography_command, topics_command, doctor_command, recover_command, rewind_command,
    regroup_command, services_command, man_command, completion_command;

/* NULL-terminated, in the order in which they are listed */
extern const struct command *const commands[];
extern const struct setting common_settings[]; /* of all of them; ended by a NULL name */

/* Broker settings from the common options; `settings` must outlive it. */
struct broker_settings command_broker(const struct settings *settings);

/* The same, for who reads the log: with a bar on a terminal, until the command is interrupted. */
struct log_source command_source(const struct settings *settings);

/* The consumer group of a service, from CATALOG_GROUPS. */
const char *command_group(const struct settings *settings, int service);

/* Of all services, by number: their consumer groups, and the URIs of CATALOG_DATABASES, NULL where
 * one is not named. */
void command_groups(const struct settings *settings, const char *groups[SERVICES]);
void command_databases(const struct settings *settings, const char *databases[SERVICES]);

/* Says what went wrong on standard error and returns the exit code for it. */
enum exit_code command_fail(const struct error *error);
enum exit_code command_misused(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Says after how much of it a command was interrupted, and what that means; returns the exit code
 * for it. */
enum exit_code command_stopped(const char *what);

/* Asks on a terminal, unless --yes is given.  STATUS_INVALID where nobody can be asked,
 * STATUS_CONFLICT when the answer is no. */
enum status command_ask(const struct settings *settings, struct error *error, const char *format,
                        ...) __attribute__((format(printf, 3, 4)));

/* While the broker is waited for, with the milliseconds so far: tells a person at a terminal after
 * two seconds that it is.  False when the command was interrupted. */
bool command_waits(int64_t waited_ms);

/* Set by SIGINT and SIGTERM: long work ends early and says what it has. */
bool command_interrupted(void);

#endif
