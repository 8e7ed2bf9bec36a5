/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_GENDOC_H
#define TOOLS_GENDOC_H

/* The parts of gendoc: each prints to standard output and returns the exit status. */

int gendoc_man(const char *path);
int gendoc_bash(void);
int gendoc_zsh(void);

#endif
