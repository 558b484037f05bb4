#!/usr/bin/env python3
"""Runs measurements. usage: run.py list | run.py NAME… [--rounds N] [--secs N] [--conns N] [--only SERVER] [--out FILE]

NAME is a plan in bench/plans, `many`, `small`, `shared`, `saving` or `micro` (the Google Benchmark programs), or `all`. Every figure is a ratio of two
servers measured in turns in one run, since absolute times of a shared machine wander.
"""
import argparse
import importlib
import json
import signal
import subprocess
import sys

from servers import BENCH, BUILT, DRIVERS, machine

SCRIPTS = {"many": "10,000 idle connections and 1,000 slow streams at once: drops, memory per connection",
           "migrate": "a million entries into a Redis and back, killed in the middle: entries a second",
           "scaling": "what each part costs for one request: CPU, bytes on the wire, bytes an entry",
           "models": "exact hits beside a model whose two contexts are busy (REFLEX_MODEL_PATH)",
           "small": "memory when idle, time from start to the first 200 with an empty and a full store",
           "saving": "what hits notice of a snapshot that is taken",
           "shared": "a store in Redis: what a hit costs, what the memory in front gives, a Redis that stands still",
           "micro": "the Google Benchmark programs"}


def plans():
    return {path.stem: json.loads(path.read_text()) for path in sorted((BENCH / "plans").glob("*.json"))}


def show_list():
    for name, plan in plans().items():
        print(f"  {name:16} {plan['about']}")
    for name, about in SCRIPTS.items():
        print(f"  {name:16} {about}")


def run_micro():
    programs = sorted(path for path in DRIVERS.glob("*_bench") if path.is_file())
    for program in programs:
        print(f"-- {program.name}", flush=True)
        subprocess.run([str(program), "--benchmark_min_time=0.2"], check=True)
    return [path.name for path in programs]


def run_one(name, options):
    known = plans()
    if name in known:
        plan = known[name]
        print(f"== {name}: {plan['about']}", flush=True)
        filled = argparse.Namespace(only=options.only)
        for key in ("rounds", "secs", "conns"):
            setattr(filled, key, getattr(options, key) or plan.get(key, {"rounds": 5, "secs": 4, "conns": 64}[key]))
        return importlib.import_module(f"{plan['kind']}_plan").run(plan, filled)
    if name == "micro":
        return run_micro()
    if name in SCRIPTS:
        print(f"== {name}: {SCRIPTS[name]}", flush=True)
        return importlib.import_module(name).run()
    raise SystemExit(f"run.py: no such plan: {name}; `run.py list` names them")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("names", nargs="+")
    arguments.add_argument("--rounds", type=int)
    arguments.add_argument("--secs", type=int)
    arguments.add_argument("--conns", type=int)
    arguments.add_argument("--only", action="append", help="a server of the plan; may be given several times")
    arguments.add_argument("--out", help="JSON file for the whole result")
    options = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if options.names == ["list"]:
        return show_list()
    if not (BUILT / "reflex").exists() or not (DRIVERS / "mock_upstream").exists():
        sys.exit("run.py: build first: ./dev bench NAME does it")
    names = [*plans(), *SCRIPTS] if options.names == ["all"] else options.names
    print(machine())
    results = {name: run_one(name, options) for name in names}
    if options.out:
        with open(options.out, "w") as out:
            json.dump({"machine": machine(), "options": vars(options), "results": results}, out, indent=1)


if __name__ == "__main__":
    main()
