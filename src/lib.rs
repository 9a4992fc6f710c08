//! hookgate: a webhook ingress gateway for video platforms.
//!
//! Daily.co and LiveKit post webhooks. hookgate verifies each provider's own signature, drops what
//! was delivered before, removes what names a person, keeps each event on disk before it answers
//! 200, and publishes it to Kafka in one clean language.
//!
//! # The road
//!
//! The rooms are named after what happens to an event, in order. Each gives out one ticket with
//! private fields, and the next asks for exactly that ticket: skipping a room does not compile.
//!
//! | room | ticket | what it proves |
//! |---|---|---|
//! | [`edge`] | [`delivery::Delivery`] | a head with a known route, a body within the cap |
//! | [`verify`] | [`verify::Verified`] | the signature matches these very bytes |
//! | [`normalize`] | [`normalize::Normalized`] | understood or quarantined; all its text personal |
//! | [`scrub`] | [`scrub::Clean`] | only what is on the list, encoded once and for all |
//! | [`journal`] | [`journal::Journaled`] | on disk with fsync under this sequence, or known |
//! | [`publish`] | [`publish::Published`] | the brokers acknowledged topic, partition, offset |
//! | every room | [`outcome::Outcome`] | the one ending of one delivery |
//!
//! # Floors
//!
//! The import graph is the pipeline: a room sees the ground floor and the rooms before it on the
//! road, never a later one. `tests/tidy.rs` keeps it so.
//!
//! - **0 ground**, pure words: [`bounds`], [`secret`], [`clock`] (alone reads time), [`event`],
//!   [`delivery`], [`outcome`], [`share`], [`trace`].
//! - **1 rules**, values in, values out, no logging: [`throttle`], [`verify`], [`normalize`],
//!   [`providers`] (the registry of both), [`scrub`].
//! - **2 machines**, each owns one piece of the outside: [`journal`] (SQLite is named only here),
//!   [`publish`] (rdkafka only in its `kafka`), [`audit`] (who changed what), [`telemetry`],
//!   `otlp` (spans to a collector, in builds that have it).
//! - **2½ contract**: [`contract`], what consumers read, in one document.
//! - **3 flows**, compose: [`intake`] (the path of one delivery), [`courier`] (journal to Kafka, in
//!   order, for ever), [`hold`] (sources kept back, and their way out), [`replay`] (a chosen part
//!   of it again, on request).
//! - **3½ desk**: [`desk`], what operators may ask and do, over all of the above and without a word
//!   of HTTP.
//! - **4 doors**: [`edge`] (HTTP and nothing but HTTP), [`config`] (from text to settings that
//!   cannot be wrong).
//! - **5 roof**: [`app`] (who owns what, who starts first, who stops last), and [`cli`], one file
//!   per verb, which starts it.
//!
//! # Where things go
//!
//! A new provider: one file in `verify/`, one in `normalize/`, one line in `providers.rs`, one
//! folder in `fixtures/`. A new PII rule: `scrub/` and a fixture. A new limit: `bounds/`. A new
//! way to end: a variant of [`outcome::Outcome`], and the compiler lists every place that must
//! decide.
//!
//! # Invariants
//!
//! Each with a test that breaks when it is broken.
//!
//! - **200 means on disk**: committed to the journal with fsync; not in memory, not in Kafka
//!   (`an_answer_comes_only_after_the_commit`,
//!   `every_acknowledged_event_is_in_a_crash_image_taken_under_load`).
//! - **Identity and event are one transaction**: an append and its duplicate check are one atomic
//!   act, so a failed write never burns an id (`of_one_event_on_many_tasks_exactly_one_is_fresh`,
//!   `an_event_refused_by_a_full_disk_is_no_duplicate_afterwards`).
//! - **An event keeps its one name when keys are replaced**: a retry is a duplicate under the id
//!   its event has (`an_event_is_known_by_the_id_it_has_or_the_one_it_had_in_every_generation`,
//!   `keys_are_replaced_over_restarts_and_consumers_can_join`).
//! - **What a sender cannot help gets 200 and quarantine**: after a good signature no unknown type,
//!   odd field or broken JSON is refused
//!   (`what_is_not_understood_is_answered_200_and_kept_as_quarantined`).
//! - **Nothing that names a person is written anywhere**: not to the journal, Kafka, a log, a
//!   metric label or an error text. An allow-list, never a deny-list
//!   (`no_name_in_any_text_of_any_body_leaves`, `no_name_in_any_key_of_any_body_leaves`,
//!   `no_name_that_is_sent_is_kept_published_logged_counted_or_answered`,
//!   `every_field_of_both_providers_is_tried_and_nothing_leaks`,
//!   `of_any_json_under_a_good_signature_only_what_is_listed_leaves`).
//! - **What looks personal is masked or stops, and is told without its value**; a forbidden
//!   recording reaches who must act on it
//!   (`where_that_is_asked_for_it_stops_and_the_masked_event_is_kept_behind`,
//!   `a_forbidden_recording_reaches_consumers_without_what_was_recorded`), and each of these rules
//!   is defended (`tests/breaking/run`).
//! - **A half-taken delivery finishes**: once the body is read, a client that hangs up cancels
//!   nothing (`a_client_that_hangs_up_after_its_body_cancels_nothing`,
//!   `what_is_left_halfway_is_finished`).
//! - **Records and cursor are one transaction**: in `exactly_once` nothing is doubled, whenever the
//!   process ends (`of_gateways_killed_in_the_midst_of_traffic_consumers_read_every_event_once`,
//!   `every_event_is_committed_once_with_its_cursor`).
//! - **The road survives its end**: Kafka may be gone for days; deliveries are taken as long as
//!   there is disk, then shed with 503, never silently
//!   (`a_broker_that_goes_away_is_waited_for_and_nothing_is_lost`,
//!   `a_full_disk_sheds_at_once_and_recovers_by_itself`).
//! - **What is not published is never deleted**, also when an operator has it published again
//!   (`what_is_published_and_old_goes_and_nothing_else`,
//!   `what_is_published_again_is_not_deleted_until_it_is_through`).
//! - **A damaged row holds up none behind it**, nor does a hole of thousands
//!   (`a_torn_page_costs_its_own_rows_and_no_other`,
//!   `a_torn_inner_page_hides_thousands_of_rows_and_holds_up_none_behind_them`).
//! - **A held source delays no other**, and what was held goes out before its newer events
//!   (`a_held_source_delays_no_other_and_its_events_go_out_before_its_newer_ones`).
//! - **A replay is never ahead of live traffic**, and stands outside the ledger
//!   (`a_replay_waits_while_live_traffic_does`, `a_replay_leaves_ledger_and_live_counts_alone`).
//! - **Order per key**: published in journal order; sequences have no gaps when given and are never
//!   used again (`order_holds_while_brokers_refuse_for_a_while`,
//!   `an_identity_outlives_its_row_and_a_sequence_is_never_given_again`).
//! - **Deliveries never wait for Kafka**, not at start either
//!   (`deliveries_do_not_wait_for_kafka_and_its_absence_is_shown`).
//! - **Every queue, map, body, header, wait and retry has a number** in [`bounds`]
//!   (`every_wait_and_queue_has_its_number_in_bounds`, and in `tests/fuzz` no input makes
//!   a parser allocate beyond a stated multiple of itself), and their sum is the ceiling of memory
//!   (`the_gate_stands_and_no_authentic_sender_is_refused`).
//! - **Nobody is refused for an address**: a forger is narrowed, a crowd pushes out itself
//!   (`a_forger_on_the_same_address_does_not_silence_the_real_sender`,
//!   `idle_connections_of_one_address_push_out_each_other_and_nobody_else`).
//! - **A panic is one request's 500**, and what it says is written nowhere
//!   (`a_panic_is_one_requests_500_and_nothing_else`,
//!   `what_a_panic_says_is_written_nowhere_but_where_it_was_is`).
//! - **A failed fsync poisons the journal for good; a full disk does not**
//!   (`a_failed_commit_poisons_for_good`, `tests/disk_faults.rs`).
//! - **What is forgotten is gone**: from rows, free pages and logs of both files, and a retry of it
//!   is a duplicate (`who_is_forgotten_is_in_no_byte_and_nobody_else_is_gone`,
//!   `erased_content_is_in_no_byte_of_the_files_and_its_place_identity_and_digest_stay`,
//!   `what_is_forgotten_is_in_no_byte_of_the_file_or_its_log`).
//! - **Looking never slows the road**: searching has a file, connections, turns and a time of its
//!   own, and who captures or follows is not waited for
//!   (`no_statement_reads_a_whole_table_or_sorts`, `a_question_that_takes_too_long_is_ended`,
//!   `a_capture_that_nobody_reads_slows_no_delivery_and_counts_what_it_passes_over`).
//! - **A reload is all or nothing**, and no connection is dropped
//!   (`a_mistake_leaves_everything_as_it_is_and_is_named_without_a_secret`,
//!   `a_secret_is_rotated_by_reloads_under_load_without_one_failed_delivery`).
//! - **No change without a record**: what an operator changes is in the audit log before it begins,
//!   and whoever alters the log is found (`what_cannot_be_recorded_is_not_done`,
//!   `a_flipped_bit_in_any_byte_is_found`); nor does a policy let out more without one
//!   (`a_risk_that_cannot_be_recorded_at_the_start_is_not_in_force_and_no_delivery_is_lost`).
//! - **A certificate comes into force whole or not at all**, and drops no connection
//!   (`another_certificate_comes_into_force_by_itself_and_connections_stay`,
//!   `a_pair_that_cannot_be_used_leaves_the_one_before_in_force_and_is_told`).
//! - **Over HTTP/2 each request is judged as over HTTP/1.1**, and costs no other
//!   (`a_refused_request_ends_its_stream_and_no_other`).
//! - **Only `edge` knows HTTP, only `publish` Kafka, only `journal` SQLite, only `clock` the time**
//!   (`each_piece_of_the_outside_is_named_in_one_place`).

pub mod bounds;
pub mod clock;
pub mod delivery;
pub mod event;
pub mod outcome;
pub mod secret;
pub mod share;
pub mod trace;

pub mod normalize;
pub mod providers;
pub mod scrub;
pub mod throttle;
pub mod verify;

pub mod audit;
pub mod journal;
#[cfg(feature = "otlp")]
pub mod otlp;
pub mod publish;
pub mod telemetry;

pub mod contract;

pub mod courier;
pub mod hold;
pub mod intake;
pub mod replay;

pub mod desk;

pub mod config;
pub mod edge;

pub mod app;
pub mod cli;
