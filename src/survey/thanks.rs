use super::Texts;

/// What the thank-you page adds for people of one segment, and where it leads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thanks {
    /// One paragraph.
    pub text: Texts,
    /// For example a review page for promoters, a call-back for detractors.
    pub link: Option<ThanksLink>,
}

/// A link on the thank-you page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThanksLink {
    address: String,
    /// What stands on it.
    pub label: Texts,
}

impl ThanksLink {
    /// Stands for the brand's id in an address.
    pub const BRAND: &str = "{brand}";

    /// A link to an address that was checked: `https`, `{brand}` nowhere but behind the host.
    pub fn new(address: String, label: Texts) -> Self {
        Self { address, label }
    }

    /// Where it leads people of a brand.
    pub fn address(&self, brand: &str) -> String {
        Self::of_brand(&self.address, brand)
    }

    /// An address with the brand's id filled in.
    pub fn of_brand(address: &str, brand: &str) -> String {
        address.replace(Self::BRAND, brand)
    }
}
