//! The text that the build writes is the code that it generated, and has lines of a readable length.

use std::fs;

use pos_webhooks_build::layout::layout;
use proc_macro2::TokenStream;

#[test]
fn the_text_of_generated_code_has_the_same_tokens() {
    let mut count = 0;
    for directory in ["../specs", "tests/surface"] {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            let generated = pos_webhooks_build::generate(name, path.to_str().unwrap(), &text);
            let Ok(generated) = generated else { panic!("{name}") };
            let written = layout(generated.code.clone());
            let read: TokenStream = written.parse().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(tokens(read), tokens(generated.code), "{name}");
            let long = written.lines().filter(|line| line.len() > 400 && !line.contains('"')).count();
            assert!(long <= written.lines().count() / 100, "{name}: {long} lines are too long");
            count += 1;
        }
    }
    assert!(count > 40, "{count}");
}

/// Each token, without what separates them.
fn tokens(code: TokenStream) -> Vec<String> {
    let mut out = Vec::new();
    for token in code {
        match token {
            proc_macro2::TokenTree::Group(group) => {
                out.push(format!("{:?}", group.delimiter()));
                out.extend(tokens(group.stream()));
                out.push("end".to_owned());
            }
            other => out.push(other.to_string()),
        }
    }
    out
}
