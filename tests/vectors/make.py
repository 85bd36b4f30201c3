#!/usr/bin/env python3
"""Writes signatures.json: signed deliveries, made without any code of this crate.

    python3 tests/vectors/make.py

Uses the standard library of Python 3.8 or newer and nothing else. It first checks itself against the vectors that the
providers document; these are part of the file too.
"""

import base64
import hashlib
import hmac
import json
from datetime import datetime, timezone
from email.utils import format_datetime
from pathlib import Path
from urllib.parse import urlsplit

NOON = datetime(2026, 11, 21, 12, 0, 0, tzinfo=timezone.utc)


def mac(secret, text):
    return hmac.new(secret.encode("utf-8"), text, hashlib.sha256).digest()


def vipps(what, url="https://shop.example/hooks/vipps", secret="c2VjcmV0", others=(), body=b'{"a":1}', at=NOON):
    parts = urlsplit(url)
    own_port = {"https": 443, "http": 80}[parts.scheme]
    host = parts.hostname if parts.port in (None, own_port) else f"{parts.hostname}:{parts.port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    date = format_datetime(at, usegmt=True)
    content = base64.b64encode(hashlib.sha256(body).digest()).decode()
    signed = f"POST\n{target}\n{date};{host};{content}"
    signature = base64.b64encode(mac(secret, signed.encode())).decode()
    headers = [
        ["Host", host],
        ["x-ms-date", date],
        ["x-ms-content-sha256", content],
        ["Authorization", f"HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}"],
    ]
    return vector("vipps", what, secret, others, body, headers, at, url=url, signed=signed)


def mypos(what, event="pos.payment.completed", secret="chosen by the merchant", others=(), body=b'{"a":1}', at=NOON):
    headers = [
        ["X-myPOS-Event", event],
        ["X-myPOS-Signature", f"t={int(at.timestamp())},v1={mac(secret, body).hex()}"],
    ]
    return vector("mypos", what, secret, others, body, headers, at, event=event)


def mipos(what, secret="08b707f3fa62d18df7dd5a12b5d169a22f372c25", others=(), body=b'{"a":1}'):
    return vector("mipos", what, secret, others, body, [["Signature-Webhook", mac(secret, body).hex()]], NOON)


def vector(provider, what, secret, others, body, headers, at, **more):
    return {
        "provider": provider,
        "what": what,
        **more,
        "secret": secret,
        "other_secrets": list(others),
        "body_base64": base64.b64encode(body).decode(),
        "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "headers": headers,
    }


def bodies(make):
    """What every scheme signs."""
    return [
        make("an ordinary body", body=b'{"amount": {"currency": "NOK", "value": 35000}}'),
        make("an empty body", body=b""),
        make("letters beyond ASCII", body='{"name":"Åse Ørnæs 🦊"}'.encode()),
        make("bytes that are not UTF-8", body=b'{"name":"\xe5\xff\x00"}'),
        make("line ends and white space", body=b' {"a" :\r\n\t1}\n'),
        make("a byte order mark", body=b'\xef\xbb\xbf{"a":1}'),
        make("5000 bytes", body=b"[" + b"1," * 2499 + b"1]"),
    ]


def secrets(make):
    """What every scheme takes as key: the text of the secret."""
    looks_like_base64 = base64.b64encode(bytes(range(64))).decode()
    return [
        make("a secret that looks like Base64", secret=looks_like_base64),
        make("a secret that looks like hexadecimal", secret="00ff" * 8),
        make("a secret like an identifier", secret="090a478d-37ff-4e77-970e-d457aeb26a3a"),
        make("a secret of one character", secret="s"),
        make("a secret of 64 bytes, the block of the hash", secret="k" * 64),
        make("a secret of 65 bytes", secret="k" * 65),
        make("a secret of 200 bytes", secret="0123456789" * 20),
        make("a secret beyond ASCII", secret="hemmelig å"),
        make("several registrations", secret="second", others=["first", "third"]),
    ]


DOCUMENTED_VIPPS = vipps(
    "documented: Vipps MobilePay, page Request authentication of 2023-12-08",
    url="https://webhook.site/e2cee29b-012e-4f1d-8ef4-e95fd74a7a63",
    secret="A0+AeKBRG2KRGvnNwJpQlb6IJFk48CKXCIcrLoHncVJKDILsQSxS6NWCccwWm6r6FhGKhiHTBsG2wo/xU6FY/A==",
    body=b'{"some-unique-content":"ee6e441b-cc4a-46f8-895d-a5af79bcc233/hello-world"}',
    at=datetime(2023, 3, 30, 8, 38, 32, tzinfo=timezone.utc),
)
assert DOCUMENTED_VIPPS["headers"][1:] == [
    ["x-ms-date", "Thu, 30 Mar 2023 08:38:32 GMT"],
    ["x-ms-content-sha256", "lNlsp1XA03N34HrQsVzPgJKtC+r7l/RBF4V3JQUWMj4="],
    [
        "Authorization",
        "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256"
        "&Signature=agAiSyogQbDHpeucoNwYz+yAr5nJ+v+zasdkSbqzv+U=",
    ],
]

DOCUMENTED_MIPOS = mipos(
    "documented: miPOS, page Logistic integrations management; the header has another name there",
    body=rb'{"origin":{"address":"Av. Las Aguas 1256","reference":"Cerca del centro comercial ....",'
    rb'"lat":-2.1602453,"lng":-79.908075,"contact_phone":"0912345678","contact_name":"Gerente tienda Jos\u00e9"},'
    rb'"destination":{"address":"Urbanizaci\u00f3n Ficticia Solar 15","reference":"Cerca del malec\u00f3n ....",'
    rb'"lat":-2.1617463,"lng":-79.9017235,"contact_phone":"0987654321","contact_name":"Camila"},"integration_id":8}',
)
assert DOCUMENTED_MIPOS["headers"][0][1] == "c70400564e5440ea76ed1f0241965ff97515cfdfff71b05444f613a5bf43a8dd"

VECTORS = [
    DOCUMENTED_VIPPS,
    *bodies(vipps),
    *secrets(vipps),
    vipps("a query", url="https://shop.example/hooks?shop=1&x=%20a/b?c"),
    vipps("a port", url="https://shop.example:8443/hooks"),
    vipps("the scheme's own port", url="https://shop.example:443/hooks"),
    vipps("http and its own port", url="http://shop.example:80/hooks"),
    vipps("http and the port of https", url="http://shop.example:443/hooks"),
    vipps("no path", url="https://shop.example"),
    vipps("no path but a query", url="https://shop.example?shop=1"),
    vipps("a host in capitals", url="https://SHOP.Example/Hooks"),
    vipps("an encoded path", url="https://shop.example/h%C3%B8oks//%2F/"),
    vipps("a host in its encoded form", url="https://xn--bcher-kva.example/hooks"),
    vipps("an address of IPv4", url="https://192.0.2.1:8080/hooks"),
    vipps("the beginning of Unix time", at=datetime(1970, 1, 1, tzinfo=timezone.utc)),
    vipps("before Unix time", at=datetime(1969, 12, 31, 23, 59, 59, tzinfo=timezone.utc)),
    vipps("a leap day", at=datetime(2028, 2, 29, 23, 59, 59, tzinfo=timezone.utc)),
    vipps("the year 9999", at=datetime(9999, 12, 30, tzinfo=timezone.utc)),
    *bodies(mypos),
    *secrets(mypos),
    mypos("an event that nobody has documented", event="pos.something.new"),
    mypos("before Unix time", at=datetime(1969, 12, 31, 23, 59, 59, tzinfo=timezone.utc)),
    DOCUMENTED_MIPOS,
    *bodies(mipos),
    *secrets(mipos),
]

lines = ",\n".join(json.dumps(vector) for vector in VECTORS)
Path(__file__).with_name("signatures.json").write_text(f"[\n{lines}\n]\n", encoding="ascii")
print(f"{len(VECTORS)} vectors")
