# SPDX-License-Identifier: MIT
"""What the benchmark is to reach. A row: the figure's name in rows.py, what it is, how it is compared, the goal,
how it is written."""

GOALS = [
    ("rate_normal", "requests/s at 64 connections ÷ nginx's, `normal`", "≥", 0.45, "{:.2f}"),
    ("rate_full", "the same, `full`", "≥", 0.40, "{:.2f}"),
    ("added_normal", "added median at one connection ÷ nginx's, `normal`", "≤", 2.0, "{:.1f}"),
    ("added_full", "the same, `full`, less one fsync", "≤", 2.0, "{:.1f}"),
    ("cpu_normal", "CPU a request at 64 connections, `normal`", "≤", 120, "{:.0f} µs"),
    ("cpu_full", "the same, `full`", "≤", 120, "{:.0f} µs"),
    ("first_event_us", "added to a stream's first event, median, `normal`", "≤", 150, "{:.0f} µs"),
    ("event_p50", "added to each further event at 1,000 streams, median", "≤", 0.2, "{:.2f} ms"),
    ("event_p99", "the same, 99th percentile", "≤", 2.0, "{:.2f} ms"),
    ("event_cpu", "CPU an event at 1,000 streams of 10 a second", "≤", 45, "{:.0f} µs"),
    ("stream_kib", "memory a slow stream at 4,000", "≤", 56, "{:.0f} KiB"),
    ("open_files", "open files at 4,900 streams", "≤", 20_000, "{:,.0f}"),
    ("holds_64", "durable holds/s at 64 waiters", "≥", 35_000, "{:,.0f}"),
    ("holds_256", "the same at 256", "≥", 55_000, "{:,.0f}"),
    ("holds_p99", "their 99th percentile", "≤", 12, "{:.1f} ms"),
    ("flat_projects", "CPU a request with 100,000 projects ÷ with 1", "≤", 1.2, "{:.2f}"),
    ("flat_rows", "the same with many requests in the ledger ÷ with 10", "≤", 1.2, "{:.2f}"),
    ("start_ms", "start to ready", "≤", 30, "{:.0f} ms"),
    ("idle_mb", "memory after the start", "≤", 40, "{:.0f} MB"),
    ("rival_rate", "requests/s ÷ Portkey's gateway's, `full`", "≥", 10, "{:.1f}"),
    ("rival_cpu", "CPU a request ÷ Portkey's gateway's, `full`", "≤", 0.1, "{:.2f}"),
]


def verdict(sense, goal, figure):
    if figure is None:
        return "not measured"
    met = figure <= goal if sense == "≤" else figure >= goal
    return "met" if met else f"**missed: {figure / goal:.2f} × the goal**"


def goal_rows(figures):
    for name, what, sense, goal, form in GOALS:
        figure = figures.get(name)
        yield [what, f"{sense} {form.format(goal)}", "" if figure is None else form.format(figure),
               verdict(sense, goal, figure)]
