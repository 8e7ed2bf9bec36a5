/* SPDX-License-Identifier: MIT */
#include "fuzz_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum api apis[] = {API_CHAT, API_RESPONSES, API_COMPLETIONS, API_EMBEDDINGS};

    if (size > 2)
        check_answer(apis[data[0] % 4], data, size);
    return 0;
}
