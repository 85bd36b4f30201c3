"""Reads SCHEMA<TAB>KIND<TAB>PAYLOAD lines and prints what jsonschema finds: `valid`, `invalid` or `not-json`."""

import json
import re
import sys
from datetime import date
from decimal import Decimal
from ipaddress import IPv4Address, IPv6Address

from jsonschema import Draft7Validator, FormatChecker
from rfc3986_validator import validate_rfc3986

from schemas import load, own_format

# Integers of any length.
getattr(sys, "set_int_max_str_digits", lambda _: None)(0)

# Formats that jsonschema does not have, or checks only for `@`.

ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
NAME = rf"""{ATOM}(?:\.{ATOM})*|"(?:[\t !#-\[\]-~]|\\[\t -~])*\""""
# RFC 5321, section 4.1.2, with the tabs in quoted names of RFC 5322.
MAILBOX = re.compile(rf"(?P<local>{NAME})@(?:(?P<domain>{LABEL}(?:\.{LABEL})*)|\[(?P<literal>[!-Z^-~]+)\])")
HTTP_DATE = re.compile(r"([A-Z][a-z]{2}), ([0-9]{2}) ([A-Z][a-z]{2}) ([0-9]{4}) ([0-9]{2}):([0-9]{2}):([0-9]{2}) GMT")
LOCAL = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?")
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]


def is_address(literal):
    """An IPv4 or IPv6 address literal; the tags of others have to be registered, and none is."""
    try:
        if literal[:5].lower() == "ipv6:":
            return IPv6Address(literal[5:]).scope_id is None
        return IPv4Address(literal) is not None
    except ValueError:
        return False


def is_email(text):
    found = MAILBOX.fullmatch(text)
    if not found or len(found["local"]) > 64:
        return False
    if found["literal"]:
        return is_address(found["literal"])
    return len(found["domain"]) <= 253 and all(len(label) <= 63 for label in found["domain"].split("."))


def weekday(year, month, day):
    """The day of the week; fails if there is no such day. The calendar repeats itself after 400 years."""
    return date(year + 400 if year < 400 else year, month, day).weekday()


def is_http_date(text):
    found = HTTP_DATE.fullmatch(text)
    if not found or found[3] not in MONTHS:
        return False
    name, day, month, year, hour, minute, second = found.groups()
    on = weekday(int(year), MONTHS.index(month) + 1, int(day))
    return WEEKDAYS[on] == name and int(hour) < 24 and int(minute) < 60 and int(second) <= 60


def is_local_date_time(text):
    found = LOCAL.fullmatch(text)
    if not found:
        return False
    year, month, day, hour, minute, second = map(int, found.groups())
    weekday(year, month, day)
    return hour < 24 and minute < 60 and second < 60


def is_uri(text):
    """As jsonschema does it, unless a package is installed that it prefers, which is not under a permissive licence."""
    return bool(validate_rfc3986(text, rule="URI"))


UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
OWN = {
    "email": is_email,
    "http-date": is_http_date,
    "local-date-time": is_local_date_time,
    "uuid": lambda text: bool(UUID.fullmatch(text)),
    "uri": is_uri,
}


def with_own_formats(schema):
    """The formats that the published schemas replace by patterns, in place of the patterns."""
    if isinstance(schema, list):
        return [with_own_formats(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: with_own_formats(value) for key, value in schema.items()}
    form = own_format(copy["pattern"]) if isinstance(copy.get("pattern"), str) else None
    if form:
        del copy["pattern"]
        copy["format"] = form
    return copy


checker = FormatChecker(formats=())
assert "date-time" in Draft7Validator.FORMAT_CHECKER.checkers, "rfc3339-validator is not installed"
checker.checkers = dict(Draft7Validator.FORMAT_CHECKER.checkers)
for form, check in OWN.items():
    checker.checks(form, raises=ValueError)(lambda value, check=check: not isinstance(value, str) or check(value))


def main():
    provider = sys.argv[1]
    known = {}
    for line in sys.stdin.buffer:
        name, _, text = line.decode("utf-8").rstrip("\n").split("\t", 2)
        try:
            value = parse(text[1:] if text.startswith("\ufeff") else text)
        except (ValueError, RecursionError):
            print("not-json")
            continue
        if name not in known:
            known[name] = Draft7Validator(with_own_formats(load(provider, name)), format_checker=checker)
        print("valid" if known[name].is_valid(value) else "invalid")


def members(pairs):
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("duplicate names")
    return found


def number(text):
    """An integer or a decimal without loss, within the range of a double."""
    double = float(text)
    if double in (float("inf"), float("-inf")) or double == 0 and re.match("[^eE]*[1-9]", text):
        raise ValueError("out of range")
    if double == 0:
        return 0
    exact = Decimal(text)
    return int(exact) if exact == exact.to_integral_value() else exact


def refuse(text):
    raise ValueError(text)


decoder = json.JSONDecoder(object_pairs_hook=members, parse_int=number, parse_float=number, parse_constant=refuse)


def parse(text):
    if text.startswith("\ufeff"):
        raise ValueError("byte order mark")
    return decoder.decode(text)


if __name__ == "__main__":
    main()
