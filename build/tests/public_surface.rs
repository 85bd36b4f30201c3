//! The public surface of the code that is written by hand, in a form that can be reviewed: every public item of the library and
//! of this crate, with the feature that it needs. `surface.rs` has the code that is generated.

mod code;
#[path = "public_surface/listing.rs"]
mod listing;
#[path = "public_surface/source.rs"]
mod source;

use std::path::Path;

#[test]
fn the_public_items_of_the_library_are_as_reviewed() {
    assert_listing("pos_webhooks", "../src");
}

#[test]
fn the_public_items_of_the_generator_are_as_reviewed() {
    assert_listing("pos_webhooks_build", "src");
}

fn assert_listing(name: &str, directory: &str) {
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(name, surface(name, directory).listing);
    });
}

#[test]
fn what_needs_a_feature_says_so() {
    for (name, directory) in [("pos_webhooks", "../src"), ("pos_webhooks_build", "src")] {
        assert_eq!(surface(name, directory).unexplained, Vec::<String>::new());
    }
}

fn surface(name: &str, directory: &str) -> listing::Surface {
    listing::surface(name, &Path::new(env!("CARGO_MANIFEST_DIR")).join(directory))
}
