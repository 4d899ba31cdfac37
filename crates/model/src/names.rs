//! Names, checked once: a value of one of these types is safe as a file name and an attribute.

use std::fmt;

use serde::Serialize;

macro_rules! name {
    ($(#[$doc:meta])* $type:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(transparent)]
        pub struct $type(std::sync::Arc<str>);

        impl $type {
            /// Takes a name that the resolution has checked.
            pub fn new(name: &str) -> Self {
                Self(name.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::borrow::Borrow<str> for $type {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $type {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

name! {
    /// A host: a valid host name (RFC 1123, lower case).
    HostName
}
name! {
    /// A user: a valid login name.
    UserName
}
name! {
    /// A template.
    TemplateName
}
name! {
    /// A profile.
    ProfileName
}
name! {
    /// A feature: `category.name`.
    FeatureId
}

impl FeatureId {
    /// The part before the dot.
    pub fn category(&self) -> &str {
        self.as_str()
            .split_once('.')
            .map_or(self.as_str(), |(c, _)| c)
    }

    /// The part after the dot.
    pub fn name(&self) -> &str {
        self.as_str().split_once('.').map_or("", |(_, n)| n)
    }
}
