//! Everything that may be asked, as one table.
//!
//! A row says method, path, role, what it takes and what it gives; the types stand in the row's
//! own function, so the router, the desk and the OpenAPI document cannot differ.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};

use crate::bounds::REPLAY_ID_BYTES_MAX;
use crate::desk::{Actor, ChangeAsk, Desk, Refusal, ReplayAnswer, ReplayAsk, Role};

use super::api::forbidden;
use super::asked::{self, Fields, Pairs};
use super::problem::{Kind, Problem};
use super::reply::{self, Answer};
use super::stream::{Line, Stream};

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
    /// Where what it takes stands.
    pub(super) takes: Takes,
    /// The schema of what it takes.
    pub(super) ask: Shape,
    /// What it gives.
    pub(super) gives: Gives,
    /// Does it.
    pub(super) call: Box<dyn Fn(Wanted) -> Doing + Send + Sync>,
}

/// The schema of a type, with its parts among the components.
pub(super) type Shape = fn(&mut SchemaGenerator) -> Schema;

/// A call on its way to its reply.
pub(super) type Doing = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

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

/// What a call brings along.
pub(super) struct Wanted {
    pub(super) desk: Desk,
    pub(super) actor: Actor,
    pub(super) place: Place,
    pub(super) query: Pairs,
    /// `Last-Event-ID`.
    pub(super) last: Option<Vec<u8>>,
    pub(super) body: Bytes,
    pub(super) streams: Arc<Semaphore>,
}

/// What stood in the place of `{…}`.
pub(super) type Place = Option<String>;

/// The reply to a call.
pub(super) enum Reply {
    /// One JSON value.
    Json(String),
    /// What goes on.
    Stream(Answer),
}

/// A call whose question has been read.
struct Call<A> {
    desk: Desk,
    actor: Actor,
    place: Place,
    ask: A,
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
        tail(),
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
        capture(),
        change("pseudonym", "/admin/v1/pseudonym", "The pseudonym of a provider's id",
            |call: Call<_>| async move { call.desk.pseudonym(&call.actor, call.ask).await }),
        change("drain", "/admin/v1/drain", "Stops the gateway as a signal would",
            |call: Call<_>| async move { call.desk.drain(&call.actor, call.ask).await }),
        change("reload", "/admin/v1/reload", "Reads the configuration again: all of it, or nothing",
            |call: Call<_>| async move { call.desk.reload(&call.actor, call.ask).await }),
        get("listAudit", "/admin/v1/audit", "Who changed what, the newest first",
            |call: Call<_>| async move { call.desk.audit(call.ask).await }),
        get("asyncapi", "/admin/v1/asyncapi.json", "What consumers read, as AsyncAPI",
            |_: Call<Nothing>| async move {
                Err::<serde_json::Value, _>(Refusal::NotYet("asyncapi.json"))
            }),
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
    let (role, changes, takes) = (Role::Viewer, false, Takes::Query);
    let (ask, gives) = (shape::<A> as Shape, Gives::Json(shape::<R>));
    let call = json(call);
    Route { method: Method::GET, path, name, says, role, changes, takes, ask, gives, call }
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

/// Events as they come.
fn tail() -> Route {
    let fields = Fields::of::<crate::desk::Filter>();
    let call = move |mut wanted: Wanted| {
        let after = after(&mut wanted);
        let asked = asked::from_query(&wanted.query, &fields);
        boxed(async move {
            let events = wanted.desk.tail(asked?, after?).await?;
            stream(events, &wanted.streams)
        })
    };
    Route {
        method: Method::GET,
        path: "/admin/v1/events/tail",
        name: "tailEvents",
        says: "Events as they come, those after a sequence (?after=, Last-Event-ID) first",
        role: Role::Viewer,
        changes: false,
        takes: Takes::Query,
        ask: shape::<crate::desk::Filter>,
        gives: Gives::Stream(crate::desk::EventRow::KIND, shape::<crate::desk::EventRow>),
        call: Box::new(call),
    }
}

/// Deliveries as fixtures, as they come.
fn capture() -> Route {
    let fields = Fields::of::<crate::desk::CaptureAsk>();
    let call = move |wanted: Wanted| {
        let asked = asked::from_body(&wanted.body, &fields);
        boxed(async move {
            let captured = wanted.desk.capture(&wanted.actor, asked?).await?;
            stream(captured, &wanted.streams)
        })
    };
    Route {
        method: Method::POST,
        path: "/admin/v1/capture",
        name: "capture",
        says: "The next authentic deliveries of a source, scrubbed, as they come",
        role: Role::Operator,
        changes: false,
        takes: Takes::Body,
        ask: shape::<crate::desk::CaptureAsk>,
        gives: Gives::Stream(
            crate::desk::CapturedDelivery::KIND,
            shape::<crate::desk::CapturedDelivery>,
        ),
        call: Box::new(call),
    }
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

fn boxed(doing: impl Future<Output = Result<Reply, Problem>> + Send + 'static) -> Doing {
    Box::pin(doing)
}

/// Reads the question, asks the desk, writes the answer.
fn json<A, R, E, F>(
    call: impl Fn(Call<A>) -> F + Send + Sync + 'static,
) -> Box<dyn Fn(Wanted) -> Doing + Send + Sync>
where
    A: DeserializeOwned + JsonSchema + 'static,
    R: Serialize + 'static,
    E: Into<Problem>,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    let fields = Fields::of::<A>();
    Box::new(move |wanted| {
        let Wanted { desk, actor, place, query, body, .. } = wanted;
        let asked = match body.is_empty() {
            true => asked::from_query(&query, &fields),
            false => asked::from_body(&body, &fields),
        };
        match asked {
            Err(problem) => boxed(async move { Err(problem) }),
            Ok(ask) => {
                let doing = call(Call { desk, actor, place, ask });
                boxed(async move {
                    let answer = doing.await.map_err(Into::into)?;
                    let json = serde_json::to_string(&answer).map_err(|_| Problem::defect())?;
                    Ok(Reply::Json(json))
                })
            }
        }
    })
}

fn stream<T: Line>(from: mpsc::Receiver<T>, places: &Arc<Semaphore>) -> Result<Reply, Problem> {
    let place = places.clone().try_acquire_owned();
    let place = place.map_err(|_none_left| {
        let detail = "too many answers that go on (tail, capture) are open; end one of them";
        Problem::from(Refusal::Unavailable(detail.to_owned()))
    })?;
    Ok(Reply::Stream(reply::stream(T::KIND, Stream::new(from, place))))
}

/// Takes `after` out of the query. What a client saw last, which it says itself when it comes
/// again, is newer than what its first request said.
fn after(wanted: &mut Wanted) -> Result<Option<u64>, Problem> {
    let mut written = None;
    wanted.query.retain(|(key, value)| {
        let is_after = key == "after" && written.is_none();
        if is_after {
            written = Some(value.clone().into_bytes());
        }
        !is_after
    });
    let Some(after) = wanted.last.take().or(written) else {
        return Ok(None);
    };
    let number = std::str::from_utf8(&after).ok().and_then(|after| after.parse().ok());
    let detail = "after (or Last-Event-ID) must be a sequence: a whole number";
    number.map(Some).ok_or_else(|| Problem::new(Kind::Invalid, detail).of("after"))
}

impl<A> Call<A> {
    /// The sequence in the path.
    fn sequence(&self) -> Result<u64, Refusal> {
        let sequence = self.place.as_deref().and_then(|place| place.parse().ok());
        let rule = "must be a whole number in the path".to_owned();
        sequence.ok_or(Refusal::Invalid { field: "sequence", rule })
    }

    /// The name of a replay in the path.
    fn id(&self) -> Result<&str, Refusal> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let fits = |id: &&str| id.len() <= REPLAY_ID_BYTES_MAX && id.chars().all(plain);
        let id = self.place.as_deref().filter(fits);
        id.ok_or_else(|| Refusal::NotFound("there is no replay of this name".to_owned()))
    }
}
