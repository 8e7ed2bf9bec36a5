/* SPDX-License-Identifier: MIT */
#ifndef LEDGER_MODULE_H
#define LEDGER_MODULE_H

#include "ledger/engine.h"

/* Engines that are not part of the program: "ledger-NAME.so" in the folder of libraries, with a
 * symbol ledger_NAME. Loaded at first use, and kept. So a library that only one engine needs is not
 * the program's. ERR_NOT_FOUND says which package is missing. */
int module_load(const char *name, const struct ledger_engine **out, struct err *e) MUST_CHECK;

#endif
