//! URLs as HTTP clients put them on the wire, which is what providers sign.

use std::net::{Ipv4Addr, Ipv6Addr};

/// Host, with the port where it is not the scheme's own, and path with query, as a client sends them.
///
/// A client rewrites some URLs before it sends them. Such a URL is refused where that takes more than lower case, the
/// scheme's own port or an empty path, so that nothing is compared with another URL than the one that was requested.
pub(crate) fn on_the_wire(url: &str) -> Result<(String, String), &'static str> {
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
    // The parser keeps a port that is not one.
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
    // Not `path_and_query`, which has no slash where there is only a query.
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    if query.contains('\'') {
        return Err("its query has `'`; write `%27`, as it is requested");
    }
    Ok((authority, format!("{}{query}", uri.path())))
}

/// The host in the one form that clients send.
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
        return Err("its host has a character that names of hosts do not have");
    }
    // Clients take such a name for an IPv4 address, of which they know many more forms.
    let last = host.strip_suffix('.').unwrap_or(&host).rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let numeric = hexadecimal || !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit());
    if numeric && host.parse::<Ipv4Addr>().is_err() {
        return Err("its host ends in a number; write an IPv4 address as four decimal numbers, such as `127.0.0.1`");
    }
    Ok(host)
}
