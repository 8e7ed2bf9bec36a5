# SPDX-License-Identifier: MIT
"""Alerts of budgets, as their receivers get them."""

import hashlib
import hmac
import http.server
import json
import threading
import time

import pytest

from bodies import CHAT, project
from harness import TIMEOUT, sim_header

PATH = "/v1/chat/completions"
SECRET = "shared-with-the-receiver"
COST = 0.0028  # of the request below: 1000 input and 30 output tokens of gpt-4o


class Receiver:
    """Takes what is posted to it; answers with the statuses it was given, then with 204."""

    def __init__(self):
        self.got, self.statuses, self.changed = [], [], threading.Condition()
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with receiver.changed:
                    receiver.got.append((self.path, dict(self.headers), body))
                    status = receiver.statuses.pop(0) if receiver.statuses else 204
                    receiver.changed.notify_all()
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", "/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/hooks/s3cret?x=1"

    def wait(self, n):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= n, TIMEOUT), self.got
            return self.got[:n]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver():
    r = Receiver()
    yield r
    r.stop()


def spend(proxy, name="default"):
    used = sim_header(input=1000, output=30)
    assert proxy.post(PATH, CHAT, project(name) | used).status == 200


def sent(proxy):
    text = proxy.get("/metrics").text
    return int(next(line for line in text.splitlines()
                    if line.startswith("tokencap_alerts_sent_total ")).split()[1])


def wait_sent(proxy, n):
    until = time.monotonic() + TIMEOUT
    while sent(proxy) < n:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_threshold_is_told_once(start_proxy, receiver):
    proxy = start_proxy("--alert-private", env={"TOKENCAP_ALERT_SECRET": SECRET})
    proxy.set_budget(COST * 2, alertPercents=[50, 100], alertUrl=receiver.url)
    spend(proxy)
    [(path, headers, body)] = receiver.wait(1)
    assert path == "/hooks/s3cret?x=1"
    stamp, _, mark = headers["X-Tokencap-Signature"].partition(",v1=")
    signed = hmac.new(SECRET.encode(), stamp[2:].encode() + b"." + body, hashlib.sha256)
    assert mark == signed.hexdigest() and abs(time.time() - int(stamp[2:])) < 60
    alert = json.loads(body)
    assert alert["id"] == headers["X-Tokencap-Alert-Id"]
    assert (alert["type"], alert["thresholdPercent"]) == ("budget.threshold", 50)
    assert alert["budget"]["spentUsd"] == COST and "alertUrl" not in alert["budget"]
    wait_sent(proxy, 1)

    proxy.stop()
    proxy.launch()
    proxy.await_ready()
    # What happens next is what comes next: no second alert for the first threshold.
    proxy.set_budget(COST * 2, alertPercents=[50, 100], alertUrl=receiver.url)
    spend(proxy)
    second = json.loads(receiver.wait(2)[1][2])
    assert second["thresholdPercent"] == 100
    assert "s3cret" not in proxy.log.text


def test_a_receiver_that_fails_is_tried_again(start_proxy, receiver):
    proxy = start_proxy("--alert-private")
    receiver.statuses = [500, 302]
    proxy.set_budget(COST, alertPercents=[100], alertUrl=receiver.url)
    spend(proxy)
    receiver.wait(1)
    assert proxy.log.wait_for(r"not sent to http://127.0.0.1:\d+: its receiver answered 500; it will")
    receiver.wait(2)
    assert proxy.log.wait_for("its receiver answered 302; it will")
    assert [path for path, _, _ in receiver.got] == ["/hooks/s3cret?x=1"] * 2, "no redirect is followed"
    # It still waits after a crash.
    proxy.kill()
    proxy.launch()
    proxy.await_ready()
    tries = receiver.wait(3)
    assert len({h["X-Tokencap-Alert-Id"] for _, h, _ in tries}) == 1, "it is the same one"
    assert len({b for _, _, b in tries}) == 1
    assert "X-Tokencap-Signature" not in tries[0][1], "nothing to sign it with"


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"])
def test_private_addresses_get_nothing(start_proxy, receiver, name):
    proxy = start_proxy()
    url = receiver.url.replace("127.0.0.1", name)
    proxy.set_budget(COST, alertPercents=[100], alertUrl=url)
    spend(proxy)
    assert proxy.log.wait_for("not sent to .*: its address is private; --alert-private allows that")
    assert receiver.got == []


def test_slack_gets_what_it_takes(start_proxy, receiver):
    proxy = start_proxy("--alert-private", "--alert-format", "slack")
    proxy.set_budget(COST, "team:a@b", alertPercents=[80], alertUrl=receiver.url)
    spend(proxy, "team:a@b")
    body = json.loads(receiver.wait(1)[0][2])
    assert body == {"text": "tokencap: the budget of project team:a@b has reached 80 %: "
                            "$0.0028 of $0.0028 is spent."}


def test_what_no_url_is_is_refused(proxy):
    for url in ("ftp://example.com/x", "file:///etc/passwd", "javascript:1", "example.com", "https://",
                "http:///x", "https://?x", "http:/example.com", "https://exam ple.com", "https://a\r\nb",
                "https://b\u00fccher.example", " https://example.com", 5, ["https://example.com"]):
        answer = proxy.post("/v1/budget", {"projectId": "p", "limitUsd": 1, "alertUrl": url})
        assert answer.status == 400 and "alertUrl" in answer.text
    assert proxy.budget("p") is None
    for url in ("", "HTTPS://example.com/x", "http://[::1]:8080", "https://u:p@example.com?x"):
        assert proxy.post("/v1/budget", {"projectId": "p", "limitUsd": 1, "alertUrl": url}).status == 200


def test_a_slow_receiver_does_not_hold_up_the_end(start_proxy, receiver):
    proxy = start_proxy("--alert-private")
    with receiver.changed:  # it answers when the test is over
        proxy.set_budget(COST, alertPercents=[100], alertUrl=receiver.url)
        spend(proxy)
        proxy.stop()
