# SPDX-License-Identifier: MIT
"""The price tables against their JSON Schema, the schema against what it must refuse, and both against the manual."""

import copy
import json
import pathlib
import re

import jsonschema
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "pricing/schema.json").read_text())
TABLES = sorted(p for p in ROOT.glob("pricing/*.json") if p.name != "schema.json") + sorted(
    ROOT.glob("test/prices/odd/*.json"))

ROW = {"id": "m", "input": "1", "output": "2", "as_of": "2026-01-01", "source": "test"}
TABLE = {"provider": "test", "models": [ROW]}


@pytest.fixture(scope="module")
def schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    return jsonschema.Draft202012Validator(SCHEMA)


@pytest.mark.parametrize("path", TABLES, ids=lambda p: str(p.relative_to(ROOT)))
def test_tables_are_valid(schema, path):
    schema.validate(json.loads(path.read_text()))


def changed(**fields):
    table = copy.deepcopy(TABLE)
    for key, value in fields.items():
        if value is None:
            del table["models"][0][key]
        else:
            table["models"][0][key] = value
    return table


IO = {"input": "1", "output": "2"}
GOOD = [TABLE, changed(future=[{"from": "2027-01-01", **IO}]), changed(batch=IO),
        {"models": [{**ROW, "provider": "test"}, {"id": "a", "alias_of": "m", "provider": "test"}]}]
BAD = [
    *[changed(**{k: None}) for k in ("id", "input", "output", "as_of", "source")],
    changed(input="-1"), changed(input=1.5), changed(input=".5"), changed(input="free"), changed(inptu="1"),
    changed(id=""), changed(id="two words"), changed(aliases="m2"), changed(context=0), changed(reasoning="yes"),
    changed(batch={"input": "1"}), changed(batch={**IO, "above": 1}), changed(batch={**IO, "batch": IO}),
    changed(tiers=[IO]), changed(tiers=[]), changed(tiers=[{"above": 0, **IO}]),
    changed(future=[IO]), changed(future=[{"from": "soon", **IO}]), changed(future=[{"from": "2027-01-01", "source": "x", **IO}]),
    changed(off_peak=IO), changed(off_peak={"peak_utc": ["always"], **IO}),
    changed(off_peak={"peak_utc": ["01:00-02:00"], "peak_days": "mon", **IO}),
    changed(us_only="0.9"), changed(us_only="11"), changed(alias_of="n"),
    {"models": [ROW]}, {"provider": "Test", "models": []}, {"provider": "test"}, {"provider": "test", "models": {}},
    {"prefixes": ["x"], "models": []}, {"provider": "test", "suffixes": ["-pro"], "models": []},
    {"provider": "test", "missing": {"batch": "2"}, "models": []}, [],
]


@pytest.mark.parametrize("table", GOOD)
def test_schema_takes(schema, table):
    schema.validate(table)


@pytest.mark.parametrize("table", BAD)
def test_schema_refuses(schema, table):
    assert list(schema.iter_errors(table))


def test_manual_names_every_field():
    manual = (ROOT / "man/tokencap-pricing.5").read_text()
    named = set(re.findall(r"[a-z_$0-9]+", " ".join(re.findall(r"^\.(?:It )?Cm (.*)$", manual, re.M))))
    fields = set(SCHEMA["properties"])
    for d in SCHEMA["$defs"].values():
        fields |= set(d.get("properties", {}))
    assert fields - named == set()
    assert named - fields - set(SCHEMA["properties"]["missing"]["properties"]) == set()


def test_manuals_examples_are_valid(schema):
    manual = (ROOT / "man/tokencap-pricing.5").read_text()
    examples = re.findall(r"^\.Bd -literal.*?\n(.*?)^\.Ed", manual, re.M | re.S)
    assert len(examples) == 2
    for text in examples:
        schema.validate(json.loads(text))
