//! A map out of a body whose names may stand only once: of two values for one name, no reader should have to guess
//! which one counts.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A map in which no name stood twice.
#[derive(Clone, Debug)]
pub(crate) struct Unique<T>(pub(crate) BTreeMap<String, T>);

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Once<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Once<T> {
            type Value = BTreeMap<String, T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
                let mut map = BTreeMap::new();
                while let Some((name, value)) = access.next_entry::<String, T>()? {
                    if map.insert(name, value).is_some() {
                        return Err(A::Error::custom("this name stands twice"));
                    }
                }
                Ok(map)
            }
        }
        deserializer.deserialize_map(Once(PhantomData)).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::Unique;

    #[test]
    fn name_that_stands_twice_is_refused() {
        assert!(serde_json::from_str::<Unique<String>>(r#"{"a": "1", "b": "2"}"#).is_ok());
        assert!(serde_json::from_str::<Unique<String>>(r#"{"a": "1", "a": "2"}"#).is_err());
    }
}
