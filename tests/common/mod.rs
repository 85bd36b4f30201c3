//! What several test files need.

use pos_webhooks::catalogue::Provider;

/// The providers that are compiled in.
pub fn providers() -> Vec<&'static Provider> {
    vec![
        #[cfg(feature = "mipos")]
        &pos_webhooks::mipos::PROVIDER,
        #[cfg(feature = "mypos")]
        &pos_webhooks::mypos::PROVIDER,
        #[cfg(feature = "dealpos")]
        &pos_webhooks::dealpos::PROVIDER,
        #[cfg(feature = "vipps")]
        &pos_webhooks::vipps::PROVIDER,
    ]
}
