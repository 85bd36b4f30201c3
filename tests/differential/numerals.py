"""Makes numbers, written in many ways, that are valid or just not."""

import math


class Text(str):
    """JSON text that is written as it is."""


BIG = [2**31, 2**32, 2**53, 2**63, 2**64, 10**15, 10**17, 10**18, 10**19, 10**25, 10**100]


def spelled(rng, integer):
    """An integer, written in one of many ways."""
    text = str(integer)
    if rng.random() < 0.55:
        return Text(text)
    sign, digits = ("-", text[1:]) if integer < 0 else ("", text)
    ways = [f"{text}.0", f"{text}.{'0' * rng.randrange(1, 30)}", f"{text}e0", f"{text}E+00", f"{text}0e-1",
        f"{text}000.00E-3", f"{sign}0.{digits}e{len(digits)}",
        f"{sign}{digits[0]}.{digits[1:] or '0'}E+{len(digits) - 1}"]  # fmt: skip
    if integer == 0:
        ways += ["-0", "-0.0", "0e400", "0.0e-999", "-0E+0", "0e99999999999999999999", "0.0e-99999999999999999999"]
    elif rng.random() < 0.02:
        ways = [
            f"{sign}0.{'0' * 400}{digits}e{400 + len(digits)}",
            f"{text}{'0' * 400}e-400",
            f"{text}e{'0' * 30}",
            f"{text}.{'0' * 400}",
        ]
    zeros = len(digits) - len(digits.rstrip("0")) if integer else 0
    ways += [f"{text[:-zeros]}e{zeros}", f"{text[:-zeros]}E+0{zeros}"] if zeros else []
    return Text(rng.choice(ways))


def limits(constraints):
    return [int(limit) for limit in constraints.range if math.isfinite(limit)]


def whole(rng, constraints, anywhere=False):
    low, high = constraints.range
    around = [limit + delta for limit in limits(constraints) + BIG + [-it for it in BIG] for delta in (-1, 0, 1)]
    candidates = [0, 1, rng.randrange(100), rng.randrange(10**6), -rng.randrange(10**6), rng.choice(around),
        rng.choice(around)]  # fmt: skip
    good = [it for it in candidates if anywhere or low <= it <= high]
    return rng.choice(good) if good else int(low if math.isfinite(low) else high)


FRACTIONS_OF_NUMBERS = ["0.5", "10.10", "-0.1", "1e-7", "123456789.123456789123456789", "5e-324",
    "2.2250738585072014e-308", "1.7976931348623157e308", "-1.7976931348623157e308", "0.1e1", "1.0",
    "0.30000000000000004", "1E-300", "9007199254740992.5", "4503599627370496.25", "4503599627370495.5",
    "0.000000000000000000000000000001", "99.99999999999999999999", "3e-324", "1.7976931348623158e308",
    "100.00000000000000000001", "1e23", "12345678901234567.89", "1e22", "8.41e21", "0.1", "2.5E-3", "1e308", "0.0001e4",
    "1e-1"]  # fmt: skip
OUT_OF_RANGE = ["1e400", "-1e400", "1e309", "1.7976931348623159e308", "1e-400", "-0.1E-400", "2e-324",
    "0." + "0" * 400 + "1", "9" * 310, "1e99999999999999999999", "1e-99999999999999999999", "-" + "1" * 400 + ".5",
    "0.5e-99999999999"]  # fmt: skip


def decimal(rng, constraints, anywhere=False):
    if rng.random() < 0.4:
        return spelled(rng, whole(rng, constraints, anywhere))
    text = rng.choice(
        FRACTIONS_OF_NUMBERS + [f"{rng.randrange(10**4)}.{rng.randrange(100):02}", repr(rng.uniform(-1e6, 1e6))]
    )
    low, high = constraints.range
    return Text(text) if anywhere or low <= float(text) <= high else spelled(rng, whole(rng, constraints))


def beside(rng, constraints):
    """A number just beyond or at a limit, or between two integers."""
    around = limits(constraints) + rng.choices(BIG, k=1) + [0, 1, 100]
    limit = rng.choice(around)
    magnitude, sign = abs(limit), "-" if limit < 0 or rng.random() < 0.2 else ""
    tiny = "0" * rng.choice((0, 5, 15, 16, 17, 30)) + "1"
    return Text(rng.choice([str(limit + 1), str(limit - 1), f"{limit + 1}.0", f"{limit - 1}.000",
                f"{sign}{magnitude}.{tiny}", f"{limit * 10}e-1", f"{limit * 10 + 1}e-1",
                f"{max(magnitude - 1, 0)}.{'9' * len(tiny)}", f"{sign}{magnitude}", f"{sign}{magnitude}.0",
                f"{limit}.5", f"{limit}e1", f"-0.{tiny}", f"0.{tiny}", f"{magnitude}{'0' * 20}1e-21",
                f"{magnitude}{'0' * 21}e-21"]))  # fmt: skip
