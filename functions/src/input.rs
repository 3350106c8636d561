//! The ways in: what an endpoint reads from its request.

use std::marker::PhantomData;

use bytes::Bytes;
use domain::{Code, Error as Refusal};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::error::Error;
use crate::parameters::from_value;
use crate::request::Request;

/// What an endpoint reads from a request.
pub trait Input: Sized + Send + 'static {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// What is wrong with the request, by contract §1.
    fn read(request: &Request) -> Result<Self, Error>;

    /// Describes it for the OpenAPI document.
    fn describe(generator: &mut SchemaGenerator) -> InputShape;
}

/// What the OpenAPI document says about an input.
#[derive(Clone, Debug)]
pub enum InputShape {
    /// Nothing beyond the path.
    Nothing,
    /// Parameters of the partner API: a JSON body, the query, or both.
    Parameters(Schema),
    /// A JSON body.
    Json(Schema),
    /// Fields of a form: in the query, in a body of a form's type, or in a JSON body.
    Form(Schema),
}

/// Nothing is read.
impl Input for () {
    fn read(_: &Request) -> Result<Self, Error> {
        Ok(())
    }

    fn describe(_: &mut SchemaGenerator) -> InputShape {
        InputShape::Nothing
    }
}

/// The parameters of a partner method: of the JSON body and of the query, by contract §1.
#[derive(Clone, Debug)]
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Input for Parameters<T> {
    fn read(request: &Request) -> Result<Self, Error> {
        Ok(Self(request.parameters()?.parse()?))
    }

    fn describe(generator: &mut SchemaGenerator) -> InputShape {
        InputShape::Parameters(generator.subschema_for::<T>())
    }
}

/// Two sets of parameters read from the same request, where methods share one of them.
impl<A, B> Input for (Parameters<A>, Parameters<B>)
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    B: DeserializeOwned + JsonSchema + Send + 'static,
{
    fn read(request: &Request) -> Result<Self, Error> {
        Ok((Parameters::read(request)?, Parameters::read(request)?))
    }

    fn describe(generator: &mut SchemaGenerator) -> InputShape {
        all_of([generator.subschema_for::<A>(), generator.subschema_for::<B>()])
    }
}

fn all_of(parts: impl IntoIterator<Item = Schema>) -> InputShape {
    let parts = parts.into_iter().map(Schema::to_value).collect();
    let all = Map::from_iter([("allOf".to_owned(), Value::Array(parts))]);
    InputShape::Parameters(all.into())
}

/// Three sets of parameters.
impl<A, B, C> Input for (Parameters<A>, Parameters<B>, Parameters<C>)
where
    A: DeserializeOwned + JsonSchema + Send + 'static,
    B: DeserializeOwned + JsonSchema + Send + 'static,
    C: DeserializeOwned + JsonSchema + Send + 'static,
{
    fn read(request: &Request) -> Result<Self, Error> {
        Ok((
            Parameters::read(request)?,
            Parameters::read(request)?,
            Parameters::read(request)?,
        ))
    }

    fn describe(generator: &mut SchemaGenerator) -> InputShape {
        all_of([
            generator.subschema_for::<A>(),
            generator.subschema_for::<B>(),
            generator.subschema_for::<C>(),
        ])
    }
}

/// A JSON body alone: the query is not looked at.
#[derive(Clone, Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Input for JsonBody<T> {
    fn read(request: &Request) -> Result<Self, Error> {
        if request.media_type().as_deref() != Some("application/json") {
            return Err(Refusal::new(Code::UnsupportedMediaType, "the body must be application/json").into());
        }
        let malformed = |why| Refusal::new(Code::InvalidField, why);
        let body: Value = serde_json::from_slice(&request.body).map_err(|_| malformed("the body is not valid JSON"))?;
        if !body.is_object() {
            return Err(malformed("the body must be a JSON object").into());
        }
        let read = from_value(&body).map_err(crate::parameters::Fault::into_refusal)?;
        Ok(Self(read))
    }

    fn describe(generator: &mut SchemaGenerator) -> InputShape {
        InputShape::Json(generator.subschema_for::<T>())
    }
}

/// A JSON body as it came, for what is signed as a whole: a `T`, once the signature is checked. Headers are in
/// [`crate::Context::request`].
#[derive(Clone, Debug)]
pub struct Signed<T> {
    /// The bytes.
    pub bytes: Bytes,
    of: PhantomData<fn() -> T>,
}

impl<T: JsonSchema + 'static> Input for Signed<T> {
    fn read(request: &Request) -> Result<Self, Error> {
        Ok(Self {
            bytes: request.body.clone(),
            of: PhantomData,
        })
    }

    fn describe(generator: &mut SchemaGenerator) -> InputShape {
        InputShape::Json(generator.subschema_for::<T>())
    }
}

/// Parameters of a page or a form: the query, an `application/x-www-form-urlencoded` body or a JSON body; the body
/// wins.
#[derive(Clone, Debug)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned + JsonSchema + Send + 'static> Input for Form<T> {
    fn read(request: &Request) -> Result<Self, Error> {
        let form = request.media_type().as_deref() == Some("application/x-www-form-urlencoded");
        if !form {
            return Ok(Self(request.parameters()?.parse()?));
        }
        let body = std::str::from_utf8(&request.body)
            .map_err(|_| Refusal::new(Code::InvalidField, "the form is not valid UTF-8"))?;
        let mut read = crate::parameters::Parameters::read(&request.query, b"")?;
        read.overlay(body);
        Ok(Self(read.parse()?))
    }

    fn describe(generator: &mut SchemaGenerator) -> InputShape {
        InputShape::Form(generator.subschema_for::<T>())
    }
}
