//! `POST /logout`: ends this browser's session, and says where the sign-in wanted it to go afterwards.

use domain::sealed::token_hash;
use http::Method;
use store::SessionUse;

use super::cookie::Cookies;
use super::login::{SignedInAnswer, own_page};
use super::session::{self, Use};
use crate::context::Context;
use crate::endpoint::{Access, Endpoint, Kind, Need};
use crate::error::Error;
use crate::reply::{Json, WithCookies};
use crate::visit::Place;

/// `POST /logout`.
#[derive(Debug)]
pub struct SignOut;

impl Endpoint for SignOut {
    const ID: &'static str = "sign_out";
    const METHOD: Method = Method::POST;
    const PATH: &'static str = "/logout";
    const ACCESS: Access = Access::Anyone;
    const KIND: Kind = Kind::Read;
    const NEEDS: &'static [Need] = &[Need::TableRead, Need::TableWrite];
    const SUMMARY: &'static str = "Signs this browser out.";
    type Input = ();
    type Output = WithCookies<SignedInAnswer>;

    async fn handle(context: &Context<'_>, (): ()) -> Result<Self::Output, Error> {
        own_page(context)?;
        let (app, store) = (context.app, context.store());
        let hash = session::shown(app, context.request, Use::Act).map(token_hash);
        let used = async {
            match &hash {
                Some(hash) => Ok(Some(store.session_use(hash, context.now).await?)),
                None => Ok(None),
            }
        };
        let (place, used) = tokio::try_join!(Place::of(context), used)?;
        let mut redirect_url = None;
        if let (Some(SessionUse::Valid { session, .. }), Some(hash)) = (used, &hash)
            && place.is_of(session.reseller, session.company)
        {
            store.session_delete(hash).await?;
            redirect_url = session.remote_logout_url;
        }
        Ok(WithCookies {
            body: Json(SignedInAnswer {
                redirect_url: redirect_url.unwrap_or_else(|| "/".to_owned()),
            }),
            cookies: Cookies::of(app).none().into(),
        })
    }
}
