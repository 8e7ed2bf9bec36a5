/* SPDX-License-Identifier: MIT */
#ifndef BASE_DATADIR_H
#define BASE_DATADIR_H

#include "base/str.h"

/* Appends the folder that holds what ships with the program (vocab/, pricing/): ../share/tokencap
 * beside the running program's own folder where that exists, else where it was configured to be
 * installed. */
void data_dir_find(struct buf *out);

/* Where vocabularies that users bring are kept, unless TOKENCAP_VOCAB_DIR names another folder. */
#define OWN_VOCAB_DIR "/var/lib/tokencap/vocab"

/* The same for what is loaded on demand (engines of the ledger): lib/tokencap. */
void lib_dir_find(struct buf *out);

#endif
