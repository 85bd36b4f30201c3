"""Prints generated payloads of a provider, valid and broken: SCHEMA<TAB>KIND<TAB>PAYLOAD, one per line.

KIND says what was done to the payload. The output depends only on the arguments and on the schemas.
"""

import argparse
import itertools
import json
import math
import random
import re
import sys

from numerals import OUT_OF_RANGE, Text, beside, decimal, spelled, whole
from schemas import examples, load, names, own_format
from texts import FORMATS, ODD_NAMES, edited, matching, words


class Object(list):
    """Members as lists of name and value: the same name may occur twice."""


# Constraints: everything that applies to one value, with one branch of each `anyOf`.

SUPPORTED = {"type", "enum", "const", "format", "pattern", "minLength", "maxLength", "minimum", "maximum", "properties",
    "required", "additionalProperties", "items", "minItems", "maxItems", "uniqueItems", "allOf", "anyOf", "not",
    "$ref"}  # fmt: skip
ANNOTATIONS = {"$schema", "title", "description", "default", "deprecated", "definitions", "examples"}
TYPES = ["null", "boolean", "integer", "number", "string", "array", "object"]


class Constraints:
    def __init__(self, keywords):
        self.types, self.values, self.formats, self.patterns = list(TYPES), None, [], []
        self.lengths, self.range, self.counts, self.unique = [0, math.inf], [-math.inf, math.inf], [0, math.inf], False
        self.required, self.properties, self.rest, self.items, self.forbidden = [], {}, [], [], []
        for key, value in keywords:
            self.add(key, value)

    def add(self, key, value):
        limits = {"Length": self.lengths, "imum": self.range, "Items": self.counts}
        if key == "type":
            allowed = [value] if isinstance(value, str) else value
            allowed = allowed + ["integer"] if "number" in allowed else allowed
            self.types = [it for it in self.types if it in allowed]
        elif key in ("enum", "const"):
            allowed = value if key == "enum" else [value]
            self.values = allowed if self.values is None else [it for it in self.values if it in allowed]
        elif key == "format":
            self.formats.append(value)
        elif key == "pattern":
            self.patterns.append(value)
        elif key == "uniqueItems":
            self.unique = value
        elif key[:3] in ("min", "max"):
            limit = limits[key[3:]]
            limit[key[:3] == "max"] = max(limit[0], value) if key[:3] == "min" else min(limit[1], value)
        elif key == "required":
            self.required += value
        elif key == "properties":
            for name, schema in value.items():
                self.properties.setdefault(name, []).append(schema)
        elif key in ("additionalProperties", "items"):
            (self.rest if key == "additionalProperties" else self.items).append(value)
        elif key == "not":
            self.forbidden += value["required"]

    def __str__(self):
        return self.formats[0] if self.formats else "pattern" if self.patterns else "/".join(self.types)


class Node:
    """What applies to one value: the alternatives that the branches of `anyOf` make, of which one is met."""

    known = {}

    def __init__(self, document, schemas):
        self.document = document
        self.alternatives = [Constraints(keywords) for keywords in self.branches(schemas)]
        self.children = {}

    @classmethod
    def of(cls, document, schemas):
        key = (id(document), *map(id, schemas))
        if key not in cls.known:
            cls.known[key] = cls(document, schemas)
        return cls.known[key]

    def branches(self, schemas):
        """The lists of keywords, one list for each combination of the branches."""
        alternatives = [[]]
        for schema in schemas:
            if isinstance(schema, bool):
                continue
            if "$ref" in schema:
                target = self.document["definitions"][schema["$ref"].replace("#/definitions/", "")]
                parts = self.branches([target])
            else:
                unknown = set(schema) - SUPPORTED - ANNOTATIONS
                assert not unknown, f"generate.py does not know {unknown}"
                own = [it for it in schema.items() if it[0] in SUPPORTED - {"allOf", "anyOf"}]
                parts = [own + more for more in self.branches(schema.get("allOf", []))]
                if "anyOf" in schema:
                    branches = [it for branch in schema["anyOf"] for it in self.branches([branch])]
                    parts = [part + branch for part in parts for branch in branches]
            alternatives = [one + part for one in alternatives for part in parts]
        return alternatives

    def child(self, constraints, name):
        """The node of a member, or of the items if the name is None."""
        key = (id(constraints), name)
        if key not in self.children:
            schemas = constraints.items if name is None else constraints.properties.get(name, constraints.rest)
            self.children[key] = Node.of(self.document, schemas)
        return self.children[key]


# Values.


class Maker:
    def __init__(self, rng):
        self.rng = rng
        # Where values are and what applies to them: container, index or 1 for the value of a member, constraints, node.
        self.places = []

    def valid(self, document):
        root = [None]
        self.places = []
        self.make(Node.of(document, [document]), root, 0, 0)
        return root

    def adopted(self, document, value):
        """A documented example, as if it had been made."""
        root = [None]
        self.places = []
        self.adopt(Node.of(document, [document]), root, 0, value)
        return root

    def adopt(self, node, container, at, value):
        constraints = self.rng.choice(node.alternatives)
        self.places.append((container, at, constraints, node))
        if isinstance(value, dict):
            container[at] = Object([name, None] for name in value)
            for member, part in zip(container[at], value.values()):
                self.adopt(node.child(constraints, member[0]), member, 1, part)
        elif isinstance(value, list):
            container[at] = [None] * len(value)
            for index, part in enumerate(value):
                self.adopt(node.child(constraints, None), container[at], index, part)
        else:
            container[at] = value if isinstance(value, str) else Text(json.dumps(value))

    def make(self, node, container, at, depth):
        rng = self.rng
        constraints = rng.choice(node.alternatives)
        self.places.append((container, at, constraints, node))
        types = constraints.types or TYPES
        kind = rng.choice(types) if depth < 4 or len(types) < 2 else types[0]
        if constraints.values is not None:
            value = rng.choice(constraints.values)
            container[at] = value if isinstance(value, str) else Text(json.dumps(value))
        elif kind == "object":
            container[at] = self.object(node, constraints, depth)
        elif kind == "array":
            low, high = constraints.counts
            container[at] = [None] * max(low, min(high, rng.choice((0, 1, 1, 2, 3)) if depth < 4 else 0))
            for index in range(len(container[at])):
                self.make(node.child(constraints, None), container[at], index, depth + 1)
        else:
            container[at] = self.scalar(kind, constraints, False)

    def object(self, node, constraints, depth):
        rng = self.rng
        share = rng.choice((0, 0.3, 0.7, 1)) if depth < 4 else 0
        names = [name for name in constraints.properties if name in constraints.required or rng.random() < share]
        names = [name for name in names if name not in constraints.forbidden]
        if rng.random() < 0.2:
            rng.shuffle(names)
        made = Object([name, None] for name in names)
        for member in made:
            self.make(node.child(constraints, member[0]), member, 1, depth + 1)
        if False not in constraints.rest and rng.random() < (0.1 if constraints.properties else 0.7):
            member = [rng.choice(ODD_NAMES) if rng.random() < 0.4 else words(rng), None]
            if member[0] not in names + constraints.forbidden and member[0] not in constraints.properties:
                made.insert(rng.randrange(len(made) + 1), member)
                if constraints.rest:
                    self.make(node.child(constraints, member[0]), member, 1, depth + 1)
                else:
                    member[1] = self.anything()
        return made

    def scalar(self, kind, constraints, broken):
        rng = self.rng
        if kind == "string":
            own = next(filter(None, map(own_format, constraints.patterns)), None)
            for form in [own] + constraints.formats:
                if form in FORMATS:
                    return FORMATS[form](rng, broken)
            if constraints.patterns:
                text = matching(rng, constraints.patterns[0])
                return edited(rng, text) if broken else text
            low, high = constraints.lengths
            if broken and rng.random() < 0.7:
                limit = rng.choice([limit for limit in (low, high) if math.isfinite(limit)])
                return words(rng, max(0, limit + rng.choice((-1, 0, 1))), max(0, limit + rng.choice((-1, 0, 1))))
            return words(rng, low, high)
        if kind == "integer":
            return spelled(rng, whole(rng, constraints))
        if kind == "number":
            return decimal(rng, constraints)
        return Text("null" if kind == "null" else rng.choice(("true", "false")))

    def anything(self, depth=0):
        rng = self.rng
        free = Constraints([])
        kind = rng.choice(TYPES if depth < 3 else TYPES[:5])
        if kind == "array":
            return [self.anything(depth + 1) for _ in range(rng.choice((0, 1, 2, 3)))]
        if kind == "object":
            names = {
                rng.choice(ODD_NAMES) if rng.random() < 0.3 else words(rng): None
                for _ in range(rng.choice((0, 1, 2, 3)))
            }
            return Object([name, self.anything(depth + 1)] for name in names)
        if kind == "number" or kind == "integer":
            return decimal(rng, free, True)
        return self.scalar(kind, free, False)

    # Breakages of values. Each returns its kind, or None if it cannot be applied there.

    def another_type(self, container, at, constraints, node):
        rng = self.rng
        value = rng.choice([Text("null"), Text("true"), Text("false"), Text("0"), Text("1"), "", "x", [], Object(),
                [[]], Object([["", Text("null")]]), self.anything(), Text("0.5"), [container[at]],
                self.nested()])  # fmt: skip
        if isinstance(container[at], Text) and rng.random() < 0.3:
            value = str(container[at])
        elif type(container[at]) is str and rng.random() < 0.2 and re.fullmatch(r"0|[1-9][0-9]*", container[at]):
            value = Text(container[at])
        container[at] = value
        return f"type {constraints}"

    def nested(self):
        depth = self.rng.choice((1, 3, 60, 120, *range(122, 131), 200))
        opening, closing = self.rng.choice((("[", "]"), ('{"a":', "}"), ('[{"":', "}]")))
        depth = depth // 2 if len(closing) == 2 else depth
        return Text(opening * depth + self.rng.choice(("[]", "{}", "0", "null")) + closing * depth)

    def another_value(self, container, at, constraints, node):
        rng, value = self.rng, container[at]
        if constraints.values is not None:
            value = rng.choice([it for it in constraints.values if isinstance(it, str)] or ["x"])
            others = [value.lower(), value.upper(), value.title(), value + "x", value[:-1], value + " ", "",
                value + "\u0000", value + "\n", "CAPTURED", value.replace("I", "\u0130"), value.replace("K", "\u212a"),
                f"{value}\u200b", words(rng)]  # fmt: skip
            container[at] = rng.choice(others + [[value], Object([[value, value]]), Text("1"), Text("null")])
            return "enum"
        kinds = [it for it in constraints.types if it in ("string", "integer", "number")]
        if not kinds:
            return None
        kind = rng.choice(kinds)
        if kind == "string":
            container[at] = self.scalar(kind, constraints, True)
            if type(container[at]) is str and rng.random() < 0.15:
                container[at] = edited(rng, container[at])
            return f"text {own_format(*constraints.patterns[:1]) or constraints}"
        container[at] = beside(rng, constraints) if rng.random() < 0.7 else decimal(rng, constraints, True)
        return f"value of {kind}"

    def changed_text(self, container, at, constraints, node):
        if type(container[at]) is not str:
            return None
        container[at] = edited(self.rng, container[at])
        return f"edited {constraints}"

    def changed_object(self, container, at, constraints, node):
        rng, value = self.rng, container[at]
        if not isinstance(value, Object):
            return None
        way = rng.choice(("missing", "missing", "missing", "twice", "added", "renamed"))
        if way == "added":
            names = ODD_NAMES + constraints.forbidden * 5 + list(constraints.properties)
            name = rng.choice([name for name in names if all(name != it[0] for it in value)] or ["another"])
            value.insert(rng.randrange(len(value) + 1), [name, self.anything()])
        elif not value:
            return None
        else:
            index = rng.randrange(len(value))
            name, part = value[index]
            if way == "missing":
                required = [index for index, it in enumerate(value) if it[0] in constraints.required]
                del value[rng.choice(required) if required and rng.random() < 0.7 else index]
            elif way == "twice":
                value.insert(rng.randrange(len(value) + 1), [name, rng.choice((part, self.anything()))])
            else:
                new = rng.choice(
                    (
                        name.lower(),
                        name.upper(),
                        name + " ",
                        name[:-1],
                        name + "\u0000",
                        name + "s",
                        " " + name,
                        name.swapcase(),
                    )
                )
                value[index][0] = new if all(new != it[0] for it in value) else "another"
        return f"member {way}"

    def changed_array(self, container, at, constraints, node):
        rng, value = self.rng, container[at]
        if type(value) is not list:
            return None
        way = rng.choice(("empty", "twin", "twin", "more"))
        if way == "empty":
            value.clear()
        elif way == "more":
            value.insert(rng.randrange(len(value) + 1), self.anything())
        else:
            if not value:
                value.append(None)
                self.make(node.child(constraints, None), value, 0, 2)
            original = rng.choice(value)
            twin = self.twin(original)
            if isinstance(original, Object) and rng.random() < 0.7:
                one, other = rng.choice(TWINS) if rng.random() < 0.8 else (self.anything(),) * 2
                original.append(["twin", one])
                twin.append(["twin", other])
            value.insert(rng.randrange(len(value) + 1), twin)
        return f"items {way}"

    def twin(self, value):
        """The same value, perhaps with members in another order."""
        if isinstance(value, Object):
            members = Object([name, self.twin(part)] for name, part in value)
            if self.rng.random() < 0.3:
                self.rng.shuffle(members)
            return members
        return [self.twin(part) for part in value] if type(value) is list else value

    def broken(self):
        """Breaks one of the places, sometimes more, and returns the kind."""
        rng = self.rng
        kinds = []
        for _ in range(rng.choice((1, 1, 1, 1, 2, 3))):
            # A breakage before may have removed a place.
            places = [place for place in self.places if place[1] < len(place[0])]
            exact = [place for place in places if place[2].formats or place[2].patterns or place[2].unique]
            place = rng.choice(exact if exact and rng.random() < 0.3 else places)
            ways = [self.another_type, self.another_value, self.another_value, self.another_value, self.changed_text,
                self.changed_object, self.changed_object, self.changed_array, self.changed_array]  # fmt: skip
            rng.shuffle(ways)
            kinds.append(next(filter(None, (way(*place) for way in ways)), "none"))
        return " and ".join(kinds)


# Values of which some are equal by JSON Schema, and others only to some readers.
NEARLY_EQUAL = [
    ["1", "1.0", "true", '"1"', "1e0", "10e-1", "1.00000000000000000000000001", "1.00000000000000000000000002",
     "0.99999999999999999999999"],
    ["0", "-0", "0.0", "-0.0", "false", "null", '""', "[]", "{}", "1e-300", "0e5"],
    ["9007199254740992", "9007199254740993", "9007199254740992.0", "9007199254740993.0", "9007199254740992.5",
     "9007199254740994"],
    ["18446744073709551615", "18446744073709551616", "18446744073709551617", "18446744073709551616.0",
     "1.8446744073709551616e19"],
    ["9223372036854775807", "9223372036854775808", "9223372036854775807.0", "9223372036854775808.0"],
    ["0.1", "0.10", "0.10000000000000000001", "0.10000000000000000002", "0.1000000000000000055511151231257827", "1e-1"],
    ["1e30", "1000000000000000000000000000000", "1000000000000000000000000000001", "1000000000000000000000000000002"],
    ["1e23", "10e22", "0.1e24", "100000000000000000000000", "99999999999999991611392"],
    ["1e-7", "0.0000001", "10e-8"],
    ["8.41e21", "84.1e20", "8410000000000000000000"],
    ["1.7976931348623157e308", "17976931348623157e292"],
    ["5e-324", "4.9e-324", "3e-324"],
    ["1.1", "1.10", "11e-1", "0.11e1", "1.1000000000000000888"],
    ["123456.789", "1.23456789e5", "123456789e-3"],
    ['"a"', '"\\u0061"', '"A"', '"e\\u0301"', '"\\u00e9"', '"\u00e9"', '"/"', '"\\/"'],
    ["[1]", "[1.0]", "[true]", "[1,1]", "[[1]]"],
    ['{"a":1}', '{"a":1.0}', '{"a":true}', '{"b":1}', '{"a":1,"b":2}', '{"b":2,"a":1}'],
]  # fmt: skip
TWINS = [tuple(map(Text, pair)) for group in NEARLY_EQUAL for pair in itertools.product(group, repeat=2)]


# Text.


def quoted(rng, text, ways):
    """A JSON string: up to 0.1 with escapes that are not needed, up to 0.5 in ASCII."""
    quoted = json.dumps(text, ensure_ascii=ways < 0.5)
    if ways > 0.1 or not text:
        return quoted
    chosen = rng.randrange(len(text))
    escaped = []
    for at, character in enumerate(text):
        if at == chosen or rng.random() < 0.2:
            units = character.encode("utf-16-be").hex()
            units = units.upper() if rng.random() < 0.5 else units
            escaped.append("".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4)))
        else:
            escaped.append("\\/" if character == "/" else json.dumps(character)[1:-1])
    return '"' + "".join(escaped) + '"'


def written(rng, value, spaces):
    if isinstance(value, Text):
        return value
    if isinstance(value, str):
        return quoted(rng, value, rng.random())
    gap = rng.choice(("", " ", "  ", "\t", "\r")) if spaces else ""
    if isinstance(value, Object):
        members = (
            f"{quoted(rng, name, rng.random() * 2)}{gap}:{gap}{written(rng, part, spaces)}" for name, part in value
        )
        return "{" + gap + f"{gap},{gap}".join(members) + gap + "}"
    return "[" + gap + f"{gap},".join(written(rng, part, spaces) for part in value) + gap + "]"


BAD_NUMBERS = ["01", "-01", "+1", ".5", "1.", "1.e5", "0x10", "1_000", "NaN", "Infinity", "-Infinity", "-", "--1", "1e",
    "1e+", "1 2", "1,5", "1E", "\u0661", "\uff11", "1e5.5", "- 1", "1e 5", "0b1", "1n", "00", "-.5", "1..5", "0e",
    "1.0.0", "inf", "1f", "0.e1", "1ee5", "1e+-5"]  # fmt: skip
BAD_WORDS = ["True", "None", "undefined", "nul", "nulll", "TRUE", "tru", "'x'", "\u201cx\u201d", "`x`", "()", "<a>",
    "/**/1", "1/**/", "#", "...", "\\u0031"]  # fmt: skip
BAD_STRINGS = ['"\\x41"', '"\\u12"', '"\\u12G4"', '"\\"', '"a', 'a"', '"\\a"', '"\t"', '"\u0001"', '"\u001f"',
    '"\\U0041"', '"\\u{41}"', '"\\\'"', '"\\0"', '"\\u00 41"', '"a""b"', '"\\"x"y"', '"\\u+041"', '"\\u-041"', '"\\',
    '"\\u004']  # fmt: skip
GOOD_STRINGS = ['"\\ud83d\\ude00"', '"\\u0000"', '"\u007f"', '"\\/"', '"\\u0041"', '"\\uFFFF"', '"\\b\\f\\n\\r\\t"',
    '"\u2028"', '"\\ufeff"', '"\ufdd0"', '"\\uDBFF\\uDFFF"']  # fmt: skip
LONE = ['"\\ud800"', '"\\udc00"', '"a\\udfffb"', '"\\ude00\\ud83d"', '"\\ud83d\\ud83d\\ude00"', '"\\uD83D\\u0041"',
    '"\\ud83d\\n"', '"\\udbff"', '"\\ud800\\\\udc00"']  # fmt: skip
SPACES = ["\u00a0", "\u0085", "\u000b", "\f", "\u2028", "\u3000", "\ufeff", "\u0000", "\u200b", "\u001c"]


def rewritten(rng, text):
    """A text with something done to it that has nothing to do with the schema: its kind and the text."""
    at = rng.randrange(len(text) + 1)
    ends = [found.start() for found in re.finditer(r"[\]}]", text)] or [len(text)]
    scalars = [found.span() for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[0-9.eE+-]+|true|false|null', text)] or [
        (0, len(text))
    ]
    start, end = rng.choice(scalars)
    replaced = {"bad number": BAD_NUMBERS, "bad word": BAD_WORDS, "bad string": BAD_STRINGS, "escape": GOOD_STRINGS,
        "lone surrogate": LONE, "out of range": OUT_OF_RANGE}  # fmt: skip
    kind = rng.choice(
        [*replaced, "mark", "white space", "other space", "comma", "truncated", "trailing", "character", "out of range"]
    )
    if kind in replaced:
        return kind, text[:start] + rng.choice(replaced[kind]) + text[end:]
    if kind == "mark":
        return kind, rng.choice(("\ufeff" + text, "\ufeff" + text, "\ufeff\ufeff" + text, text + "\ufeff",
                " \ufeff" + text, "\ufeff " + text, "\ufeff"))  # fmt: skip
    if kind == "white space":
        spaces = "".join(rng.choices(" \t\r", k=rng.randrange(1, 5)))
        return kind, rng.choice(
            (spaces + text, text + spaces, text[:start] + spaces + text[start:], text[:end] + spaces + text[end:])
        )
    if kind == "other space":
        space = rng.choice(SPACES)
        return kind, rng.choice(
            (space + text, text + space, text[:start] + space + text[start:], text[:end] + space + text[end:])
        )
    if kind == "comma":
        end = rng.choice(ends)
        return kind, rng.choice((text[:end] + "," + text[end:], text + ",", "," + text, text.replace(",", ",,", 1),
                text.replace(",", "", 1), text.replace(",", ";", 1), text.replace(":", "", 1), text.replace(":", "=",
                    1), text.replace(":", "::", 1)))  # fmt: skip
    if kind == "truncated":
        return kind, text[:at] or "{"
    if kind == "trailing":
        return kind, text + rng.choice(("}", "]", "{}", " null", "0", '"', "//", "\u0000", "\\", ")", ";", "x"))
    return kind, text[:at] + rng.choice("{}[],:\"\\ 0-.eE+tfn\u0000\ud7ff\U0001f600'") + text[at + rng.choice((0, 1)) :]


def payload(rng, document, documented):
    maker = Maker(rng)
    example = rng.choice(documented) if documented and rng.random() < 0.15 else None
    root = maker.valid(document) if example is None else maker.adopted(document, example)
    chance = rng.random()
    kind = "as described"
    if chance < 0.6:
        kind = maker.broken()
    text = written(rng, root[0], rng.random() < 0.1)
    if chance > 0.86:
        kind, text = rewritten(rng, text)
    return kind, text.replace("\n", " ")


def main():
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("provider")
    arguments.add_argument("count", type=int)
    arguments.add_argument("seed")
    arguments = arguments.parse_args()
    listed = names(arguments.provider)
    for number, name in enumerate(listed):
        # A sequence of its own for each schema, so that a change of one does not change the payloads of the others.
        rng = random.Random(f"{arguments.provider} {name} {arguments.seed}")
        document, documented = load(arguments.provider, name), examples(arguments.provider, name)
        share = arguments.count * (number + 1) // len(listed) - arguments.count * number // len(listed)
        for _ in range(share):
            kind, text = payload(rng, document, documented)
            # The command line skips blank lines.
            print(name, kind, text if text.strip(" \t\r\f\ufeff") else "{", sep="\t")


if __name__ == "__main__":
    main()
