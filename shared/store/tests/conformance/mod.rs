//! What the store promises, as one suite over any client: run on the embedded table and on a second implementation.

#![allow(unreachable_pub, dead_code)]

mod companies;
mod contacts;
mod events;
mod hosts;
mod jobs;
mod joining;
mod mails;
mod meetings;
mod own_domains;
mod quality;
mod races;
mod relays;
mod repeating;
mod replying;
mod sign_in;
mod sweeping;
mod tenants;
mod webhooks;
pub mod world;

use aws_sdk_dynamodb::Client;
use store::Store;

/// Runs all of it on a table that need not exist.
pub async fn suite(client: &Client) {
    let store = Store::new(client, "convoke");
    store.create_table().await.expect("the table is made");
    store.create_table().await.expect("making it again is harmless");

    Box::pin(tenancy(client, &store)).await;
    Box::pin(accounts(&store)).await;
    Box::pin(sign_ins(&store)).await;
    Box::pin(meeting(&store)).await;
    Box::pin(relaying(&store)).await;
}

/// Whose is what.
async fn tenancy(client: &Client, store: &Store) {
    Box::pin(tenants::ids_are_never_given_twice(client)).await;
    Box::pin(tenants::objects_are_found_by_what_names_them(store)).await;
    Box::pin(tenants::what_must_be_unique_is_unique_and_a_refusal_leaves_nothing(
        store,
    ))
    .await;
    Box::pin(tenants::one_of_many_racing_for_a_name_wins(store)).await;
    Box::pin(tenants::other_tenants_objects_do_not_exist(store)).await;
    Box::pin(tenants::the_audit_says_who_did_what_and_no_secret(store)).await;
    Box::pin(tenants::an_address_book_has_each_person_once(store)).await;
    Box::pin(own_domains::a_companys_own_name_is_claimed_served_and_freed(store)).await;
    Box::pin(own_domains::one_of_many_racing_for_an_own_name_has_it(store)).await;
    Box::pin(own_domains::a_company_goes_after_its_own_names(store)).await;
}

/// How accounts change and go.
async fn accounts(store: &Store) {
    Box::pin(companies::a_former_name_leads_on_and_is_nobody_elses(store)).await;
    Box::pin(companies::of_two_who_change_a_company_one_is_told_so(store)).await;
    Box::pin(companies::a_company_goes_when_its_hosts_have_gone(store)).await;
    Box::pin(companies::companies_are_listed_newest_first_page_by_page(store)).await;
    Box::pin(hosts::former_names_are_free_at_once_and_a_former_code_is_not(store)).await;
    Box::pin(hosts::a_change_that_meets_a_taken_name_changes_nothing(store)).await;
    Box::pin(hosts::a_host_takes_the_entry_of_its_new_address(store)).await;
    Box::pin(hosts::a_deleted_host_leaves_its_id_and_its_closed_code(store)).await;
    Box::pin(hosts::hosts_are_listed_oldest_first_page_by_page(store)).await;
    Box::pin(contacts::an_address_is_in_an_address_book_once(store)).await;
    Box::pin(contacts::a_changed_entry_frees_its_former_address(store)).await;
    Box::pin(contacts::who_is_invited_and_removed_at_once_is_in_the_book_or_not(
        store,
    ))
    .await;
    Box::pin(contacts::an_address_book_is_listed_and_forgotten_page_by_page(store)).await;
    Box::pin(jobs::a_job_is_held_by_one_at_a_time(store)).await;
    Box::pin(jobs::much_of_one_company_hides_no_other(store)).await;
    Box::pin(jobs::who_took_a_job_up_last_has_the_word(store)).await;
    Box::pin(jobs::who_works_longer_goes_on_holding_a_job(store)).await;
    Box::pin(jobs::one_at_a_time_is_called_to_wait_for_what_is_due_soon(store)).await;
    Box::pin(jobs::a_job_goes_on_later_as_it_has_become(store)).await;
    Box::pin(mails::no_more_mails_are_taken_than_a_day_holds(store)).await;
    Box::pin(mails::addresses_that_take_no_mail_are_kept_by_company(store)).await;
    Box::pin(webhooks::what_happens_is_numbered_without_holes_by_many_at_once(store)).await;
    Box::pin(webhooks::much_news_of_one_company_hides_no_other(store)).await;
    Box::pin(webhooks::a_line_is_held_by_one_and_rests_only_when_nothing_is_new(
        store,
    ))
    .await;
    Box::pin(webhooks::what_arrives_apart_is_missed_no_more_whoever_holds_the_line(
        store,
    ))
    .await;
    Box::pin(webhooks::two_made_at_once_do_not_both_count(store)).await;
}

/// Who is let in, and how often.
async fn sign_ins(store: &Store) {
    Box::pin(sign_in::a_session_lives_by_use_and_not_for_ever(store)).await;
    Box::pin(sign_in::a_sessions_requests_are_counted_by_the_minute(store)).await;
    Box::pin(sign_in::a_one_time_value_is_taken_once(store)).await;
    Box::pin(sign_in::a_sign_in_at_a_provider_leads_to_one_session(store)).await;
    Box::pin(sign_in::failures_are_remembered_for_their_window(store)).await;
    Box::pin(sign_in::so_many_different_guesses_are_looked_at(store)).await;
    Box::pin(sign_in::requests_are_counted_by_the_minute(store)).await;
    Box::pin(sign_in::an_idempotency_key_does_its_work_once(store)).await;
    Box::pin(sign_in::a_lost_claim_cannot_write(store)).await;
}

/// Which meetings there are, and which one a code opens.
async fn meeting(store: &Store) {
    Box::pin(meetings::a_meeting_is_made_read_and_ended(store)).await;
    Box::pin(meetings::a_one_time_code_is_given_once(store)).await;
    Box::pin(meetings::a_meeting_takes_a_thousand_people(store)).await;
    Box::pin(meetings::a_reservationless_meeting_is_active_at_once(store)).await;
    Box::pin(joining::a_planned_meeting_opens_in_its_window(store)).await;
    Box::pin(joining::two_first_joiners_get_one_meeting(store)).await;
    Box::pin(joining::participants_are_numbered_from_one(store)).await;
    Box::pin(joining::a_home_that_is_gone_is_replaced(store)).await;
    Box::pin(joining::a_planned_meeting_takes_the_place_of_guests(store)).await;
    Box::pin(joining::nothing_opens_what_was_ended_meanwhile(store)).await;
    Box::pin(repeating::a_code_opens_the_occurrence_of_its_day(store)).await;
    Box::pin(repeating::the_sweeper_and_the_first_to_come_make_one_occurrence(store)).await;
    Box::pin(repeating::whoever_decided_on_an_earlier_plan_decides_anew(store)).await;
    Box::pin(replying::what_people_answer_is_kept_while_they_are_invited(store)).await;
    Box::pin(replying::an_answer_meets_the_meeting_as_it_is(store)).await;
    Box::pin(replying::an_erased_meeting_has_no_answers_and_no_uid(store)).await;
    Box::pin(repeating::an_end_ends_its_own_occurrence_alone(store)).await;
}

/// What relays report, and what time does.
async fn relaying(store: &Store) {
    Box::pin(relays::only_registered_starts_are_believed(store)).await;
    Box::pin(relays::a_heartbeat_says_which_rooms_have_ended(store)).await;
    Box::pin(relays::the_living_are_listed_near_first(store)).await;
    Box::pin(relays::a_room_lives_on_one_relay(store)).await;
    Box::pin(relays::an_emptied_meeting_begins_again_inside_its_window(store)).await;
    Box::pin(relays::an_emptied_ad_hoc_meeting_is_over(store)).await;
    Box::pin(events::events_are_kept_once_and_in_order(store)).await;
    Box::pin(events::a_large_batch_is_kept_whole(store)).await;
    Box::pin(events::moderators_present_are_counted(store)).await;
    Box::pin(events::a_room_ended_from_inside_has_ended(store)).await;
    Box::pin(events::two_meetings_on_one_code_in_one_batch(store)).await;
    Box::pin(quality::how_connections_did_is_kept_of_rooms_that_were_entered(store)).await;
    Box::pin(races::an_end_against_joins(store)).await;
    Box::pin(races::a_meeting_runs_over_into_the_next(store)).await;
    Box::pin(races::a_reservationless_meeting_that_nobody_joined(store)).await;
    Box::pin(races::a_relay_registered_again_keeps_its_rooms(store)).await;
    Box::pin(races::a_relay_heard_of_again_takes_its_rooms_back(store)).await;
    Box::pin(races::a_meeting_is_at_one_relay(store)).await;
    Box::pin(races::a_meeting_goes_on_as_its_relay_ends(store)).await;
    Box::pin(races::a_meeting_stays_where_nobody_took_it_from(store)).await;
    Box::pin(races::a_start_that_could_not_enter_forgets_nobody(store)).await;
    Box::pin(races::a_stale_look_decides_nothing(store)).await;
    Box::pin(sweeping::nobody_came(store)).await;
    Box::pin(sweeping::a_dead_relays_participants_have_left(store)).await;
    Box::pin(sweeping::an_unheard_meeting_is_held_for_a_while(store)).await;
    Box::pin(sweeping::rules_hold_while_a_meeting_goes_on(store)).await;
    Box::pin(sweeping::silence_counts_only_while_somebody_listens(store)).await;
    Box::pin(sweeping::a_meeting_stops_after_a_day(store)).await;
    Box::pin(sweeping::guests_make_way_when_a_window_opens(store)).await;
    Box::pin(sweeping::a_restarted_relay_begins_with_nothing(store)).await;
}
