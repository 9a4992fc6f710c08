//! Floods of handshakes at a gate that speaks TLS, which the one of the table does not.
//!
//! Two authentic senders deliver meanwhile, one of them with a new handshake for each delivery.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use hookgate::clock::Clock;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::version::{TLS12, TLS13};

use crate::authority::Authority;
use crate::honest::Fared;
use crate::memory::{self, Memory};
use crate::proof::PATIENCE;
use crate::proof::gate::{Gate, Place};
use crate::table::Row;
use crate::target::{self, Target, event};

/// Who floods at one time, and how many connections each leaves open behind it.
const FLOODERS: usize = 32;
const OPEN: usize = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_handshakes_that_come_to_nothing_refuses_no_authentic_sender() {
    memory::raise_descriptors();
    let authority = Arc::new(Authority::new());
    let place = Place::new("127.0.0.1:1", "video", "1ms", "");
    target::listens_everywhere(&place);
    speaks_tls(&place, &authority);
    let gate = Gate::started(place.serve()).await;
    let ceiling = memory::ceiling(&gate.said());
    let memory = Memory::of(gate.id());
    let target = Target::new(&gate, &place);
    let hello = authority.hello().await;
    let noise: Vec<u8> = (0..=255).map(|byte: u8| byte.wrapping_mul(167)).collect();
    let half = hello[..hello.len() / 2].to_vec();
    let broken = [&hello[..9], &noise].concat();
    for (tried, first) in [
        ("hellos that are never gone on with", hello),
        ("hellos whose end never comes", half),
        ("hellos that are noise", broken),
    ] {
        let before = memory.now();
        memory.forget_peak();
        let is_over = Arc::new(AtomicBool::new(false));
        let senders = [true, false].map(|keeps| {
            let (target, authority) = (target.clone(), authority.clone());
            (keeps, tokio::spawn(sends(target, authority, keeps, is_over.clone())))
        });
        let said = flood(&target, first, crate::seconds()).await;
        is_over.store(true, Ordering::Relaxed);
        for (keeps, sender) in senders {
            let (fared, peak) = (sender.await.unwrap(), memory.peak());
            let (refused, taken) = (fared.refused, fared.taken.len());
            let on = if keeps { "one connection" } else { "a new one each time" };
            let did = format!("{said} × said; a sender on {on}");
            let row = Row { tried, did, fared, before, peak, after: memory.now() };
            println!("{}", row.line());
            assert_eq!(refused, 0, "{tried}");
            assert!(taken > 0 && peak < ceiling, "{tried}: {taken}, {peak} of {ceiling} MiB");
        }
    }
    gate.kill().await;
}

/// Gives the public listener of a gate a certificate.
fn speaks_tls(place: &Place, authority: &Authority) {
    let folder = place.file().parent().unwrap().to_owned();
    authority.server(2040).write(&folder);
    let here = folder.display();
    let tls = format!("[server]\ntls = {{ cert = \"{here}/tls.crt\", key = \"{here}/tls.key\" }}");
    let text = std::fs::read_to_string(place.file()).unwrap();
    std::fs::write(place.file(), text.replacen("[server]", &tls, 1)).unwrap();
}

/// Says the same first bytes on connection after connection; how often.
async fn flood(target: &Target, first: Vec<u8>, time: Duration) -> u64 {
    let said = Arc::new(AtomicU64::new(0));
    let mut flooders = JoinSet::new();
    for _ in 0..FLOODERS {
        let (target, first, said) = (target.clone(), first.clone(), said.clone());
        flooders.spawn(timeout(time, async move {
            let mut open = VecDeque::new();
            loop {
                let Some(mut stream) = target.attack().await else {
                    continue;
                };
                if stream.write_all(&first).await.is_ok() {
                    said.fetch_add(1, Ordering::Relaxed);
                }
                open.push_back(stream);
                if open.len() > OPEN {
                    open.pop_front();
                }
            }
        }));
    }
    flooders.join_all().await;
    said.load(Ordering::Relaxed)
}

/// Delivers until it is over, from another address than the flood, on one connection or each time
/// on a new one.
async fn sends(
    target: Target,
    authority: Arc<Authority>,
    keeps: bool,
    is_over: Arc<AtomicBool>,
) -> Fared {
    let (clock, mut fared) = (Clock::system(), Fared::default());
    let mut kept = None;
    while !is_over.load(Ordering::Relaxed) {
        let number = rand::random::<u64>();
        let request = target.signed(&event(&format!("tls-{number}")));
        let began = clock.steady();
        let delivered = deliver(&target, &authority, kept.take(), &request);
        match timeout(PATIENCE, delivered).await.ok().flatten() {
            Some((200, line)) => {
                kept = Some(line).filter(|_| keeps);
                fared.taken.push(clock.steady().saturating_sub(began));
            }
            other => {
                println!("  an authentic sender: {:?}", other.map(|(status, _)| status));
                fared.refused += 1;
            }
        }
    }
    fared
}

/// The status of the answer, and the connection; `None`: there was none.
async fn deliver(
    target: &Target,
    authority: &Authority,
    kept: Option<TlsStream<TcpStream>>,
    request: &[u8],
) -> Option<(u16, TlsStream<TcpStream>)> {
    let mut stream = match kept {
        Some(stream) => stream,
        None => {
            let stream = target.connect(std::net::IpAddr::from([127, 0, 0, 77])).await?;
            // Made anew, so that nothing is resumed.
            let config = authority.trusted_by(&[&TLS13, &TLS12], None, &["http/1.1"]);
            let name = ServerName::try_from("localhost").unwrap();
            TlsConnector::from(Arc::new(config)).connect(name, stream).await.ok()?
        }
    };
    stream.write_all(request).await.ok()?;
    let mut answer = Vec::new();
    // The body of every answer is one object of JSON.
    while !answer.ends_with(b"}\n") && !answer.ends_with(b"}") {
        if stream.read_buf(&mut answer).await.ok()? == 0 {
            return None;
        }
    }
    let status = std::str::from_utf8(answer.get(9..12)?).ok()?.parse().ok()?;
    Some((status, stream))
}
