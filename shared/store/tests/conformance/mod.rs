//! What the store promises, as one suite over any client: run on the embedded table and on a second implementation.

#![allow(unreachable_pub, dead_code)]

mod events;
mod joining;
mod meetings;
mod relays;
mod sign_in;
mod sweeping;
mod tenants;
pub mod world;

use aws_sdk_dynamodb::Client;
use store::Store;

/// Runs all of it on a table that need not exist.
pub async fn suite(client: &Client) {
    let store = Store::new(client, "convoke");
    store.create_table().await.expect("the table is made");
    store.create_table().await.expect("making it again is harmless");

    tenants::ids_are_never_given_twice(client).await;
    tenants::objects_are_found_by_what_names_them(&store).await;
    tenants::what_must_be_unique_is_unique_and_a_refusal_leaves_nothing(&store).await;
    tenants::one_of_many_racing_for_a_name_wins(&store).await;
    tenants::other_tenants_objects_do_not_exist(&store).await;
    tenants::the_audit_says_who_did_what_and_no_secret(&store).await;
    tenants::an_address_book_has_each_person_once(&store).await;

    sign_in::a_session_lives_by_use_and_not_for_ever(&store).await;
    sign_in::a_sessions_requests_are_counted_by_the_minute(&store).await;
    sign_in::a_one_time_value_is_taken_once(&store).await;
    sign_in::failures_are_remembered_for_their_window(&store).await;
    sign_in::requests_are_counted_by_the_minute(&store).await;
    sign_in::an_idempotency_key_does_its_work_once(&store).await;
    sign_in::a_lost_claim_cannot_write(&store).await;

    meetings::a_meeting_is_made_read_and_ended(&store).await;
    meetings::a_one_time_code_is_given_once(&store).await;
    meetings::a_meeting_takes_a_thousand_people(&store).await;
    meetings::a_reservationless_meeting_is_active_at_once(&store).await;

    joining::a_planned_meeting_opens_in_its_window(&store).await;
    joining::two_first_joiners_get_one_meeting(&store).await;
    joining::participants_are_numbered_from_one(&store).await;
    joining::a_home_that_is_gone_is_replaced(&store).await;
    joining::a_planned_meeting_takes_the_place_of_guests(&store).await;
    joining::nothing_opens_what_was_ended_meanwhile(&store).await;

    relays::only_registered_starts_are_believed(&store).await;
    relays::a_heartbeat_says_which_rooms_have_ended(&store).await;
    relays::the_living_are_listed_near_first(&store).await;
    relays::a_room_lives_on_one_relay(&store).await;
    relays::an_emptied_meeting_begins_again_inside_its_window(&store).await;
    relays::an_emptied_ad_hoc_meeting_is_over(&store).await;

    events::events_are_kept_once_and_in_order(&store).await;
    events::a_large_batch_is_kept_whole(&store).await;
    events::moderators_present_are_counted(&store).await;
    events::a_room_ended_from_inside_has_ended(&store).await;
    events::two_meetings_on_one_code_in_one_batch(&store).await;

    sweeping::nobody_came(&store).await;
    sweeping::a_dead_relays_participants_have_left(&store).await;
    sweeping::guests_make_way_when_a_window_opens(&store).await;
    sweeping::a_restarted_relay_begins_with_nothing(&store).await;
}
