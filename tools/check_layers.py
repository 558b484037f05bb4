#!/usr/bin/env python3
"""Reads every #include of the project and fails where a room includes what its layer does not allow.

The table is the rule: do not widen it to make a change fit, move the code. Usage: check_layers.py [ROOT]. Exit status 1 and a line for
each offence; a room or a source file that the table does not know is an offence too.
"""
import pathlib
import re
import sys

# room: (house, rooms it may include, third-party header prefixes its .cc files may include)
ROOMS = {
    "base": ("lib", [], ["openssl/"]),
    "text": ("lib", ["base"], ["utf8proc.h"]),
    "vector": ("lib", ["base"], []),
    "store": ("lib", ["base"], ["lmdb.h", "zstd.h"]),
    "inference": ("lib", ["base"], ["utf8proc.h", "llama.h", "ggml.h"]),
    "verify": ("lib", ["base", "text"], []),
    "cache": ("lib", ["base", "text", "verify"], []),
    "http": ("server", ["base"], ["boost/asio", "boost/system", "openssl/", "zlib.h"]),
    "wire": ("server", ["base"], ["simdjson.h"]),
    "redis": ("server", ["base", "store"], ["openssl/"]),
    "upstream": ("server", ["base", "http", "wire"], ["zlib.h"]),
    "cloud": ("server", ["base"], ["curl/", "openssl/", "simdjson.h"]),
    "remote": ("server", ["base", "http", "wire"], []),
    "gateway": ("server", ["base", "cache", "http", "wire", "upstream"], []),
    "app": ("server", ["base", "text", "vector", "store", "inference", "verify", "cache", "http", "wire", "redis", "upstream", "remote", "cloud", "gateway"],
            ["CLI/", "toml++/", "spdlog/"]),
}
# Third-party headers allowed in a header file: the coroutine type, nothing else.
HEADER_EXCEPTIONS = {"server/http/task.h": ["boost/asio/awaitable.hpp", "boost/asio/io_context.hpp"]}
# Headers private to the http room: they may name Asio, and only http may include them.
PRIVATE_HEADERS = re.compile(r"server/http/detail/")
THIRD_PARTY = ["openssl/", "boost/", "lmdb.h", "zstd.h", "zlib.h", "simdjson.h", "CLI/", "toml++/", "spdlog/", "curl/", "utf8proc.h",
               "hnswlib/", "llama.h", "ggml.h", "gtest/", "benchmark/"]
INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]')


def room_of(path):
    parts = path.parts
    if parts[0] == "include":
        return "contract"
    if path == pathlib.Path("server/main.cc"):
        return "main"
    return parts[1] if len(parts) > 2 else None


def offences(root):
    files = sorted(p.relative_to(root) for folder in ("include", "lib", "server") for p in (root / folder).rglob("*")
                   if p.suffix in (".h", ".cc"))
    if not files:
        yield f"{root}: no source file found"
    for path in files:
        room = room_of(path)
        if room not in ROOMS and room not in ("contract", "main"):
            yield f"{path}: no such room in tools/check_layers.py"
            continue
        if room in ROOMS and ROOMS[room][0] != path.parts[0]:
            yield f"{path}: room {room} belongs under {ROOMS[room][0]}/"
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            match = INCLUDE.match(line)
            if match:
                for offence in check(path, room, match.group(1) == '"', match.group(2)):
                    yield f"{path}:{number}: {offence}"


def check(path, room, quoted, name):
    third_party = next((prefix for prefix in THIRD_PARTY if name.startswith(prefix)), None)
    if third_party:
        if path.suffix == ".h" and not PRIVATE_HEADERS.search(str(path)):
            if name not in HEADER_EXCEPTIONS.get(str(path), []):
                yield f"third-party header {name} in a header file"
        elif room not in ROOMS or not any(name.startswith(prefix) for prefix in ROOMS[room][2]):
            yield f"room {room} may not use {name}"
        return
    if not quoted:
        return
    target = "contract" if name.startswith("reflex/") else name.split("/")[0]
    if target == "contract" or target == room:
        return
    if room == "main" and target == "app":
        return
    if room not in ROOMS or target not in ROOMS[room][1]:
        yield f"room {room} may not include {name}"
    elif PRIVATE_HEADERS.search(f"server/{name}"):
        yield f"{name} is private to its room"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent)
    found = list(offences(root))
    for offence in found:
        print(offence)
    print(f"{len(found)} offences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
