//! The catalogue has the parameters, servers and credentials of the specification.
#![cfg(feature = "validate")]

use std::collections::BTreeSet;

use pos_webhooks::PROVIDERS;
#[cfg(all(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]
use pos_webhooks::catalogue::{Difference, Provider};
use pos_webhooks::validate::Invalid;

/// The names in braces.
fn in_braces(template: &str) -> BTreeSet<&str> {
    template.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect()
}

#[test]
fn every_variable_of_a_path_or_a_server_is_described() {
    for provider in PROVIDERS.iter() {
        for operation in provider.operations {
            let described: BTreeSet<&str> = operation.path_parameters.iter().map(|parameter| parameter.name).collect();
            assert_eq!(described, in_braces(operation.path), "{}", operation.id);
            assert!(operation.path_parameters.iter().all(|parameter| parameter.required), "{}", operation.id);
        }
        for server in provider.servers {
            let described: BTreeSet<&str> = server.variables.iter().map(|variable| variable.name).collect();
            assert_eq!(described, in_braces(server.url), "{}", server.url);
        }
    }
}

#[test]
fn every_source_has_a_key_a_date_and_a_note_on_what_was_taken_from_it() {
    for provider in PROVIDERS.iter() {
        assert!(!provider.sources.is_empty(), "{}", provider.name);
        for source in provider.sources {
            assert!(source.date.is_some() != source.read.is_some(), "{source:?}");
            assert!(source.key.is_some() && !source.note.is_empty(), "{source:?}");
        }
    }
}

/// Where a specification differs from its sources, as a table in Markdown.
#[cfg(all(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]
fn differences(provider: &Provider) -> String {
    let cell = |text: &str| text.replace('\n', " ").replace('|', "\\|");
    let heading = "| where | the documents | the specification |\n| --- | --- | --- |";
    let documents = provider.sources.iter().filter_map(|source| Some(format!("[{}]({})", source.key?, source.url?)));
    let documents = documents.collect::<Vec<_>>().join(",\n");
    let mut table = format!("\n## {}\n\nDocuments:\n{documents}\n\n{heading}\n", provider.title);
    for Difference { at, sources, documents, specification, .. } in provider.differences {
        let (at, sources) = (at.join("`, `"), sources.join(", "));
        let (documents, specification) = (cell(documents), cell(specification));
        table += &format!("| `{at}` | {documents} ({sources}) | {specification} |\n");
    }
    table
}

#[cfg(all(feature = "mipos", feature = "mypos", feature = "dealpos", feature = "vipps"))]
#[test]
fn the_documentation_has_the_differences_of_the_specifications() {
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/differences.md");
    let (begin, end) = ("<!-- the differences of the specifications -->\n", "\n<!-- end of the differences -->");
    let readme = include_str!("../README.md");
    let page = std::fs::read_to_string(FILE).unwrap();
    let (before, rest) = page.split_once(begin).expect("the comment before the tables");
    let (_, after) = rest.split_once(end).expect("the comment after the tables");
    // Of the providers that the README lists.
    let listed = PROVIDERS.iter().filter(|provider| readme.contains(&format!("| `{}` |", provider.name)));
    let tables: String = listed.map(|provider| differences(provider)).collect();
    let expected = format!("{before}{begin}{tables}{end}{after}");
    if std::env::var_os("INSTA_UPDATE").is_some_and(|update| update == "always") {
        std::fs::write(FILE, expected).unwrap();
    } else {
        assert!(
            page == expected,
            "the tables of docs/differences.md are not those of the specifications; to write them anew: INSTA_UPDATE=always cargo test --test catalogue"
        );
    }
}

#[test]
fn a_parameter_is_validated_by_its_schema() {
    for provider in PROVIDERS.iter() {
        let of_operations = provider
            .operations
            .iter()
            .flat_map(|operation| [operation.path_parameters, operation.query_parameters, operation.headers]);
        for parameter in of_operations.chain(provider.events.iter().map(|event| event.headers)).flatten() {
            let place = format!("{} {}", provider.name, parameter.name);
            assert!(!parameter.description.is_empty(), "{place}");
            match parameter.validate("\u{1}") {
                Ok(()) => assert!(!parameter.schema.contains("pattern"), "{place}"),
                Err(Invalid::Violations(violations)) => {
                    assert!(!violations.is_empty(), "{place}");
                    assert!(violations.iter().all(|violation| violation.pointer.is_empty()), "{place}");
                }
                Err(other) => panic!("{place}: {other}"),
            }
        }
    }
}

#[test]
fn a_provider_with_operations_has_a_credential() {
    for provider in PROVIDERS.iter() {
        assert_eq!(provider.credential.is_some(), !provider.operations.is_empty(), "{}", provider.name);
        assert!(provider.credential.iter().all(|credential| credential.required), "{}", provider.name);
    }
}

#[cfg(feature = "vipps")]
#[test]
fn headers_that_are_the_same_for_every_request_are_marked() {
    let register = pos_webhooks::vipps::PROVIDER.operation("register_webhook").expect("an operation");
    let serial_number = register.headers.iter().find(|header| header.name == "Merchant-Serial-Number").expect("it");
    assert!(serial_number.constant && !serial_number.required);
    assert_eq!(serial_number.validate("123456"), Ok(()));
    let Err(Invalid::Violations(violations)) = serial_number.validate("12345678901") else { panic!("11 digits") };
    assert_eq!(violations[0].keyword, "pattern");
    assert!(!violations[0].message.contains("12345678901"), "a value is shown");
}

#[cfg(feature = "dealpos")]
#[test]
fn a_delivery_may_come_with_a_key_or_without() {
    use pos_webhooks::catalogue::Verification;
    let Some(Verification::Keys(keys)) = pos_webhooks::dealpos::PROVIDER.verification else { panic!("no key") };
    let places: Vec<_> = keys.places.iter().map(|place| (place.header, place.before)).collect();
    assert_eq!(places, [("X-API-Key", ""), ("Authorization", "Bearer ")]);
    assert!(keys.optional.is_some());
}
