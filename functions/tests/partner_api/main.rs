//! The partner API through its front door, on the embedded table: one module per behaviour.

#[path = "../asked/mod.rs"]
mod asked;
mod table;
mod world;

mod accounts_change;
mod accounts_go;
mod bad_input_changes_nothing;
mod contacts_say_whether_mail_reaches_them;
mod every_endpoint_refuses_strangers;
mod lists_go_on;
mod meetings_answer_every_field;
mod meetings_change;
mod meetings_repeat;
mod methods_answer_every_field;
mod morning;
mod openapi_says_what_is_served;
#[path = "../post/mod.rs"]
mod post;
mod reminders_of_a_morning;
mod requests_are_read_by_contract;
mod round_trips_are_few;
mod secrets_stay_out_of_logs;
mod sign_in_gives_nothing_away;
mod tenants_stay_apart;
mod the_table_is_away;
mod times_across_clock_changes;
mod writes_happen_once;
