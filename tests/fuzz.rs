//! Checks the properties of `fuzz/targets.rs` with the committed seeds, with arbitrary bytes, and with damaged seeds.
//! `fuzz/` runs the same functions under libFuzzer.

#![cfg(all(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps", feature = "validate"))]

#[path = "fuzz/targets.rs"]
mod targets;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use pos_webhooks::{PROVIDERS, Secret, mipos, mypos, vipps};
use proptest::prelude::*;
use targets::{SECRET, SIGNED_AT, URL};

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds")
}

/// Path below the directory of the seeds, and content. Payloads are the last example of each body of the specifications,
/// deliveries a genuine one of each provider.
fn seeds() -> BTreeMap<String, Vec<u8>> {
    let mut seeds = BTreeMap::new();
    for provider in PROVIDERS.iter() {
        for body in provider.bodies() {
            for example in body.examples {
                let text = format!("{} {}\n\n{}", provider.name, body.schema, example.json);
                seeds.insert(format!("payloads/{}.{}", provider.name, body.schema), text.into_bytes());
            }
        }
    }
    let (secret, at) = (&Secret::from(SECRET), SIGNED_AT.parse().unwrap());
    let body = vipps::EventName::EpaymentsPaymentCapturedV1.examples()[0].json;
    let (payment, order) = (body.as_bytes(), mipos::EventName::Order.examples()[0].json);
    let deliveries = [
        ("vipps", vipps::sign(URL, secret, payment, at).unwrap(), body),
        (
            "mypos",
            mypos::sign(&mypos::EventName::PosPaymentCompleted, secret, b"{\"a\": 1}", at).unwrap(),
            "{\"a\": 1}",
        ),
        ("mipos", mipos::sign(&mipos::EventName::Order, secret, order.as_bytes()).unwrap(), order),
        ("dealpos", vec![("X-API-Key", SECRET.to_owned())], "{}"),
    ];
    for (provider, headers, body) in deliveries {
        let head: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        seeds.insert(format!("deliveries/{provider}"), format!("{}\n\n{body}", head.join("\n")).into_bytes());
    }
    seeds
}

/// As with snapshots, `INSTA_UPDATE=always` writes them anew.
#[test]
fn the_committed_seeds_are_those_of_the_specifications() {
    let seeds = seeds();
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        let _ = fs::remove_dir_all(directory());
        for (name, seed) in &seeds {
            fs::create_dir_all(directory().join(name).parent().unwrap()).unwrap();
            fs::write(directory().join(name), seed).unwrap();
        }
    }
    let committed: BTreeMap<String, Vec<u8>> = ["payloads", "deliveries"]
        .into_iter()
        .flat_map(|kind| fs::read_dir(directory().join(kind)).unwrap().map(move |entry| (kind, entry.unwrap())))
        .map(|(kind, entry)| {
            (format!("{kind}/{}", entry.file_name().to_str().unwrap()), fs::read(entry.path()).unwrap())
        })
        .collect();
    assert_eq!(committed.keys().collect::<Vec<_>>(), seeds.keys().collect::<Vec<_>>());
    for (name, seed) in seeds {
        assert!(committed[&name] == seed, "{name}: INSTA_UPDATE=always cargo test --test fuzz");
    }
}

fn run(input: &[u8]) {
    targets::verify(input);
    targets::decode(input);
    targets::validate(input);
    targets::specification(input);
}

#[test]
fn hold_for_the_seeds() {
    seeds().values().for_each(|seed| run(seed));
    SPECIFICATIONS.iter().for_each(|document| targets::specification(document));
    for seed in seeds().values() {
        let body = seed.windows(2).position(|pair| pair == b"\n\n").unwrap() + 2;
        run(&[&seed[..body], b"\xef\xbb\xbf", &seed[body..]].concat());
    }
}

/// Where damage is done (as a share of the length), how many bytes go, and what comes in their place.
fn damage() -> impl Strategy<Value = Vec<(f64, usize, Vec<u8>)>> {
    let tokens: &[&[u8]] = &[
        b"",
        b"null",
        b"true",
        b"[]",
        b"{}",
        b"\"\"",
        b"0",
        b"-0",
        b"1.0",
        b"1e2",
        b"1e400",
        b"0.10",
        b"\n\n",
        b"99999999999999999999",
        b"100.00000000000000000001",
        b"12345678901234567.89",
        b"9223372036854775807",
        b"\"\\ud800\"",
        b"\"\\u0000\"",
        b"\"2020-01-01T00:00:00\"",
        b",\"new\":{\"deep\":[1]}",
        b"\"",
        b"}",
        b"]",
        b",",
        b":",
        b"\\",
        b"\xff",
        b"\xef\xbb\xbf",
        "é".as_bytes(),
        b"\n  ",
        b"- ",
        b": ",
        b"'",
        b"$ref: '#/components/schemas/Target'",
    ];
    let put = prop_oneof![
        3 => prop::sample::select(tokens.to_vec()).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec((0.0..1.0, prop_oneof![Just(0_usize), 0..4_usize, 0..200_usize], put), 1..4)
}

fn damaged(seed: &[u8], damage: &[(f64, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (share, length, put) in damage {
        let start = (share * bytes.len() as f64) as usize;
        let end = (start + length).min(bytes.len());
        bytes.splice(start..end, put.iter().copied());
    }
    bytes
}

/// A whole JSON value of a seed, chosen by the share of the length, exchanged for another: most results still decode.
fn exchanged(seed: &[u8], share: f64, put: &[u8]) -> Vec<u8> {
    let start = (share * seed.len() as f64) as usize;
    let after_colon = seed[start..].iter().position(|byte| *byte == b':').map(|found| start + found + 1);
    let Some(start) = after_colon else { return seed.to_vec() };
    let mut values = serde_json::Deserializer::from_slice(&seed[start..]).into_iter::<serde::de::IgnoredAny>();
    let length = match values.next() {
        Some(Ok(_)) => values.byte_offset(),
        _ => return seed.to_vec(),
    };
    [&seed[..start], put, &seed[start + length..]].concat()
}

/// The documents of invented providers.
static SPECIFICATIONS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fifth-provider");
    let documents = fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap());
    documents.collect()
});

static SEEDS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| seeds().into_values().collect());

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hold_for_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        run(&bytes);
    }

    #[test]
    fn hold_for_damaged_seeds(seed in prop::sample::select(SEEDS.as_slice()), damage in damage()) {
        run(&damaged(&seed, &damage));
    }

    #[test]
    fn hold_for_seeds_with_other_values(
        seed in prop::sample::select(SEEDS.as_slice()),
        exchange in prop::collection::vec((0.0..1.0, json()), 1..3),
    ) {
        let mut bytes = seed;
        for (share, json) in exchange {
            bytes = exchanged(&bytes, share, json.as_bytes());
        }
        run(&bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(50) })]

    #[test]
    fn hold_for_damaged_specifications(
        document in prop::sample::select(SPECIFICATIONS.as_slice()),
        damage in damage(),
    ) {
        targets::specification(&damaged(&document, &damage));
    }
}

/// JSON text of any value.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        "null|true|false|-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,12})?([eE][+-]?[0-9]{1,3})?",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,12})?(Z|[+-][0-9]{2}:[0-9]{2})?"
            .prop_map(|time| format!("\"{time}\"")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let members = prop::collection::btree_map("[a-zA-Z_]{0,8}", inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(", "))),
            members.prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\" : {value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}
