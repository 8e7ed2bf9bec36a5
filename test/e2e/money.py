# SPDX-License-Identifier: MIT
"""Prices and sums worked out anew, in exact decimals, to compare the daemon's with."""

import math
from decimal import Decimal

# US dollars per million tokens, from the providers' price pages.
PRICES = {
    "gpt-4o": {"input": "2.5", "cached": "1.25", "output": "10"},
    "gpt-5": {"input": "1.25", "cached": "0.125", "output": "10"},
    "gpt-4o-mini": {"input": "0.15", "cached": "0.075", "output": "0.6"},
    "gpt-3.5-turbo-instruct": {"input": "1.5", "output": "2"},
    "text-embedding-3-small": {"input": "0.02", "cached": "0.02", "output": "0"},
    "claude-haiku-4-5": {"input": "1", "cached": "0.1", "output": "5", "write_5m": "1.25",
                         "write_1h": "2"},
}
NANO = Decimal("0.000000001")


def cost(model, **tokens):
    """The cost in dollars, rounded up to the nanodollar; `input` is what the full price is for."""
    price = PRICES[model]
    micro = sum(Decimal(price[kind]) * count for kind, count in tokens.items())
    return Decimal(math.ceil(micro * 1000)) * NANO


def dollars(text):
    """A header's figure. It must be a plain decimal of six to nine places."""
    whole, _, places = text.partition(".")
    assert whole.lstrip("-").isdigit() and places.isdigit() and 6 <= len(places) <= 9, text
    assert len(places) == 6 or places[-1] != "0", text
    return Decimal(text)


def exactly(number):
    """A JSON number as a decimal of nanodollars."""
    return Decimal(repr(number)).quantize(NANO)
