/* SPDX-License-Identifier: MIT */
#include "fuzz_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size > 2)
        check_answer(API_MESSAGES, data, size);
    return 0;
}
