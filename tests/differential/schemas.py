"""The schemas and examples of a provider, as the command line prints them."""

import json
import os
import subprocess

BINARY = os.environ.get("POS_WEBHOOKS", "target/release/pos-webhooks")


def output(*arguments):
    """What the command line prints, nothing if it fails."""
    return subprocess.run(
        [BINARY, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    ).stdout


def names(provider):
    return [line.split()[0] for line in output("schema", provider).splitlines()]


def load(provider, name):
    return json.loads(output("schema", provider, name))


def examples(provider, name):
    return [json.loads(line) for line in output("example", provider, name, "--format", "raw").splitlines()]


def own_format(pattern=None):
    """The format that a pattern stands for in a published schema."""
    begins = {"^(?:[0-9]{4}-": "local-date-time", "^(?:Mon|": "http-date"}
    return next((form for start, form in begins.items() if pattern and pattern.startswith(start)), None)
