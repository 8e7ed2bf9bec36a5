# SPDX-License-Identifier: MIT
"""Fixtures: those of the end-to-end tests, the clients, and the table that the run writes."""

import importlib.util
import json
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
E2E = HERE.parent / "e2e"
sys.path[:0] = [str(HERE), str(E2E)]


def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


shared = load("e2e_conftest", E2E / "conftest.py")
sim, start_proxy, proxy, node = shared.sim, shared.start_proxy, shared.proxy, shared.node

import table  # noqa: E402
from harness import TIMEOUT, Lines, clean_environment, newest_node  # noqa: E402


class Driver:
    """A client in a process of its own, asked line by line."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(word) for word in command], cwd=HERE, text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=clean_environment())
        self.errors = Lines(self.process.stderr)

    def ask(self, case, base):
        self.process.stdin.write(json.dumps({"case": case, "base": base}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, self.errors.text
        return json.loads(line)

    def stop(self):
        self.process.stdin.close()
        self.process.wait(TIMEOUT)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def drivers():
    """One of each client, started when it is first asked."""
    started = {}

    def driver(client):
        if not client.installed:
            pytest.skip(f"{client.package} is not installed")
        if client.name not in started:
            program, *words = client.driver
            started[client.name] = Driver([newest_node()[1] if program == "node" else program, *words])
        return started[client.name]

    yield driver
    for one in started.values():
        one.stop()


# The table


def pytest_addoption(parser):
    parser.addoption("--table", help="where to write the table of clients and features")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    cell = getattr(item, "callspec", None) and item.callspec.params.get("cell")
    if cell and (report.when == "call" or report.outcome != "passed"):
        why = report.longrepr[2] if report.skipped else None
        table.record(*cell, report.outcome, why)


def pytest_sessionfinish(session):
    path = session.config.getoption("--table")
    if path:
        table.write(pathlib.Path(path))
