#!/usr/bin/env python3
"""Makes models/lexicon/rare-words.txt: English words that spelling repair must leave alone beside those of known-words.txt.
usage: make_rare_words.py [--check]

The words of four letters or more that Debian's lists wamerican-large and wbritish-large (made from SCOWL, whose notice is in
models/lexicon/NOTICE) write in lower case without an apostrophe, but for those of known-words.txt, sorted by bytes. With --check it
compares with what is there instead."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "tools" / "words"
PACKAGES = {"wamerican-large": "american-english-large", "wbritish-large": "british-english-large"}
LEXICON = ROOT / "models" / "lexicon"


def words_of(package, name):
    folder = HOME / package
    if not (folder / "usr").exists():
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", package], cwd=folder, check=True)
        (found,) = folder.glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", found, folder], check=True)
    return (folder / "usr" / "share" / "dict" / name).read_text(encoding="utf-8").splitlines()


def main():
    known = set((LEXICON / "known-words.txt").read_text(encoding="utf-8").split())
    listed = {word for package, name in PACKAGES.items() for word in words_of(package, name)}
    rare = sorted(word for word in listed - known if re.fullmatch("[a-z]{4,}", word))
    text = "".join(word + "\n" for word in rare)
    path = LEXICON / "rare-words.txt"
    if "--check" not in sys.argv[1:]:
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {len(rare)} words")
    elif path.read_text(encoding="utf-8") != text:
        raise SystemExit(f"{path.relative_to(ROOT)} differs from what the lists make; run tools/make_rare_words.py")


if __name__ == "__main__":
    main()
