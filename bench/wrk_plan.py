"""Plans of kind "wrk": every server is started once, then wrk runs against them in turn (A B C, C B A, ...); medians over the rounds
and ratios to a reference. A round that another program disturbed is thrown away and repeated."""
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from servers import (BENCH, ROOT, Server, cpu_times, machine_busy_s, memory_bytes, own_busy_s, pinned, start_upstream,
                     upstream_requests)

FOREIGN_MAX = 0.10  # Of one core, by other programs, during a round.
REPEATS_MAX = 2
REPEAT_BUDGET_S = 240


def run_wrk(plan, port, seconds, connections):
    environment = {name: str(value) for name, value in plan.get("env", {}).items()}
    with tempfile.NamedTemporaryFile(suffix=".json") as out:
        command = pinned(plan.get("wrk_cpus")) + ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s", "-s",
                                                  str(BENCH / "wrk" / "post.lua"),
                                                  f"http://127.0.0.1:{port}{plan.get('path', '/v1/chat/completions')}"]
        done = subprocess.run(command, env={**os.environ, **environment, "JSON_OUT": out.name}, capture_output=True, text=True)
        try:
            return json.loads(pathlib.Path(out.name).read_text())
        except ValueError:
            raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")


def measure_once(plan, server, upstream, seconds, connections):
    asked = upstream_requests(upstream)
    before = cpu_times(server.pids)
    result = run_wrk(plan, server.port, seconds, connections)
    after = cpu_times(server.pids)
    requests = max(1, result["requests"])
    ticks = max(1, after[1] + after[2] - before[1] - before[2])
    result["cpu_us"] = (after[0] - before[0]) / requests / 1000
    result["user_part"] = (after[1] - before[1]) / ticks
    result["rss_mb"] = memory_bytes(server.pids) / 1e6
    result["upstream_per_request"] = (upstream_requests(upstream) - asked) / requests
    return result


def measure(plan, server, upstream, options, pids, deadline):
    for repeat in range(REPEATS_MAX + 1):
        began, busy, own = time.monotonic(), machine_busy_s(), own_busy_s(pids)
        result = measure_once(plan, server, upstream, options.secs, options.conns)
        foreign = (machine_busy_s() - busy) - (own_busy_s(pids) - own)
        result["foreign"] = foreign / (time.monotonic() - began)
        if result["foreign"] <= FOREIGN_MAX or time.monotonic() > deadline or repeat == REPEATS_MAX:
            return result, repeat
        time.sleep(0.5)


def run(plan, options):
    run_folder = None
    if plan.get("disk"):
        run_folder = ROOT / "build" / "bench"
        run_folder.mkdir(parents=True, exist_ok=True)
    upstream, servers, rounds, thrown, counters = None, [], {}, 0, {}
    try:
        if "upstream" in plan:
            upstream = start_upstream(plan["upstream"])
        port = upstream.port if upstream else 0
        servers = [Server(spec, port, run_folder) for spec in plan["servers"] if not options.only or spec["name"] in options.only]
        for server in servers:  # Fills the caches; not counted.
            run_wrk(plan, server.port, 1, min(options.conns, 16))
        rounds = {server.name: [] for server in servers}
        pids = [pid for server in servers for pid in server.pids] + (upstream.pids if upstream else [])
        deadline = time.monotonic() + REPEAT_BUDGET_S
        for number in range(options.rounds):
            for server in servers if number % 2 == 0 else servers[::-1]:
                result, repeats = measure(plan, server, upstream, options, pids, deadline)
                thrown += repeats
                rounds[server.name].append(result)
        counters = {server.name: server.metrics() for server in servers}
    finally:
        for server in servers:
            server.stop()
        if upstream:
            upstream.stop()
    disturbed = sum(result["foreign"] > FOREIGN_MAX for results in rounds.values() for result in results)
    print(f"{thrown} rounds thrown away because of other programs, {disturbed} left disturbed", file=sys.stderr)
    return report(plan, rounds, counters)


def median(results, key):
    return statistics.median(result[key] for result in results)


def ratios(results, reference, key):
    return [a[key] / max(b[key], 1e-9) for a, b in zip(results, reference)]


def report(plan, rounds, counters):
    references = [name for name in plan["ref"] if name in rounds] or list(rounds)[:1]
    by = plan.get("compare", "rps")
    print(f"{'server':24} {'req/s':>8} {'p50 us':>7} {'p99 us':>7} {'cpu us':>7} {'rss MB':>7} {'up/req':>7}  errors  "
          + "  ".join(f"{by} x {name} (spread)" for name in references))
    rows = []
    for name, results in rounds.items():
        errors = sum(result["non2xx"] + result["sock_err"] for result in results)
        row = {"name": name, "errors": errors, "rounds": results,
               **{key: median(results, key) for key in ("rps", "p50_us", "p99_us", "cpu_us", "rss_mb", "upstream_per_request")}}
        row["ratio"] = {other: statistics.median(ratios(results, rounds[other], by)) for other in references}
        cells = []
        for other in references:
            each = ratios(results, rounds[other], by)
            cells.append(f"{row['ratio'][other]:.2f} ({min(each):.2f}-{max(each):.2f})".center(len(f"{by} x {other} (spread)")))
        row["dropped"] = {key: value for key, value in counters.get(name, {}).items() if "drop" in key}
        rows.append(row)
        print(f"{name:24} {row['rps']:8.0f} {row['p50_us']:7.0f} {row['p99_us']:7.0f} {row['cpu_us']:7.2f} {row['rss_mb']:7.0f} "
              f"{row['upstream_per_request']:7.3f} {errors:7}  " + "  ".join(cells))
    for row in rows:
        for key, value in row["dropped"].items():
            print(f"{row['name']}: {key} = {value:.0f}")
    print_p99_differences(plan, rounds, references)
    return rows


def print_p99_differences(plan, rounds, references):
    """For latency plans: how much later the 99th percentile is than the reference's, in each round."""
    if by_latency(plan):
        for name, results in rounds.items():
            differences = [a["p99_us"] - b["p99_us"] for a, b in zip(results, rounds[references[0]])]
            print(f"{name}: p99 is {statistics.median(differences):+.0f} us against {references[0]}")


def by_latency(plan):
    return plan.get("compare") == "p99_us"
