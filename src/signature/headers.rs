//! The headers of a delivery.

use http::HeaderName;

use super::error::VerifyError;

/// The headers of a delivery: an [`http::HeaderMap`], or a list of names and values for frameworks with their own
/// types. Names are compared without regard to case.
pub trait Headers: sealed::Lookup {
    /// Returns the value of a header that may be missing.
    ///
    /// # Errors
    ///
    /// Returns an error if the header occurs more than once, because either value could be the intended one, or if its
    /// value is not printable ASCII.
    fn optional(&self, name: &'static str) -> Result<Option<&str>, VerifyError> {
        only_one(name, self.lookup(name))
    }

    /// Returns the value of a required header.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Headers::optional`], and an error if the header is missing.
    fn required(&self, name: &'static str) -> Result<&str, VerifyError> {
        self.optional(name)?.ok_or(VerifyError::MissingHeader { name })
    }

    /// Returns the values of a header that may occur more than once.
    ///
    /// # Errors
    ///
    /// Returns an error if a value is not printable ASCII.
    fn several(&self, name: &'static str) -> Result<Vec<&str>, VerifyError> {
        self.all(name).into_iter().map(|value| printable(name, value)).collect()
    }
}

/// The name of a header that is read from every delivery.
#[derive(Clone, PartialEq)]
pub(super) struct Name {
    /// The name as it is described.
    pub(super) text: &'static str,
    /// The name in the form of a header map; `None` if a header map cannot contain it.
    prepared: Option<HeaderName>,
}

impl Name {
    pub(super) fn new(text: &'static str) -> Self {
        Self { text, prepared: HeaderName::from_bytes(text.as_bytes()).ok() }
    }

    /// The value of an optional header; see [`Headers::optional`].
    pub(super) fn optional<'a>(&self, headers: &'a dyn Headers) -> Result<Option<&'a str>, VerifyError> {
        let found = match &self.prepared {
            Some(prepared) => headers.lookup_prepared(prepared),
            None => headers.lookup(self.text),
        };
        only_one(self.text, found)
    }

    /// The value of a required header; see [`Headers::required`].
    pub(super) fn required<'a>(&self, headers: &'a dyn Headers) -> Result<&'a str, VerifyError> {
        self.optional(headers)?.ok_or(VerifyError::MissingHeader { name: self.text })
    }
}

fn only_one<'a>(name: &'static str, found: sealed::HeaderValues<'a>) -> Result<Option<&'a str>, VerifyError> {
    match found {
        sealed::HeaderValues::None => Ok(None),
        sealed::HeaderValues::Several => Err(VerifyError::RepeatedHeader { name }),
        sealed::HeaderValues::One(value) => printable(name, value).map(Some),
    }
}

fn printable<'a>(name: &'static str, value: &'a [u8]) -> Result<&'a str, VerifyError> {
    // An early return would prevent the compiler from checking many bytes at once.
    let printable = value.iter().fold(true, |all, byte| all & (b' '..=b'~').contains(byte));
    match std::str::from_utf8(value) {
        Ok(text) if printable => Ok(text),
        _ => Err(VerifyError::MalformedHeader { name, expected: "printable ASCII".into() }),
    }
}

impl Headers for http::HeaderMap {}
impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for [(N, V)] {}
impl<N: AsRef<str>, V: AsRef<[u8]>, const LENGTH: usize> Headers for [(N, V); LENGTH] {}
impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for Vec<(N, V)> {}
impl<H: Headers + ?Sized> Headers for &H {}

mod sealed {
    use http::HeaderName;

    /// The values of a header.
    pub enum HeaderValues<'a> {
        None,
        One(&'a [u8]),
        Several,
    }

    pub trait Lookup {
        fn lookup(&self, name: &str) -> HeaderValues<'_>;

        fn lookup_prepared(&self, name: &HeaderName) -> HeaderValues<'_> {
            self.lookup(name.as_str())
        }

        fn all(&self, name: &str) -> Vec<&[u8]>;
    }

    fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> HeaderValues<'a> {
        match (values.next(), values.next()) {
            (None, _) => HeaderValues::None,
            (Some(value), None) => HeaderValues::One(value),
            (Some(_), Some(_)) => HeaderValues::Several,
        }
    }

    impl Lookup for http::HeaderMap {
        fn lookup(&self, name: &str) -> HeaderValues<'_> {
            only(self.get_all(name).iter().map(http::HeaderValue::as_bytes))
        }

        fn lookup_prepared(&self, name: &HeaderName) -> HeaderValues<'_> {
            // Usually no header has several values, and asking for one of them is faster.
            if self.len() > self.keys_len() {
                return self.lookup(name.as_str());
            }
            self.get(name).map_or(HeaderValues::None, |value| HeaderValues::One(value.as_bytes()))
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            self.get_all(name).iter().map(http::HeaderValue::as_bytes).collect()
        }
    }

    fn named<'a, N: AsRef<str>, V: AsRef<[u8]>>(list: &'a [(N, V)], name: &str) -> impl Iterator<Item = &'a [u8]> {
        list.iter()
            .filter(move |(candidate, _)| candidate.as_ref().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_ref())
    }

    impl<N: AsRef<str>, V: AsRef<[u8]>> Lookup for [(N, V)] {
        fn lookup(&self, name: &str) -> HeaderValues<'_> {
            only(named(self, name))
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            named(self, name).collect()
        }
    }

    impl<N: AsRef<str>, V: AsRef<[u8]>, const LENGTH: usize> Lookup for [(N, V); LENGTH] {
        fn lookup(&self, name: &str) -> HeaderValues<'_> {
            self.as_slice().lookup(name)
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            self.as_slice().all(name)
        }
    }

    impl<N: AsRef<str>, V: AsRef<[u8]>> Lookup for Vec<(N, V)> {
        fn lookup(&self, name: &str) -> HeaderValues<'_> {
            self.as_slice().lookup(name)
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            self.as_slice().all(name)
        }
    }

    impl<L: Lookup + ?Sized> Lookup for &L {
        fn lookup(&self, name: &str) -> HeaderValues<'_> {
            (**self).lookup(name)
        }

        fn lookup_prepared(&self, name: &HeaderName) -> HeaderValues<'_> {
            (**self).lookup_prepared(name)
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            (**self).all(name)
        }
    }
}
