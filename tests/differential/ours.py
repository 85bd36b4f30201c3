"""Reads SCHEMA<TAB>KIND<TAB>PAYLOAD lines and prints what the command line finds: `valid`, `invalid` or `not-json`.

After `invalid` are the keywords that are violated.
"""

import itertools
import re
import subprocess
import sys

from schemas import BINARY

REPORT = re.compile(rb'\{"source":"-","line":([0-9]+),"valid":(true|false),"(violations|error)":(\[\]|.)')
KEYWORD = re.compile(rb'"keyword":"([A-Za-z]+)"')
VERDICTS = {
    (b"true", b"violations", True): b"valid",
    (b"false", b"violations", False): b"invalid",
    (b"false", b"error", False): b"not-json",
}


def verdicts(provider, name, payloads):
    command = [BINARY, "validate", provider, name, "--ndjson", "--format", "json"]
    reports = subprocess.run(command, input=b"\n".join(payloads), stdout=subprocess.PIPE).stdout.splitlines()
    assert len(reports) == len(payloads), f"{name}: {len(reports)} reports of {len(payloads)} payloads"
    for number, report in enumerate(reports, 1):
        line, valid, kind, first = REPORT.match(report).groups()
        assert int(line) == number, f"{name}: report of line {line} in place of {number}"
        # Anything else is a contradiction, such as an invalid payload without violations.
        verdict = VERDICTS.get((valid, kind, first == b"[]"), b"contradiction")
        yield b" ".join([verdict, *sorted(set(KEYWORD.findall(report)))])


def main():
    lines = (line.rstrip(b"\n").split(b"\t", 2) for line in sys.stdin.buffer)
    for name, group in itertools.groupby(lines, key=lambda line: line[0]):
        found = verdicts(sys.argv[1], name.decode(), [line[2] for line in group])
        sys.stdout.buffer.write(b"".join(verdict + b"\n" for verdict in found))


if __name__ == "__main__":
    main()
