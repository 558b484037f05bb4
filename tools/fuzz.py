#!/usr/bin/env python3
"""Runs the fuzzers of build/asan for a while each. usage: fuzz.py [--seconds N] [--jobs N] [NAME…]

The seeds in fuzz/corpus/NAME are read only; what a run finds goes to build/fuzz/NAME/corpus and is taken up again by the next run. A
crash is kept as build/fuzz/NAME/crash-… and its report in build/fuzz/NAME/log. Last line: `N passed, N failed`.
"""
import argparse
import concurrent.futures
import os
import subprocess
import sys

from project_files import ROOT

PROGRAMS = ROOT / "build" / "asan" / "fuzz"
WORK = ROOT / "build" / "fuzz"


def names():
    return sorted(p.name.removeprefix("fuzz_") for p in PROGRAMS.glob("fuzz_*") if os.access(p, os.X_OK) and p.is_file())


def sanitizer_environment():
    symbolizer = "/usr/lib/llvm-19/bin/llvm-symbolizer"
    return {**os.environ, "ASAN_SYMBOLIZER_PATH": symbolizer, "UBSAN_OPTIONS": "print_stacktrace=1"}


def fuzz(name, seconds):
    """Returns (name, exit status, the last line that says how far it came)."""
    work = WORK / name
    (work / "corpus").mkdir(parents=True, exist_ok=True)
    command = [str(PROGRAMS / f"fuzz_{name}"), f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=3000",
               "-print_final_stats=1", f"-artifact_prefix={work}/", str(work / "corpus")]
    seeds = ROOT / "fuzz" / "corpus" / name
    if seeds.is_dir():
        command.append(str(seeds))
    with open(work / "log", "w") as log:
        try:
            status = subprocess.run(command, stdout=log, stderr=log, env=sanitizer_environment(), timeout=seconds + 120).returncode
        except subprocess.TimeoutExpired:
            status = -1
    said = (work / "log").read_text(errors="replace").splitlines()
    executed = next((line.split()[-1] for line in said if line.startswith("stat::number_of_executed_units")), "?")
    return name, status, executed


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--seconds", type=int, default=60)
    arguments.add_argument("--jobs", type=int, default=os.cpu_count())
    options = arguments.parse_args()
    wanted = options.names or names()
    if not wanted:
        print(f"no fuzzer found in {PROGRAMS}")
        print("0 passed, 1 failed")
        sys.exit(1)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, status, executed in pool.map(lambda n: fuzz(n, options.seconds), wanted):
            failed += status != 0
            print(f"{'ok' if status == 0 else 'not ok'} - fuzz {name}: {executed} inputs in {options.seconds} s", flush=True)
            if status != 0:
                print("\n".join("    " + line for line in (WORK / name / "log").read_text(errors="replace").splitlines()[-40:]))
                print(f"    exit status {status}; the input is kept in build/fuzz/{name}", flush=True)
    print(f"{len(wanted) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
