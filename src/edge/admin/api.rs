//! One call of the admin API, step by step: token, path, method, role, body, and the desk.
//!
//! A question is dropped when its client goes or its time is over. A change is a task of its own:
//! once begun it finishes, whoever waits for it.

use std::panic::resume_unwind;
use std::sync::Arc;

use http::header::{ALLOW, AUTHORIZATION};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::bounds::{ADMIN_ASK, ADMIN_BODY_BYTES_MAX, ADMIN_CHANGE, ADMIN_STREAMS_MAX};
use crate::clock::Clock;
use crate::desk::{Actor, Desk, Refusal, Role};

use super::super::lobby::Guest;
use super::super::request::leave_unread;
use super::asked;
use super::call::{Place, Reply, Wanted};
use super::problem::{Kind, Problem};
use super::reply::{Answer, text};
use super::routes::{Route, Takes, routes};
use super::tokens::{Doorkeeper, Shown, Tokens, Turned};

/// The admin API.
pub(super) struct Api {
    desk: Desk,
    doorkeeper: Arc<Doorkeeper>,
    routes: Vec<Arc<Route>>,
    streams: Arc<Semaphore>,
}

impl Api {
    /// Over a desk, for whoever has one of these tokens.
    pub(super) fn new(desk: Desk, tokens: Option<Tokens>, clock: Clock) -> Self {
        Self {
            desk,
            doorkeeper: Arc::new(Doorkeeper::new(tokens, clock)),
            routes: routes().into_iter().map(Arc::new).collect(),
            streams: Arc::new(Semaphore::new(ADMIN_STREAMS_MAX)),
        }
    }

    /// Who is let in.
    pub(super) fn tokens(&self) -> &Arc<Doorkeeper> {
        &self.doorkeeper
    }

    /// Answers one call; `client` is whom the certificate of its connection names.
    pub(super) async fn answer(
        &self,
        request: Request<Incoming>,
        guest: &Guest,
        client: Option<&str>,
    ) -> Answer {
        let (parts, body) = request.into_parts();
        match self.open(&parts, &body, client) {
            Ok((actor, route, place)) => {
                let wanted = self.wanted(actor, &route, place, &parts, body, guest).await;
                let reply = match wanted {
                    Ok(wanted) => self.call(route, wanted).await,
                    Err(problem) => Err(problem),
                };
                reply.unwrap_or_else(|problem| problem.answer())
            }
            Err(mut refused) => {
                let closes = leave_unread(guest, body).await;
                refused.problem = refused.problem.closing(closes);
                refused.answer()
            }
        }
    }

    /// What the head alone decides.
    fn open(
        &self,
        parts: &Parts,
        body: &Incoming,
        client: Option<&str>,
    ) -> Result<(Actor, Arc<Route>, Place), Refused> {
        let actor = self.doorkeeper.admit(shown(&parts.headers, client)).map_err(turned)?;
        let (route, place) = self.route(&parts.method, parts.uri.path())?;
        if route.role == Role::Operator && actor.role != Role::Operator {
            tracing::warn!(actor = %actor.name, call = route.name, "a viewer may not do this");
            return Err(forbidden().into());
        }
        let has_body = !body.is_end_stream();
        match route.takes {
            Takes::Body | Takes::Either if has_body => {
                if !asked::is_json(&parts.headers) {
                    let detail = "send JSON with Content-Type: application/json";
                    return Err(Problem::new(Kind::UnsupportedMediaType, detail).into());
                }
                if body.size_hint().lower() > ADMIN_BODY_BYTES_MAX as u64 {
                    return Err(asked::too_large().into());
                }
            }
            Takes::Query if has_body => {
                let detail = "this call takes no body; what it takes stands in the query";
                return Err(Problem::new(Kind::Malformed, detail).into());
            }
            Takes::Body | Takes::Either | Takes::Query => {}
        }
        Ok((actor, route, place))
    }

    fn route(&self, method: &Method, path: &str) -> Result<(Arc<Route>, Place), Refused> {
        let mut allow = Vec::new();
        let fits = |route: &Arc<Route>| Some((route.clone(), route.place(path)?));
        // Where a path of letters and one with a place both fit, the former stands first.
        let mut exact = None;
        for (route, place) in self.routes.iter().filter_map(fits) {
            if exact.is_none_or(|path| path == route.path) {
                exact = Some(route.path);
                if route.method == *method {
                    return Ok((route, place));
                }
                allow.push(route.method.as_str().to_owned());
            }
        }
        if allow.is_empty() {
            return Err(Problem::no_such_path().into());
        }
        let allow = HeaderValue::from_str(&allow.join(", ")).ok();
        Err(Refused { problem: Problem::method_not_allowed(), allow })
    }

    async fn wanted(
        &self,
        actor: Actor,
        route: &Route,
        place: Place,
        parts: &Parts,
        body: Incoming,
        guest: &Guest,
    ) -> Result<Wanted, Problem> {
        let whole = asked::body(body)
            .await
            .map_err(|problem| problem.closing(guest.line().leave_unread()))?;
        let body = match route.takes {
            Takes::Body => Some(whole),
            Takes::Either => Some(whole).filter(|whole| !whole.is_empty()),
            Takes::Query => None,
        };
        let query = asked::pairs(parts.uri.query().unwrap_or_default());
        let last = parts.headers.get("last-event-id").map(|id| id.as_bytes().to_vec());
        let (desk, streams) = (self.desk.clone(), self.streams.clone());
        let resumes = route.resumes;
        Ok(Wanted { desk, actor, place, query, last, body, resumes, streams })
    }

    async fn call(&self, route: Arc<Route>, wanted: Wanted) -> Result<Answer, Problem> {
        let reply = if route.changes {
            let name = route.name;
            let change = tokio::spawn(async move { (route.call)(wanted).await });
            match timeout(ADMIN_CHANGE, change).await {
                Ok(Ok(reply)) => reply,
                // It goes on where it is counted.
                Ok(Err(ended)) => match ended.try_into_panic() {
                    Ok(panicked) => resume_unwind(panicked),
                    Err(_cancelled) => Err(Problem::defect()),
                },
                Err(_elapsed) => {
                    tracing::warn!(call = name, "a change takes longer than its client is kept");
                    Err(Problem::new(
                        Kind::TooSlow,
                        "the change goes on; GET /admin/v1/audit tells how it ends",
                    ))
                }
            }
        } else {
            let asking = timeout(ADMIN_ASK, (route.call)(wanted)).await;
            asking.unwrap_or_else(|_elapsed| Err(Refusal::TooSlow.into()))
        };
        Ok(match reply? {
            Reply::Json(json) => text(StatusCode::OK, "application/json", json),
            Reply::Stream(answer) => answer,
        })
    }
}

/// A problem whose body has not been read.
struct Refused {
    problem: Problem,
    allow: Option<HeaderValue>,
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self { problem, allow: None }
    }
}

impl Refused {
    fn answer(self) -> Answer {
        let mut answer = self.problem.answer();
        if let Some(allow) = self.allow {
            answer.headers_mut().insert(ALLOW, allow);
        }
        answer
    }
}

/// A viewer who would change something.
pub(super) fn forbidden() -> Problem {
    Problem::new(
        Kind::Forbidden,
        "this token or certificate looks only; use one with the role operator",
    )
}

/// What is shown of who asks. A token that is sent counts, whatever the certificate says: whoever
/// sends a wrong one is told so.
fn shown<'a>(headers: &'a HeaderMap, client: Option<&'a str>) -> Shown<'a> {
    match client {
        Some(name) if !headers.contains_key(AUTHORIZATION) => Shown::Certificate(name),
        _ => Shown::Token(bearer(headers)),
    }
}

/// The token that is presented, if exactly one is.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    let (scheme, token) = value.as_bytes().split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

fn turned(why: Turned) -> Refused {
    let problem = match why {
        Turned::Unconfigured => Problem::new(
            Kind::Unauthorized,
            "no tokens are configured: set admin.token_file to a file with one token a line, \
             name:role:sha256-hex; or list certificates in [[admin.client]] and show one",
        ),
        Turned::Unlisted => {
            tracing::warn!("a call of the admin API with a certificate that is not listed");
            Problem::new(
                Kind::Unauthorized,
                "the common name (CN) of this certificate is not listed in [[admin.client]]; list \
                 it with a role, or send a token",
            )
        }
        Turned::Unknown => {
            tracing::warn!("a call of the admin API without a known token");
            Problem::new(
                Kind::Unauthorized,
                "send one header Authorization: Bearer TOKEN with a token whose SHA-256 stands \
                 in admin.token_file",
            )
        }
        Turned::Guessing(wait) => {
            Problem::new(Kind::RateLimited, "too many calls without a known token").after(wait)
        }
        Turned::TooFast(wait) => {
            Problem::new(Kind::RateLimited, "too many calls with this token").after(wait)
        }
    };
    problem.into()
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::sync::oneshot;

    use super::super::call::Does;
    use super::*;

    /// An API whose first route waits, and what ends the wait and tells that it did.
    fn waiting(
        folder: &std::path::Path,
        changes: bool,
    ) -> (Api, oneshot::Sender<()>, oneshot::Receiver<()>) {
        let desk = crate::desk::tests::desk(folder);
        let mut api = Api::new(desk, None, Clock::system());
        let (go, on) = oneshot::channel::<()>();
        let (tell, told) = oneshot::channel::<()>();
        let once = Mutex::new(Some((on, tell)));
        let call: Does = Box::new(move |_| {
            let (on, tell) = once.lock().unwrap().take().unwrap();
            Box::pin(async move {
                on.await.unwrap();
                tell.send(()).unwrap();
                Ok(Reply::Json("{}".to_owned()))
            })
        });
        let first = routes().into_iter().next().unwrap();
        api.routes = vec![Arc::new(Route { changes, call, ..first })];
        (api, go, told)
    }

    fn wanted(api: &Api) -> Wanted {
        Wanted {
            desk: api.desk.clone(),
            actor: Actor { name: "olga".to_owned(), role: Role::Operator },
            place: None,
            query: Vec::new(),
            last: None,
            body: None,
            resumes: false,
            streams: api.streams.clone(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_question_has_its_time_and_a_change_goes_on_beyond_it() {
        for changes in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (api, go, told) = waiting(folder.path(), changes);
            let answer = api.call(api.routes[0].clone(), wanted(&api)).await;
            assert_eq!(answer.unwrap_err().kind, Kind::TooSlow);
            assert_eq!(go.send(()).is_ok(), changes);
            assert_eq!(told.await.is_ok(), changes);
        }
    }

    #[tokio::test]
    async fn a_client_that_hangs_up_ends_its_question_and_not_its_change() {
        for changes in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (api, go, told) = waiting(folder.path(), changes);
            let mut call = Box::pin(api.call(api.routes[0].clone(), wanted(&api)));
            let begun = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(call.as_mut().poll(cx).is_pending())
            });
            assert!(begun.await);
            // Let the change begin.
            tokio::task::yield_now().await;
            drop(call);
            assert_eq!(go.send(()).is_ok(), changes);
            assert_eq!(told.await.is_ok(), changes);
        }
    }

    #[test]
    fn a_token_is_read_from_exactly_one_header() {
        let headers = |values: &[&'static str]| -> HeaderMap {
            let values = values.iter();
            values.map(|value| (AUTHORIZATION, HeaderValue::from_static(value))).collect()
        };
        assert_eq!(bearer(&headers(&["Bearer abc"])), Some(&b"abc"[..]));
        assert_eq!(bearer(&headers(&["bearer  abc "])), Some(&b"abc"[..]));
        for none in [&[][..], &["Bearer"], &["Basic abc"], &["Bearer a", "Bearer a"]] {
            assert_eq!(bearer(&headers(none)), None);
        }
    }
}
