# SPDX-License-Identifier: MIT
"""docs/compatibility.md, made of what the run found."""

from roster import AGENTS, CLIENTS, FEATURES

rows = {}  # client's title -> (package, version, {feature: outcome})
skipped = {}

HEAD = """# Which clients work

Written by `make check-clients`, which drives each client, at the version given, first straight at a
simulated provider and then through tokencap, and compares. docs/clients.md says how to set each up.

✓ works as it does without tokencap; ✗ does not; – the client has no such thing, or it is not tried apart
from the rest; skipped: could not be tried where this was written.

"""

FEET = """
- **402 asked once**: a request over budget is refused, the client shows the reason, and does not repeat it.
- **429**, **503**: the provider's refusal reaches the client as it came; whether and when the client
  repeats it is as it would be without tokencap. (LangChain JS does not repeat a 429.)
- **leaves mid-stream**: the client hangs up after the first words; the request is still paid exactly.
- **reads the figures**: the client's program gets at the `X-Tokencap-*` headers.
- **second upstream**: the same against `@copilotkit/aimock`, a mock server that is not ours.
"""

MARKS = {"passed": "✓", "failed": "✗", "skipped": "skipped"}


def record(client, feature, outcome, why):
    _, cells = rows.setdefault(client.title, (client, {}))
    if cells.get(feature) != "failed":  # one of several tests is enough
        cells[feature] = outcome
    if why:
        skipped[client.title] = why.removeprefix("Skipped: ")


def line(cells):
    return "| " + " | ".join(cells) + " |\n"


def write(path):
    text = HEAD + line(["client", "version", *FEATURES.values()])
    text += line(["---", "---", *[":-:"] * len(FEATURES)])
    for title in [c.title for c in (*CLIENTS, *AGENTS) if c.title in rows]:
        client, cells = rows[title]
        marks = [MARKS[cells[f]] if f in cells else "–" for f in FEATURES]
        text += line([title, client.version if client.installed else "–", *marks])
    text += FEET
    for title, why in skipped.items():
        text += f"- {title} was skipped: {why}\n"
    path.write_text(text)
