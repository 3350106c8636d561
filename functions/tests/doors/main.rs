//! The doors that are not the partner API: sign-in, joining, pages, relays' reports; and the roles that their functions
//! get in the cloud.

mod a_meeting_is_kept_in_a_calendar;
mod a_moved_company_is_found;
mod addresses_change;
mod an_end_reaches_the_relays;
mod api_tokens;
#[path = "../asked/mod.rs"]
mod asked;
mod auth_sign_in;
mod bodies_are_read_or_refused;
mod every_page_says_who_may_frame_it;
mod hosts_are_erased;
mod hosts_are_exported;
mod invitations_are_answered;
mod invitations_are_sent;
mod join_admits;
mod join_roles;
mod join_round_trips;
mod mail_comes_back;
mod mails_of_a_day;
mod meetings_are_kept_for_days;
mod meetings_from_servers;
mod oauth;
mod operators_begin;
mod own_domains;
mod pages_refuse_in_words;
mod pages_tenant;
mod password_links;
mod passwords_are_forgotten;
mod pictures_of_a_branding;
#[path = "../post/mod.rs"]
mod post;
mod quality_is_kept;
mod registration;
mod relay_reports;
mod reminders_are_sent;
mod roles;
mod sign_in_round_trips;
mod signing_in_by_password;
mod signing_in_by_provider;
mod signing_out;
mod site;
mod sso_tickets;
mod template;
mod text_messages;
mod urls_of_tenants_are_guarded;
mod usage_is_counted;
mod webhooks_are_told;
mod webhooks_at_the_admin_page;
mod who_works_at_a_job_holds_it;
