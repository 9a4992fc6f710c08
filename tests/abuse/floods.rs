//! Attacks by many requests, each on a connection of its own.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

use crate::attacks::{Tally, statuses};
use crate::crowds::address;
use crate::target::{ATTACKER, Target, slam};

const AT_ONCE: usize = 16;
/// Longer than the gate waits for anything that a flood leaves open.
const ANSWER: Duration = Duration::from_secs(20);

pub(crate) async fn forgeries(target: Target, time: Duration) -> Tally {
    let forged = vec![target.forged()];
    flood(&target, |_| ATTACKER, forged, time).await
}

pub(crate) async fn forgeries_from_everywhere(target: Target, time: Duration) -> Tally {
    let forged = target.forged();
    let from = |number: usize| match number % 4 {
        0 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        _ => address(number),
    };
    flood(&target, from, vec![forged], time).await
}

pub(crate) async fn bombs(target: Target, time: Duration) -> Tally {
    let values = vec!["1"; 1_000_000].join(",");
    let wide = format!(r#"{{"a":[{values}],"pad":"{}"}}"#, "x".repeat(2_000_000));
    let deep = format!("{}{}", "[".repeat(2_000_000), "]".repeat(2_000_000));
    flood(&target, |_| ATTACKER, vec![target.signed(&wide), target.signed(&deep)], time).await
}

pub(crate) async fn ambiguous(target: Target, time: Duration) -> Tally {
    let head = |lines: &str| {
        let head = String::from_utf8(target.head(5, lines)).unwrap();
        format!("{head}hello")
    };
    let chunked = |chunk: &str| {
        let head = head("").replace("Content-Length: 5", "Transfer-Encoding: chunked");
        head.replace("hello", chunk)
    };
    let shapes = [
        head("Content-Length: 5\r\n"),
        head("Content-Length: 6\r\n"),
        head("Transfer-Encoding: chunked\r\n"),
        head("Transfer-Encoding: gzip\r\n"),
        head("Transfer-Encoding : chunked\r\n"),
        head("X: a\r\n folded\r\n"),
        head("X: a\nTransfer-Encoding: chunked\r\n"),
        chunked("0x5\r\nhello\r\n0\r\n\r\n"),
        chunked("5\nhello\r\n0\r\n\r\n"),
        chunked("5\r\nhelloX0\r\n\r\n"),
        chunked("ffffffffffffffff\r\nhello"),
    ];
    flood(&target, |_| ATTACKER, shapes.map(String::into_bytes).to_vec(), time).await
}

pub(crate) async fn huge_heads(target: Target, time: Duration) -> Tally {
    let long = target.head(2, &format!("X: {}\r\n", "x".repeat(20_000)));
    let many = target.head(2, &"X: x\r\n".repeat(100));
    flood(&target, |_| ATTACKER, vec![long, many], time).await
}

pub(crate) async fn compressed(target: Target, time: Duration) -> Tally {
    let coded = ["gzip", "br", "zstd"].map(|coding| {
        let head = target.head(5, &format!("Content-Encoding: {coding}\r\n"));
        [head.as_slice(), b"hello"].concat()
    });
    flood(&target, |_| ATTACKER, coded.to_vec(), time).await
}

pub(crate) async fn other_languages(target: Target, time: Duration) -> Tally {
    let old = String::from_utf8(target.head(5, "Transfer-Encoding: chunked\r\n")).unwrap();
    let noise = (0..2_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes());
    let noise: Vec<_> = noise.collect();
    let texts = vec![
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n".to_vec(),
        old.replace("HTTP/1.1", "HTTP/1.0").into_bytes(),
        [noise.as_slice(), b"\r\n\r\n"].concat(),
    ];
    flood(&target, |_| ATTACKER, texts, time).await
}

pub(crate) async fn proxy_headers(target: Target, time: Duration) -> Tally {
    let line = b"PROXY TCP4 127.0.0.77 127.0.0.1 1 2\r\n".to_vec();
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x4d\x7f\0\0\x01\0\x01\0\x02".to_vec();
    let forged = target.forged();
    let both = [line, binary].map(|preface| [preface.as_slice(), &forged].concat());
    flood(&target, |_| ATTACKER, both.to_vec(), time).await
}

pub(crate) async fn churn(target: Target, time: Duration) -> Tally {
    repeat(time, move |_| {
        let target = target.clone();
        async move {
            let Some(stream) = target.attack().await else { return "no connection".into() };
            slam(&stream);
            "connected".into()
        }
    })
    .await
}

pub(crate) async fn hang_ups(target: Target, time: Duration) -> Tally {
    let forged: Arc<[u8]> = target.forged().into();
    repeat(time, move |number| {
        let (target, forged) = (target.clone(), forged.clone());
        async move {
            let Some(mut stream) = target.attack().await else { return "no connection".into() };
            let cut = number * 7 % (forged.len() + 1);
            let _ = stream.write_all(&forged[..cut]).await;
            if number % 2 == 0 {
                slam(&stream);
            }
            "hung up".into()
        }
    })
    .await
}

/// Sends each of the requests again and again, each on a connection of its own; what came back.
async fn flood(
    target: &Target,
    from: impl Fn(usize) -> IpAddr + Clone + Send + 'static,
    requests: Vec<Vec<u8>>,
    time: Duration,
) -> Tally {
    let (target, requests) = (target.clone(), Arc::new(requests));
    repeat(time, move |number| {
        let (target, requests, from) = (target.clone(), requests.clone(), from(number));
        async move {
            let Some(mut stream) = target.connect(from).await else {
                return "no connection".into();
            };
            let request = &requests[number % requests.len()];
            // It may answer before it has read all.
            let (mut read, mut write) = stream.split();
            let (answer, _) = tokio::join!(answer(&mut read), write.write_all(request));
            slam(&stream);
            answer
        }
    })
    .await
}

async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = [0; 4096];
    match timeout(ANSWER, stream.read(&mut bytes)).await {
        Ok(Ok(0) | Err(_)) => "closed".into(),
        Ok(Ok(some)) => statuses(&bytes[..some]).join(" then "),
        Err(_) => "silence".into(),
    }
}

/// Does something again and again, many at one time.
async fn repeat<F, D>(time: Duration, step: F) -> Tally
where
    F: Fn(usize) -> D + Clone + Send + 'static,
    D: Future<Output = String> + Send,
{
    let end = Instant::now() + time;
    let mut workers = JoinSet::new();
    for worker in 0..AT_ONCE {
        let step = step.clone();
        workers.spawn(async move {
            let (mut tally, mut number) = (Tally::default(), worker);
            while Instant::now() < end {
                tally.count(step(number).await);
                number += AT_ONCE;
            }
            tally
        });
    }
    let mut tally = Tally::default();
    workers.join_all().await.into_iter().for_each(|other| tally.add(other));
    tally
}
