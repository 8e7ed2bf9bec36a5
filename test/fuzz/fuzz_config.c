/* SPDX-License-Identifier: MIT */
/* A configuration file is taken whole, and then dumped and read again, or refused with a message that
 * says where. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proxy/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int load(int fd, struct config *c, struct err *e)
{
    char flag[64];
    char *argv[] = {(char *)"tokencapd", flag, NULL};
    enum config_action action;

    snprintf(flag, sizeof flag, "--config=/proc/self/fd/%d", fd);
    return config_load(2, argv, c, &action, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int fd = memfd_create("tokencap.conf", 0);
    FILE *out = fopen("/dev/null", "w");
    struct err e = {.msg = ""};
    struct config c;

    if (fd < 0 || !out || write(fd, data, size) != (ssize_t)size)
        abort();
    if (load(fd, &c, &e)) {
        if (!e.msg[0])
            abort();
    } else {
        config_act(CONFIG_DUMP, &c, out);
        config_act(CONFIG_CHECK, &c, out);
        config_finish(&c);
    }
    fclose(out);
    close(fd);
    return 0;
}
