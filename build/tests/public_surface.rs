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
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    insta::with_settings!({ omit_expression => true }, {
        insta::assert_snapshot!(name, listing::listing(name, &directory));
    });
}
