#!/usr/bin/env python3
"""Makes models/lexicon/rare-words.txt: English words that spelling repair must leave alone beside those of known-words.txt.
usage: make_rare_words.py [--check]

The words of four letters or more that Debian's lists wamerican and wbritish (made from SCOWL, whose notice is in models/lexicon/NOTICE)
write in lower case without an apostrophe, but for those of known-words.txt and their regular forms; of the larger lists
wamerican-large and wbritish-large those that are short or no known word with a letter left out, put in or swapped: "revers" is most often
"reverse" mistyped, "nitrite" is not "nitrate". Sorted by bytes. With --check it compares with what is there instead."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = ROOT / "build" / "tools" / "words"
COMMON = {"wamerican": "american-english", "wbritish": "british-english"}
LARGE = {"wamerican-large": "american-english-large", "wbritish-large": "british-english-large"}
LEXICON = ROOT / "models" / "lexicon"
SHORT = 5  # Letters: such a word is as likely meant as mistyped.
# Of what text::Lexicon takes for a form of a known word: an ending and what stands there instead.
ENDINGS = {"s": "", "es": "", "ies": "y", "ed": "", "ied": "y", "ing": "", "er": "", "ers": "", "ly": "", "ness": "", "less": "", "able": ""}


def is_form(word, known):
    return any(word.endswith(cut) and len(word) >= len(cut) + 4 and word[:-len(cut)] + put in known and not word.endswith("ss")
               for cut, put in ENDINGS.items())


def is_mistyped(word, known):
    """Whether one letter left out, put in, or two swapped make a known word of it; the first letter stays."""
    for at in range(1, len(word) + 1):
        head, tail = word[:at], word[at:]
        if head + tail[1:] in known or head + tail[1:2] + tail[:1] + tail[2:] in known:
            return True
        if any(head + letter + tail in known for letter in "abcdefghijklmnopqrstuvwxyz"):
            return True
    return False


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
    common, large = ({word for package, name in packages.items() for word in words_of(package, name)
                      if re.fullmatch("[a-z]{4,}", word)} - known for packages in (COMMON, LARGE))
    rare = sorted(word for word in common | {word for word in large if len(word) <= SHORT or not is_mistyped(word, known)} if not is_form(word, known))
    text = "".join(word + "\n" for word in rare)
    path = LEXICON / "rare-words.txt"
    if "--check" not in sys.argv[1:]:
        path.write_text(text, encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {len(rare)} words")
    elif path.read_text(encoding="utf-8") != text:
        raise SystemExit(f"{path.relative_to(ROOT)} differs from what the lists make; run tools/make_rare_words.py")


if __name__ == "__main__":
    main()
