/* SPDX-License-Identifier: MIT */
#include "proxy/upstream_alert.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TOTAL_MS   10000L
#define CONNECT_MS 5000L

/* ---- private addresses (IANA's special-purpose registries) ---- */

static const struct {
    uint32_t net;
    int bits;
} private4[] = {
    {0x00000000, 8},  /* this host */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared with a carrier */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local, clouds' metadata */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocols */
    {0xc0000200, 24}, /* documentation */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 3},  /* multicast, reserved, broadcast */
};

static bool is_private4(uint32_t a)
{
    for (size_t i = 0; i < sizeof private4 / sizeof *private4; i++)
        if (((a ^ private4[i].net) >> (32 - private4[i].bits)) == 0)
            return true;
    return false;
}

static uint32_t inner4(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Outside 2000::/3 nothing is routed but translations of IPv4, which say where they lead. */
static bool is_private6(const uint8_t a[16])
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, nat64[12] = {0, 0x64, 0xff, 0x9b};

    if (!memcmp(a, mapped, sizeof mapped) || !memcmp(a, nat64, sizeof nat64))
        return is_private4(inner4(a + 12));
    if ((a[0] & 0xe0) != 0x20)
        return true;
    if (a[0] == 0x20 && a[1] == 0x02) /* 6to4 */
        return is_private4(inner4(a + 2));
    /* 2001::/23 are protocols (Teredo among them), 2001:db8::/32 and 3fff::/20 documentation */
    return (a[0] == 0x20 && a[1] == 0x01 && (a[2] & 0xfe) == 0) ||
           (a[0] == 0x20 && a[1] == 0x01 && a[2] == 0x0d && a[3] == 0xb8) ||
           (a[0] == 0x3f && a[1] == 0xff && (a[2] & 0xf0) == 0);
}

bool address_is_private(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET)
        return is_private4(ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr));
    if (a->sa_family == AF_INET6)
        return is_private6(((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr);
    return true;
}

/* ---- the call ---- */

struct call {
    const struct alert_post *post;
    bool refused; /* an address was private */
};

/* Where the address is final: no name can point elsewhere after it was checked. */
static curl_socket_t on_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct call *c = ctx;

    (void)purpose;
    if (!c->post->allow_private && address_is_private(&a->addr)) {
        c->refused = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

static size_t on_answer(char *p, size_t size, size_t n, void *ctx)
{
    (void)p, (void)ctx;
    return size * n; /* nobody reads it */
}

static int on_progress(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct alert_post *p = ctx;

    (void)a, (void)b, (void)c, (void)d;
    return p->stop && atomic_load(p->stop);
}

static struct curl_slist *make_headers(const struct alert_post *p)
{
    struct curl_slist *list = curl_slist_append(NULL, "Content-Type: application/json");
    char line[256];

    list = curl_slist_append(list, "Expect:");
    snprintf(line, sizeof line, "X-Tokencap-Alert-Id: %s", p->id);
    list = curl_slist_append(list, line);
    if (*p->signature) {
        snprintf(line, sizeof line, "X-Tokencap-Signature: %s", p->signature);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void set_up(CURL *curl, struct call *c, struct curl_slist *headers)
{
    const struct alert_post *p = c->post;

    curl_easy_setopt(curl, CURLOPT_URL, p->url);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TOTAL_MS);
    curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)1 << 20);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "tokencap/" TOKENCAP_VERSION);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, p->body);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(curl, CURLOPT_OPENSOCKETDATA, c);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *)p);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    if (*p->ca_file)
        curl_easy_setopt(curl, CURLOPT_CAINFO, p->ca_file);
}

int upstream_post_alert(const struct alert_post *p, struct err *e)
{
    struct call c = {.post = p};
    struct curl_slist *headers = make_headers(p);
    CURL *curl = curl_easy_init();
    long status = 0;
    CURLcode code = CURLE_OUT_OF_MEMORY;

    if (curl && headers) {
        set_up(curl, &c, headers);
        code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    if (c.refused && code != CURLE_OK)
        return err_set(e, ERR_INVALID, "its address is private; --alert-private allows that");
    if (code != CURLE_OK)
        return err_set(e, ERR_IO, "%s", curl_easy_strerror(code));
    if (status < 200 || status > 299)
        return err_set(e, ERR_IO, "its receiver answered %ld", status);
    return 0;
}
