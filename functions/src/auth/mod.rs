//! Single sign-on at `/auth` (embedding.md §2): a host's browser brings the host's SSO token and leaves with a session.
//!
//! Unframed, the session is a cookie of the browser. Framed by another site, where browsers drop such cookies, the
//! session is handed over: a one-time value in the fragment of the redirect, which the framed page trades for a
//! session that it keeps in memory and sends as `Authorization: Session <token>`.

mod cookie;
mod handoff;
mod origin;
mod page;
mod redirect;
mod session;
mod sign_in;

pub use handoff::{HandoffAnswer, HandoffParameters, SignInHandoff};
pub use redirect::{AfterCall, Redirect};
pub use sign_in::{SignIn, SignInFramed, SignInParameters};

pub(crate) use session::{Use, signed_in};

use crate::endpoint::Route;

/// The sign-in's endpoints.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::of::<SignIn>(),
        Route::of::<SignInFramed>(),
        Route::of::<SignInHandoff>(),
    ]
}
