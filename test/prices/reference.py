#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What requests cost, worked out a second time: tokencap-pricing(5) in Python's decimal.

Reads the tables by itself and prints random cases, each with the cost it must have, for
test_price_reference to compare. Usage: reference.py TABLES CASES [SEED]
"""

import datetime
import functools
import glob
import json
import os
import random
import re
import sys
from decimal import ROUND_CEILING, Decimal, getcontext

getcontext().prec = 120

KINDS = ["input", "cache_read", "cache_write_5m", "cache_write_30m", "cache_write_1h", "cache_write_12h",
         "audio_input", "output", "audio_output"]
INPUTS = KINDS[:7]
WRITES = KINDS[2:6]
PLANS = [None, "batch", "flex", "priority", "fast"]
ZERO, ONE, MILLION = Decimal(0), Decimal(1), Decimal(10) ** 6
EPOCH = datetime.datetime(1970, 1, 1)


def ceil(d):
    return d.to_integral_value(rounding=ROUND_CEILING)


def scaled(v, num, den):
    """Picodollars are whole: a ratio is applied and rounded up. Against a free base, the dearer."""
    return max(v, num) if den == 0 else ceil(v * num / den)


def combined(rates, over, base):
    r = {k: scaled(rates[k], over[k], base[k]) for k in KINDS}
    r["cache_read"] = min(r["cache_read"], r["input"])
    return r


def prices(obj):
    return {k: Decimal(obj[k]) * MILLION for k in KINDS if k in obj}


class Row:
    def __init__(self, provider, obj):
        self.provider, self.obj, self.id = provider, obj, obj["id"]
        self.names = [n.lower() for n in [obj["id"]] + obj.get("aliases", [])]
        self.web_search = Decimal(obj.get("web_search", provider.get("web_search", "0"))) * 10**9
        self.us_only = Decimal(obj.get("us_only", "1"))
        future = sorted(obj.get("future", []), key=lambda f: f["from"])
        self.starts = [int((datetime.datetime.fromisoformat(f["from"]) - EPOCH).total_seconds() * 1000)
                       for f in future]
        self.schedules = [self.first()] + [self.later(f) for f in future]

    def base(self):
        r = prices(self.obj)
        missing = self.provider.get("missing", {})
        for k in WRITES:
            if k not in r and k in missing:
                r[k] = ceil(r["input"] * Decimal(missing[k]))
        listed = dict(r)
        for i, k in enumerate(WRITES):
            near = [w for w in WRITES[i:] + WRITES[:i][::-1] if w in listed]
            r.setdefault(k, listed[near[0]] if near else r["input"])
        r.setdefault("cache_read", r["input"])
        r.setdefault("audio_input", r["input"])
        r.setdefault("audio_output", r["output"])
        return r

    @staticmethod
    def over(obj, base):
        """A plan, a tier or a later price, over the rates it replaces."""
        r = prices(obj)
        r.setdefault("cache_read", r["input"])
        for k in KINDS:
            of = "output" if k == "audio_output" else "input"
            if k not in r:
                r[k] = scaled(base[k], r[of], base[of])
        return r

    def first(self):
        base = self.base()
        missing = self.provider.get("missing", {})
        s = {None: base}
        for plan in PLANS[1:]:
            if plan in self.obj:
                s[plan] = self.over(self.obj[plan], base)
            else:
                s[plan] = {k: ceil(v * Decimal(missing.get(plan, "1"))) for k, v in base.items()}
        s["tiers"] = [(t["above"], self.over(t, base)) for t in self.obj.get("tiers", [])]
        s["off_peak"] = self.over(self.obj["off_peak"], base) if "off_peak" in self.obj else None
        return s

    def later(self, obj):
        now = self.schedules[0] if hasattr(self, "schedules") else self.first()
        base = self.over(obj, now[None])

        s = {None: base}
        for plan in PLANS[1:]:
            s[plan] = self.over(obj[plan], base) if plan in obj else combined(now[plan], base, now[None])
        s["tiers"] = ([(t["above"], self.over(t, base)) for t in obj["tiers"]] if "tiers" in obj
                      else [(above, combined(r, base, now[None])) for above, r in now["tiers"]])
        s["off_peak"] = combined(now["off_peak"], base, now[None]) if now["off_peak"] else None
        return s

    def is_peak(self, ms):
        at = EPOCH + datetime.timedelta(milliseconds=ms)
        off = self.obj["off_peak"]
        names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        first, last = off.get("peak_days", "mon-sun").split("-")
        days = (names * 2)[names.index(first):]
        if names[at.weekday()] not in days[:days.index(last) + 1]:
            return False
        return any(a <= at.strftime("%H:%M") < b for a, b in (s.split("-") for s in off["peak_utc"]))

    def rates(self, ms, plan, tokens):
        index = sum(1 for start in self.starts if start <= ms)
        above = len([1 for limit, _ in self.schedules[index]["tiers"] if tokens > limit])
        off_peak = bool(self.schedules[index]["off_peak"]) and not self.is_peak(ms)
        return self.rates_in(index, plan, above, off_peak)

    @functools.lru_cache(maxsize=None)
    def rates_in(self, index, plan, above, off_peak):
        s = self.schedules[index]
        r = dict(s[plan])
        for over in ([s["off_peak"]] if off_peak else []) + ([s["tiers"][above - 1][1]] if above else []):
            r = combined(r, over, s[None])
        return r


class Fallback:
    """Kind by kind the dearest of several rows."""

    def __init__(self, rows):
        self.rows = rows
        self.web_search = max(r.web_search for r in rows)
        self.us_only = max(r.us_only for r in rows)

    def rates(self, ms, plan, tokens):
        all_of = [r.rates(ms, plan, tokens) for r in self.rows]
        return {k: max(r[k] for r in all_of) for k in KINDS}


class Table:
    def __init__(self, folder):
        self.providers, self.rows = {}, []
        for path in sorted(glob.glob(os.path.join(folder, "*.json"))):
            if os.path.basename(path) == "schema.json":
                continue
            with open(path) as f:
                file = json.load(f)
            self.providers[file["provider"]] = file
            self.rows += [Row(file, m) for m in file["models"]]
        self.prefix = {p: f for f in self.providers.values() for p in f.get("prefixes", [])}
        self.names = [(self.bare(n)[0], row) for row in self.rows for n in row.names]
        self.starts = sorted({start for row in self.rows for start in row.starts})
        self.floor = next(r for r in self.rows if r.id == "gpt-4o")

    def bare(self, name):
        named = None
        while True:
            hit = next((p for p in self.prefix if name.startswith(p + "/") and len(name) > len(p) + 1), None)
            if hit is None:
                return name, named
            named = named or self.prefix[hit]
            name = name[len(hit) + 1:]

    def best(self, rows, upstream, named):
        def key(r):
            near = (r.provider is upstream) * 2 + (named is not None and r.provider is named)
            return near, r.schedules[0][None]["input"] + r.schedules[0][None]["output"]
        return max(rows, key=key) if rows else None

    @staticmethod
    def suffixes(provider):
        for s in provider.get("suffixes", []):
            digits = {"-YYYY-MM-DD": r"-20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])",
                      "-YYYYMMDD": r"-20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
                      "@YYYYMMDD": r"@20\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
                      "-MMDD": r"-(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])",
                      "-NNN": r"-\d\d\d", "-latest": "-latest"}[s]
            yield re.compile("(.+)" + digits)

    @functools.lru_cache(maxsize=None)
    def find(self, provider, model):
        """(row, region multiplier, whether it is a fallback)"""
        name = model.lower()
        fine_tuned = re.fullmatch(r"((?:.*/)?ft:[^:]*):.*", name)
        name, named = self.bare(fine_tuned.group(1) if fine_tuned else name)
        upstream = self.providers.get(provider) or self.prefix.get(provider)
        found = self.best([r for n, r in self.names if n == name], upstream, named)
        if found:
            return found, ONE, False
        hits = [r for p in self.providers.values() for s in self.suffixes(p) for m in [s.fullmatch(name)] if m
                for n, r in self.names if n == m.group(1) and r.provider is p]
        if hits:
            return self.best(hits, upstream, named), ONE, False
        for p in self.providers.values():
            for region, multiplier in p.get("regions", {}).items():
                if name.startswith(region):
                    hits = [r for n, r in self.names if n == name[len(region):] and r.provider is p]
                    if hits:
                        return hits[0], Decimal(multiplier), False
        stems = [name[:i + 1] for i, c in enumerate(name) if c in "-."]
        for stem in reversed(stems):
            members = [r for n, r in self.names if n.startswith(stem)]
            if members:
                return Fallback([self.floor] + members), ONE, True
        return Fallback([self.floor]), ONE, True


def cost(table, provider, model, usage):
    """Nanodollars, rounded up once."""
    asked = table.find(provider, model)
    if usage["model"]:
        answered = table.find(provider, usage["model"])
        asked = asked if answered[2] else answered
    total = ZERO
    for tokens, own in usage["parts"]:
        row, region, _ = table.find(provider, own) if own else asked
        rates = row.rates(usage["at"], PLANS[usage["tier"]], sum(tokens[:len(INPUTS)]))
        part = sum((Decimal(n) * rates[k] for n, k in zip(tokens, KINDS)), ZERO)
        total += part * region * (row.us_only if usage["us_only"] else ONE)
    total += usage["searches"] * asked[0].web_search
    return ceil(total / 1000)


UNKNOWN = ["gpt-5.9-mega", "gpt-4o-tiny", "claude-opus-7", "claude-unknown", "gemini-5.1-neon", "grok-5",
           "mistral-large-9901", "foo", "llama-9", "o7", "deepseek-x", "command-r-ultra"]
EDGES = [0, 1, 2, 99999, 100000, 100001, 127999, 128000, 128001, 199999, 200000, 200001, 271999, 272000, 272001]


def some_model(rng, table):
    row = rng.choice(table.rows)
    name = rng.choice([row.id] + row.obj.get("aliases", []))
    draw = rng.random()
    if draw < 0.08:
        return rng.choice([None, row.provider["provider"]]), rng.choice(UNKNOWN)
    if draw < 0.12:
        name += rng.choice(["-2026-10-03", "-20261003", "@20261003", "-latest", "-1003", "-001", "-pro"])
    elif draw < 0.16:
        name = rng.choice(["openai/", "models/", "us.", "global.", "groq/", "nobody/"]) + name
    elif draw < 0.18 and name.startswith("ft:"):
        name += ":acme::abc"
    elif draw < 0.2:
        name = name.upper()
    provider = row.provider["provider"] if rng.random() < 0.7 else rng.choice([None, *table.providers])
    return provider, name


def some_tokens(rng):
    tokens = [0] * len(KINDS)
    for i in range(len(KINDS)):
        if rng.random() < (0.8 if KINDS[i] in ("input", "output") else 0.25):
            tokens[i] = rng.choice(EDGES) if rng.random() < 0.3 else int(10 ** rng.uniform(0, 9))
    return tokens


def some_time(rng, table):
    """Between September 2026 and May 2027; often where an hour or a price begins, or a minute beside it."""
    ms = rng.randrange(1790000000000, 1810000000000, 1000)
    draw = rng.random()
    if draw < 0.3:
        ms -= ms % (3600 * 1000)
    elif draw < 0.45:
        ms = rng.choice(table.starts)
    return ms + rng.choice([0, 0, -1, 60000, 1800000])


def some_case(rng, table):
    provider, model = some_model(rng, table)
    parts = [(some_tokens(rng), some_model(rng, table)[1] if rng.random() < 0.1 else "")
             for _ in range(1 if rng.random() < 0.8 else rng.randint(0, 4))]
    return provider, model, {
        "model": some_model(rng, table)[1] if rng.random() < 0.2 else "",
        "tier": rng.choice([0, 0, 0, 1, 2, 3, 4]),
        "us_only": rng.random() < 0.2,
        "searches": rng.choice([0, 0, 0, 1, 7, 1000]),
        "at": some_time(rng, table),
        "parts": parts,
    }


def main():
    cases = int(sys.argv[2])
    rng = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 20261124)
    table = Table(sys.argv[1])
    for _ in range(cases):
        provider, model, u = some_case(rng, table)
        fields = [provider or "-", model, u["model"] or "-", u["tier"], int(u["us_only"]), u["searches"], u["at"],
                  len(u["parts"])]
        for tokens, own in u["parts"]:
            fields += [own or "-", *tokens]
        print(*fields, "=", cost(table, provider, model, u))


if __name__ == "__main__":
    main()
