//! Files on disk: manifest, difference, atomic apply.
