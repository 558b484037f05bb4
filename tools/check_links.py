#!/usr/bin/env python3
"""Checks that links between our documents resolve, headings included. usage: check_links.py [ROOT]"""
import pathlib
import re
import sys

from project_files import ROOT, project_files

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$")


def anchor(heading):
    """The name GitHub gives a heading."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")


def prose(path):
    """Lines outside fenced code, with their numbers."""
    fenced = False
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def anchors(path):
    return {anchor(m.group(1)) for _, line in prose(path) if (m := HEADING.match(line))}


def offences(root):
    for name in project_files(root):
        if name.suffix != ".md":
            continue
        for number, line in prose(root / name):
            for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
                if not re.match(r"[a-z]+:", target):
                    yield from link_offences(root, name, number, target)


def link_offences(root, name, number, target):
    file, _, fragment = target.partition("#")
    path = (root / name).parent / file if file else root / name
    if not path.exists():
        yield f"{name}:{number}: {target} does not exist"
    elif fragment and path.suffix == ".md" and fragment not in anchors(path):
        yield f"{name}:{number}: {target}: no such heading"


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT).resolve()
    found = list(offences(root))
    print("\n".join(found + [f"{len(found)} offences"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
