#!/usr/bin/env python3
"""Checks of the tree as a whole. usage: check_tree.py [ROOT]

- every source file lies in a known folder and belongs to a target
- no path of somebody's machine, no address of a package registry, no address outside the allowed hosts
- no note that work is left undone, no document named that does not exist
Exit status 1 and a line for each offence. Files above 400 lines are named as a warning and are no offence.
"""
import json
import pathlib
import re
import sys

from project_files import ROOT, project_files

LINES_MAX = 400
BYTES_MAX = 1_000_000
# Parts of the program; made by tools/make_static_table.py, tools/train_encoder.py and tools/train_pair_net.py.
LARGER = {"models/builtin/static128.bin", "models/builtin/input256.bin", "models/builtin/encoder.bin", "models/builtin/pair_net.bin",
          "models/minilm/pair_net.bin"}
SOURCE_SUFFIXES = {".h", ".cc", ".cpp", ".py", ".mjs"}
# Where a source file may lie. lib/ and server/ are globbed into their room; elsewhere a list names each file.
GLOBBED = re.compile(r"^(include/reflex/\w+\.h|(lib|server)/\w+/.+|server/main\.cc)$")
LISTED = re.compile(r"^(tests|fuzz|bench|examples)/.+\.(cc|cpp)$")
FREE = re.compile(r"^(tools/\w+\.py|(bench|examples)/\w+\.py|tests/.+\.(h|py|mjs)|bench/\w+\.h|fuzz/\w+\.h)$")
# Data that quotes the world: recorded streams and inputs for fuzzers.
DATA = re.compile(r"^(fuzz/corpus/|tests/.*/(data|corpus)/|tests/conformance/(sse/|cases\.jsonl)|LICENSE$)")

MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/[\w.]")
UNDONE = re.compile(r"\b(?:TO" r"DO|FIX" r"ME)\b(?!\(#\d+\))")
DOCUMENT = re.compile(r"(?<![\w./*{}-])[\w./-]+\.md\b")
ADDRESS = re.compile(r"\bhttps?://(\[[0-9a-f:]+\]|[A-Za-z0-9._-]*[A-Za-z0-9])")
LOCAL_HOST = re.compile(r"^(\d+\.\d+\.\d+\.\d+|\[[0-9a-f:]+\]|[a-z0-9_-]+|"
                        r"([\w-]+\.)*(example(\.(com|org|net))?|test|invalid|local|internal))$", re.IGNORECASE)
HOSTS = {
    "api.openai.com", "api.anthropic.com", "generativelanguage.googleapis.com", "me.openai.azure.com", "openrouter.ai",
    "github.com", "www.apache.org", "www.rfc-editor.org", "datatracker.ietf.org", "httpwg.org", "www.iana.org", "keepachangelog.com",
    "semver.org", "prometheus.io", "www.w3.org", "html.spec.whatwg.org", "www.boost.org", "cmake.org", "dl.acm.org", "www.usenix.org",
    "www.googleapis.com", "storage.googleapis.com", "compute.googleapis.com", "oauth2.googleapis.com", "s3.amazonaws.com",
    "example.amazonaws.com", "examplebucket.s3.amazonaws.com",
    "s3fifo.com", "www.openssl.org", "www.openldap.org", "json.schemastore.org", "no-color.org",
}


def offences(root):
    files = project_files(root)
    for path in files:
        name = path.as_posix()
        yield from place_offences(root, path, name)
        if name in LARGER:
            continue
        if (root / path).stat().st_size > BYTES_MAX:
            yield f"{name}: larger than {BYTES_MAX} bytes"
            continue
        if DATA.search(name):
            continue
        try:
            text = (root / path).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            yield f"{name}: is not UTF-8 text"
            continue
        for number, line in enumerate(text.splitlines(), 1):
            for offence in line_offences(line, prose=path.suffix == ".md"):
                yield f"{name}:{number}: {offence}"
            if path.suffix in SOURCE_SUFFIXES and not name.startswith("tests/tools/"):
                for document in DOCUMENT.findall(line):
                    if not (root / document).exists() and not (root / path.parent / document).exists():
                        yield f"{name}:{number}: names a document that does not exist: {document}"
        if path.name == "package-lock.json":
            yield from lock_offences(name, text)


def place_offences(root, path, name):
    if path.suffix not in SOURCE_SUFFIXES or GLOBBED.match(name) or FREE.match(name):
        return
    if not LISTED.match(name):
        yield f"{name}: a source file outside the known folders"
    elif not is_listed(root, path):
        yield f"{name}: belongs to no target: no CMakeLists.txt or .cmake file above it names it"


def is_listed(root, path):
    """Whether a list in the file's folder or above it names the file, with or without its suffix, or globs its folder."""
    for folder in [root / path.parent, *(root / path.parent).parents]:
        for lists in [*folder.glob("CMakeLists.txt"), *folder.glob("*.cmake")]:
            text = lists.read_text()
            relative = (root / path).relative_to(folder).as_posix()
            if relative in text or re.search(rf"\b{re.escape(path.stem)}\b", text) or f"*{path.suffix}" in text:
                return True
        if folder == root:
            return False
    return False


def line_offences(line, prose):
    if match := MACHINE_PATH.search(line):
        yield f"a path of one machine: {match.group(0)}"
    if not prose and (match := UNDONE.search(line)):
        yield f"work left undone: {match.group(0)} without an issue"
    for match in ADDRESS.finditer(line):
        host = match.group(1)
        if host.lower() not in HOSTS and not LOCAL_HOST.match(host):
            yield f"an address outside the allowed hosts: {host} (tools/check_tree.py holds the list)"


def lock_offences(name, text):
    for package, entry in json.loads(text).get("packages", {}).items():
        if "resolved" in entry:
            yield f"{name}: {package} records where it came from; omit-lockfile-registry-resolved=true keeps that out"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT).resolve()
    found = list(offences(root))
    for offence in found:
        print(offence)
    for path in project_files(root):
        if path.suffix in SOURCE_SUFFIXES and not DATA.search(path.as_posix()):
            lines = (root / path).read_text(encoding="utf-8", errors="replace").count("\n")
            if lines > LINES_MAX:
                print(f"warning: {path} has {lines} lines")
    print(f"{len(found)} offences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
