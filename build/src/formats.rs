//! String formats that only the documents of this project use. In the published JSON Schemas, each is replaced by a
//! regular expression (ECMA-262), which any JSON Schema validator enforces. The only difference is that the expression
//! does not check whether the day of the week matches the date.

/// The format of a date or a time whose form is not documented. Any text is valid, and is decoded as a time.
pub const TIME_TEXT: &str = "time-text";

/// The names of the formats that are replaced by a pattern, and their patterns.
pub const FORMATS: [(&str, &str); 2] = [
    (
        "local-date-time",
        concat!(
            "^(?:[0-9]{4}-(?:(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])",
            "|(?:0[13-9]|1[0-2])-(?:29|30)|(?:0[13578]|1[02])-31)",
            "|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00)-02-29)",
            "T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\\.[0-9]+)?$",
        ),
    ),
    (
        "http-date",
        concat!(
            "^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), ",
            "(?:(?:(?:0[1-9]|1[0-9]|2[0-8]) (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)",
            "|(?:29|30) (?:Jan|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)|31 (?:Jan|Mar|May|Jul|Aug|Oct|Dec)) [0-9]{4}",
            "|29 Feb (?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[02468][048]|[13579][26])00))",
            " (?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60) GMT$",
        ),
    ),
];
