//! One call: its question read, the desk asked, its answer written.

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Semaphore, mpsc};

use super::asked::{self, Fields, Pairs};
use super::problem::{Kind, Problem};
use super::reply::{self, Answer};
use super::stream::{Line, Stream};
use crate::bounds::REPLAY_ID_BYTES_MAX;
use crate::desk::{Actor, Desk, Refusal};

/// Does what a row of the table says.
pub(super) type Does = Box<dyn Fn(Wanted) -> Doing + Send + Sync>;

/// A call on its way to its reply.
pub(super) type Doing = Pin<Box<dyn Future<Output = Result<Reply, Problem>> + Send>>;

/// What a call brings along.
pub(super) struct Wanted {
    pub(super) desk: Desk,
    pub(super) actor: Actor,
    pub(super) place: Place,
    pub(super) query: Pairs,
    /// `Last-Event-ID`.
    pub(super) last: Option<Vec<u8>>,
    /// The body, where one is taken and there is one.
    pub(super) body: Option<Bytes>,
    /// Whether `after` and `Last-Event-ID` mean something.
    pub(super) resumes: bool,
    /// The places of answers that go on.
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
pub(super) struct Call<A> {
    pub(super) desk: Desk,
    pub(super) actor: Actor,
    place: Place,
    pub(super) ask: A,
}

impl<A> Call<A> {
    /// The sequence in the path.
    pub(super) fn sequence(&self) -> Result<u64, Refusal> {
        let sequence = self.place.as_deref().and_then(|place| place.parse().ok());
        let rule = "must be a whole number in the path".to_owned();
        sequence.ok_or(Refusal::Invalid { field: "sequence", rule })
    }

    /// The name of a replay in the path.
    pub(super) fn id(&self) -> Result<&str, Refusal> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let fits = |id: &&str| id.len() <= REPLAY_ID_BYTES_MAX && id.chars().all(plain);
        let id = self.place.as_deref().filter(fits);
        id.ok_or_else(|| Refusal::NotFound("there is no replay of this name".to_owned()))
    }
}

/// Reads the question, asks the desk, writes the answer.
pub(super) fn json<A, R, E, F>(call: impl Fn(Call<A>) -> F + Send + Sync + 'static) -> Does
where
    A: DeserializeOwned + JsonSchema + 'static,
    R: Serialize + 'static,
    E: Into<Problem>,
    F: Future<Output = Result<R, E>> + Send + 'static,
{
    let fields = Fields::of::<A>();
    Box::new(move |wanted| {
        let doing = read(wanted, &fields).map(|(asked, _, _)| call(asked));
        Box::pin(async move {
            let answer = doing?.await.map_err(Into::into)?;
            let json = serde_json::to_string(&answer).map_err(|_| Problem::defect())?;
            Ok(Reply::Json(json))
        })
    })
}

/// The same where the answer goes on. The call is given the sequence behind which to begin.
pub(super) fn stream<A, T, F>(
    call: impl Fn(Call<A>, Option<u64>) -> F + Send + Sync + 'static,
) -> Does
where
    A: DeserializeOwned + JsonSchema + 'static,
    T: Line,
    F: Future<Output = Result<mpsc::Receiver<T>, Refusal>> + Send + 'static,
{
    let fields = Fields::of::<A>();
    Box::new(move |wanted| {
        let doing = read(wanted, &fields).and_then(|(asked, after, streams)| {
            // A place first: what the desk begins for nobody would be for nothing.
            let place = streams.try_acquire_owned().map_err(|_none_left| {
                let detail = "too many answers that go on (tail, capture) are open; end one";
                Problem::from(Refusal::Unavailable(detail.to_owned()))
            })?;
            Ok((place, call(asked, after)))
        });
        Box::pin(async move {
            let (place, doing) = doing?;
            Ok(Reply::Stream(reply::stream(T::KIND, Stream::new(doing.await?, place))))
        })
    })
}

/// The question of a call, from its body or else from its query.
fn read<A: DeserializeOwned>(
    mut wanted: Wanted,
    fields: &Fields,
) -> Result<(Call<A>, Option<u64>, Arc<Semaphore>), Problem> {
    let after = if wanted.resumes { after(&mut wanted)? } else { None };
    let Wanted { desk, actor, place, query, body, streams, .. } = wanted;
    if body.is_some() && !query.is_empty() {
        let detail = "this call takes nothing in the query; write it in the body";
        return Err(Problem::new(Kind::Invalid, detail).of("query"));
    }
    let ask = match body {
        Some(body) => asked::from_body(&body, fields)?,
        None => asked::from_query(&query, fields)?,
    };
    Ok((Call { desk, actor, place, ask }, after, streams))
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
