#!/usr/bin/env python3
"""Everything continuous integration runs, one part after the other. usage: test_all.py [PART…]

Each part prints a line when it starts, one every few seconds while it builds, and its counts at the end. A part that cannot run
counts as one failure, with a sentence. The whole output of each step is in build/logs/. Last line: `N passed, N failed`, the sum of
all parts; exit status 1 if anything failed.
"""
import os
import pathlib
import re
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree

from project_files import ROOT, project_files

LOGS = ROOT / "build" / "logs"
STARTED = time.monotonic()
FUZZ_SECONDS = 10
NINJA_LINE = re.compile(r"^\[(\d+/\d+)")
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed$")
SANITIZER_ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
    "ASAN_SYMBOLIZER_PATH": "/usr/lib/llvm-19/bin/llvm-symbolizer",
    "TSAN_SYMBOLIZER_PATH": "/usr/lib/llvm-19/bin/llvm-symbolizer",
}


class CannotRun(Exception):
    """A part that could not do its work; the message is for a person."""


def say(text):
    elapsed = int(time.monotonic() - STARTED)
    print(f"[{elapsed // 60:3}:{elapsed % 60:02}] {text}", flush=True)


def jobs():
    """As many as cores, no more than memory carries (a file full of coroutines takes up to 1.2 GB to compile)."""
    available = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemAvailable"))
    return max(1, min(os.cpu_count(), available // 1_300_000))


def step(name, command, environment=None, progress=False):
    """Runs a command with its output in build/logs/NAME.log; returns (exit status, output)."""
    LOGS.mkdir(parents=True, exist_ok=True)
    lines = []
    environment = {**os.environ, "NINJA_STATUS": "[%f/%t] ", **(environment or {})}
    stop = threading.Event()
    ticker = threading.Thread(target=tick, args=(name, lines, stop, progress))
    ticker.start()
    try:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "errors": "replace"}
        with open(LOGS / f"{name}.log", "w") as log, subprocess.Popen(command, cwd=ROOT, env=environment, **pipes) as process:
            for line in process.stdout:
                log.write(line)
                lines.append(line.rstrip("\n"))
    finally:
        stop.set()
        ticker.join()
    return process.returncode, lines


def tick(name, lines, stop, progress):
    """Says every 20 seconds how far a step is."""
    while not stop.wait(20):
        last = next((m.group(1) for m in (NINJA_LINE.match(line) for line in reversed(lines[-50:])) if m), None)
        say(f"{name}: {last}" if progress and last else f"{name}: running")


def excerpt(lines, marks=("error:", "FAILED:", "CMake Error")):
    found = [i for i, line in enumerate(lines) if any(mark in line for mark in marks)]
    first = max(0, found[0] - 2) if found else max(0, len(lines) - 40)
    return "\n".join("    " + line for line in lines[first:first + 40])


def build(preset, *settings, targets=()):
    say(f"{preset}: configure and build")
    status, lines = step(f"{preset}-configure", ["cmake", "--preset", preset, *settings])
    if status:
        raise CannotRun(f"cmake --preset {preset} failed\n{excerpt(lines)}")
    command = ["cmake", "--build", f"build/{preset}", "-j", str(jobs())]
    status, lines = step(f"{preset}-build", command + (["--target", *targets] if targets else []), progress=True)
    if status:
        raise CannotRun(f"the build of build/{preset} failed\n{excerpt(lines)}")


def ctest(preset):
    say(f"{preset}: tests")
    report = LOGS / f"{preset}.xml"
    report.unlink(missing_ok=True)
    step(f"{preset}-tests", ["ctest", "--test-dir", f"build/{preset}", "-j", str(os.cpu_count()), "--output-on-failure",
                             "--no-tests=error", "--output-junit", str(report)], SANITIZER_ENVIRONMENT)
    if not report.exists():
        raise CannotRun(f"ctest wrote no report; see build/logs/{preset}-tests.log")
    return read_report(report)


def read_report(report):
    """Counts a JUnit report of ctest; a test that did not run without having skipped itself is a failure."""
    passed, failed = 0, 0
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        skipped = case.find("skipped")
        if case.get("status") == "run":
            passed += 1
        elif skipped is not None and "SKIP_" in (skipped.get("message") or ""):
            print(f"    skipped: {case.get('name')}")
        else:
            failed += 1
            output = (case.findtext("system-out") or "").strip().splitlines()
            print(f"not ok - {case.get('name')}\n" + "\n".join("    " + line for line in output[-40:]))
    if passed + failed == 0:
        raise CannotRun("no test was found")
    return passed, failed


def counted(name, command, environment=None):
    """A command whose last line is `N passed, N failed`."""
    status, lines = step(name, command, environment)
    match = next((m for m in (COUNTS.match(line) for line in reversed(lines)) if m), None)
    if not match:
        raise CannotRun(f"{command[0]} ended with status {status} and without its counts\n{excerpt(lines)}")
    passed, failed = int(match.group(1)), int(match.group(2))
    if failed or status:
        print("\n".join(lines[-80:]))
    return passed, max(failed, 1 if status else 0)


def simple(name, command):
    """A command that is one test by its exit status."""
    status, lines = step(name, command)
    if status:
        print("\n".join("    " + line for line in lines[-60:]))
    return (0, 1) if status else (1, 0)


def part_format():
    return simple("format", [sys.executable, "tools/format.py", "--check"])


def part_python():
    sources = [str(path) for path in project_files() if path.suffix == ".py"]
    shells = [str(path) for path in project_files() if is_bash(ROOT / path)]
    results = [simple("python-compile", [sys.executable, "-W", "error", "-m", "py_compile", *sources]),
               *(simple(f"bash-{pathlib.Path(path).name}", ["bash", "-n", path]) for path in shells),
               simple("python-tests", [sys.executable, "-m", "unittest", "discover", "-s", "tests/tools", "-p", "*_test.py"])]
    return add(*results)


def is_bash(path):
    with open(path, "rb") as file:
        return b"bash" in file.readline(80) and path.suffix in ("", ".sh")


def part_layers():
    return simple("layers", [sys.executable, "tools/check_layers.py"])


def add(*results):
    return tuple(map(sum, zip(*results)))


def blackbox(name, program):
    say(f"{name}: the built program through sockets and files")
    environment = {"REFLEX_BIN": str(ROOT / program), "REFLEX_TEST_WAIT_S": "60"}
    return counted(name, [sys.executable, "tests/blackbox/run.py"], {**SANITIZER_ENVIRONMENT, **environment})


def conformance(name, program, **environment):
    say(f"{name}: the SDKs against the mock provider")
    return counted(name, ["tests/conformance/run.sh", program], {**SANITIZER_ENVIRONMENT, **environment})


def part_asan():
    build("asan")
    return add(ctest("asan"), blackbox("asan-blackbox", "build/asan/reflex"))


def part_tsan():
    build("tsan")
    return add(ctest("tsan"), blackbox("tsan-blackbox", "build/tsan/reflex"))


def part_release():
    say("llama: built once, then kept in build/llama")
    status, lines = step("llama", ["tools/build_llama.sh", "build/llama"], {"REFLEX_JOBS": str(jobs())})
    if status:
        raise CannotRun(f"llama.cpp could not be built\n{excerpt(lines)}")
    build("release", "-DREFLEX_TESTS=ON", "-DREFLEX_LLAMA=auto")
    return ctest("release")


def part_gcc():
    build("gcc")
    return ctest("gcc")


def part_blackbox():
    build("release", targets=["reflex"])  # Nothing to do when it is current; an old program would be tested otherwise.
    return blackbox("blackbox", "build/release/reflex")


def part_conformance():
    build("release", targets=["reflex"])
    return add(conformance("conformance", "build/release/reflex"),
               conformance("conformance-all-tiers", "build/release/reflex", TIER="all"),
               conformance("conformance-openai-4", "build/release/reflex", OPENAI="4.104.0"),
               conformance("conformance-2-gateways", "build/release/reflex", TIER="all", GATEWAYS="2", SETTLE_MS="100"),
               conformance("conformance-4-gateways", "build/release/reflex", GATEWAYS="4", SETTLE_MS="100"))


def part_fuzz():
    build("asan")
    say(f"fuzz: {FUZZ_SECONDS} s each")
    return counted("fuzz", [sys.executable, "tools/fuzz.py", "--seconds", str(FUZZ_SECONDS)])


PARTS = {"format": part_format, "python": part_python, "layers": part_layers, "release": part_release,
         "blackbox": part_blackbox, "conformance": part_conformance, "asan": part_asan, "fuzz": part_fuzz, "tsan": part_tsan,
         "gcc": part_gcc}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    unknown = [name for name in wanted if name not in PARTS]
    if unknown:
        sys.exit(f"test_all.py: no such part: {unknown[0]} ({' '.join(PARTS)})")
    total = [0, 0]
    for name in wanted:
        say(f"{name}: start")
        try:
            passed, failed = PARTS[name]()
        except (CannotRun, OSError) as error:
            print(f"not ok - {name} could not run: {error}")
            passed, failed = 0, 1
        say(f"{name}: {passed} passed, {failed} failed")
        total[0] += passed
        total[1] += failed
    print(f"{total[0]} passed, {total[1]} failed")
    sys.exit(1 if total[1] else 0)


if __name__ == "__main__":
    main()
