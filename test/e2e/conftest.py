# SPDX-License-Identifier: MIT
"""Fixtures: a simulator and a daemon for each test, each on a port of its own."""

import contextlib
import json
import os
import shutil
import subprocess

import pytest

from harness import COUNTS, FIGURES, HERE, TIMEOUT, Daemon, Sim, clean_environment, newest_node

COUNTS_FILE = os.environ.get("TOKENCAP_COUNTS")

# The SDKs in this process read the environment too.
for name in set(os.environ) - set(clean_environment()):
    del os.environ[name]


@pytest.fixture
def sim():
    simulator = Sim()
    yield simulator
    simulator.stop()


@pytest.fixture
def start_proxy(tmp_path, sim):
    """Starts daemons: start_proxy(*flags, env={}). All are stopped, and must stop cleanly; but
    one started with ready=False ends by itself."""
    with contextlib.ExitStack() as started:
        def start(*flags, env=None, folder=tmp_path, ready=True, **more):
            daemon = Daemon(folder, sim, *flags, env=env, ready=ready, **more)
            started.callback(daemon.end)
            return daemon

        yield start


@pytest.fixture
def proxy(start_proxy):
    return start_proxy()


class Via:
    """Where an SDK is pointed: straight at the simulator, or at the daemon before it."""

    def __init__(self, sim, proxy=None):
        self.sim, self.proxy, self.proxied = sim, proxy, proxy is not None
        self.base = (proxy or sim).url
        self.openai_base = f"{self.base}/v1"

    def check_row(self, provider, endpoint=None):
        """The ledger's only row says what the upstream reported."""
        if not self.proxied:
            return
        used = self.sim.journal(wait=1)[-1].usage
        [row] = self.proxy.history()
        cached = (used["cached"] or 0, used["cache_write"] or 0)
        assert row["provider"] == provider and row["status"] == "settled"
        assert row["outputTokens"] == used["output"]
        assert (row["cachedInputTokens"], row["cacheWriteTokens"]) == cached
        whole = used["input"] + (sum(cached) if provider == "anthropic" else 0)
        assert row["inputTokens"] == whole


@pytest.fixture(params=["direct", "proxied"])
def via(request, sim):
    return Via(sim, request.getfixturevalue("proxy") if request.param == "proxied" else None)


@pytest.fixture(scope="session")
def node():
    """Runs node/<script> with arguments and environment; its last line of output, parsed."""
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    version, program = newest_node()

    def run(script, *args, needs=18, **env):
        if version < needs:
            pytest.skip(f"needs node {needs} or newer; this is {version}")
        done = subprocess.run([program, HERE / "node" / script, *args], capture_output=True,
                              text=True, timeout=TIMEOUT * 2, cwd=HERE / "node",
                              env=clean_environment() | env)
        assert done.returncode == 0, done.stdout + done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


def pytest_sessionfinish():
    if COUNTS_FILE:
        with open(COUNTS_FILE, "w") as file:
            json.dump({"counts": COUNTS, "figures": FIGURES}, file)
