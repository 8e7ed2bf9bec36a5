# SPDX-License-Identifier: MIT
"""Fixtures: a simulator and a daemon for each test, each on a port of its own."""

import contextlib
import json
import shutil
import subprocess

import pytest

from harness import HERE, TIMEOUT, Daemon, Sim, clean_environment


@pytest.fixture
def sim():
    simulator = Sim()
    yield simulator
    simulator.stop()


@pytest.fixture
def start_proxy(tmp_path, sim):
    """Starts daemons: start_proxy(*flags, env={}). All are stopped, and must stop cleanly."""
    with contextlib.ExitStack() as started:
        def start(*flags, env=None, folder=tmp_path):
            daemon = Daemon(folder, sim, *flags, env=env)
            started.callback(daemon.end)
            return daemon

        yield start


@pytest.fixture
def proxy(start_proxy):
    return start_proxy()


def node_version():
    if not shutil.which("node"):
        return 0
    shown = subprocess.run(["node", "--version"], capture_output=True, text=True, timeout=TIMEOUT)
    return int(shown.stdout.lstrip("v").split(".")[0])


@pytest.fixture(scope="session")
def node():
    """Runs node/<script> with arguments and environment; its last line of output, parsed."""
    version = node_version()
    if not version:
        pytest.skip("node is not installed")

    def run(script, *args, needs=18, **env):
        if version < needs:
            pytest.skip(f"needs node {needs} or newer; this is {version}")
        done = subprocess.run(["node", HERE / "node" / script, *args], capture_output=True,
                              text=True, timeout=TIMEOUT * 2, cwd=HERE / "node",
                              env=clean_environment() | env)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run
