"""Compares the verdicts about generated payloads, and explains differences by rules.

Exits with 1 if there is a difference that no rule explains.
"""

import argparse
import collections
import json
import pathlib
import random
import re
import sys
from decimal import Decimal

from jsonschema_draft7 import MAILBOX, is_email, is_uri, number, parse
from schemas import load


class Payload:
    """What the rules look at."""

    schemas = {}

    def __init__(self, provider, name, text):
        self.text = text
        if (provider, name) not in self.schemas:
            document = load(provider, name)
            self.schemas[provider, name] = json.dumps(document), list(limits(document))
        self.schema, self.limits = self.schemas[provider, name]

    @property
    def value(self):
        return parse(self.text.removeprefix("\ufeff"))

    def strings(self, form):
        """Every string, if the schema has the format."""
        return strings(self.value) if f'"format": "{form}"' in self.schema else ()

    @property
    def numbers(self):
        return filter(None, re.findall(r'"(?:[^"\\]|\\.)*"|(-?[0-9][0-9.eE+-]*)', self.text))


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from strings(part)


def names(value):
    if isinstance(value, dict):
        yield from value
    if isinstance(value, (list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from names(part)


def limits(schema):
    if isinstance(schema, dict):
        yield from (schema[key] for key in ("minimum", "maximum") if isinstance(schema.get(key), int))
    if isinstance(schema, (list, dict)):
        for part in schema.values() if isinstance(schema, dict) else schema:
            yield from limits(part)


def depth(text):
    deepest = level = 0
    for token in re.findall(r'"(?:[^"\\]|\\.)*"|[\[{\]}]', text):
        level += (token in "[{") - (token in "]}")
        deepest = max(deepest, level)
    return deepest


# Rules: the validators that one is about, what these say, why, and whether it applies to a payload.

PEERS = ("ajv", "jsonschema")
RULES = {}


def rule(of, verdict, why):
    def register(applies):
        RULES[applies.__name__.replace("_", "-")] = (of, verdict, why, applies)
        return applies

    return register


@rule(PEERS, None, "More than 127 levels of nesting are refused. JSON has no limit.")
def depth_limit(payload, ours):
    return ours == "not-json" and depth(payload.text) > 127


@rule(PEERS, None, "The escape of a lone surrogate is refused. JavaScript and Python keep it.")
def lone_surrogate(payload, ours):
    texts = [*strings(payload.value), *names(payload.value)] if ours == "not-json" else ()
    return any("\ud800" <= character <= "\udfff" for text in texts for character in text)


@rule(["ajv"], None, "Members named like methods of objects mislead its comparison of items, or make it fail.")
def inherited_name(payload, ours):
    found = {"constructor", "toString", "valueOf"} & set(names(payload.value))
    return bool(found) and '"uniqueItems": true' in payload.schema


@rule(["ajv"], None, "JavaScript rounds numbers to doubles, across a limit, to an integer, or to another number.")
def double(payload, ours):
    if ours == "not-json":
        return False
    compares_items = '"uniqueItems": true' in payload.schema
    for text in payload.numbers:
        exact, read = number(text), float(text)
        if isinstance(exact, int) != read.is_integer() or compares_items and exact != Decimal(read):
            return True
        if any(side(exact, limit) != side(read, float(limit)) for limit in payload.limits):
            return True
    return False


def side(number, limit):
    return (number > limit) - (number < limit)


@rule(["ajv"], "valid", "It admits any white space in place of the T.")
def date_time_space(payload, ours):
    return any(re.match(r"\d{4}-\d\d-\d\d\s\d\d:", text) for text in payload.strings("date-time"))


@rule(["ajv"], "valid", "It admits offsets such as +0200 and +02.")
def date_time_offset(payload, ours):
    return any(re.search(r"\d[tT]\d\d:.*[+-]\d\d(\d\d)?$", text) for text in payload.strings("date-time"))


@rule(["ajv"], "invalid", "It refuses quoted names, address literals and domains of one label.")
def email_forms(payload, ours):
    return any(
        is_email(text) and (text[0] == '"' or text[-1] == "]" or "." not in text.rsplit("@")[1])
        for text in payload.strings("email")
    )


@rule(["ajv"], "valid", "It does not limit the length of names and domains.")
def email_length(payload, ours):
    return any(MAILBOX.fullmatch(text) and not is_email(text) for text in payload.strings("email"))


@rule(PEERS, "valid", "Quoted names with spaces, and labels such as `xn--a` that IDNA refuses, are refused.")
def email_refused(payload, ours):
    texts = payload.strings("email") if ours == "invalid" else ()
    return any(is_email(text) and re.match(r'".*[ \t].*"@|.*@(.*\.)?..--', text) for text in texts)


@rule(["ajv"], "invalid", "It refuses `mailto:` and `a:?b`, which RFC 3986 allows.")
def uri_empty_path(payload, ours):
    return any(re.match(r"[A-Za-z][A-Za-z0-9+.-]*:([?#].*)?$", text) for text in payload.strings("uri"))


@rule(["ajv"], "valid", "It takes `https:/[::1]` for an authority, and `https://a:b` for a path.")
def uri_slashes(payload, ours):
    texts = (text.lower() for text in payload.strings("uri") if ":/" in text)
    wrong = [text for text in texts if not is_uri(text)]
    return any(is_uri(text.replace("://", ":/x/", 1)) or is_uri(text.replace(":/", "://", 1)) for text in wrong)


@rule(PEERS, "valid", "They admit `[::01.2.3.4]`, which RFC 3986 does not.")
def uri_leading_zeros(payload, ours):
    return any(re.search(r"\[[0-9A-Fa-f:]*:(\d+\.)*0\d+(\.\d+)*\]", text) for text in payload.strings("uri"))


@rule(["jsonschema"], "invalid", "It refuses `[V1.a]`, though RFC 3986 does not distinguish the case of v.")
def uri_future_address(payload, ours):
    return any(re.search(r"//([^/?#]*@)?\[V", text) for text in payload.strings("uri"))


@rule(["jsonschema"], "invalid", "It refuses `23:59:60Z`, which RFC 3339 allows.")
def leap_second(payload, ours):
    return any(re.search(r"[tT]\d\d:\d\d:60", text) for text in payload.strings("date-time"))


@rule(["jsonschema"], "invalid", "Python has no year 0000, but RFC 3339 does.")
def year_zero(payload, ours):
    return any(re.match(r"0000-\d\d-\d\d", text) for form in ("date", "date-time") for text in payload.strings(form))


@rule(["jsonschema"], "valid", "`$` in a regular expression also matches before a final line break.")
def final_line_break(payload, ours):
    has_expression = re.search('"pattern": |"format": "(date-time|uri)"', payload.schema)
    return bool(has_expression) and any(text.endswith("\n") for text in strings(payload.value))


def explanations(payload, ours, theirs):
    """The rules that explain every peer's difference; None if one has no explanation."""
    found = set()
    for peer, verdict in theirs.items():
        if verdict == ours:
            continue
        candidates = (name for name, (of, says, _, _) in RULES.items() if peer in of and says in (None, verdict))
        try:
            found.add(next(name for name in candidates if RULES[name][3](payload, ours)))
        except (StopIteration, ValueError):
            return None
    return sorted(found)


class Compared:
    """One payload with its verdicts, and the rules that explain the differences."""

    def __init__(self, provider, line, ours, theirs):
        self.provider, self.theirs = provider, dict(zip(PEERS, theirs))
        self.ours, *self.keywords = ours.split(" ")
        self.schema, self.kind, self.text = line.split("\t", 2)
        agree = set(theirs) == {self.ours}
        self.rules = [] if agree else explanations(Payload(provider, self.schema, self.text), self.ours, self.theirs)

    def __str__(self):
        verdicts = ", ".join(f"{who} {verdict}" for who, verdict in {"ours": self.ours, **self.theirs}.items())
        return f"{self.provider} {self.schema} ({self.kind}): {verdicts}: {self.text}"

    def expected(self):
        """The right verdict; None if it is not known."""
        if self.rules is not None:
            return self.ours
        return self.theirs["ajv"] if len(set(self.theirs.values())) == 1 else None

    def features(self):
        """What a sample should have an example of."""
        yield "schema", self.schema
        yield from (("rule", name, self.ours) for name in self.rules or ())
        yield from (("keyword", keyword) for keyword in self.keywords)
        if " and " not in self.kind:
            yield "kind", self.kind, self.ours


def compared(folder):
    for path in sorted(pathlib.Path(folder).glob("*.payloads")):
        files = [path.with_suffix(suffix) for suffix in (".payloads", ".ours", ".ajv", ".jsonschema")]
        opened = [open(file, encoding="utf-8", newline="\n") for file in files]
        for line, ours, *theirs in zip(*((line.rstrip("\n") for line in file) for file in opened), strict=True):
            yield Compared(path.name.split(".")[0], line, ours, theirs)


def write_sample(payloads, count):
    """Writes a small part of the payloads that has everything, first once, then twice, and so on."""
    order = random.Random(0)
    with open("sample.ndjson", "w", encoding="utf-8", newline="\n") as file:
        for provider in sorted({it.provider for it in payloads}):
            # Short payloads are easier to review.
            mine = {(it.schema, it.text): it for it in payloads if it.provider == provider and it.expected()}
            mine = sorted(mine.values(), key=lambda it: (len(it.text) // 150, order.random()))
            chosen, counts, wanted = set(), collections.Counter(), 0
            while len(chosen) < min(count, len(mine)):
                wanted += 1
                for it in mine:
                    is_wanted = any(counts[feature] < wanted for feature in it.features())
                    if is_wanted and it not in chosen and len(chosen) < count:
                        chosen.add(it)
                        counts.update(it.features())
            for it in sorted(chosen, key=lambda it: (it.schema, it.kind, it.text)):
                line = {"provider": provider, "schema": it.schema, "payload": it.text, "expected": it.expected()}
                file.write(json.dumps({**line, "why": ", ".join(it.rules)} if it.rules else line) + "\n")


def main():
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument(
        "folder", help="with PROVIDER.PART.payloads, and the verdicts as .ours, .ajv and .jsonschema"
    )
    arguments.add_argument(
        "--show", type=int, default=20, metavar="N", help="how many unexplained differences to print"
    )
    arguments.add_argument("--sample", type=int, metavar="N", help="write sample.ndjson with N payloads per provider")
    arguments = arguments.parse_args()
    verdicts, explained, unexplained, payloads = collections.Counter(), collections.Counter(), 0, []
    for it in compared(arguments.folder):
        verdicts[it.provider, it.ours] += 1
        explained.update(it.rules or ())
        if it.rules is None:
            unexplained += 1
            if unexplained <= arguments.show:
                print(it)
        if arguments.sample:
            payloads.append(it)
    for provider in sorted({provider for provider, _ in verdicts}):
        found = {verdict: count for (of, verdict), count in sorted(verdicts.items()) if of == provider}
        print(
            f"{provider}: {sum(found.values())} payloads:",
            ", ".join(f"{count} {verdict}" for verdict, count in found.items()),
        )
    for name, (of, _, why, _) in RULES.items():
        print(f"{explained[name]:8} explained by {name} ({', '.join(of)}): {why}")
    print(f"{unexplained:8} unexplained")
    if arguments.sample:
        write_sample(payloads, arguments.sample)
    sys.exit(unexplained > 0)


if __name__ == "__main__":
    main()
