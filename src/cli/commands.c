/* SPDX-License-Identifier: MIT */
#include "cli/cli.h"

/* Every command, once: dispatch, usage, --help, tokencap(1) and the completions are made from it. */
const struct command commands[] = {
    {"count", "[FILE...]", 0, -1, "count the tokens of text",
     "Prints the number of tokens of each FILE (standard input when there is none, or for -), "
     "and nothing else. Exact for OpenAI's encodings; bytes that are not UTF-8 count as U+FFFD. "
     "Claude's vocabularies are not public: their counts are approximate.",
     count_flags, cmd_count},
    {"estimate", "[FILE]", 0, 1, "predict what a request will cost",
     "Reads the JSON body of a request (standard input when there is no FILE) and prints its "
     "prediction as one JSON object: tokens, confidence, probable and greatest cost. Nothing is "
     "sent anywhere.",
     estimate_flags, cmd_estimate},
    {"price", "[MODEL...]", 0, -1, "show the price of models",
     "Prints the price row that applies to each MODEL now, and by which rule it was found: "
     "exact, alias, suffix (a version suffix stripped) or fallback (unknown: the dearest of "
     "GPT-4o and its own family).",
     price_flags, cmd_price},
    {"price import", "FILE", 1, 1, "make a price table from a public list",
     "Converts LiteLLM's model_prices_and_context_window.json or genai-prices' data.json into a "
     "table of the rows that are new or differ, in the folder of price tables that override the "
     "shipped ones.",
     price_import_flags, cmd_price_import},
    {"vocab import", "RANKS", 1, 1, "count other models exactly, by their own vocabulary",
     "Makes a vocabulary of a rank file, as Llama, Qwen, DeepSeek and Mistral models ship it (lines of "
     "a token in base64 and its rank), and of the pattern that their text is split by. From then on "
     "the models that --models names are counted by it.",
     vocab_import_flags, cmd_vocab_import},
    {"vocab list", "", 0, 0, "show the vocabularies",
     "Prints a table of the encodings: those of the program, and those imported with the models they "
     "are for.",
     vocab_list_flags, cmd_vocab_list},
    {"budget list", "", 0, 0, "show every budget",
     "Prints a table of all budgets the daemon keeps.", budget_flags, cmd_budget_list},
    {"budget show", "[PROJECT]", 0, 1, "show one budget",
     "Prints a project's budget: limit, spent, held for requests in flight, left.", budget_flags,
     cmd_budget_show},
    {"budget set", "[PROJECT] LIMIT", 1, 2, "create or change a budget",
     "Sets a project's budget (or with --scope=global, that of all projects together) to LIMIT "
     "US dollars; what was spent in the running period is kept.",
     budget_set_flags, cmd_budget_set},
    {"budget reset", "[PROJECT]", 0, 1, "start a budget's next period now",
     "Starts a new period with nothing spent. Requests in flight settle in the old one.",
     budget_flags, cmd_budget_reset},
    {"budget delete", "[PROJECT]", 0, 1, "remove a budget",
     "Removes a budget: the project may then spend without limit.", budget_flags,
     cmd_budget_delete},
    {"usage", "", 0, 0, "show what was used and what it cost",
     "Prints a project's totals, or totals by model, day or project.", usage_flags, cmd_usage},
    {"top", "", 0, 0, "watch the spending, live",
     "Shows budgets, what today cost and the newest requests, live at the terminal: q ends it, ? tells "
     "the keys. Without a terminal, or with --once, it prints one screen and ends.",
     top_flags, cmd_top},
    {"ledger copy", "FROM TO", 2, 2, "move a ledger to PostgreSQL",
     "Copies the ledger sqlite:PATH, whose daemon must not be running, into postgresql://HOST/DATABASE, "
     "which nobody has used yet. It may be interrupted and goes on where it was when it is run again; the "
     "sums of both are compared at the end.",
     ledger_copy_flags, cmd_ledger_copy},
    {"usage compact", "[DB]", 0, 1, "give old usage records' room back",
     "Rolls the usage records of whole days before --before into the totals, which stay as they "
     "were, and shrinks the database. The daemon must not be running; those that share a ledger on "
     "PostgreSQL may go on, and the room there is used again for new records. Without DB, the "
     "database that the daemon is configured to use.",
     compact_flags, cmd_usage_compact},
    {"token create", "", 0, 0, "make a project token",
     "Makes a token that lets its bearer borrow the configured keys for one project, and prints "
     "it once; the database keeps only its digest.",
     token_create_flags, cmd_token_create},
    {"token list", "", 0, 0, "show the project tokens",
     "Prints a table of all project tokens, without their text.", token_flags, cmd_token_list},
    {"token revoke", "ID...", 1, -1, "end a project token", "Revokes project tokens, at once.",
     token_flags, cmd_token_revoke},
    {"verify", "[DB]", 0, 1, "prove the ledger's invariants",
     "Checks a database, live or stopped, without writing to it; exits 1 with the first "
     "violation. Without DB, the one that the daemon is configured to use.",
     verify_flags, cmd_verify},
    {"backup", "FILE", 1, 1, "copy the ledger while it is in use",
     "Writes a consistent copy of the database to FILE, also while the daemon runs. A ledger on "
     "PostgreSQL is backed up by its own tools, pg_dump --schema=tokencap or pg_basebackup.",
     backup_flags, cmd_backup},
};

const size_t ncommands = sizeof commands / sizeof *commands;
