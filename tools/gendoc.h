/* SPDX-License-Identifier: MIT */
#ifndef TOOLS_GENDOC_H
#define TOOLS_GENDOC_H

/* The parts of gendoc: each prints to standard output and returns the exit status. */

/* Text as "# " lines of at most 92 columns. */
void gendoc_comment(const char *text);

/* The sample configuration's provider sections. */
void gendoc_sample_providers(void);

int gendoc_man(const char *path);
int gendoc_bash(void);
int gendoc_zsh(void);

#endif
