"""Makes texts, with and without a format, that are valid or just not."""

import math
from datetime import date, timedelta

try:
    from re import _constants as op, _parser as regex
except ImportError:
    import sre_constants as op
    import sre_parse as regex

LETTERS = "abcxyzABCXYZ0123456789 -_.,:;/+%&?#@'()"
ODD = ["\U0001f600", "e\u0301", "\u00e9", "\u00f8", "\u00df", "\u0130", "\u0000", "\u001f", "\u007f", "\u0085",
    "\u00a0", "\u00ad", "\u0e01", "\u200b", "\u200d", "\u2028", "\u2029", "\u202e", "\ud7ff", "\ue000", "\ufeff",
    "\uffff", "\U00010000", "\U0010ffff", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\\", '"', "/", "\t", "\n",
    "\r", "\b", "\u0661", "\uff11", "\uff21", "\u212a", "\u017f", "</script>", "\\u0041"]  # fmt: skip
ODD_NAMES = ["", "__proto__", "constructor", "toString", "hasOwnProperty", "length", "$ref", "name", "eventType", "x",
    "merchantQrId", "\U0001f600", "a\u0000", "a/b~c", "\ufeff"]  # fmt: skip


def words(rng, least=0, most=math.inf):
    length = min(max(rng.choice((0, 1, 1, 2, 3, 5, 8, 13, rng.randrange(40))), least), most)
    if rng.random() < 0.8:
        return "".join(rng.choices(LETTERS, k=length))
    text = "".join(rng.choice(ODD) if rng.random() < 0.5 else rng.choice(LETTERS) for _ in range(length))
    # An entry of ODD may have several code points, which are what the length counts.
    return text[: max(length, least)]


def sample(rng, parsed):
    """A text that matches a parsed regular expression."""
    text = ""
    for kind, value in parsed:
        if kind is op.LITERAL:
            text += chr(value)
        elif kind is op.IN:
            kind, value = rng.choice(value)
            text += chr(value if kind is op.LITERAL else rng.randint(*value))
        elif kind is op.MAX_REPEAT:
            least, most, part = value
            most = min(most, least + 100)
            counts = (least, least + 1, rng.randint(least, most), most)[: most - least + 1]
            text += "".join(sample(rng, part) for _ in range(rng.choice(counts)))
        elif kind is op.SUBPATTERN:
            text += sample(rng, value[-1])
        elif kind is op.BRANCH:
            text += sample(rng, rng.choice(value[1]))
        else:
            assert kind is op.AT, f"generate.py does not know {kind}"
    return text


def matching(rng, pattern, parsed={}):
    if pattern not in parsed:
        parsed[pattern] = regex.parse(pattern)
    return sample(rng, parsed[pattern])


def assembled(rng, parts, broken):
    """A text of parts, each one of a list of good ones; if broken, one or two are of a list of bad ones."""
    chosen = [rng.choice(good) for good, _ in parts]
    breakable = [at for at, (_, bad) in enumerate(parts) if bad]
    for at in rng.choices(breakable, k=rng.choice((1, 1, 1, 2)) if broken else 0):
        chosen[at] = rng.choice(parts[at][1])
    return "".join(chosen)


def two(*numbers):
    return [f"{number:02}" for number in numbers]


YEARS = (
    ["2020", "2023", "2024", "1999", "2000", "1900", "0001", "9998"],
    ["0000", "9999", "20", "02020", "+2020", "-2020", "12020", "2o20", "\u0662020", "", "202", ".020", "2/20", "20.0",
     "202-"],
)  # fmt: skip
MONTHS = (two(*range(1, 13)), ["00", "13", "1", "001", "0a", "\uff11\uff12", "Jan", "", " 1", "99", "0/", "1.", "/1"])
DAYS = (
    two(*range(1, 29)),
    ["29", "30", "31", "00", "32", "1", "001", " 1", "1 ", "\u0661\u0661", "-1", "", "1-", "2,", ".1"],
)  # fmt: skip
TIMES = [
    (two(*range(24)), ["24", "25", "9", "-1", "009", "", "99", "\uff11\uff11", "+9", "0.", "1/"]),
    ([":"], ["", ".", "-", " ", "::"]),
    (two(*range(60)), ["60", "61", "5", "", "99", "0x", "0-", "5,", ":0"]),
    ([":"], ["", ".", ":", "\uff1a"]),
    (two(*range(60)), ["60", "61", "5", "", "99", "00,5", "00.", "-0", "4,", "5+", "0:"]),
]
FRACTIONS = (
    ["", "", ".1", ".123", ".000000", ".123456789012345678901234567890"],
    [".", ",5", ".5.5", ".-5", ".\u0663", ".5 ", ".1e3", ":00", "._1"],
)  # fmt: skip
OFFSETS = (
    ["Z", "Z", "z", "+00:00", "-00:00", "+07:00", "-11:30", "+23:59", "-23:59", "+14:00"],
    ["", "+24:00", "+23:60", "-24:00", "+7:00", "+0700", "+07", "+07:0", "+07:000", "ZZ", " Z", "Z ", "+07:00:00",
     "UTC", "[UTC]", "+07:00[UTC]", "\u221207:00", "-", "+", "Z\n", "\n", "\u200bZ", "+0.:00", "+07:0/", "+ 7:00",
     "+-7:00", "Zulu", "\u017f"],
)  # fmt: skip
SEPARATOR = (["T", "T", "T", "t"], [" ", "", "_", "\t", "\n", "TT", "  ", "\u00a0", "\u2003", "T ", "\uff34", "\u2028"])
DATE = [YEARS, (["-"], ["/", "", ".", "\u2010", "--", " "]), MONTHS, (["-"], ["/", "", ".", "\u2212", " "]), DAYS]
FULL_DATE = DATE + [([""], ["\n", " ", "T", "Z", "+00:00", "T00:00:00Z", "\r", "\u2028", "0", "\u0000"])]
DATE_TIME = DATE + [SEPARATOR] + TIMES + [FRACTIONS, OFFSETS]
LOCAL = DATE + [(["T"], SEPARATOR[1] + ["t"])] + TIMES + [FRACTIONS, ([""], OFFSETS[0] + OFFSETS[1])]
WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONTH_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
HEX = "0123456789abcdefABCDEF"
EMAIL = [
    (["nobody", "a", "A.b", "x+tag", "!#$%&'*+-/=?^_`{|}~", "o'neill", "1", "a" * 64, '"a b"', '"a@b"', '"a\\"b"',
      '""', '"<>"'],
     ["", ".a", "a.", "a..b", "a b", "a@b", "(c)a", "a" * 65, '"a', '"a"b', '"a"b"', '"\\"', "\u00f8", "a,b", "a\\b",
      "<a", "Joe <a", "Joe Doe <a", '"a <b"', '"a\tb"', '"a\\ b"', '"\u00f8"', " a", "mailto:a", "a\n", "[a]", "a:b",
      "\u200ba", '"a".b', '"\n"', "a;b", '"\u007f"', "\u212a"]),
    (["@"], ["", "@@", " @", "@ ", "\uff20", " at ", "@\n"]),
    (["b.test", "B.TEST", "a-b.test", "1.test", "b.c.d.test", "xn--bcher-kva.test", "localhost", "b.c",
      "a" * 63 + ".test", "1.2.3.4", "[127.0.0.1]", "[IPv6:::1]", "[IPv6:2001:db8::1]", "x.y--z.test"],
     ["", ".", ".test", "b.", "b..test", "-b.test", "b-.test", "b_c.test", "b c.test", "a" * 64 + ".test", "b.test.",
      "b.test>", "b.test ", "b.test\n", "b\u00fccher.test", "[127.0.0.300]", "[127.0.0.1", "127.0.0.1]", "[IPv6:::g]",
      "[::1]", "[]", "b.test/", "b.test:25", "b=c.test", "b,c.test", "(c)b.test", "[IPv6:1::2::3]", "[ipv6:::1]",
      "[01.2.3.4]", "ab--cd.test", "xn--a.test", "xn--.test", "[tag:a]", ".".join(["a" * 49] * 6), "b.\u0661",
      "b.test\u2028", "@b.test", "\uff42.test", "[IPv6:1:2:3:4:5:6:1.2.3.4]", "[IPv6:fe80::1%25eth0]"]),
]  # fmt: skip
WHOLE_EMAILS = ["Joe <a@b.test>", "<a@b.test>", " <a@b.test>", '"Joe" <a@b.test>', "a@b.test, c@d.test",
    "a@b.test <a@b.test>", "a@b.test (c)", "Joe <a@b.test> ", '"Joe <a"@b.test', "Joe\n<a@b.test>", "Joe <a@b.test",
    "@b.test:a@b.test", "nobody", "", "@"]  # fmt: skip
URI = [
    (["https:", "http:", "HTTPS:", "ftp:", "a:", "a+b-c.1:"],
     ["", ":", "1a:", "a_b:", "\u00e4:", " https:", "https", "-a:", "a b:", "https :", "%61:", "//", "+a:"]),
    (["//"], ["", "/", "///", "\\\\", ":", "////"]),
    (["", "", "", "u@", "u:p@", "u%40@", ":@", "u:p:q@"], ["u@v@", "u[@", "u/p@", "\u00fc@", "u%4@", "u p@"]),
    (["a.test", "A.Test", "localhost", "127.0.0.1", "[::1]", "[2001:db8::1.2.3.4]", "a_b.test", "a%20b", "[v1.a:b]",
      "x!$&'()*+,;=", "999.999.999.999", "01.02.03.04"],
     ["", "a b", "\u00fc.test", "[::1", "::1", "[::g]", "a%2.test", "a%zz", "[]", "[1.2.3.4]", "a<b", 'a"b', "a\\b",
      "a^b", "a{b}", "[v1]", "[::1%25eth0]", "[V1.a]", "[v.a]", "[1:2:3:4:5:6:7:8:9]", "[::01.2.3.4]", "[::1.2.3.256]",
      "[1:2:3:4:5:6:7::]", "[::1]a", "a[::1]", "[12345::]", "[1:2:3:4:5:6:7::8]", "a`b", "a|b", "\u200b", "a\u0000b",
      "[::00001.2.3.4]", "[vG.a]"]),
    (["", "", "", ":80", ":", ":99999", ":0"], [":a", ":-1", "::80", ":80a", ": 80", ":\u0661"]),
    (["", "/", "/a/b", "//", "/a%20b", "/a;b=c,d", "/:@!$&'()*+", "/~a", "/.."],
     ["/a b", "/\u00fc", "/%", "/%a", "/%gg", "/[", "/]", "/a|b", "/{a}", "/a\\b", "/^", "/`", '/"', "/<", "a",
      "/\U0001f600", "/a\n", "\n", " ", "/\u0000", "/a\tb", "/%\uff11\uff11"]),
    (["", "", "?", "?a=b&c=d", "?a?b/c", "?a%5B%5D=b", "?:@"],
     ["?a[]=b", "? ", "?%", "?\u00fc", "?a|b", "?^", '?"', "?{}"]),
    (["", "", "#", "#a", "#a/b?c"], ["##", "#a#b", "# ", "#%", "#[", "#\u00fc", "#\n", "#{a}"]),
]  # fmt: skip
WHOLE_URIS = ["mailto:", "mailto:a@b.test", "urn:isbn:1", "a:", "a:?b", "a:#", "a:b", "a:/", "a:/b", "a:b:c", "tel:+1",
    "a://", "file:///a", "//a.test/", "/a", "a", "", "#", "?", ".", "a/b:c", "data:,", "javascript:alert(1)", "https:a",
    "https://", "https://?a", "https://#", "a:[::1]", "http://u@[::1]:1", "a://:0", "a://@", "a:%41", "a:%4",
    "\ufeffa:b", "a:\u00a0"]  # fmt: skip


def http_date(rng, broken):
    # Any day, or one of the years from 2000 to 2054.
    day = date.min + timedelta(rng.randrange(3652059) if rng.random() < 0.3 else rng.randrange(730119, 750119))
    if rng.random() < 0.02:
        day = rng.choice((date.min, date.max, date.max - timedelta(1), date(2000, 2, 29)))
    time = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.choice((0, 30, 59, 60, rng.randrange(60))):02}"
    parts = [
        ([WEEKDAYS[day.weekday()]], WEEKDAYS + ["mon", "MON", "Monday", "", "Mo", "Xyz"]),
        ([", "], [",", " ", ",  ", ",\t", ", \n", ";"]),
        ([f"{day.day:02}"], ["29", "30", "31", "00", "32", "1", str(day.day), f" {day.day}"]),
        ([" "], ["-", "  ", "\t", "", "\u00a0"]),
        ([MONTH_NAMES[day.month - 1]], MONTH_NAMES + ["jan", "JAN", "January", "01", "Mai"]),
        ([" "], ["-", "  ", ""]),
        ([f"{day.year:04}"], [f"{day.year % 100:02}", f"0{day.year}", "0000", "9999", "20 20", "\u0662020"]),
        ([" "], ["  ", "T", ""]),
        ([time],
         [time[:5], f"24{time[2:]}", f"{time[:6]}61", time.replace(":", "."), f"{time}.5", "23:59:60", "9:00:00"]),
        ([" "], ["", "  "]),
        (["GMT"],
         ["gmt", "UTC", "+0000", "-0000", "Z", "EST", "GMT ", "GMT\n", "GMT (c)", "", "UT", "G\u039cT", "+0100",
          "GMT+0"]),
    ]  # fmt: skip
    return assembled(rng, parts, broken)


def uuid(rng, broken):
    text = "-".join(
        "".join(rng.choices(HEX if rng.random() < 0.3 else HEX[:16], k=count)) for count in (8, 4, 4, 4, 12)
    )
    if not broken:
        return text
    at = rng.randrange(36)
    return rng.choice([text.replace("-", ""), "{" + text + "}", "urn:uuid:" + text, text[:-1], text + "0",
            text[:at] + "g" + text[at + 1 :], text[:at] + "-" + text[at + 1 :], text[:at] + text[at + 1 :],
            text.replace("-", "\u2010"), text[:at] + "\uff11" + text[at + 1 :], text + "\n", " " + text[1:],
            text.replace("-", "_"), text[:13] + text[14:] + "-", text[9:] + "-" + text[:8], "",
            text[:at] + " " + text[at:], text[:18] + text[19:23] + "-" + text[23:],
            text[:at] + "\u00e9" + text[at + 2 :]])  # fmt: skip


def uri(rng, broken):
    return rng.choice(WHOLE_URIS) if broken and rng.random() < 0.2 else assembled(rng, URI, broken)


def email(rng, broken):
    return rng.choice(WHOLE_EMAILS) if broken and rng.random() < 0.1 else assembled(rng, EMAIL, broken)


FORMATS = {
    "date": lambda rng, broken: assembled(rng, FULL_DATE, broken),
    "date-time": lambda rng, broken: leap_second(rng) if rng.random() < 0.1 else assembled(rng, DATE_TIME, broken),
    "local-date-time": lambda rng, broken: assembled(rng, LOCAL, broken),
    "http-date": http_date,
    "uuid": uuid,
    "email": email,
    "uri": uri,
}


def leap_second(rng):
    """Mostly a leap second at the end of a day of UTC, seen from a random offset."""
    minutes, sign = rng.choice((0, 30, 60, 345, 840, rng.randrange(1440))), rng.choice((1, -1))
    local = (1439 + sign * minutes + rng.choice((0, 0, 0, 0, 1, -1, 60))) % 1440
    offset = "Z" if minutes == 0 else f"{'+' if sign > 0 else '-'}{minutes // 60:02}:{minutes % 60:02}"
    return f"2016-12-31T{local // 60:02}:{local % 60:02}:60{rng.choice(('', '.5', '.999999999999'))}{offset}"


def edited(rng, text):
    """A text with one character more, less or other, or with a part twice."""
    at, new = rng.randrange(len(text) + 1), rng.choice(ODD + list(LETTERS))
    return rng.choice((text[:at] + new + text[at:], text[:at] + text[at + 1 :], text[:at] + new + text[at + 1 :],
            text[:at] + text, text + "\n", "\n" + text, text + " ", " " + text, text.swapcase()))  # fmt: skip
