/* SPDX-License-Identifier: MIT */

/* The sample configuration's provider sections: ready, but for the key, once uncommented. */
#include "gendoc.h"

#include <stdio.h>
#include <string.h>

static const struct sample_provider {
    const char *name, *about, *base_url, *key, *more, *models;
} samples[] = {
    {"gemini",
     "Gemini, by Google's OpenAI endpoint. Its thoughts are billed as output; they are counted.",
     "https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY", NULL, "gemini-*"},
    {"mistral", "Mistral. It reports a stream's usage unasked, and may reject being asked.",
     "https://api.mistral.ai/v1", "MISTRAL_API_KEY", "stream-options = no",
     "mistral-*, ministral-*, magistral-*, codestral-*, devstral-*, pixtral-*"},
    {"groq", "Groq.", "https://api.groq.com/openai/v1", "GROQ_API_KEY", NULL,
     "llama-3*, qwen/*"},
    {"together", "Together.", "https://api.together.xyz/v1", "TOGETHER_API_KEY", NULL,
     "meta-llama/*, Qwen/*"},
    {"deepseek", "DeepSeek.", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", NULL, "deepseek-*"},
    {"openrouter", "OpenRouter. What it says a request cost is what is charged.",
     "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", NULL, NULL},
    {"azure",
     "Azure OpenAI. Put your resource's name in. Deployments are best named like their models: the "
     "name is what holds are priced by, and the answer says which model was used.",
     "https://RESOURCE.openai.azure.com/openai/v1", "AZURE_OPENAI_API_KEY", "key-header = api-key",
     NULL},
    {"vllm", "vLLM on this host: no key. See docs/providers.md for what a model of your own costs.",
     "http://127.0.0.1:8000/v1", NULL, NULL, NULL},
    {"ollama", "Ollama on this host: no key.", "http://127.0.0.1:11434/v1", NULL, NULL, NULL},
};

static void put_field(const char *name, const char *value)
{
    if (value)
        printf("#%s = %s\n", name, value);
}

void gendoc_sample_providers(void)
{
    puts("\n\n# ---- More providers ----\n#\n"
         "# Any that speaks OpenAI's or Anthropic's dialect, reached under /NAME/v1/... or by the\n"
         "# models named here. \"key\" is the name of an environment variable or systemd "
         "credential,\n"
         "# never the key itself.");
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        const struct sample_provider *s = &samples[i];

        putchar('\n');
        gendoc_comment(s->about);
        printf("#[providers.%s]\n", s->name);
        put_field("base-url", s->base_url);
        put_field("key", s->key);
        if (s->more)
            printf("#%s\n", s->more);
        put_field("models", s->models);
    }
}
