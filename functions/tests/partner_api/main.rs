//! The partner API through its front door, on the embedded table: one module per behaviour.

#[path = "../doors/site/mod.rs"]
mod site;
mod table;
mod world;

mod an_end_reaches_the_relays;
mod every_endpoint_refuses_strangers;
mod methods_answer_every_field;
mod openapi_says_what_is_served;
mod requests_are_read_by_contract;
mod round_trips_are_few;
mod secrets_stay_out_of_logs;
mod sign_in_gives_nothing_away;
mod writes_happen_once;
