//! Describes what a verified delivery proves.

use crate::catalogue::Verification;

impl Verification {
    /// Describes what a delivery proves that was verified by the signature of this name, or by the default one: sentences
    /// such as "The signature covers the time and the body. It does not cover the URL.".
    pub fn proof(&self, name: Option<&str>) -> &'static str {
        match self {
            Self::Signatures(_) => self.signature(name).map_or("Nothing is signed.", |signature| signature.coverage),
            Self::Keys(_) => {
                "The sender knows the key. Deliveries are not signed: anyone who has seen one can send any other."
            }
            Self::None(_) => "Deliveries are not signed: anyone who knows the URL can send one.",
            Self::Custom(_) => "What is signed is known to the code that verifies a delivery.",
        }
    }
}
