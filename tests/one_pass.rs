//! A payload that identifies its event is decoded in one pass where that is possible, with the same result as in two.

#![cfg(feature = "vipps")]

use pos_webhooks::DecodeError;
use pos_webhooks::vipps::{Event, EventName, Receiver};

fn in_two_passes(body: &[u8]) -> Result<Event, DecodeError> {
    let name = EventName::identify(body)?.unwrap_or_else(|| EventName::from(""));
    Event::decode(&name, body)
}

/// Changes that make the payload another event, an unknown one, or not valid.
fn changed(json: &str) -> Vec<Vec<u8>> {
    let with = |member: &str| json.replacen('{', &format!("{{{member},"), 1);
    let mut changed = vec![
        json.to_owned(),
        format!("\u{feff}{json}"),
        format!(" \n{json}\t"),
        format!("{json}x"),
        format!("[{json}]"),
        json.replace("\"name\"", "\"n\\u0061me\""),
        json.replace("\"CAPTURED\"", "\"C\\u0041PTURED\""),
        json.replace("\"CAPTURED\"", "\"SETTLED\""),
        json.replace("\"CAPTURED\"", "7"),
        json.replace("\"name\"", "\"eventType\""),
        json.replace("\"eventType\"", "\"name\""),
        json.replace("\"amount\"", "\"amounts\""),
        json.replace("\"success\":true", "\"success\":1"),
        json.replace("\"success\":true", "\"success\":\"\u{0}\""),
        with("\"name\":\"CREATED\""),
        with("\"name\":null"),
        with("\"eventType\":\"recurring.charge-captured.v1\""),
        with("\"eventType\":null"),
        with("\"more\":{\"eventType\":1,\"name\":[\"CREATED\"]}"),
        with("\"more\":\"\\\"eventType\\\"\""),
        with("\"more\":1e999"),
        with(&format!("\"more\":{}", "[".repeat(200))),
    ];
    changed.extend((0..json.len()).filter(|end| json.is_char_boundary(*end)).map(|end| json[..end].to_owned()));
    let mut changed: Vec<Vec<u8>> = changed.into_iter().map(String::into_bytes).collect();
    changed.push(
        json.replace("\"CAPTURED\"", "\"CAPT\u{7f}\"")
            .into_bytes()
            .into_iter()
            .map(|byte| byte | (byte & 1) << 7)
            .collect(),
    );
    changed
}

#[test]
fn one_pass_gives_the_same_as_two() {
    let receiver = Receiver::new("https://shop.example/hooks", ["secret"]).unwrap();
    let (mut decoded, mut refused) = (0, 0);
    for event in EventName::ALL {
        for example in event.examples() {
            for body in changed(example.json) {
                let (one, two) = (receiver.decode(&body), in_two_passes(&body));
                assert_eq!(one, two, "{}", String::from_utf8_lossy(&body));
                *(if one.is_ok() { &mut decoded } else { &mut refused }) += 1;
            }
        }
    }
    assert!(decoded > 300 && refused > 3_000, "{decoded} and {refused}");
}
