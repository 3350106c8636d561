//! The partner API, contract/enterprise-api.md: one file per method, and beside them what methods of one object share.

use crate::endpoint::Route;

pub mod audit_fetch_all;
pub mod authenticate;
pub mod branding;
mod company;
pub mod company_create;
pub mod company_delete;
pub mod company_fetch;
pub mod company_fetch_all;
pub mod company_update;
pub mod conference;
pub mod conference_control;
pub mod conference_create;
pub mod conference_create_reservationless;
pub mod conference_delete;
pub mod conference_end;
pub mod conference_fetch;
pub mod conference_fetch_all;
pub mod conference_join_token;
pub mod conference_participants;
pub mod conference_quality;
pub mod conference_update;
pub mod contact;
pub mod contact_create;
pub mod contact_delete;
pub mod contact_fetch;
pub mod contact_fetch_all;
pub mod contact_update;
pub mod digits;
mod export_place;
pub mod host;
pub mod host_create;
pub mod host_delete;
pub mod host_erase;
pub mod host_export;
pub mod host_fetch;
pub mod host_fetch_all;
pub mod host_parameters;
pub mod host_reset_login_token;
pub mod host_sso_ticket;
pub mod host_update;
mod later;
pub mod list;
pub mod meeting;
pub mod occurrences;
pub mod openapi_fetch;
pub mod own_code;
pub mod participants;
pub mod plan;
mod reminders;
mod replan;
pub mod report_usage;
pub mod subscriptions;
pub(crate) mod webhook;
pub mod webhook_create;
pub mod webhook_delete;
pub mod webhook_deliveries;
pub mod webhook_fetch_all;
pub mod webhook_redeliver;
pub mod webhook_update;
pub mod words;

/// The partner API's endpoints.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::of::<audit_fetch_all::AuditFetchAll>(),
        Route::of::<authenticate::Authenticate>(),
        Route::of::<company_create::CompanyCreate>(),
        Route::of::<company_delete::CompanyDelete>(),
        Route::of::<company_fetch::CompanyFetch>(),
        Route::of::<company_fetch_all::CompanyFetchAll>(),
        Route::of::<company_update::CompanyUpdate>(),
        Route::of::<conference_create::ConferenceCreate>(),
        Route::of::<conference_create_reservationless::ConferenceCreateReservationless>(),
        Route::of::<conference_delete::ConferenceDelete>(),
        Route::of::<conference_end::ConferenceEnd>(),
        Route::of::<conference_fetch::ConferenceFetch>(),
        Route::of::<conference_fetch_all::ConferenceFetchAll>(),
        Route::of::<conference_control::ConferenceControl>(),
        Route::of::<conference_join_token::ConferenceJoinToken>(),
        Route::of::<conference_participants::ConferenceParticipants>(),
        Route::of::<conference_quality::ConferenceQuality>(),
        Route::of::<conference_update::ConferenceUpdate>(),
        Route::of::<contact_create::ContactCreate>(),
        Route::of::<contact_delete::ContactDelete>(),
        Route::of::<contact_fetch::ContactFetch>(),
        Route::of::<contact_fetch_all::ContactFetchAll>(),
        Route::of::<contact_update::ContactUpdate>(),
        Route::of::<host_create::HostCreate>(),
        Route::of::<host_delete::HostDelete>(),
        Route::of::<host_erase::HostErase>(),
        Route::of::<host_export::HostExport>(),
        Route::of::<host_fetch::HostFetch>(),
        Route::of::<host_fetch_all::HostFetchAll>(),
        Route::of::<host_reset_login_token::HostResetLoginToken>(),
        Route::of::<host_sso_ticket::HostSsoTicket>(),
        Route::of::<host_update::HostUpdate>(),
        Route::of::<openapi_fetch::OpenapiFetch>(),
        Route::of::<plan::PlanFetchAll>(),
        Route::of::<report_usage::ReportUsage>(),
        Route::of::<subscriptions::SubscriptionFetchAll>(),
        Route::of::<webhook_create::WebhookCreate>(),
        Route::of::<webhook_delete::WebhookDelete>(),
        Route::of::<webhook_deliveries::WebhookDeliveries>(),
        Route::of::<webhook_fetch_all::WebhookFetchAll>(),
        Route::of::<webhook_redeliver::WebhookRedeliver>(),
        Route::of::<webhook_update::WebhookUpdate>(),
    ]
}
