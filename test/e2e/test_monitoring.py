# SPDX-License-Identifier: MIT
"""Metrics as Prometheus reads them, and what docs/monitoring says of them."""

import json
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request

import pytest

from bodies import CHAT, EMBEDDING, MESSAGE, MESSAGE_STREAM, PRICED, RESPONSE, project
from harness import HERE, ROOT, TIMEOUT, Task, sim_header

MONITORING = ROOT / "docs/monitoring"
SUFFIX = re.compile(r"_(bucket|sum|count)$")


def scrape(proxy):
    answer = proxy.get("/metrics")
    assert answer.status == 200
    return answer.text


def families(text):
    """Each metric's name, and its kind."""
    return dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))


def samples(text, name):
    """{labels: value} of a metric; labels is a sorted tuple of pairs."""
    found = {}
    for line in re.findall(rf"^{name}(?:\{{.*\}})? .*$", text, re.M):
        labels = tuple(sorted(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', line)))
        assert labels not in found, f"{line} comes twice"
        found[labels] = float(line.rpartition(" ")[2])
    return found


def one(text, name, **labels):
    """The only sample that has these labels."""
    wanted = {(k, str(v)) for k, v in labels.items()}
    [value] = [v for k, v in samples(text, name).items() if wanted <= set(k)]
    return value


def traffic(proxy):
    """Something for every metric."""
    proxy.set_budget(100, "rich", alertPercents=[50])
    proxy.set_budget(0.000001, "poor")
    for path, body in PRICED.items():
        assert proxy.post(path, body, project("rich")).status == 200
    assert proxy.post("/v1/messages", MESSAGE_STREAM, project("rich")).status == 200
    cached = sim_header(input=1000, output=50, cached=800, cache_write=100, reasoning=0)
    assert proxy.post("/v1/messages", MESSAGE, project("rich") | cached).status == 200
    assert proxy.post("/v1/chat/completions", CHAT, project("poor")).status == 402
    assert proxy.post("/v1/chat/completions", CHAT, sim_header(status=429)).status == 429
    assert proxy.post("/v1/chat/completions", CHAT | {"model": "who-knows"}).status == 200
    assert proxy.post("/v1/estimate/chat/completions", CHAT).status == 200
    assert proxy.get("/v1/models").status == 200
    assert proxy.post("/v1/chat/completions", b"{").status == 400


def test_what_is_counted(proxy):
    proxy.set_budget(1)
    used = sim_header(input=1000, output=50, cached=400)
    answer = proxy.post("/v1/chat/completions", CHAT, used)
    text = scrape(proxy)
    here = {"provider": "openai", "endpoint": "/v1/chat/completions", "model": "gpt-4o"}
    cost = float(answer.headers["X-Tokencap-Cost-USD"])
    assert one(text, "tokencap_requests_total", **here, status=200) == 1
    assert one(text, "tokencap_tokens_total", **here, type="input") == 600
    assert one(text, "tokencap_tokens_total", **here, type="cache_read") == 400
    assert one(text, "tokencap_tokens_total", **here, type="output") == 50
    assert one(text, "tokencap_cost_usd_total", **here) == cost
    assert one(text, "tokencap_predicted_cost_usd_total", **here) == \
        float(answer.headers["X-Tokencap-Estimated-Cost-USD"])
    assert one(text, "tokencap_cache_savings_usd_total", **here) == pytest.approx(400 * 1.25e-6)
    assert one(text, "tokencap_prediction_ratio_count", **here) == 1
    assert one(text, "tokencap_request_duration_seconds_bucket", **here, le="+Inf") == 1
    assert samples(text, "tokencap_time_to_first_token_seconds_count") == {}, "it was no stream"
    otel = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "openai",
            "gen_ai_request_model": "gpt-4o"}
    assert one(text, "gen_ai_client_token_usage_sum", **otel, gen_ai_token_type="input") == 1000
    assert one(text, "gen_ai_client_token_usage_bucket", **otel, gen_ai_token_type="output",
               le="64") == 1
    assert one(text, "tokencap_budget_limit_usd", budget="project:default") == 1
    assert one(text, "tokencap_budget_spent_usd", budget="project:default") == cost
    assert one(text, "tokencap_budget_reserved_usd", budget="project:default") == 0
    assert one(text, "tokencap_holds_open") == 0


def test_refusals_are_counted_by_scope(proxy):
    proxy.set_budget(0.000001)
    assert proxy.post("/v1/chat/completions", CHAT).status == 402
    assert proxy.post("/v1/chat/completions", b"[]").status == 400
    assert proxy.get("/v1/nothing").status == 404
    text = scrape(proxy)
    assert one(text, "tokencap_budget_refusals_total", scope="project") == 1
    assert one(text, "tokencap_budget_refusals_total", scope="global") == 0
    assert one(text, "tokencap_budget_refused_usd_total", scope="project") > 0
    assert one(text, "tokencap_refusals_total", code="budget_exceeded") == 1
    assert one(text, "tokencap_requests_total", model="gpt-4o", status=402) == 1
    assert sum(samples(text, "tokencap_requests_total").values()) == 2


def test_what_is_held_and_what_waits(start_proxy, sim):
    """One worker at its upstream, one request in the queue, one too many; then what the ledger wrote."""
    proxy = start_proxy("--workers", "1", "--queue-depth", "1")
    proxy.set_budget(1)
    first = Task(lambda: proxy.post("/v1/chat/completions", CHAT, sim_header(gate="go")))
    sim.await_gate("go")
    shed = threading.Semaphore(0)

    def client():
        answer = proxy.post("/v1/chat/completions", CHAT)
        if answer.status == 503:
            shed.release()
        return answer.status

    crowd = [Task(client) for _ in range(2)]
    assert shed.acquire(timeout=TIMEOUT)
    text = scrape(proxy)
    assert one(text, "tokencap_holds_open") == one(text, "tokencap_requests_in_flight") == 1
    assert one(text, "tokencap_held_usd") == proxy.budget()["reservedUsd"] > 0
    assert one(text, "tokencap_oldest_hold_seconds") > 0
    assert one(text, "tokencap_queue_length") == 1
    assert one(text, "tokencap_shed_total") == 1
    sim.open("go")
    assert first.result() and sorted(t.result() for t in crowd) == [200, 503]
    text = scrape(proxy)
    assert one(text, "tokencap_holds_open") == one(text, "tokencap_oldest_hold_seconds") == 0
    assert one(text, "tokencap_queue_wait_seconds_count") == 2
    assert one(text, "tokencap_queue_wait_seconds_sum") > 0
    assert one(text, "tokencap_ledger_commit_seconds_count") >= 3
    assert one(text, "tokencap_ledger_commit_seconds_sum") > 0
    assert one(text, "tokencap_ledger_writes_total") >= 5


def test_what_goes_wrong_upstream_and_what_is_remembered(proxy):
    assert proxy.post("/v1/chat/completions", CHAT, sim_header(fault="close_before_headers")).status == 502
    cut = sim_header(fault="reset_mid_stream", at=6)
    assert proxy.post("/v1/messages", MESSAGE_STREAM, cut).end != "complete"
    long = MESSAGE_STREAM | {"messages": [{"role": "user", "content": "Tell me more. " * 500}]}
    for _ in range(2):
        assert proxy.post("/v1/messages", long).status == 200
    text = scrape(proxy)
    assert sum(samples(text, "tokencap_upstream_errors_total").values()) == 2
    assert one(text, "tokencap_estimated_settlements_total") >= 1
    assert one(text, "tokencap_token_cache_hits_total") >= 1
    assert one(text, "tokencap_token_cache_misses_total") >= 1
    streamed = {"endpoint": "/v1/messages", "provider": "anthropic"}
    assert one(text, "tokencap_time_to_first_token_seconds_count", **streamed) >= 1


def test_labels_are_bounded(proxy):
    """Names that clients make up never become labels; budgets have at most 200."""
    for i in range(30):
        assert proxy.post("/v1/chat/completions", CHAT | {"model": f"made-up-{i}"}).status == 200
        assert proxy.get(f"/v1/models/made-up-{i}").status in (200, 404)
    for i in range(210):
        proxy.set_budget(1 + i, f"p{i}")
    text = scrape(proxy)
    assert "made-up" not in text
    assert one(text, "tokencap_requests_total", model="other", status=200,
               endpoint="/v1/chat/completions") == 30
    assert len(samples(text, "tokencap_budget_limit_usd")) == 200
    assert one(text, "tokencap_budgets") == 210


def test_every_metric_is_documented(proxy):
    text = (MONITORING / "metrics.md").read_text()
    documented = set(re.findall(r"^\| `(\w+)` \|", text, re.M))
    assert documented == set(families(scrape(proxy)))
    kinds = dict(re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.M))
    assert kinds == families(scrape(proxy))


def expressions():
    """Every PromQL expression of the dashboard and of the rules, with where it is."""
    board = json.loads((MONITORING / "grafana.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]
    rules = (MONITORING / "alerts.yml").read_text()
    for name, one_line, block in re.findall(
            r"- alert: (\w+)\n +expr: (?:([^|\n].*)|\|\n((?: {12}.*\n| {10}.*\n)+))", rules):
        yield name, one_line or block


def test_dashboard_and_rules_name_real_metrics(proxy):
    known = families(scrape(proxy)) | {"up": "gauge"}
    seen = set()
    for where, expr in expressions():
        for name in re.findall(r"\b((?:tokencap|gen_ai|process)_\w+|up)\b(?!=)", re.sub(r'"[^"]*"', "", expr)):
            family = name if name in known else SUFFIX.sub("", name)
            assert family in known, f"{where}: {name} does not exist"
            assert name == family or known[family] in ("histogram", "summary"), f"{where}: {name}"
            seen.add(family)
    assert len(seen) > 25


@pytest.fixture
def promtool():
    if not shutil.which("promtool"):
        pytest.skip("promtool is not installed: make check-monitoring")

    def run(*args, stdin=None, cwd=None):
        done = subprocess.run(["promtool", *args], input=stdin, capture_output=True, text=True,
                              timeout=TIMEOUT, cwd=cwd)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def test_promtool_finds_nothing(proxy, promtool, tmp_path):
    traffic(proxy)
    assert promtool("check", "metrics", stdin=scrape(proxy)) == ""
    for file in ("prometheus.yml", "alerts.yml"):
        shutil.copy(MONITORING / file, tmp_path)
    shutil.copy(HERE / "monitoring.rules.yml", tmp_path)
    promtool("check", "config", "prometheus.yml", cwd=tmp_path)
    promtool("test", "rules", "monitoring.rules.yml", cwd=tmp_path)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Prometheus:
    """A real one, that scrapes the daemon every 200 ms."""

    def __init__(self, folder, proxy):
        self.port = free_port()
        config = (MONITORING / "prometheus.yml").read_text()
        config = config.replace("127.0.0.1:3456", "{}:{}".format(*proxy.address))
        config = config.replace("scrape_interval: 15s", "scrape_interval: 200ms")
        (folder / "prometheus.yml").write_text(config)
        shutil.copy(MONITORING / "alerts.yml", folder)
        self.log = (folder / "prometheus.log").open("w")
        self.process = subprocess.Popen(
            ["prometheus", f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/tsdb", f"--web.listen-address=127.0.0.1:{self.port}"],
            stdout=self.log, stderr=self.log)

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=TIMEOUT) as answer:
            return json.load(answer)["data"]

    def query(self, expr):
        return self.ask("query", query=expr)["result"]

    def wait_for(self, expr):
        """Until a scrape has brought it; it has no other way to tell."""
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until:
            try:
                if result := self.query(expr):
                    return result
            except OSError:
                assert self.process.poll() is None, "Prometheus ended"
            time.sleep(0.1)
        raise AssertionError(f"{expr} has no result")

    def stop(self):
        self.process.terminate()
        self.process.wait(TIMEOUT)
        self.log.close()


@pytest.fixture
def prometheus(proxy, tmp_path):
    if not shutil.which("prometheus"):
        pytest.skip("prometheus is not installed: make check-monitoring")
    traffic(proxy)
    server = Prometheus(tmp_path, proxy)
    yield server
    server.stop()


def series(text):
    return [line.rpartition(" ")[0] for line in text.splitlines() if line and line[0] != "#"]


def test_a_real_prometheus_stores_every_series(proxy, prometheus):
    prometheus.wait_for('up{job="tokencap"} == 1')
    for line in series(scrape(proxy)):
        name = line.partition("{")[0]
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', line))
        labels.pop("le", None)
        match = ",".join(f'{k}="{v}"' for k, v in labels.items())
        assert prometheus.wait_for(f"{name}{{{match}}}"), line
    stored = prometheus.query('count({job="tokencap",__name__!~"up|scrape_.*"})')
    assert int(stored[0]["value"][1]) >= len(series(scrape(proxy))) * 0.98
    [target] = prometheus.ask("targets")["activeTargets"]
    assert target["health"] == "up" and target["lastError"] == ""


def test_every_expression_is_understood(prometheus):
    prometheus.wait_for('up{job="tokencap"} == 1')
    values = {"$instance": ".*", "$model": ".*", "$__rate_interval": "1m"}
    for where, expr in expressions():
        for name, value in values.items():
            expr = expr.replace(name, value)
        assert prometheus.ask("query", query=expr)["resultType"] in ("vector", "scalar"), where
    rules = prometheus.ask("rules")["groups"]
    assert [r["health"] for g in rules for r in g["rules"] if r["health"] == "err"] == []
    assert sum(len(g["rules"]) for g in rules) == 13


def test_scrapes_do_not_disturb_requests(proxy):
    """Metrics read while requests are counted are whole, and never go down."""
    before = -1
    for _ in range(20):
        assert proxy.post("/v1/embeddings", EMBEDDING).status == 200
        assert proxy.post("/v1/responses", RESPONSE).status == 200
        now = sum(samples(scrape(proxy), "tokencap_requests_total").values())
        assert now >= before + 2 or before < 0
        before = now
