//! The URLs that deliveries are sent to.

use reqwest::Url;

use crate::wire::url::requested;

/// The URL that is requested for a registered URL, or the reason why nothing can be delivered to it.
pub(super) fn target(url: &str) -> Result<Url, &'static str> {
    // Clients would repair these silently.
    if url.contains(|c: char| c.is_control() || c == ' ') {
        return Err("it has white space; write `%20` for a space");
    }
    let (_, rest) = url.split_once("://").ok_or("it is not absolute; begin with `https://` and the host")?;
    if rest.is_empty() || rest.starts_with(['/', '\\', '?', '#']) {
        return Err("it has no host");
    }
    // The parser drops an empty user.
    if rest.split(['/', '\\', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
        return Err("it names a user; leave out what is before the `@`");
    }
    let url = Url::parse(url).map_err(|_| "its host or port does not parse")?;
    requested(url.as_str())?;
    Ok(url)
}
