#include "services/daemon/settings.h"

#include "services/runtime/crash.h"
#include "services/runtime/loop.h"

const char *const daemon_log_levels[] = {"error", "warning", "notice", "info", "debug", NULL};
static const char *const log_formats[] = {"auto", "text", "json", NULL};
static const char *const markdown[] = {"common", "own", NULL};

/* clang-format off */
const struct setting daemon_settings[] = {
    {.name = "brokers", .kind = SETTING_TEXT, .fallback = "127.0.0.1:9092",
     .meaning = "Kafka brokers to start from: HOST:PORT, separated by commas",
     .details = "One that answers is enough, for it names the others. Name two or three, so that "
                "the service also starts while one of them is down."},
    {.name = "database", .kind = SETTING_TEXT, .fallback = "",
     .meaning = "PostgreSQL URI or keywords of the database",
     .details = "What is not given comes from libpq's own variables (PGHOST, PGUSER, PGPASSFILE "
                "and so on). A program of one service has a database of its own, which all its "
                "instances share. The services that quadrille hosts share this one, in a schema "
                "each that is named after the service, but for those that have their own by "
                "--SERVICE-database. Several hosts may be named; target_session_attrs=read-write then finds "
                "the one that takes writes. Put a password into the environment or a password "
                "file: arguments can be read by every user of the machine."},
    {.name = "database-timeout-ms", .kind = SETTING_INTEGER, .fallback = "30000",
     .min = 100, .max = 3600000,
     .meaning = "milliseconds after which the database's answer is given up",
     .details = "The connection is closed then, a new one is made, and the batch is tried again "
                "from its beginning. Lower it to notice sooner a server that stands still; raise "
                "it where statements wait long for a lock or a slow disk. Migrations are not "
                "bounded by it."},
    {.name = "group", .kind = SETTING_TEXT,
     .meaning = "consumer group, by default quadrille- and the names of its services",
     .details = "Members of a group share its partitions, so all of them host the same services: "
                "members that read other topics lose messages to each other, which each reports "
                "in its log. Another name starts from the beginning of all topics. sagactl is "
                "told of it by --SERVICE-group."},
    {.name = "instance", .kind = SETTING_TEXT,
     .meaning = "name of this instance, for static membership",
     .details = "With a name that outlives a restart, such as that of a host or a pod, an "
                "instance keeps its partitions over a restart that is shorter than "
                "session.timeout.ms, and nothing moves. Without one the others take over at once "
                "when it ends. The older of two with one name is fenced by the broker, and ends."},
    {.name = "kafka", .kind = SETTING_LIST,
     .meaning = "a property of librdkafka, as NAME=VALUE",
     .details = "For TLS, SASL and time-outs, as security.protocol=ssl; in the environment "
                "several are separated by spaces. Those on which the guarantees rest are refused."},
    {.name = "batch", .kind = SETTING_INTEGER, .fallback = "1000",
     .min = 1, .max = 100000,
     .meaning = "messages taken at once, at most",
     .details = "A batch is one transaction of the database; the service never waits for one to "
                "fill. Fewer messages a batch cost more transactions under load, more of them "
                "cost memory, and time when a batch is done again. A process of several services "
                "takes that many divided by their number, since each message may go through all "
                "of them. There is seldom a reason to change it: a batch also ends at 8 MiB."},
    {.name = "sweep-interval-ms", .kind = SETTING_INTEGER, .fallback = "1000",
     .min = 10, .max = 3600000,
     .meaning = "milliseconds between two looks for what is overdue",
     .details = "A deadline or a retry is noticed that much late, at most. Each look is one query "
                "by an index; raise the interval where many idle instances share a database."},
    {.name = "log-level", .kind = SETTING_CHOICE, .fallback = "info", .choices = daemon_log_levels,
     .meaning = "the least that is logged",
     .details = "warning says what is unavailable or was dead-lettered, notice what is back, info "
                "also how much was done, debug each decision: one line a message."},
    {.name = "log-format", .kind = SETTING_CHOICE, .fallback = "auto", .choices = log_formats,
     .meaning = "how it is logged: auto is text on a terminal, else json",
     .details = "json is one object a line, with the order's id and the correlation id where "
                "there is one; the log goes to standard error."},
    {.name = "heartbeat-file", .kind = SETTING_TEXT,
     .meaning = "a file that is touched every second while the service is not stuck",
     .details = "Set it where something restarts a service that is stuck. It is touched for as "
                "long as the loop goes round, also while the broker, the database or the provider "
                "is unavailable: a restart would repair nothing there. --health-check reads it."},
    {.name = "heartbeat-max-age-ms", .kind = SETTING_INTEGER, .fallback = "60000",
     .min = 1000, .max = 3600000,
     .meaning = "milliseconds that the heartbeat may be old, for --health-check",
     .details = "Raise it where one batch may take longer, or a name server keeps the system's "
                "resolver waiting; lower it to restart a stuck service sooner."},
    {.name = "health-check", .kind = SETTING_FLAG,
     .meaning = "only look at the heartbeat of a service that runs",
     .details = "The exit status is 0 when --heartbeat-file is recent enough, else 1 with the "
                "reason. It is meant for a liveness probe of a container, or a timer."},
    {.name = "crash-at", .kind = SETTING_CHOICE, .choices = crash_points,
     .meaning = "for tests: die there as if by kill -9",
     .details = "Each is a step of the loop between which and the next nothing may be lost or "
                "done twice. Leave it unset."},
    {.name = "help", .kind = SETTING_FLAG, .meaning = "print this text"},
    {.name = "version", .kind = SETTING_FLAG, .meaning = "print the version"},
    {.name = "help-man", .kind = SETTING_FLAG,
     .meaning = "print the manual page",
     .details = "It can be read by man -l -; make install puts it where man finds it."},
    {.name = "help-markdown", .kind = SETTING_CHOICE, .choices = markdown,
     .meaning = "print the settings in Markdown, those of all services or its own",
     .details = "docs/configuration.md is made of these."},
    {.name = NULL},
};

const struct setting daemon_effects_settings[] = {
    {.name = "effects-max", .kind = SETTING_INTEGER, .fallback = "2000",
     .min = 1, .max = 100000,
     .meaning = "calls to the provider, or mails, that may be under way at once",
     .details = "At the bound no message is taken until one of them is answered. Lower it to what "
                "the provider allows; raise it where the rate of orders times the time of a call "
                "is more."},
    {.name = "breaker-threshold-percent", .kind = SETTING_INTEGER, .fallback = "50",
     .min = 1, .max = 100,
     .meaning = "share of failed calls at which the circuit breaker opens",
     .details = "Of the calls of the last ten seconds to the provider, or to the mail transport; "
                "a call without an answer has failed, one that is declined has not. While the "
                "breaker is open nobody is asked: payment.pending is emitted, mails wait, and both "
                "are tried again later."},
    {.name = "breaker-min-calls", .kind = SETTING_INTEGER, .fallback = "20",
     .min = 1, .max = 100000,
     .meaning = "calls in ten seconds below which the circuit breaker stays closed",
     .details = "A few failures tell nothing. Lower it where there are few orders a second."},
    {.name = "breaker-reset-ms", .kind = SETTING_INTEGER, .fallback = "30000",
     .min = 1, .max = 3600000,
     .meaning = "milliseconds after which an open circuit breaker lets a few calls through",
     .details = "It closes when these are answered, and opens again when one fails. Lower it to "
                "notice sooner that the provider is back."},
    {.name = "alert-url", .kind = SETTING_TEXT,
     .meaning = "URL that alerts are posted to, as JSON",
     .details = "SERVICE-service-degraded is firing when the circuit breaker opens and resolved "
                "when it closes, once each, in the form of Alertmanager's API (/api/v2/alerts). One "
                "that is not taken is sent again, and holds nothing up."},
    {.name = NULL},
};
/* clang-format on */
