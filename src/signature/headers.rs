//! The headers of a delivery.

use super::error::VerifyError;

/// The headers of a delivery: an [`http::HeaderMap`], or names and values as a list for frameworks with types of their
/// own. Names are compared without regard to case.
pub trait Headers: sealed::Lookup {
    /// The value of a header that may be missing.
    ///
    /// # Errors
    ///
    /// When the header is there more than once, since which value counts would be a guess, or its value is not printable
    /// ASCII.
    fn optional(&self, name: &'static str) -> Result<Option<&str>, VerifyError> {
        match self.lookup(name) {
            sealed::Found::None => Ok(None),
            sealed::Found::Several => Err(VerifyError::RepeatedHeader { name }),
            sealed::Found::One(value) => printable(name, value).map(Some),
        }
    }

    /// The value of a header that has to be there.
    ///
    /// # Errors
    ///
    /// Those of [`Headers::optional`], and when the header is missing.
    fn required(&self, name: &'static str) -> Result<&str, VerifyError> {
        self.optional(name)?.ok_or(VerifyError::MissingHeader { name })
    }

    /// The values of a header that may be there more than once.
    ///
    /// # Errors
    ///
    /// When a value is not printable ASCII.
    fn several(&self, name: &'static str) -> Result<Vec<&str>, VerifyError> {
        self.all(name).into_iter().map(|value| printable(name, value)).collect()
    }
}

fn printable<'a>(name: &'static str, value: &'a [u8]) -> Result<&'a str, VerifyError> {
    // Without an early end, which would forbid the compiler to look at many bytes at once.
    let printable = value.iter().fold(true, |all, byte| all & (b' '..=b'~').contains(byte));
    let text = std::str::from_utf8(value).ok().filter(|_| printable);
    text.ok_or(VerifyError::MalformedHeader { name, expected: "printable ASCII".into() })
}

impl Headers for http::HeaderMap {}
impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for [(N, V)] {}
impl<N: AsRef<str>, V: AsRef<[u8]>, const LENGTH: usize> Headers for [(N, V); LENGTH] {}
impl<N: AsRef<str>, V: AsRef<[u8]>> Headers for Vec<(N, V)> {}
impl<H: Headers + ?Sized> Headers for &H {}

mod sealed {
    /// The values of a header.
    pub enum Found<'a> {
        None,
        One(&'a [u8]),
        Several,
    }

    pub trait Lookup {
        fn lookup(&self, name: &str) -> Found<'_>;

        fn all(&self, name: &str) -> Vec<&[u8]>;
    }

    fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Found<'a> {
        match (values.next(), values.next()) {
            (None, _) => Found::None,
            (Some(value), None) => Found::One(value),
            (Some(_), Some(_)) => Found::Several,
        }
    }

    impl Lookup for http::HeaderMap {
        fn lookup(&self, name: &str) -> Found<'_> {
            only(self.get_all(name).iter().map(http::HeaderValue::as_bytes))
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
        fn lookup(&self, name: &str) -> Found<'_> {
            only(named(self, name))
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            named(self, name).collect()
        }
    }

    impl<N: AsRef<str>, V: AsRef<[u8]>, const LENGTH: usize> Lookup for [(N, V); LENGTH] {
        fn lookup(&self, name: &str) -> Found<'_> {
            self.as_slice().lookup(name)
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            self.as_slice().all(name)
        }
    }

    impl<N: AsRef<str>, V: AsRef<[u8]>> Lookup for Vec<(N, V)> {
        fn lookup(&self, name: &str) -> Found<'_> {
            self.as_slice().lookup(name)
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            self.as_slice().all(name)
        }
    }

    impl<L: Lookup + ?Sized> Lookup for &L {
        fn lookup(&self, name: &str) -> Found<'_> {
            (**self).lookup(name)
        }

        fn all(&self, name: &str) -> Vec<&[u8]> {
            (**self).all(name)
        }
    }
}
