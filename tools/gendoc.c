/* SPDX-License-Identifier: MIT */

/*
 * Makes what documents the programs from the tables that the programs run by:
 *
 *   gendoc man PAGE           a manual page, its lines `.\" @NAME@` replaced by rows
 *   gendoc sample [KEY=VALUE] a configuration file with every option, all but the given commented
 *   gendoc bash | zsh         shell completion of both programs
 */
#include "gendoc.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "proxy/config.h"

void gendoc_comment(const char *text)
{
    while (*text) {
        size_t n = strlen(text);

        if (n > 90)
            for (n = 90; text[n] != ' ';)
                n--;
        printf("# %.*s\n", (int)n, text);
        text += n + (text[n] == ' ');
    }
}

static const char *override_of(const struct option_row *o, int argc, char **argv)
{
    size_t n = strlen(o->name);

    for (int i = 0; i < argc; i++)
        if (strncmp(argv[i], o->name, n) == 0 && argv[i][n] == '=')
            return argv[i] + n + 1;
    return NULL;
}

static void sample_option(const struct option_row *o, int argc, char **argv)
{
    const char *value = override_of(o, argc, argv);
    struct buf range;

    buf_init(&range, 0);
    option_range(o, &range);
    putchar('\n');
    gendoc_comment(o->help);
    if (o->type == OPTION_SECRET) {
        printf("# Never in this file: set %s in the environment or as a systemd credential.\n",
               o->env);
    } else {
        printf("# %c%s; environment: %s%s\n", toupper((unsigned char)range.p[0]), range.p + 1,
               o->env, o->marks & OPTION_RELOAD ? "; taken on reload" : "");
        if (value)
            printf("%s = %s\n", o->name, value);
        else
            printf("#%s = %s\n", o->name, o->dflt);
    }
    buf_finish(&range);
}

static int sample(int argc, char **argv)
{
    enum option_group group = OPTION_GROUPS;

    puts("# tokencapd's configuration: see tokencap.conf(5).\n"
         "#\n"
         "# Every option stands here with its default, as a comment. A flag (--port=80) wins over "
         "an\n"
         "# environment variable, and that over this file. Check a change with\n"
         "# \"tokencapd --check-config\"; \"systemctl reload tokencap\" takes what may change "
         "while it\n"
         "# runs, the rest needs a restart.");
    for (int i = 0; i < OPTION_COUNT; i++) {
        if (option_rows[i].group != group)
            printf("\n\n# ---- %s ----\n", option_group_title(option_rows[i].group));
        group = option_rows[i].group;
        sample_option(&option_rows[i], argc, argv);
    }
    gendoc_sample_providers();
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (strcmp(what, "man") == 0 && argc == 3)
        return gendoc_man(argv[2]);
    if (strcmp(what, "sample") == 0)
        return sample(argc - 2, argv + 2);
    if (strcmp(what, "bash") == 0)
        return gendoc_bash();
    if (strcmp(what, "zsh") == 0)
        return gendoc_zsh();
    fputs("usage: gendoc man PAGE | sample [KEY=VALUE...] | bash | zsh\n", stderr);
    return 64;
}
