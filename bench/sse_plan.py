"""Plans of kind "sse": time to the first byte and lag of each event through each server, measured in turns, beside the upstream
asked directly."""
import json
import statistics
import subprocess

from servers import DRIVERS, Server, cpu_times, pinned, start_upstream

KEYS = ["ttfb_p50", "ttfb_p99", "lag_p50", "lag_p99", "gap_p99", "total_p50", "events_s", "cpu_us_event"]


def read_streams(plan, port, connections, streams):
    command = pinned(plan.get("client_cpus")) + [str(DRIVERS / "sse_client"), "--port", str(port), "--conns", str(connections),
                                                 "--streams", str(streams)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def run(plan, options):
    events, event_us = plan.get("events", 200), plan.get("event_us", 2000)
    connections, streams = options.conns, plan.get("streams", 64)
    upstream, servers = None, []
    try:
        upstream = start_upstream({**plan["upstream"], "args": ["--events", events, "--event-us", event_us]})
        servers = [Server(spec, upstream.port) for spec in plan["servers"] if not options.only or spec["name"] in options.only]
        targets = [("direct", upstream.port, [])] + [(server.name, server.port, server.pids) for server in servers]
        rounds = {name: [] for name, _, _ in targets}
        for _, port, _ in targets:
            read_streams(plan, port, connections, connections)
        for number in range(options.rounds):
            for name, port, pids in targets if number % 2 == 0 else targets[::-1]:
                before = cpu_times(pids)[0]
                result = read_streams(plan, port, connections, streams)
                result["cpu_us_event"] = (cpu_times(pids)[0] - before) / 1000 / max(1, result["events"])
                if result["events"] != events * result["streams"] or result["bad"]:
                    raise SystemExit(f"{name}: {result['events']} events instead of {events * result['streams']}, {result['bad']} bad")
                rounds[name].append(result)
    finally:
        for server in servers:
            server.stop()
        if upstream:
            upstream.stop()
    return report(plan, rounds)


def report(plan, rounds):
    reference = plan["ref"][0]
    print(f"{'target (microseconds)':24}" + "".join(f"{key:>13}" for key in KEYS))
    rows = []
    for name, results in rounds.items():
        row = {"name": name, **{key: statistics.median(result[key] for result in results) for key in KEYS}}
        rows.append({**row, "rounds": results})
        print(f"{name:24}" + "".join(f"{row[key]:13.2f}" for key in KEYS))
    for name, results in rounds.items():
        if name not in (reference, "direct") and reference in rounds:
            row = {key: statistics.median(a[key] / max(b[key], 1e-9) for a, b in zip(results, rounds[reference])) for key in KEYS}
            print(f"{name + ' x ' + reference:24}" + "".join(f"{row[key]:13.2f}" for key in KEYS))
    return rows
