#include "services/runtime/alerts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/backoff.h"
#include "base/clock.h"
#include "base/http_client.h"
#include "base/log.h"
#include "base/timestamp.h"

enum { ALERTS_MAX = 64, ALERT_SIZE = 1024, SERVICE_SIZE = 32, TIMEOUT_MS = 5000 };
enum { AGAIN_MIN_MS = 1000, AGAIN_MAX_MS = 60000 };

struct alert {
    char service[SERVICE_SIZE];
    bool firing;
    char key[SERVICE_SIZE + TIMESTAMP_SIZE]; /* it is the same alert however often it is sent */
    char body[ALERT_SIZE];
};

struct alerts {
    struct http_client *client;
    struct arena *arena;
    const char *url, *origin;
    struct alert waiting[ALERTS_MAX]; /* the oldest first */
    size_t count;
    bool is_under_way; /* the first of them */
    int64_t again_at_us;
    int again_ms;
};

struct alerts *alerts_new(const char *url, struct error *error)
{
    static const struct http_settings settings = {.user_agent = "quadrille", .connections_max = 1};
    struct alerts *alerts;

    if (http_url_check(url, error) != STATUS_OK)
        return NULL;
    alerts = calloc(1, sizeof *alerts);
    if (alerts == NULL)
        abort();
    alerts->arena = arena_new_small();
    alerts->url = arena_text(alerts->arena, url);
    alerts->origin = http_url_origin(alerts->arena, url);
    alerts->client = http_client_new(&settings, error);
    if (alerts->client == NULL) {
        alerts_free(alerts);
        return NULL;
    }
    return alerts;
}

static void alert_make(struct alert *alert, const char *service, bool firing, const char *summary)
{
    char at[TIMESTAMP_SIZE];

    timestamp_format(clock_us(), at);
    snprintf(alert->service, sizeof alert->service, "%s", service);
    snprintf(alert->key, sizeof alert->key, "%.20s-%s", service, at);
    alert->firing = firing;
    snprintf(alert->body, sizeof alert->body,
             "[{\"labels\":{\"alertname\":\"%s-service-degraded\",\"service\":\"%s\","
             "\"severity\":\"warning\"},\"annotations\":{\"summary\":\"%.400s\"},\"%s\":\"%s\"}]\n",
             service, service, summary, firing ? "startsAt" : "endsAt", at);
}

/* More than so many were never taken: the oldest but the one under way is given up. */
static void make_room(struct alerts *alerts)
{
    if (alerts->count < ALERTS_MAX)
        return;
    log_warning("an alert is given up: %d wait to be taken", ALERTS_MAX);
    memmove(&alerts->waiting[1], &alerts->waiting[2], (ALERTS_MAX - 2) * sizeof alerts->waiting[0]);
    alerts->count--;
}

void alerts_tell(struct alerts *alerts, const char *service, bool firing, const char *summary)
{
    if (alerts == NULL)
        return;
    make_room(alerts);
    alert_make(&alerts->waiting[alerts->count++], service, firing, summary);
    alerts_run(alerts);
}

static void not_taken(struct alerts *alerts, const struct http_answer *answer)
{
    if (alerts->again_ms == 0 && answer->status == 0)
        log_warning("alert not taken: %s: sent again until it is", answer->error);
    else if (alerts->again_ms == 0)
        log_warning("alert not taken: %s says %ld: sent again until it is", alerts->origin,
                    answer->status);
    alerts->again_ms = backoff_next_ms(alerts->again_ms, AGAIN_MIN_MS, AGAIN_MAX_MS);
    alerts->again_at_us = clock_steady_us() + alerts->again_ms * INT64_C(1000);
}

static void on_answer(void *context, const struct http_answer *answer)
{
    struct alerts *alerts = context;

    alerts->is_under_way = false;
    if (answer->status < 200 || answer->status > 299) {
        not_taken(alerts, answer);
        return;
    }
    log_info("alert taken: %s-service-degraded is %s", alerts->waiting[0].service,
             alerts->waiting[0].firing ? "firing" : "resolved");
    alerts->again_ms = 0;
    alerts->again_at_us = 0;
    alerts->count--;
    memmove(&alerts->waiting[0], &alerts->waiting[1], alerts->count * sizeof alerts->waiting[0]);
}

static void send(struct alerts *alerts)
{
    const struct alert *alert = &alerts->waiting[0];
    char key[sizeof alert->key + 20];
    const char *const headers[] = {"Content-Type: application/json", key, NULL};
    const struct http_request request = {.method = "POST",
                                         .url = alerts->url,
                                         .headers = headers,
                                         .body = alert->body,
                                         .length = strlen(alert->body),
                                         .timeout_ms = TIMEOUT_MS,
                                         .done = on_answer,
                                         .context = alerts};

    snprintf(key, sizeof key, "Idempotency-Key: %s", alert->key);
    alerts->is_under_way = true;
    http_client_send(alerts->client, &request);
}

void alerts_run(struct alerts *alerts)
{
    if (alerts == NULL)
        return;
    if (!alerts->is_under_way && alerts->count > 0 && clock_steady_us() >= alerts->again_at_us)
        send(alerts);
    http_client_run(alerts->client);
}

void alerts_free(struct alerts *alerts)
{
    if (alerts == NULL)
        return;
    http_client_free(alerts->client);
    arena_free(alerts->arena);
    free(alerts);
}
