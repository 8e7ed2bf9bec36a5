/* SPDX-License-Identifier: MIT */

/* The daemon: what is started in which order, and stopped in the reverse one; signals; exit status. */

#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/notify.h"
#include "proxy/alert.h"
#include "proxy/listen.h"
#include "proxy/upstream.h"
#include "proxy/worker.h"

enum { EXIT_CLEAN = 0, EXIT_OTHER = 1, EXIT_LEDGER = 74, EXIT_CONFIG = 78 };

#define FDS_A_STREAM 4              /* the client's, the upstream's, and libcurl's wake-up pair */
#define SAVE_MS      INT64_C(60000) /* between two saves of what predictions learned */
#define KEPT_BYTES   (1 << 20)      /* of each of the allocator's arenas, at most */
#define FDS_OF_OURS  64             /* database, log, listener and the like */

static struct server server;
static _Atomic bool hurry; /* a second SIGTERM */

/* ---- limits ---- */

static void follow_down(const char *name, int64_t *value, int64_t most, const char *what)
{
    if (most < 1)
        most = 1;
    if (*value <= most)
        return;
    log_warn("%s is %" PRId64 " instead of %" PRId64 ": %s allows no more", name, most, *value, what);
    *value = most;
}

/* What can be open at once follows the limit of open files. */
static void fit_limits(struct config *c)
{
    static const char files[] = "the limit of open files";
    struct rlimit l;
    int64_t most;

    if (getrlimit(RLIMIT_NOFILE, &l))
        return;
    l.rlim_cur = l.rlim_max;
    setrlimit(RLIMIT_NOFILE, &l);
    if (l.rlim_cur == RLIM_INFINITY)
        return;
    most = (int64_t)l.rlim_cur - FDS_OF_OURS;
    follow_down("workers", &c->workers, most / FDS_A_STREAM, files);
    follow_down("max-connections", &c->max_connections, most - (FDS_A_STREAM - 1) * c->workers, files);
    follow_down("queue-depth", &c->queue_depth, c->max_connections, "max-connections");
}

/* ---- signals: taken by the main thread alone, one after the other ---- */

static void block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGUSR1); /* another daemon on the same ledger has been told to reload */
    pthread_sigmask(SIG_BLOCK, set, NULL);
    signal(SIGPIPE, SIG_IGN);
}

/* What the configuration had to say, a line each. */
static void log_warnings(const struct config *c)
{
    struct span rest = buf_all(&c->warnings), line;

    while (rest.n) {
        span_cut(rest, '\n', &line, &rest);
        log_warn("%.*s", SPAN_FMT(line));
    }
}

/* All of it or nothing: what comes after the last step that can fail cannot. */
static int take_new_settings(const struct listener *l, struct err *e)
{
    struct settings *fresh;

    if (server_read_settings(&server, &fresh, e))
        return -1;
    if (listener_reload(l, e)) {
        settings_release(&server, fresh);
        return -1;
    }
    settings_replace(&server, fresh);
    return 0;
}

static void reload(const struct listener *l)
{
    char state[64];
    struct err e;

    snprintf(state, sizeof state, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_ns() / 1000);
    notify_manager(state);
    if (take_new_settings(l, &e)) {
        log_error("not reloaded, the old settings stay: %s", e.msg);
    } else {
        log_set_level((enum log_level)server.settings->config.log_level);
        log_warnings(&server.settings->config);
        log_info("reloaded");
    }
    notify_manager("READY=1");
}

/* On a thread of the ledger's; the main thread does it. */
static void ask_for_reload(void)
{
    kill(getpid(), SIGUSR1);
}

/* Returns when the daemon is to stop; false: because the ledger has failed. */
static bool serve(const struct listener *l, const sigset_t *set)
{
    int64_t watchdog = notify_watchdog_ms(), next_sign = 0;
    int64_t next_save = clock_mono_ns() / 1000000 + SAVE_MS;
    int64_t pause = watchdog && watchdog < 1000 ? watchdog : 1000;
    struct timespec look = {pause / 1000, pause % 1000 * 1000000};

    for (;;) {
        int sig = sigtimedwait(set, NULL, &look);

        if (watchdog && clock_mono_ns() / 1000000 >= next_sign) {
            notify_manager("WATCHDOG=1");
            next_sign = clock_mono_ns() / 1000000 + watchdog;
        }
        if (clock_mono_ns() / 1000000 >= next_save) {
            lessons_save(&server.lessons, server.ledger);
            next_save = clock_mono_ns() / 1000000 + SAVE_MS;
        }
        if (sig == SIGHUP) {
            reload(l);
            ledger_announce(server.ledger);
        } else if (sig == SIGUSR1) {
            reload(l);
        } else if (sig > 0) {
            return true;
        }
        if (ledger_failed(server.ledger))
            return false;
    }
}

static void *watch_for_hurry(void *ctx)
{
    const sigset_t *set = ctx;
    int sig;

    do
        sigwait(set, &sig);
    while (sig == SIGHUP || sig == SIGUSR1);
    atomic_store(&hurry, true);
    return NULL;
}

/* ---- start and stop ---- */

static void stop(struct listener *l, struct workers *w, struct alerter *a, const sigset_t *set,
                 bool ledger_works)
{
    int64_t wait = ledger_works ? server.settings->config.drain_timeout : 0;
    pthread_t watcher;

    atomic_store(&server.draining, true);
    log_info("stopping: requests under way may end within %" PRId64 " s", wait / 1000);
    if (pthread_create(&watcher, NULL, watch_for_hurry, (void *)set) == 0)
        pthread_detach(watcher);
    if (!listener_drain(l, wait, &hurry)) {
        /* Their holds stay open in the ledger; the next start charges them. */
        log_warn("stopped with requests under way");
        _exit(ledger_works ? EXIT_CLEAN : EXIT_LEDGER);
    }
    queue_close(&server.queue);
    workers_join(w);
    alerter_stop(a);
    listener_stop(l);
    server_close(&server);
    upstream_library_finish();
}

static void log_recovery(const struct ledger_recovery *r)
{
    char amount[MONEY_LEN];

    if (r->holds)
        log_info("recovered: %" PRId64 " holds left open, $%s, charged as interrupted", r->holds,
                 money_fixed(r->amount, amount));
}

static int fail(int status, const struct err *e)
{
    log_error("%s", e->msg);
    return status;
}

/* There is no such engine, or the address cannot mean anything: then a setting is wrong. */
static int ledger_status(const struct err *e)
{
    return e->code == ERR_NOT_FOUND || e->code == ERR_USAGE ? EXIT_CONFIG : EXIT_LEDGER;
}

/* Memory that requests give back is kept for the next ones: each page that goes back to the system
 * comes again as a page fault. */
static void keep_memory(void)
{
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
    mallopt(M_MMAP_THRESHOLD, KEPT_BYTES);
}

static int run(struct config *c)
{
    struct ledger_recovery found = {0};
    struct listener *l;
    struct workers *w;
    struct alerter *a;
    sigset_t set;
    struct err e;
    bool ledger_works;

    keep_memory();
    block_signals(&set);
    prctl(PR_SET_DUMPABLE, 0); /* no core dump with keys in it, nobody else reading our memory */
    log_warnings(c);
    fit_limits(c);
    upstream_library_init();
    if (server_open(&server, c, &e))
        return fail(EXIT_CONFIG, &e);
    if (server_open_ledger(&server, ask_for_reload, &found, &e))
        return fail(ledger_status(&e), &e);
    log_recovery(&found);
    if (workers_start(&server, (int)server.settings->config.workers, &w, &e) ||
        alerter_start(&server, &a, &e) || listener_start(&server, &l, &e))
        _exit(fail(EXIT_OTHER, &e));
    log_plain("ready on %s", listener_url(l));
    notify_manager("READY=1");
    ledger_works = serve(l, &set);
    notify_manager("STOPPING=1");
    stop(l, w, a, &set, ledger_works);
    return ledger_works ? EXIT_CLEAN : EXIT_LEDGER;
}

int main(int argc, char **argv)
{
    enum config_action action;
    struct config c;
    struct err e;

    log_init("tokencapd", LOG_INFO);
    if (config_load(argc, argv, &c, &action, &e)) {
        log_error("%s", e.msg);
        return config_exit_status(&e);
    }
    if (action != CONFIG_RUN) {
        config_act(action, &c, stdout);
        config_finish(&c);
        return EXIT_CLEAN;
    }
    log_init("tokencapd", (enum log_level)c.log_level);
    return run(&c);
}
