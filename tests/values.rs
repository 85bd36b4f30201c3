//! Values keep the received text, and secrets are not shown.

use pos_webhooks::{Json, Number, NumberError, Secret, Time};
use proptest::prelude::*;
use rust_decimal::Decimal;

fn number(text: &str) -> Number {
    serde_json::from_str(text).unwrap()
}

#[test]
fn numbers_keep_their_text() {
    for text in ["100000", "10.10", "-0.0", "1E+2", "0.00000000000000000001", "12345678901234567890.12", "1e400"] {
        assert_eq!(number(text).as_str(), text);
        assert_eq!(serde_json::to_string(&number(text)).unwrap(), text);
        assert_eq!(number(text).to_string(), text);
    }
    for text in ["\"1\"", "null", "true", "[1]", "{}"] {
        assert!(serde_json::from_str::<Number>(text).is_err(), "{text}");
    }
}

#[test]
fn members_of_json_keep_their_order_and_those_of_one_name() {
    let json = |text: &str| text.parse::<Json>().unwrap();
    let members = json(r#"{"b": 2.50, "a": {"c": []}, "b": null}"#).members().unwrap();
    let expected = [("b", "2.50"), ("a", r#"{"c": []}"#), ("b", "null")];
    assert_eq!(members, expected.map(|(name, value)| (name.to_owned(), json(value))));
    for text in ["[1]", "1", "null", "\"{}\""] {
        assert_eq!(json(text).members(), None, "{text}");
    }
}

#[test]
fn numbers_convert_to_exact_decimals_or_not_at_all() {
    let exact = [
        ("100000", "100000"),
        ("10.10", "10.1"),
        ("-0.0", "0"),
        ("1E+2", "100"),
        ("1.5e3", "1500"),
        ("125e-2", "1.25"),
        ("0e999999999999", "0"),
        ("-0e-99999999999999999999", "0"),
        ("1e+05", "100000"),
        ("1e-0000000000000000000000002", "0.01"),
        ("1.000000000000000000000000000000000000000", "1"),
        ("0.0000000000000000000000000000000000000001e40", "1"),
        ("100000000000000000000000000000000000000000e-41", "1"),
        ("1e28", "10000000000000000000000000000"),
        ("1e-28", "0.0000000000000000000000000001"),
        ("79228162514264337593543950335", "79228162514264337593543950335"),
    ];
    for (text, expected) in exact {
        assert_eq!(number(text).to_decimal().unwrap().normalize().to_string(), expected, "{text}");
    }
    for text in [
        "79228162514264337593543950336",
        "0.12345678901234567890123456789",
        "1e400",
        "1e-400",
        "1e29",
        "1e-29",
        "1e99999999999999999999",
    ] {
        assert_eq!(number(text).to_decimal(), Err(NumberError::TooManyDigits), "{text}");
    }
}

/// What a decimal holds: up to 96 bits, and up to 28 places.
fn decimals() -> impl Strategy<Value = Decimal> {
    let most = (1_i128 << 96) - 1;
    let mantissa = prop_oneof![-most..=most, -1_000_000_i128..=1_000_000];
    (mantissa, 0_u32..=28).prop_map(|(mantissa, scale)| Decimal::from_i128_with_scale(mantissa, scale))
}

proptest! {
    #[test]
    fn a_decimal_is_found_in_each_of_its_spellings(
        value in decimals(),
        zeros in 0_usize..60,
        point in 0_usize..100,
        sign in prop_oneof![Just(""), Just("+")],
        padding in 0_usize..30,
    ) {
        let digits = value.mantissa().unsigned_abs().to_string() + &"0".repeat(zeros);
        // The point anywhere, and an exponent that makes up for it.
        let point = point % (digits.len() + 20);
        let (whole, fraction) = match digits.len().checked_sub(point) {
            Some(at) if at > 0 => (digits[..at].to_owned(), digits[at..].to_owned()),
            _ => ("0".to_owned(), "0".repeat(point - digits.len()) + &digits),
        };
        let fraction = if fraction.is_empty() { fraction } else { format!(".{fraction}") };
        let exponent = point as i64 - zeros as i64 - i64::from(value.scale());
        let sign = if exponent < 0 { "-" } else { sign };
        let minus = if value.is_sign_negative() { "-" } else { "" };
        let exponent = format!("{}{}", "0".repeat(padding), exponent.unsigned_abs());
        let text = format!("{minus}{whole}{fraction}e{sign}{exponent}");
        prop_assert_eq!(number(&text).to_decimal(), Ok(value), "{}", text);
    }

    #[test]
    fn a_value_with_more_digits_is_never_rounded(
        digits in "[1-9][0-9]{29,60}[1-9]",
        exponent in -100_i32..100,
    ) {
        let text = format!("{digits}e{exponent}");
        prop_assert_eq!(number(&text).to_decimal(), Err(NumberError::TooManyDigits), "{}", text);
    }
}

#[test]
fn numbers_are_made_from_decimals_integers_and_text() {
    let decimal: Decimal = "10.10".parse().unwrap();
    assert_eq!(Number::try_from(decimal).unwrap().as_str(), "10.10");
    assert_eq!(Number::from(-5).as_str(), "-5");
    assert_eq!("1.50".parse::<Number>().unwrap(), number("1.50"));
    assert_ne!(number("1.50"), number("1.5"), "equal amounts are another question");
    for text in ["", "1,5", "NaN", "\"1\"", "01"] {
        assert_eq!(text.parse::<Number>(), Err(NumberError::NotANumber), "{text:?}");
    }
}

#[test]
fn json_keeps_its_text() {
    let text = r#"{ "b": 2.50, "a": [1e2] }"#;
    let json: Json = serde_json::from_str(text).unwrap();
    assert_eq!(json.as_str(), text);
    assert_eq!(serde_json::to_string(&json).unwrap(), text);
    assert_eq!(json.decode::<serde_json::Value>().unwrap()["b"], 2.5);
    assert!("{".parse::<Json>().is_err());
}

#[test]
fn each_form_of_time_has_its_own_conversion() {
    let time = |text: &str| Time::from(text);
    assert_eq!(
        time("2023-07-29T10:23:23.9547273Z").to_timestamp().unwrap().as_nanosecond() % 1_000_000_000,
        954_727_300
    );
    assert_eq!(
        time("2025-04-16T10:11:59.608095+07:00").to_timestamp().unwrap().to_string(),
        "2025-04-16T03:11:59.608095Z"
    );
    assert_eq!(time("Mon, 15 Apr 2019 07:50:54 GMT").to_timestamp().unwrap().to_string(), "2019-04-15T07:50:54Z");
    for text in [
        "2020-09-02T14:05:40.84",
        "2020-07-31",
        "",
        "yesterday",
        "15 Apr 2019 07:50:54 GMT",
        "Mon, 15 Apr 2019 07:50:54 +0000",
        "Mon, 15 Apr 19 07:50 EST",
    ] {
        assert!(time(text).to_timestamp().is_err(), "{text} is no instant");
    }
    assert_eq!(time("2020-09-02T14:05:40.84").to_date_time().unwrap().to_string(), "2020-09-02T14:05:40.84");
    assert_eq!(time("2020-09-02T14:05:40+07:00").to_date_time().unwrap().to_string(), "2020-09-02T14:05:40");
    assert_eq!(time("2020-09-02T14:05:40Z").to_date_time().unwrap().to_string(), "2020-09-02T14:05:40");
    assert!(time("2020-07-31").to_date_time().is_err());
    for text in ["2020-07-31", "2020-07-31T23:59:59.84", "2020-07-31T23:59:59Z", "2020-07-31T23:59:59+07:00"] {
        assert_eq!(time(text).to_date().unwrap().to_string(), "2020-07-31", "{text}");
    }
    assert!(time("01 Sep 2020 00:00").to_date().is_err());
    assert_eq!(serde_json::to_string(&time("as it came")).unwrap(), r#""as it came""#);
}

#[test]
fn secrets_are_not_shown() {
    let secret = Secret::from("hush");
    assert_eq!(format!("{secret:?}"), "Secret(..)");
    assert_eq!(secret.expose(), "hush");
    assert_eq!(serde_json::to_string(&secret).unwrap(), r#""hush""#, "but sent");
}
