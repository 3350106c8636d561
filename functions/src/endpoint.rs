//! What an endpoint is: one type with an identity, a way in, a way out and a body of its own.
//!
//! Everything that walks the endpoints (the local server, the Lambda bootstrap, the OpenAPI document, the access
//! tests, the check of the template) walks [`Route`]s, the same endpoints with their types forgotten.

use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};

use domain::Role;
use http::Method;
use schemars::SchemaGenerator;
use store::Scope;

use crate::admission::{Admission, admit, release};
use crate::ahead::First;
use crate::context::Context;
use crate::error::Error;
use crate::input::{Input, InputShape};
use crate::kept_answer;
use crate::reply::{Reply, ReplyShape, Response, json_bytes};
use crate::request::Request;

/// Who may call an endpoint. The framework refuses everybody else before the endpoint runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Anybody, on any host name: nothing is known of the caller.
    Anyone,
    /// Anybody, on the host name of a company: [`Context::tenant`] is known.
    Tenant,
    /// An account of this role or above, by its `auth_token`, on a host name of its reseller:
    /// [`Context::caller`] is known.
    Session(Role),
    /// A relay, by the signature over its report. The endpoint checks it, since that takes the body.
    Relay,
}

/// Whether an endpoint changes anything: a write takes `idempotency_key` and counts against its object's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Answers what is there.
    Read,
    /// Changes something.
    Write,
}

/// What an endpoint reaches beyond its own process; its role in the template allows this and nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Need {
    /// `GetItem`, `BatchGetItem` and `Query` on the table and its indexes.
    TableRead,
    /// `PutItem`, `UpdateItem`, `DeleteItem` and transactions of them.
    TableWrite,
    /// The key that signs join tokens and commands to relays.
    SigningKey,
    /// The key under which secrets lie in the table.
    SealingKey,
    /// The web client's pages, which lie beside the binary.
    Pages,
    /// Who certifies companies' own host names and answers under them: ACM and CloudFront.
    OwnDomains,
    /// The mail service: SES.
    Mail,
    /// Text messages: SNS.
    Texts,
}

/// One endpoint of the control plane.
///
/// A handler gets a caller that may call it; whether it may touch the object it names is the handler's to ask, with
/// [`crate::access`]. A page is an endpoint whose output is [`crate::reply::Html`].
pub trait Endpoint: Send + Sync + 'static {
    /// Resource then verb, as in code: `company_create`.
    const ID: &'static str;
    /// The HTTP method.
    const METHOD: Method;
    /// The path, with parameters in braces: `/conf/call/{code}`.
    const PATH: &'static str;
    /// Who may call it.
    const ACCESS: Access;
    /// Whether it changes anything.
    const KIND: Kind;
    /// What it reaches.
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    /// What is read while the caller's session is.
    const FIRST: Option<First> = None;
    /// One sentence for the OpenAPI document.
    const SUMMARY: &'static str;
    /// What it reads from the request.
    type Input: Input;
    /// What it answers.
    type Output: Reply;

    /// The object that a write changes, for its rate: `host/9`. `None` counts against the session alone.
    fn object(_input: &Self::Input) -> Option<String> {
        None
    }

    /// The same where the input names none and the caller's own is meant.
    fn own_object(_own: &Scope) -> Option<String> {
        None
    }

    /// Does it.
    ///
    /// # Errors
    ///
    /// What the caller is told, or an internal failure that is logged.
    fn handle(context: &Context<'_>, input: Self::Input) -> impl Future<Output = Result<Self::Output, Error>> + Send;
}

/// A future of a type-erased endpoint.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Result<Response, Error>> + Send + 'a>>;

/// An endpoint with its types forgotten.
#[derive(Clone, Copy)]
pub struct Route {
    /// `company_create`.
    pub id: &'static str,
    /// The HTTP method, in upper case.
    pub method: &'static str,
    /// The path with parameters in braces.
    pub path: &'static str,
    /// Who may call it.
    pub access: Access,
    /// Whether it changes anything.
    pub kind: Kind,
    /// What it reaches.
    pub needs: &'static [Need],
    /// One sentence about it.
    pub summary: &'static str,
    pub(crate) first: Option<First>,
    pub(crate) describe: fn(&mut SchemaGenerator, &mut SchemaGenerator) -> (InputShape, ReplyShape),
    pub(crate) run: for<'a> fn(&'a Context<'a>, &'a Request) -> Running<'a>,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Route({} {} {})", self.id, self.method, self.path)
    }
}

impl Route {
    /// Forgets the types of `E`.
    #[must_use]
    pub fn of<E: Endpoint>() -> Self {
        Self {
            id: E::ID,
            method: method_name(&E::METHOD),
            path: E::PATH,
            access: E::ACCESS,
            kind: E::KIND,
            needs: E::NEEDS,
            summary: E::SUMMARY,
            first: E::FIRST,
            describe: |reads, answers| (E::Input::describe(reads), E::Output::describe(answers)),
            run: |context, request| Box::pin(run::<E>(context, request)),
        }
    }

    /// The name as `_HANDLER` of its Lambda: `company-create`.
    #[must_use]
    pub fn handler(&self) -> String {
        self.id.replace('_', "-")
    }

    /// The name in the template and the OpenAPI document: `CompanyCreate`.
    #[must_use]
    pub fn title(&self) -> String {
        title(self.id)
    }
}

/// Does the work while the request is counted and its idempotency key is claimed: [`Context::claim`] and
/// [`Context::cleared`] wait for that, and for the caller's account to stand behind its session, before anything is changed.
async fn run<E: Endpoint>(context: &Context<'_>, request: &Request) -> Result<Response, Error> {
    let input = E::Input::read(request)?;
    let own = || E::own_object(&context.known_caller()?.scope);
    let object = E::object(&input).or_else(own);
    let mut admission = pin!(admit(context, E::KIND, object.as_deref()));
    let mut work = Box::pin(async {
        let (stands, answer) = tokio::join!(context.standing(), E::handle(context, input));
        stands.and(answer)
    });
    let mut done = None;
    let admission = loop {
        tokio::select! {
            biased;
            admission = &mut admission => break admission,
            answer = &mut work, if done.is_none() => done = Some(answer),
        }
    };
    let first = match admission? {
        Admission::Answered(answer) => {
            // What it has begun to read of the session is given up with it, or nobody else could.
            drop(work);
            context.standing().await?;
            let answer = kept_answer::open(context.app, &context.answer_place()?, &answer)?;
            return Ok(json_bytes(answer.into()));
        }
        admission => context.admitted(admission),
    };
    let answer = match done {
        Some(answer) => answer,
        None => work.await,
    };
    if answer.is_err() {
        release(context, first).await;
    }
    answer.map(Reply::into_response)
}

/// A function that a stream, a schedule or an operator wakes; it has no door in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worker {
    /// `operator_init`.
    pub id: &'static str,
    /// What wakes it.
    pub wake: Wake,
    /// What it reaches.
    pub needs: &'static [Need],
}

impl Worker {
    /// The name as `_HANDLER` of its Lambda: `operator-init`.
    #[must_use]
    pub fn handler(&self) -> String {
        self.id.replace('_', "-")
    }

    /// The name in the template: `OperatorInit`.
    #[must_use]
    pub fn title(&self) -> String {
        title(self.id)
    }
}

/// What wakes a [`Worker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// An operator with cloud credentials.
    Operator,
    /// A schedule, every so many minutes.
    EveryMinutes(u32),
    /// The mail service, by a topic: what became of mails.
    MailTopic,
    /// The mail service, by a topic of its own: mails that came in.
    MailIn,
    /// New jobs in the table's stream, and a schedule every minute for those that are due later.
    Jobs,
    /// What webhooks hear of, new in the table's stream, and a schedule every minute for what is sent again.
    News,
}

fn title(id: &str) -> String {
    id.split('_')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}

fn method_name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::PATCH => "PATCH",
        _ => "POST",
    }
}

#[cfg(test)]
mod tests {
    use super::title;

    #[test]
    fn names_follow_the_id() {
        assert_eq!(
            title("conference_create_reservationless"),
            "ConferenceCreateReservationless"
        );
    }
}
