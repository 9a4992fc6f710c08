//! Attacks by many connections at one time.

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep_until, timeout};

use crate::attacks::{Tally, statuses};
use crate::proof::wire::Client;
use crate::target::{ATTACKER, Target};

const MANY: usize = 3_000;
/// How long a connection may take, or a write: the other end may not look.
const SOON: Duration = Duration::from_secs(2);

pub(crate) async fn idle(target: Target, time: Duration) -> Tally {
    crowd(&target, MANY, |_| ATTACKER, b"", b"", time).await
}

pub(crate) async fn slow_heads(target: Target, time: Duration) -> Tally {
    let head = format!("POST {} HTTP/1.1\r\nHost: h\r\nX: ", target.daily.route);
    crowd(&target, MANY, |_| ATTACKER, head.as_bytes(), b"x", time).await
}

pub(crate) async fn half_heads(target: Target, time: Duration) -> Tally {
    let head = target.head(2, &format!("X: {}\r\n", "x".repeat(15_500)));
    crowd(&target, MANY, |_| ATTACKER, &head[..head.len() - 2], b"", time).await
}

pub(crate) async fn slow_bodies(target: Target, time: Duration) -> Tally {
    crowd(&target, MANY, |_| ATTACKER, &target.head(1_000, ""), b"{", time).await
}

pub(crate) async fn slow_bodies_from_everywhere(target: Target, time: Duration) -> Tally {
    crowd(&target, MANY, address, &target.head(1_000, ""), b"{", time).await
}

pub(crate) async fn expecting(target: Target, time: Duration) -> Tally {
    let head = target.head(1_000, "Expect: 100-continue\r\n");
    crowd(&target, MANY, |_| ATTACKER, &head, b"", time).await
}

pub(crate) async fn large_bodies(target: Target, time: Duration) -> Tally {
    const LARGE: usize = 4 << 20;
    let mut senders = JoinSet::new();
    for _ in 0..200 {
        let target = target.clone();
        senders.spawn(async move {
            let Some(mut stream) = target.attack().await else { return "no connection".into() };
            let body = [target.head(LARGE, "").as_slice(), &vec![b'x'; LARGE - 1]].concat();
            let end = Instant::now() + time;
            tokio::select! {
                _ = stream.write_all(&body) => sleep_until(end).await,
                () = sleep_until(end) => {}
            }
            fate(&stream)
        });
    }
    let mut tally = Tally::default();
    senders.join_all().await.into_iter().for_each(|fate| tally.count(fate));
    tally
}

pub(crate) async fn unread_answers(target: Target, time: Duration) -> Tally {
    let requests = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n".repeat(500);
    let mut senders = JoinSet::new();
    for _ in 0..500 {
        let (target, requests) = (target.clone(), requests.clone());
        senders.spawn(async move {
            let Some(mut stream) = target.attack().await else { return "no connection" };
            let all = async { while stream.write_all(&requests).await.is_ok() {} };
            match timeout(time, all).await {
                Ok(()) => "closed",
                Err(_) => "left waiting",
            }
        });
    }
    let mut tally = Tally::default();
    senders.join_all().await.into_iter().for_each(|fate| tally.count(fate));
    tally
}

pub(crate) async fn idle_at_admin(target: Target, time: Duration) -> Tally {
    let mut crowd = Vec::new();
    let mut tally = Tally::default();
    let mut beat = interval(time / 30);
    for _ in 0..30 {
        beat.tick().await;
        for _ in 0..10 {
            crowd.extend(TcpStream::connect(target.admin).await.ok());
        }
        let asked = b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n";
        let answer = timeout(SOON, Client::default().ask(target.admin, asked)).await.ok().flatten();
        match answer {
            Some(answer) => tally.count(format!("/livez {}", answer.status())),
            None => tally.count("/livez silent"),
        }
    }
    crowd.iter().for_each(|stream| tally.count(fate(stream)));
    tally
}

/// One of a thousand.
pub(crate) fn address(number: usize) -> IpAddr {
    let [_, _, high, low] = u32::try_from(number % 1_000).unwrap().to_be_bytes();
    IpAddr::from([127, 1, high, low.max(1)])
}

/// Opens connections that say `first` and then now and again `more`; what became of them.
async fn crowd(
    target: &Target,
    count: usize,
    from: impl Fn(usize) -> IpAddr,
    first: &[u8],
    more: &[u8],
    time: Duration,
) -> Tally {
    let end = Instant::now() + time;
    let (mut all, mut tally) = (Vec::new(), Tally::default());
    for number in 0..count {
        match timeout(SOON, target.connect(from(number))).await.ok().flatten() {
            Some(mut stream) => {
                let _ = timeout(SOON, stream.write_all(first)).await;
                all.push(stream);
            }
            None => tally.count("no connection"),
        }
    }
    let mut drops = interval(Duration::from_secs(1));
    while Instant::now() < end {
        drops.tick().await;
        for stream in &all {
            let _ = stream.try_write(more);
        }
    }
    all.iter().for_each(|stream| tally.count(fate(stream)));
    tally
}

/// What became of a connection by now.
fn fate(stream: &TcpStream) -> String {
    let mut bytes = [0; 4096];
    match stream.try_read(&mut bytes) {
        Ok(0) => "closed".to_owned(),
        Ok(some) => statuses(&bytes[..some]).join(" then "),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => "left waiting".to_owned(),
        Err(_) => "closed".to_owned(),
    }
}
