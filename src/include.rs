//! The macros that include generated modules.

/// Includes the module of a provider, which the build script of the crate has generated with the crate
/// `pos-webhooks-build`. It is a public module of that name.
///
/// ```ignore
/// // build.rs
/// fn main() {
///     pos_webhooks_build::Builder::new().spec("specs/acme.yaml").run()
/// }
///
/// // src/lib.rs
/// pos_webhooks::include_provider!(acme);
/// ```
///
/// The module has the same items as those of the [providers of this crate](crate), and needs no other dependency: a `Client`
/// if the document has operations and this crate has the feature `client`, a `Receiver` and `Event` if it has events,
/// `models` and `PROVIDER`.
#[macro_export]
macro_rules! include_provider {
    ($provider:ident) => {
        #[doc = $crate::private::documentation!($provider)]
        #[allow(dead_code, unreachable_pub, clippy::all, clippy::nursery, clippy::pedantic, clippy::restriction)]
        pub mod $provider {
            include!(concat!(env!("OUT_DIR"), "/", stringify!($provider), ".rs"));
        }
    };
}

/// Includes the modules of all documents of the crate's build script, as [`include_provider!`] does, and the list
/// `PROVIDERS` of their `PROVIDER`s.
#[macro_export]
macro_rules! include_providers {
    () => {
        include!(concat!(env!("OUT_DIR"), "/_providers.rs"));
    };
}
