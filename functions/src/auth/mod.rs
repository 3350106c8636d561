//! Signing in: at `/login` by email and password or at an OpenID Connect provider, at `/password/<token>` by setting one, and at `/auth` by single
//! sign-on (embedding.md §2), where a host's browser brings the host's SSO token or a ticket. All of them end in a session.
//!
//! Unframed, the session is a cookie of the browser. Framed by another site, where browsers drop such cookies, the
//! session is handed over: a one-time value in the fragment of the redirect, which the framed page trades for a
//! session that it keeps in memory and sends as `Authorization: Session <token>`.

mod cookie;
mod forgotten;
mod handoff;
mod login;
mod openid;
mod origin;
mod password;
mod question;
mod redirect;
mod session;
mod sign_in;
mod sign_out;

pub use forgotten::{ForgottenParameters, HeardAnswer, SignInForgotten};
pub use handoff::{AccountAnswer, HandoffAnswer, HandoffParameters, PassOnAnswer, SignInHandoff, SignInPassOn};
pub use login::{LoginParameters, SignInByPassword, SignedInAnswer};
pub use openid::{OpenIdBackParameters, OpenIdParameters, SignInOpenid, SignInOpenidBack};
pub use password::{Password, PasswordParameters, SignInSetPassword};
pub use redirect::{Onward, Redirect};
pub use sign_in::{SignIn, SignInFramed, SignInParameters};
pub use sign_out::SignOut;

pub(crate) use login::own_page;
pub(crate) use openid::Problem;
pub(crate) use session::{Use, account, signed_in, token, visitor};
pub(crate) use sign_in::{TICKET, known};

use crate::endpoint::Route;

/// The sign-in's endpoints.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::of::<SignIn>(),
        Route::of::<SignInByPassword>(),
        Route::of::<SignInForgotten>(),
        Route::of::<SignInFramed>(),
        Route::of::<SignInHandoff>(),
        Route::of::<SignInOpenid>(),
        Route::of::<SignInOpenidBack>(),
        Route::of::<SignInPassOn>(),
        Route::of::<SignInSetPassword>(),
        Route::of::<SignOut>(),
    ]
}
