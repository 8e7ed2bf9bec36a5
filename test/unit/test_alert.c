/* SPDX-License-Identifier: MIT */
#include "ledger_fixture.h"

#include <arpa/inet.h>
#include <jansson.h>

#include "proxy/alert.h"
#include "proxy/upstream_alert.h"

/* ---- addresses ---- */

static bool is_private(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
        return address_is_private((const struct sockaddr *)&v4);
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return address_is_private((const struct sockaddr *)&v6);
}

static void private_addresses_are_known(void **state)
{
    static const char *const inside[] = {
        "0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.0.9", "169.254.169.254",
        "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
        "198.51.100.7", "203.0.113.9", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1",
        "::ffff:10.0.0.1", "fc00::1", "fd12::1", "fe80::1", "ff02::1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
        "2001::1", "2001:db8::1", "3fff::1", "::127.0.0.1",
    };
    static const char *const outside[] = {
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "128.0.0.1",
        "169.253.0.1", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.169.0.0", "198.17.0.1", "198.20.0.0",
        "223.255.255.255", "2606:4700::1111", "2a00:1450::1", "2001:4860:4860::8888", "::ffff:8.8.8.8",
        "64:ff9b::808:808", "2002:808:808::",
    };

    (void)state;
    for (size_t i = 0; i < sizeof inside / sizeof *inside; i++)
        if (!is_private(inside[i]))
            fail_msg("%s is not seen as private", inside[i]);
    for (size_t i = 0; i < sizeof outside / sizeof *outside; i++)
        if (is_private(outside[i]))
            fail_msg("%s is seen as private", outside[i]);
}

/* ---- signing, trying again ---- */

static void signatures_are_hmac_sha256(void **state)
{
    char out[ALERT_SIGNATURE_MAX];
    struct err e;

    (void)state;
    assert_int_equal(alert_sign("key", 1700000000, "{}", out, &e), 0);
    /* printf '1700000000.{}' | openssl dgst -sha256 -hmac key */
    assert_string_equal(out, "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae");
}

static void tries_become_rarer_and_end(void **state)
{
    int64_t before = 0, all = 0;
    int n = 0;

    (void)state;
    while (alert_retry_ms(n)) {
        assert_true(alert_retry_ms(n) > before);
        before = alert_retry_ms(n++);
        all += before;
    }
    assert_int_equal(n, 11);
    assert_true(all > DAY && all < 2 * DAY);
}

/* ---- finding them ---- */

static const struct alert_rules rules = {.spike = 4};

static struct budget alerting(const char *project, nano_t limit)
{
    struct budget b = a_budget(project, limit);

    b.nalerts = 3;
    b.alert_percents[0] = 50;
    b.alert_percents[1] = 80;
    b.alert_percents[2] = 100;
    strcpy(b.alert_url, "https://hooks.example.com/secret");
    return b;
}

static void spend(struct fixture *f, const char *project, nano_t cost, int64_t at)
{
    struct verdict v = reserve_amount(f, project, cost, at);

    assert_true(v.admitted);
    settle(f, v.hold_id, HOLD_SETTLED, cost);
}

static void scan_with(struct fixture *f, const struct alert_rules *r, struct alert_seen *seen, int64_t now)
{
    bool any = false;

    must(f, alert_scan(f->l, r, seen, true, now, &any, &f->e));
    assert_true(any);
}

static void scan(struct fixture *f, int64_t now)
{
    struct alert_seen seen = {.n = 0};

    scan_with(f, &rules, &seen, now);
}

/* The next one that waits, which is then delivered; its threshold, or -1. */
static int take(struct fixture *f, struct alert *out)
{
    if (ledger_alert_next(f->l, out, &f->e) != 0) {
        assert_int_equal(f->e.code, ERR_NOT_FOUND);
        return -1;
    }
    must(f, ledger_alert_tried(f->l, out->id, true, 0, &f->e));
    return out->threshold;
}

static void scan_plain(struct fixture *f, int64_t now)
{
    struct alert_rules no_spikes = {.spike = 0};
    struct alert_seen seen = {.n = 0};

    scan_with(f, &no_spikes, &seen, now);
}

static void each_threshold_once_a_period(void **state)
{
    struct fixture *f = *state;
    struct budget b = alerting("a", CENTS(100));
    struct alert a;
    int found;

    b.period = PERIOD_DAYS;
    b.period_days = 1;
    set_budget(f, &b, T0);
    scan_plain(f, T0);
    assert_int_equal(take(f, &a), -1);
    spend(f, "a", CENTS(49), T0);
    scan_plain(f, T0);
    assert_int_equal(take(f, &a), -1);
    spend(f, "a", CENTS(1), T0);
    scan_plain(f, T0 + 1);
    scan_plain(f, T0 + 2); /* as after a restart: nothing is remembered */
    assert_int_equal(take(f, &a), 50);
    assert_string_equal(a.url, "https://hooks.example.com/secret");
    assert_int_equal(take(f, &a), -1);

    spend(f, "a", CENTS(50), T0 + HOUR); /* two at once */
    scan_plain(f, T0 + HOUR);
    found = take(f, &a) + take(f, &a);
    assert_int_equal(found, 180);
    assert_int_equal(take(f, &a), -1);

    b.limit = CENTS(300); /* below the threshold, and above it again */
    set_budget(f, &b, T0 + 2 * HOUR);
    scan_plain(f, T0 + 2 * HOUR);
    spend(f, "a", CENTS(60), T0 + 2 * HOUR);
    scan_plain(f, T0 + 2 * HOUR);
    assert_int_equal(take(f, &a), -1);

    spend(f, "a", CENTS(160), T0 + DAY + HOUR); /* the next period */
    scan_plain(f, T0 + DAY + HOUR);
    assert_int_equal(take(f, &a), 50);
    assert_int_equal(take(f, &a), -1);
}

static void what_is_known_is_not_asked_again(void **state)
{
    struct fixture *f = *state;
    struct alert_seen seen = {.n = 0};
    struct budget b = alerting("a", CENTS(10));

    set_budget(f, &b, T0);
    spend(f, "a", CENTS(9), T0);
    scan_with(f, &rules, &seen, T0);
    assert_int_equal(seen.n, 2);
    scan_with(f, &rules, &seen, T0);
    assert_int_equal(seen.n, 2);
}

static void the_body_says_it(void **state)
{
    struct fixture *f = *state;
    struct budget b = alerting("a", CENTS(10));
    struct alert_rules slack = {.slack = true};
    struct alert_seen seen = {.n = 0};
    struct alert a;
    json_t *root;

    set_budget(f, &b, T0);
    spend(f, "a", CENTS(5), T0);
    scan(f, T0);
    assert_int_equal(take(f, &a), 50);
    assert_non_null(root = json_loads(a.body, 0, NULL));
    assert_string_equal(json_string_value(json_object_get(root, "id")), a.id);
    assert_string_equal(json_string_value(json_object_get(root, "type")), "budget.threshold");
    assert_int_equal(json_integer_value(json_object_get(root, "thresholdPercent")), 50);
    assert_string_equal(json_string_value(json_object_get(json_object_get(root, "budget"), "projectId")), "a");
    assert_null(json_object_get(json_object_get(root, "budget"), "alertUrl"));
    assert_string_equal(json_string_value(json_object_get(root, "message")),
                        "tokencap: the budget of project a has reached 50 %: $0.05 of $0.1 is spent.");
    json_decref(root);

    spend(f, "a", CENTS(3), T0);
    scan_with(f, &slack, &seen, T0);
    assert_int_equal(take(f, &a), 80);
    assert_string_equal(
        a.body, "{\"text\":\"tokencap: the budget of project a has reached 80 %: $0.08 of $0.1 is spent.\"}");
}

static void a_spike_is_told_once_a_day(void **state)
{
    struct fixture *f = *state;
    struct budget b = alerting("a", CENTS(10000));
    int64_t now = T0 + 3 * DAY;
    struct alert a;

    b.nalerts = 0;
    set_budget(f, &b, T0);
    for (int h = 0; h < 72; h++)
        spend(f, "a", CENTS(10), T0 + h * HOUR);
    spend(f, "a", CENTS(499), now); /* more than 4 times the usual, but little of the limit */
    scan(f, now);
    assert_int_equal(take(f, &a), -1);
    spend(f, "a", CENTS(2), now);
    scan(f, now);
    scan(f, now + 60000);
    assert_int_equal(take(f, &a), 0);
    assert_non_null(strstr(a.body, "\"type\":\"budget.spike\""));
    assert_non_null(strstr(a.body, "\"hourUsd\":5.01,\"usualHourUsd\":0.1,"));
    assert_int_equal(take(f, &a), -1);
    spend(f, "a", CENTS(900), now + DAY);
    scan(f, now + DAY);
    assert_int_equal(take(f, &a), 0);
}

static void no_spike_without_a_past(void **state)
{
    struct fixture *f = *state;
    struct budget b = alerting("a", CENTS(1000));
    struct alert_rules off = {.spike = 0};
    struct alert_seen seen = {.n = 0};
    struct alert a;

    b.nalerts = 0;
    set_budget(f, &b, T0);
    spend(f, "a", CENTS(1), T0);
    spend(f, "a", CENTS(900), T0 + 2 * HOUR);
    scan(f, T0 + 2 * HOUR);
    assert_int_equal(take(f, &a), -1);
    spend(f, "a", CENTS(90), T0 + 2 * DAY);
    scan_with(f, &off, &seen, T0 + 2 * DAY);
    assert_int_equal(take(f, &a), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(private_addresses_are_known),
        cmocka_unit_test(signatures_are_hmac_sha256),
        cmocka_unit_test(tries_become_rarer_and_end),
        LEDGER_TEST(each_threshold_once_a_period),
        LEDGER_TEST(what_is_known_is_not_asked_again),
        LEDGER_TEST(the_body_says_it),
        LEDGER_TEST(a_spike_is_told_once_a_day),
        LEDGER_TEST(no_spike_without_a_past),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
