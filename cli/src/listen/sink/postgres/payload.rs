//! Which JSON a column of the type `jsonb` can hold.

/// The maximum size of an exponent, and of the text of a number. PostgreSQL holds numbers of 131,072 digits before the point,
/// and 16,383 after it; no genuine amount is near.
const NUMBER: usize = 1000;

/// Whether a column of the type `jsonb` can hold this JSON: it holds neither U+0000 nor numbers of any size. The JSON has
/// neither lone surrogates nor deep nesting, since other programs could not read it either.
pub fn fits(json: &str) -> bool {
    let mut bytes = json.bytes().enumerate();
    let is_in_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E');
    let mut is_text = false;
    let mut number_end = 0;
    while let Some((at, byte)) = bytes.next() {
        let rest = json.as_bytes().get(at..).unwrap_or_default();
        match byte {
            b'"' => is_text = !is_text,
            b'\\' if rest.starts_with(b"\\u0000") => return false,
            // The next character is escaped, and begins nothing.
            b'\\' => drop(bytes.next()),
            b'-' | b'0'..=b'9' if !is_text && at >= number_end => {
                let length = rest.iter().position(|byte| !is_in_number(*byte)).unwrap_or(rest.len());
                number_end = at + length;
                if !number_fits(rest.get(..length).unwrap_or_default()) {
                    return false;
                }
            }
            _ => {}
        }
    }
    true
}

fn number_fits(number: &[u8]) -> bool {
    let exponent = number.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let exponent = exponent.and_then(|at| std::str::from_utf8(number.get(at + 1..)?).ok());
    number.len() <= NUMBER
        && exponent
            .is_none_or(|exponent| exponent.parse::<isize>().is_ok_and(|exponent| exponent.unsigned_abs() <= NUMBER))
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn a_column_holds_what_is_neither_zero_nor_huge() {
        let many = "9".repeat(2000);
        for (json, expected) in [
            (r#"{"a":"\u0000"}"#, false),
            (r#"{"\u0000":1}"#, false),
            (r#"{"a":"\\u0000"}"#, true),
            (r#"{"a":"\\\u0000"}"#, false),
            (r#"{"a":"1e200000"}"#, true),
            (r#"{"a":"\"1e200000"}"#, true),
            (r#"{"a":"\\",  "b":1e200000}"#, false),
            ("[1E-200000]", false),
            ("[1e99999999999999999999999999]", false),
            ("[-1.5e+10,0,1E2]", true),
            ("1e1000", true),
            ("1e1001", false),
            (&format!("[{many}]"), false),
            (&format!("[\"{many}\"]"), true),
            ("", true),
            ("\"\\", true),
        ] {
            assert_eq!(fits(json), expected, "{json}");
        }
    }
}
