#!/usr/bin/env python3
"""clang-format over our C++ files. usage: format.py [--check]

With --check nothing is changed: each file that would be is named and the exit status is 1. clang-format 19 decides; other versions
format differently, so none of them is taken instead.
"""
import concurrent.futures
import shutil
import subprocess
import sys

from project_files import ROOT, project_files

SUFFIXES = {".h", ".cc", ".cpp"}


def differs(path):
    result = subprocess.run(["clang-format-19", "--style=file", str(path)], cwd=ROOT, capture_output=True, check=True)
    return result.stdout != (ROOT / path).read_bytes()


def main():
    check = "--check" in sys.argv[1:]
    if not shutil.which("clang-format-19"):
        sys.exit("format.py: clang-format-19 is not installed (package clang-format-19)")
    files = [path for path in project_files() if path.suffix in SUFFIXES]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        changed = [path for path, yes in zip(files, pool.map(differs, files)) if yes]
    if changed and not check:
        subprocess.run(["clang-format-19", "--style=file", "-i", *map(str, changed)], cwd=ROOT, check=True)
    for path in changed:
        print(f"{path}: {'differs from clang-format; run ./dev format' if check else 'formatted'}")
    print(f"{len(files)} files, {len(changed)} {'differ' if check else 'changed'}")
    sys.exit(1 if check and changed else 0)


if __name__ == "__main__":
    main()
