/* SPDX-License-Identifier: MIT */
#ifndef BASE_NOTIFY_H
#define BASE_NOTIFY_H

#include <stdint.h>

/* The service manager's notification protocol, sd_notify(3): "READY=1", "STOPPING=1", "WATCHDOG=1".
 * Does nothing where no manager listens. Any thread. */
void notify_manager(const char *state);

/* Milliseconds between the signs of life that the manager wants; 0: none. */
int64_t notify_watchdog_ms(void);

#endif
