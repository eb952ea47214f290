//! The closed lists of words that records carry.

macro_rules! words {
    ($(#[doc = $about:literal])* $name:ident { $($(#[doc = $doc:literal])* $variant:ident = $word:literal,)* }) => {
        $(#[doc = $about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[doc = $doc])* $variant,)* }

        impl $name {
            /// All of them.
            pub const ALL: [Self; [$($word),*].len()] = [$(Self::$variant,)*];

            /// The word on every surface.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// The one with this word.
            pub fn parse(word: &str) -> Option<Self> {
                Self::ALL.into_iter().find(|one| one.word() == word)
            }
        }
    };
}

words! {
    /// Where an answer came in.
    Channel {
        /// A link in a mail.
        Email = "email",
        /// The keypad of a phone.
        Ivr = "ivr",
        /// The chat widget.
        Chat = "chat",
        /// A form on a site.
        Form = "form",
        /// A program, over HTTP or gRPC.
        Api = "api",
    }
}

words! {
    /// How it was proven whose answer it is.
    Identity {
        /// By a link token, a signed query or a telephony signature.
        Signed = "signed",
        /// By an API key.
        Keyed = "keyed",
        /// Only said so by a browser.
        Stated = "stated",
        /// A part of the survey's rule is missing: the submission key is the identity.
        None = "none",
    }
}

words! {
    /// Whether a person is known to have given an answer.
    Confidence {
        /// A person gave it.
        Confirmed = "confirmed",
        /// It may have been a machine.
        Provisional = "provisional",
    }
}
