/* SPDX-License-Identifier: MIT */
/*
 * Gates, so that tests wait for events and not for time. A named gate is shut until it is opened,
 * for good or for so many passes; a barrier opens by itself once N have arrived at it.
 * All functions may be called from any thread.
 */
#ifndef SIM_GATE_H
#define SIM_GATE_H

#include <stdbool.h>

/* Waits at the gate `name`; a number is a barrier of that size. 0: passed; -1: the peer on `fd`
 * closed its side, or the simulator stops. */
int gate_pass(const char *name, int fd);

/* Opens a gate: for `passes` waiters, or for good when that is 0. */
void gate_open(const char *name, int passes);

/* Blocks until `count` wait at the gate, or `timeout_ms` has passed (then false). */
bool gate_await(const char *name, int count, int timeout_ms);

/* Shuts and forgets all gates at which nobody waits. */
void gate_clear(void);

/* Lets everyone go: the simulator stops. */
void gate_stop(void);

#endif
