//! Everything that may be asked, as one table.
//!
//! A row says method, path, role, what it takes and what it gives; the types stand in the row's
//! own function, so the router, the desk and the OpenAPI document cannot differ.

use std::sync::LazyLock;

use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::mpsc;

use super::api::forbidden;
use super::call::{self, Call, Does, Place};
use super::openapi;
use super::problem::Problem;
use super::stream::Line;
use crate::desk::{ChangeAsk, Refusal, ReplayAnswer, ReplayAsk, Role};

/// Made once, when it is first asked for.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| openapi::document(&routes()));

/// One row.
pub(super) struct Route {
    /// Its method.
    pub(super) method: Method,
    /// Its path; `{…}` stands for one part of it.
    pub(super) path: &'static str,
    /// Its name in the document.
    pub(super) name: &'static str,
    /// What it does, in a line.
    pub(super) says: &'static str,
    /// The least role.
    pub(super) role: Role,
    /// Whether something changes: then it finishes, whoever waits.
    pub(super) changes: bool,
    /// Whether a client that comes again goes on where it was (`after`, `Last-Event-ID`).
    pub(super) resumes: bool,
    /// Where what it takes stands.
    pub(super) takes: Takes,
    /// The schema of what it takes.
    pub(super) ask: Shape,
    /// What it gives.
    pub(super) gives: Gives,
    /// Does it.
    pub(super) call: Does,
}

/// The schema of a type, with its parts among the components.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// Where what a call takes stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// In the query, if anywhere.
    Query,
    /// In a body of JSON.
    Body,
    /// In a body of JSON, or without one in the query.
    Either,
}

/// What a call gives.
#[derive(Clone, Copy)]
pub(super) enum Gives {
    /// One JSON value.
    Json(Shape),
    /// A stream of a media type, of such things.
    Stream(&'static str, Shape),
}

/// Nothing is taken.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

impl Route {
    /// What stands in the place of `{…}`; `None` if the path is another.
    pub(super) fn place(&self, path: &str) -> Option<Place> {
        let (mut ours, mut theirs) = (self.path.split('/'), path.split('/'));
        let mut place = None;
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return Some(place),
                (Some(our), Some(their)) if our == their => {}
                (Some(our), Some(their)) if our.starts_with('{') && !their.is_empty() => {
                    place = Some(their.to_owned());
                }
                (Some(_) | None, Some(_)) | (Some(_), None) => return None,
            }
        }
    }
}

/// The table.
#[rustfmt::skip]
pub(super) fn routes() -> Vec<Route> {
    vec![
        get("status", "/admin/v1/status", "How everything stands",
            |call: Call<Nothing>| async move { call.desk.status().await }),
        get("listEvents", "/admin/v1/events", "A page of events, the newest first",
            |call: Call<_>| async move { call.desk.events(call.ask, false).await }),
        search("searchEvents", "/admin/v1/events/search",
            "The same; a room's own name and a provider's id may stand in the body",
            |call: Call<_>| async move { call.desk.events(call.ask, true).await }),
        stream("tailEvents", "/admin/v1/events/tail",
            "Events as they come, those behind a sequence first",
            |call: Call<_>, after| async move { call.desk.tail(call.ask, after).await }),
        get("showEvent", "/admin/v1/events/{sequence}", "Everything known of one event",
            |call: Call<Nothing>| async move { call.desk.event(call.sequence()?).await }),
        get("listQuarantine", "/admin/v1/quarantine", "What could not pass, with counts by reason",
            |call: Call<_>| async move { call.desk.quarantine(call.ask).await }),
        change("releaseMany", "/admin/v1/quarantine/release",
            "Lets those go that a filter means",
            |call: Call<_>| async move { call.desk.release(&call.actor, None, call.ask).await }),
        change("releaseOne", "/admin/v1/quarantine/{sequence}/release", "Lets one event go",
            |call: Call<_>| async move {
                let sequence = call.sequence()?;
                call.desk.release(&call.actor, Some(sequence), call.ask).await
            }),
        get("listReplays", "/admin/v1/replays", "All replays that are kept",
            |call: Call<Nothing>| async move { call.desk.replays().await }),
        Route { role: Role::Viewer, ..change("replay", "/admin/v1/replays",
            "Counts what a replay would publish (dry_run, which a viewer may), or begins it",
            replay) },
        get("showReplay", "/admin/v1/replays/{id}", "One replay",
            |call: Call<Nothing>| async move { call.desk.replay_report(call.id()?).await }),
        Route { method: Method::DELETE, takes: Takes::Either,
            ..change("cancelReplay", "/admin/v1/replays/{id}",
            "Ends a replay; what is on Kafka stays there", |call: Call<ChangeAsk>| async move {
                call.desk.cancel_replay(&call.actor, call.id()?, call.ask.clone()).await
            }) },
        change("forget", "/admin/v1/forget", "Erases a participant or a room",
            |call: Call<_>| async move { call.desk.forget(&call.actor, call.ask).await }),
        Route { method: Method::POST, takes: Takes::Body, role: Role::Operator, changes: true,
            resumes: false,
            ..stream("capture", "/admin/v1/capture",
            "The next authentic deliveries of a source, scrubbed, as they come",
            |call: Call<_>, _| async move { call.desk.capture(&call.actor, call.ask).await }) },
        change("pseudonym", "/admin/v1/pseudonym", "The pseudonyms of a provider's id",
            |call: Call<_>| async move { call.desk.pseudonym(&call.actor, call.ask).await }),
        change("drain", "/admin/v1/drain", "Stops the gateway as a signal would",
            |call: Call<_>| async move { call.desk.drain(&call.actor, call.ask).await }),
        change("reload", "/admin/v1/reload", "Reads the configuration again: all of it, or nothing",
            |call: Call<_>| async move { call.desk.reload(&call.actor, call.ask).await }),
        get("listAudit", "/admin/v1/audit", "Who changed what, the newest first",
            |call: Call<_>| async move { call.desk.audit(call.ask).await }),
        get("openapi", "/admin/v1/openapi.json", "This document",
            |_: Call<Nothing>| async move { Ok::<_, Refusal>(&*DOCUMENT) }),
        get("asyncapi", "/admin/v1/asyncapi.json", "What consumers read, as AsyncAPI",
            |call: Call<Nothing>| async move { Ok::<_, Refusal>(call.desk.contract().asyncapi()) }),
    ]
}

/// A look that takes a query.
fn get<A, R, E, F>(
    name: &'static str,
    path: &'static str,
    says: &'static str,
    call: impl Fn(Call<A>) -> F + Send + Sync + 'static,
) -> Route
where
    A: DeserializeOwned + JsonSchema + 'static,
    R: Serialize + JsonSchema + 'static,
    E: Into<Problem>,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    let (role, changes, resumes, takes) = (Role::Viewer, false, false, Takes::Query);
    let (ask, gives) = (shape::<A> as Shape, Gives::Json(shape::<R>));
    let call = call::json(call);
    Route { method: Method::GET, path, name, says, role, changes, resumes, takes, ask, gives, call }
}

/// A look that takes a body.
fn search<A, R, E, F>(
    name: &'static str,
    path: &'static str,
    says: &'static str,
    call: impl Fn(Call<A>) -> F + Send + Sync + 'static,
) -> Route
where
    A: DeserializeOwned + JsonSchema + 'static,
    R: Serialize + JsonSchema + 'static,
    E: Into<Problem>,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    Route { method: Method::POST, takes: Takes::Body, ..get(name, path, says, call) }
}

/// A change.
fn change<A, R, E, F>(
    name: &'static str,
    path: &'static str,
    says: &'static str,
    call: impl Fn(Call<A>) -> F + Send + Sync + 'static,
) -> Route
where
    A: DeserializeOwned + JsonSchema + 'static,
    R: Serialize + JsonSchema + 'static,
    E: Into<Problem>,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    Route { role: Role::Operator, changes: true, ..search(name, path, says, call) }
}

/// A look whose answer goes on.
fn stream<A, T, F>(
    name: &'static str,
    path: &'static str,
    says: &'static str,
    call: impl Fn(Call<A>, Option<u64>) -> F + Send + Sync + 'static,
) -> Route
where
    A: DeserializeOwned + JsonSchema + 'static,
    T: Line + JsonSchema,
    F: Future<Output = Result<mpsc::Receiver<T>, Refusal>> + Send + 'static,
{
    let (role, changes, resumes, takes) = (Role::Viewer, false, true, Takes::Query);
    let (ask, gives) = (shape::<A> as Shape, Gives::Stream(T::KIND, shape::<T>));
    let call = call::stream(call);
    Route { method: Method::GET, path, name, says, role, changes, resumes, takes, ask, gives, call }
}

async fn replay(call: Call<ReplayAsk>) -> Result<ReplayAnswer, Problem> {
    if !call.ask.dry_run && call.actor.role != Role::Operator {
        return Err(forbidden());
    }
    Ok(call.desk.replay(&call.actor, call.ask).await?)
}

fn shape<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_part_by_part_and_gives_what_stands_in_its_place() {
        let routes = routes();
        let named = |name: &str| routes.iter().find(|route| route.name == name).unwrap();
        assert_eq!(named("status").place("/admin/v1/status"), Some(None));
        assert_eq!(named("status").place("/admin/v1/status/"), None);
        assert_eq!(named("status").place("/admin/v1"), None);
        let release = named("releaseOne");
        let place = release.place("/admin/v1/quarantine/12/release");
        assert_eq!(place, Some(Some("12".to_owned())));
        assert_eq!(release.place("/admin/v1/quarantine//release"), None);
        assert_eq!(release.place("/admin/v1/quarantine/release"), None);
    }

    #[test]
    fn what_changes_needs_an_operator_but_for_the_count_of_a_replay() {
        for route in routes().iter().filter(|route| route.changes && route.name != "replay") {
            assert_eq!(route.role, Role::Operator, "{}", route.name);
        }
        let looks = routes();
        let mut looks = looks.iter().filter(|route| route.method == Method::GET);
        assert!(looks.all(|route| !route.changes && route.role == Role::Viewer));
    }
}
