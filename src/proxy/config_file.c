/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/config.h"

#define FILE_MAX (1 << 20)

struct reader {
    struct config *config;
    const char *path;
    int line;
    const char *line_start;
    int seen[OPTION_COUNT]; /* the line that set an option; 0: none yet */
    bool in_provider;       /* a [providers.NAME] section has begun */
};

/* path:line:column before the message in e; at points into the current line. */
static int at(const struct reader *r, const char *where, struct err *e)
{
    return err_prefix(e, "%s:%d:%d", r->path, r->line, (int)(where - r->line_start) + 1);
}

static int unknown_key(const struct reader *r, struct span key, struct err *e)
{
    const char *near = option_nearest(key);
    int shown = key.n > 80 ? 80 : (int)key.n;

    if (near)
        err_set(e, ERR_INVALID, "there is no option \"%.*s\"; did you mean \"%s\"?", shown, key.p,
                near);
    else
        err_set(e, ERR_INVALID, "there is no option \"%.*s\"; tokencap.conf(5) lists them all",
                shown, key.p);
    return at(r, key.p, e);
}

/* The value without quotes and without a comment behind it. */
static int value_of(const struct reader *r, struct span text, struct span *value, struct err *e)
{
    struct span s = span_trim(text);

    if (s.n && s.p[0] == '"') {
        struct span rest;

        if (!span_cut(span_skip(s, 1), '"', value, &rest)) {
            err_set(e, ERR_INVALID, "the closing quote is missing");
            return at(r, s.p, e);
        }
        rest = span_trim(rest);
        if (rest.n && rest.p[0] != '#') {
            err_set(e, ERR_INVALID, "nothing but a comment may follow the closing quote");
            return at(r, rest.p, e);
        }
        return 0;
    }
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '#' && (i == 0 || s.p[i - 1] == ' ' || s.p[i - 1] == '\t'))
            s.n = i;
    *value = span_trim(s);
    return 0;
}

/* [providers.NAME]: from here to the next section, lines describe that provider. */
static int read_section(struct reader *r, struct span line, struct err *e)
{
    struct span name, rest;

    if (!span_starts(line, SPAN("[providers.")) || !span_cut(line, ']', &name, &rest) ||
        span_trim(rest).n) {
        err_set(e, ERR_INVALID, "there is no section %.*s; sections are [providers.NAME]",
                line.n > 80 ? 80 : (int)line.n, line.p);
        return at(r, line.p, e);
    }
    name = span_skip(name, strlen("[providers."));
    r->in_provider = true;
    return provider_add(&r->config->providers, name, e) ? at(r, name.p, e) : 0;
}

static int read_provider(struct reader *r, struct span key, struct span value, struct err *e)
{
    if (value_of(r, value, &value, e) < 0)
        return -1;
    if (provider_assign(&r->config->providers, key, value, e) == 0)
        return 0;
    err_prefix(e, "%.*s", key.n > 80 ? 80 : (int)key.n, key.p);
    return at(r, e->code == ERR_NOT_FOUND ? key.p : value.p, e);
}

static int read_line(struct reader *r, struct span line, struct err *e)
{
    struct span key, value;
    int id;

    line = span_trim(line);
    if (!line.n || line.p[0] == '#')
        return 0;
    if (line.p[0] == '[')
        return read_section(r, line, e);
    if (!span_cut(line, '=', &key, &value)) {
        err_set(e, ERR_INVALID,
                "a line is either \"option = value\" or a comment that starts with "
                "#; here \"=\" is missing");
        return at(r, line.p, e);
    }
    key = span_trim(key);
    if (r->in_provider)
        return read_provider(r, key, value, e);
    id = option_find(key);
    if (id < 0)
        return unknown_key(r, key, e);
    if (r->seen[id]) {
        err_set(e, ERR_INVALID, "%s is set already on line %d", option_rows[id].name, r->seen[id]);
        return at(r, key.p, e);
    }
    r->seen[id] = r->line;
    if (value_of(r, value, &value, e) < 0)
        return -1;
    if (config_assign(r->config, (enum option_id)id, value, FROM_FILE, e) < 0) {
        err_prefix(e, "%s", option_rows[id].name);
        return at(r, value.p, e);
    }
    if (r->config->source[id] == FROM_FILE)
        r->config->line[id] = r->line;
    return 0;
}

static int read_lines(struct reader *r, struct span text, struct err *e)
{
    if (span_starts(text, SPAN("\xef\xbb\xbf")))
        text = span_skip(text, 3);
    while (text.n) {
        struct span line;

        span_cut(text, '\n', &line, &text);
        r->line++;
        r->line_start = line.p;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n && memchr(line.p, '\0', line.n)) {
            err_set(e, ERR_INVALID, "there is a NUL byte in this line: is this a text file?");
            return at(r, memchr(line.p, '\0', line.n), e);
        }
        if (read_line(r, line, e) < 0)
            return -1;
    }
    return 0;
}

static int slurp(const char *path, struct buf *out, struct err *e)
{
    char block[8192];
    struct stat st;
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_set(e, ERR_IO, "configuration file %s cannot be read: %s", path,
                       strerror(errno));
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        errno = EISDIR, n = -1;
    else
        while ((n = read(fd, block, sizeof block)) > 0)
            buf_add(out, block, (size_t)n);
    if (n < 0)
        err_set(e, ERR_IO, "configuration file %s cannot be read: %s", path, strerror(errno));
    close(fd);
    if (n < 0)
        return -1;
    if (out->failed)
        return err_set(e, ERR_IO, "configuration file %s is larger than %d bytes", path, FILE_MAX);
    return 0;
}

int config_read_file(struct config *c, const char *path, struct err *e)
{
    struct reader r = {.config = c, .path = path};
    struct buf text;
    int result;

    buf_init(&text, FILE_MAX);
    result = slurp(path, &text, e);
    if (result == 0)
        result = read_lines(&r, buf_all(&text), e);
    buf_finish(&text);
    return result;
}
