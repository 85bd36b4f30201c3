//! URLs as HTTP clients send them, which is what providers sign.

#[cfg(feature = "client")]
use std::net::IpAddr;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The host, with the port if it is not the scheme's default, and the path with the query, as a client sends them.
///
/// Clients rewrite some URLs before they send them. Lower case, the scheme's default port and an empty path are applied
/// here as well. A URL that needs any other change is refused, so that the signed URL is always the one that was
/// requested.
pub(crate) fn requested(url: &str) -> Result<(String, String), &'static str> {
    let to_encode = |byte: u8| !byte.is_ascii_graphic() || br#""<>\^`{|}"#.contains(&byte);
    let uri = url.parse::<http::Uri>().ok().filter(|_| !url.bytes().any(to_encode));
    let uri = uri.ok_or(
        "it does not parse; write other characters than those of a URL in their encoded form, `%20` for a space and \
         `xn--…` for a host",
    )?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err("it is not absolute");
    };
    if authority.as_str().contains('@') {
        return Err("it names a user; leave out what is before the `@`");
    }
    let own_port = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err("it is neither https nor http"),
    };
    let host = host(authority.host())?;
    // The parser also accepts invalid ports.
    let port = authority.as_str().strip_prefix(authority.host()).unwrap_or_default();
    let digits = port.strip_prefix(':').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let authority = match (port, digits.map(str::parse::<u16>)) {
        ("" | ":", _) => host,
        (_, Some(Ok(number))) if number == own_port => host,
        (_, Some(Ok(number @ 1..))) => format!("{host}:{number}"),
        _ => return Err("its port is not a number from 1 to 65535"),
    };
    let is_dots = |segment: &str| matches!(&*segment.to_ascii_lowercase().replace("%2e", "."), "." | "..");
    if uri.path().split('/').any(is_dots) {
        return Err("its path has `.` or `..` as a segment; write the path that is requested, `/b` for `/a/../b`");
    }
    // `path_and_query` does not have a slash if there is only a query.
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    if query.contains('\'') {
        return Err("its query has `'`; write `%27`, as it is requested");
    }
    Ok((authority, format!("{}{query}", uri.path())))
}

/// The host in the form that clients send.
fn host(text: &str) -> Result<String, &'static str> {
    let host = text.to_ascii_lowercase();
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address: Ipv6Addr = address.parse().map_err(|_| "its host is not an IPv6 address")?;
        return Ok(match (address.to_ipv4_mapped(), address.segments()) {
            (Some(_), [.., high, low]) => format!("[::ffff:{high:x}:{low:x}]"),
            (None, _) => format!("[{address}]"),
        });
    }
    if host.is_empty() {
        return Err("it has no host");
    }
    if !host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)) {
        return Err("its host has a character that host names do not allow");
    }
    // Clients treat such a name as an IPv4 address, in many more forms than this.
    let last = host.strip_suffix('.').unwrap_or(&host).rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let numeric = hexadecimal || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err("its host ends in a number; write an IPv4 address as four decimal numbers, such as `127.0.0.1`");
    }
    Ok(host)
}

/// Whether a URL leads to this machine.
#[cfg(feature = "client")]
pub(crate) fn is_loopback(url: &str) -> bool {
    use reqwest::Url;

    let url = Url::parse(url).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}
