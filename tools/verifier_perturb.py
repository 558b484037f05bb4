"""Pairs made from given questions by rule: surface noise and listed synonyms keep what is asked, one changed fact does not.

Everything is drawn from the word lists in models/lexicon, so that what the lists know of a domain reaches every question. Seeded.
"""
import random
import re

GREETINGS = ["Hi, ", "Hello! ", "Hey, ", "Good evening. ", "Quick question: ", "Please ", "Okay so ", "Could you tell me: ", "Sorry to bother you, "]
CLOSINGS = [" Thanks!", " Thank you.", " please", " Cheers.", " Thanks in advance!", " Any help appreciated.", " Would be great to know.", " thx"]
NUMBER = re.compile(r"(?<![\w.,-])\d{1,4}(?![\w.,-])")
WORD = re.compile(r"[A-Za-z][a-z]{3,}")


def read_groups(lexicon, kind):
    """The groups of every list of a kind but the base list: {first word or phrase: [others]}."""
    table = {}
    for path in sorted(lexicon.glob(f"{kind}-*.txt")):
        for line in path.read_text().splitlines():
            members = [m.strip().lower() for m in line.split(",") if m.strip()] if not line.startswith("#") else []
            for member in members:
                others = [other for other in members if other != member]
                if others and len(member) > 3:
                    table.setdefault(member, []).extend(others)
    return table


class Perturber:
    def __init__(self, lexicon, seed):
        self.random = random.Random(seed)
        self.synonyms = read_groups(lexicon, "synonyms")
        self.contrasts = read_groups(lexicon, "contrasts")

    def typo(self, text):
        words = text.split(" ")
        long = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
        if not long:
            return text
        at = self.random.choice(long)
        word, k = words[at], self.random.randrange(1, len(words[at]) - 1)
        words[at] = self.random.choice([word[:k] + word[k + 1] + word[k] + word[k + 2:], word[:k] + word[k + 1:], word[:k] + word[k] + word[k:]])
        return " ".join(words)

    def noise(self, text):
        for _ in range(self.random.choice([1, 1, 2])):
            kind = self.random.randrange(7)
            if kind == 0:
                text = self.random.choice(GREETINGS) + text[:1].lower() + text[1:]
            elif kind == 1:
                text = text.rstrip(".?!") + self.random.choice([".", "?", "!", ""]) + self.random.choice(CLOSINGS)
            elif kind == 2:
                text = text.lower()
            elif kind == 3:
                text = text.rstrip(".?!") + self.random.choice(["", ".", "?", "!", "...", "??"])
            elif kind == 4:
                text = text.replace(" ", "  ", 2)
            else:
                text = self.typo(text)
        return text

    def replace_listed(self, text, table):
        """One listed word or phrase in place of another of its group, or None."""
        lower = text.lower()
        found = [m for m in WORD.finditer(text) if m.group().lower() in table]
        found += [m for phrase in ("get rid of", "make sure", "how long") if phrase in table for m in re.finditer(re.escape(phrase), lower)]
        if not found:
            return None
        match = self.random.choice(found)
        other = self.random.choice(table[match.group().lower()])
        return text[:match.start()] + (other.capitalize() if match.group()[0].isupper() else other) + text[match.end():]

    def change_number(self, text):
        found = list(NUMBER.finditer(text))
        if not found:
            return None
        match = self.random.choice(found)
        value = int(match.group())
        other = self.random.choice([value + 1, value * 2, value + 10, max(0, value - 1) if value > 1 else value + 3])
        return text[:match.start()] + str(other) + text[match.end():]

    def pair(self, text):
        """(a, b, same) or None."""
        kind = self.random.random()
        if kind < 0.35:
            other, same = self.noise(text), True
        elif kind < 0.5:
            other, same = self.replace_listed(text, self.synonyms), True
        elif kind < 0.65:
            other, same = self.change_number(text), False
        else:
            other, same = self.replace_listed(text, self.contrasts), False
        if other is None or other == text:
            return None
        if self.random.random() < 0.3:
            other = self.noise(other)
        return (text, other, same) if self.random.random() < 0.5 else (other, text, same)


def make(texts, count, lexicon, seed):
    """`texts` are (text, folds) pairs; returns at most `count` rows {"a", "b", "same", "folds"}."""
    perturber, rows, seen = Perturber(lexicon, seed), [], set()
    for _ in range(20 * count):
        if len(rows) >= count:
            break
        text, folds = perturber.random.choice(texts)
        made = perturber.pair(text) if len(text) < 400 else None
        if made and made not in seen:
            seen.add(made)
            rows.append({"a": made[0], "b": made[1], "same": made[2], "folds": folds})
    return rows
