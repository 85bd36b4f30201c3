//! Checks the URL of a server.

use reqwest::Url;

use crate::wire::url::is_loopback;

pub(super) fn check_server(server: &str, plain_http: bool) -> Result<Url, &'static str> {
    let url = Url::parse(server).map_err(|_| "it is not absolute, or does not parse")?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("it is neither https nor http");
    }
    if url.scheme() == "http" && !plain_http && !is_loopback(url.as_str()) {
        return Err("it is http:// and not on this machine, so the token would be sent unencrypted; use https://");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it contains a user; pass credentials separately");
    }
    if server.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '{' | '}')) {
        return Err("it contains white space, or a `{variable}` that has to be replaced");
    }
    Ok(url)
}
