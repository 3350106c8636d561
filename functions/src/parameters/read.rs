//! The reader: a serde deserializer over JSON values that converts, blames a field and keeps values out of messages.

use domain::given::GIVEN;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde_json::{Map, Number, Value};

use super::fault::Fault;

/// Reads a type out of one JSON value as parameters are read.
///
/// # Errors
///
/// Where and why it could not be read.
pub fn from_value<T: DeserializeOwned>(value: &Value) -> Result<T, Fault> {
    T::deserialize(Reader { value, query: false })
}

/// The parameters of a request as one struct.
pub(super) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    from_query: &'a [String],
}

impl<'a> Fields<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>, from_query: &'a [String]) -> Self {
        Self { fields, from_query }
    }

    fn entries(&self) -> Entries<'a> {
        Entries {
            rest: self.fields.iter(),
            from_query: self.from_query,
            next: None,
        }
    }
}

impl<'de> Deserializer<'de> for Fields<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(self.entries())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Entries<'a> {
    rest: serde_json::map::Iter<'a>,
    from_query: &'a [String],
    next: Option<(&'a str, &'a Value)>,
}

impl<'de> MapAccess<'de> for Entries<'_> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        // Null says the same as nothing.
        let Some((name, value)) = self.rest.find(|(_, value)| !value.is_null()) else {
            return Ok(None);
        };
        self.next = Some((name, value));
        seed.deserialize(name.as_str().into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Some((name, value)) = self.next.take() else {
            return Err(Fault::invalid("a value without a name"));
        };
        let query = self.from_query.iter().any(|known| known == name);
        seed.deserialize(Reader { value, query })
            .map_err(|fault| fault.within(name))
    }
}

/// One value.
struct Reader<'a> {
    value: &'a Value,
    /// It came in the query, where lists and objects are JSON text.
    query: bool,
}

impl Reader<'_> {
    fn integer(&self, expected: &str) -> Result<Number, Fault> {
        let wrong = || Fault::invalid(format!("must be {expected}"));
        match self.value {
            Value::Number(number) if number.is_u64() || number.is_i64() => Ok(number.clone()),
            Value::String(text) => {
                let digits = text.strip_prefix('-').unwrap_or(text);
                let plain = (1..=19).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
                if !plain {
                    return Err(wrong());
                }
                let signed = text.parse::<i64>().map(Number::from);
                signed
                    .or_else(|_| text.parse::<u64>().map(Number::from))
                    .map_err(|_| wrong())
            }
            Value::Null => Err(Fault::missing()),
            _ => Err(wrong()),
        }
    }

    fn text(&self) -> Result<&str, Fault> {
        match self.value {
            Value::String(text) if text.chars().any(forbidden) => {
                Err(Fault::invalid("must not hold control characters"))
            }
            Value::String(text) => Ok(text),
            Value::Null => Err(Fault::missing()),
            _ => Err(Fault::invalid("must be a string")),
        }
    }

    /// A list or object that the query carries as JSON text.
    fn unpacked(&self, opening: char) -> Option<Value> {
        let text = self.value.as_str().filter(|_| self.query)?;
        text.trim_start()
            .starts_with(opening)
            .then(|| serde_json::from_str(text).ok())?
    }
}

/// Control characters that no text holds; line ends and tabs are left to each field's own type.
fn forbidden(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\r' | '\t')
}

macro_rules! integers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let number = self.integer("an integer")?;
            match (number.as_u64(), number.as_i64()) {
                (Some(number), _) => visitor.visit_u64(number),
                (None, Some(number)) => visitor.visit_i64(number),
                (None, None) => Err(Fault::invalid("must be an integer")),
            }
        }
    )*};
}

macro_rules! texts {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            visitor.visit_str(self.text()?)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (None, Some(number), _) => visitor.visit_i64(number),
                (None, None, Some(number)) => visitor.visit_f64(number),
                (None, None, None) => Err(Fault::invalid("the number is too large")),
            },
            Value::String(_) => match (self.unpacked('{'), self.unpacked('[')) {
                (Some(Value::Object(object)), _) => visitor.visit_map(Entries {
                    rest: object.iter(),
                    from_query: &[],
                    next: None,
                }),
                (_, Some(Value::Array(list))) => visitor.visit_seq(Items::of(&list, false)),
                _ => visitor.visit_str(self.text()?),
            },
            Value::Array(list) => visitor.visit_seq(Items::of(list, self.query)),
            Value::Object(object) => visitor.visit_map(Entries {
                rest: object.iter(),
                from_query: &[],
                next: None,
            }),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Bool(flag) => visitor.visit_bool(*flag),
            Value::String(text) if text == "true" => visitor.visit_bool(true),
            Value::String(text) if text == "false" => visitor.visit_bool(false),
            Value::Null => Err(Fault::missing()),
            _ => Err(Fault::invalid("must be a boolean")),
        }
    }

    integers! { deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
    deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 }

    texts! { deserialize_str deserialize_string deserialize_char deserialize_identifier deserialize_bytes
    deserialize_byte_buf }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let number = match self.value {
            Value::Number(number) => number.as_f64(),
            Value::String(text) => text.parse().ok().filter(|number: &f64| number.is_finite()),
            _ => None,
        };
        number.map_or_else(
            || Err(Fault::invalid("must be a number")),
            |number| visitor.visit_f64(number),
        )
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.value.is_null() {
            visitor.visit_none()
        } else {
            visitor.visit_some(self)
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.value.is_null() {
            visitor.visit_unit()
        } else {
            Err(Fault::invalid("must be null"))
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            GIVEN => visitor.visit_str(self.text()?),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Some(Value::Array(list)) = self.unpacked('[') {
            return visitor.visit_seq(Items::of(&list, false));
        }
        match self.value {
            Value::Array(list) => visitor.visit_seq(Items::of(list, self.query)),
            // A list of one, as a query writes it.
            Value::String(_) if self.query => visitor.visit_seq(Items {
                rest: std::slice::from_ref(self.value).iter(),
                at: 0,
                query: true,
            }),
            Value::Null => Err(Fault::missing()),
            _ => Err(Fault::invalid("must be a list")),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if let Some(Value::Object(object)) = self.unpacked('{') {
            return visitor.visit_map(Entries {
                rest: object.iter(),
                from_query: &[],
                next: None,
            });
        }
        match self.value {
            Value::Object(object) => visitor.visit_map(Entries {
                rest: object.iter(),
                from_query: &[],
                next: None,
            }),
            Value::Null => Err(Fault::missing()),
            _ => Err(Fault::invalid("must be an object")),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        known: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.value {
            Value::String(word) => visitor.visit_enum(Word(word)),
            Value::Null => Err(Fault::missing()),
            _ => Err(Fault::invalid(format!("must be one of {}", known.join(", ")))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}

struct Items<'a> {
    rest: std::slice::Iter<'a, Value>,
    at: usize,
    query: bool,
}

impl<'a> Items<'a> {
    fn of(list: &'a [Value], query: bool) -> Self {
        Self {
            rest: list.iter(),
            at: 0,
            query,
        }
    }
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(value) = self.rest.next() else { return Ok(None) };
        let at = self.at;
        self.at += 1;
        let reader = Reader {
            value,
            query: self.query,
        };
        seed.deserialize(reader)
            .map(Some)
            .map_err(|fault| fault.within(&format!("[{at}]")))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The word of a plain enumeration.
struct Word<'a>(&'a str);

impl<'de> EnumAccess<'de> for Word<'_> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let value = seed.deserialize(self.0.into_deserializer())?;
        Ok((value, self))
    }
}

impl<'de> VariantAccess<'de> for Word<'_> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Fault> {
        Err(Fault::invalid("must be a word"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid("must be a word"))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], _: V) -> Result<V::Value, Fault> {
        Err(Fault::invalid("must be a word"))
    }
}
