/* SPDX-License-Identifier: MIT */
/* Each writes the answer to `ask` into `a`, which was initialised. */
#ifndef SIM_DIALECT_H
#define SIM_DIALECT_H

#include "answer.h"

void openai_chat(const struct ask *ask, struct answer *a);
void openai_completions(const struct ask *ask, struct answer *a);
void openai_responses(const struct ask *ask, struct answer *a);
void openai_input_tokens(const struct ask *ask, struct answer *a);
void openai_embeddings(const struct ask *ask, struct answer *a);
void anthropic_messages(const struct ask *ask, struct answer *a);
void anthropic_count_tokens(const struct ask *ask, struct answer *a);
void models_list(const struct ask *ask, struct answer *a);
void models_get(const struct ask *ask, struct answer *a);

#endif
