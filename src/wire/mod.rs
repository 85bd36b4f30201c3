//! URLs and dates as HTTP sends them.

pub(crate) mod date;
pub(crate) mod url;
