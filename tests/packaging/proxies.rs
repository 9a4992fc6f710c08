//! deploy/proxies.md: its snippets are run or read by those they are for.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;

use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};

use crate::proof::gate::{Gate, Place};
use crate::proof::road::Road;
use crate::proof::wire::{Line, Message};
use crate::proof::{LOOK, PATIENCE};
use crate::rendered::Rendered;
use crate::tools::{bad, fetched, good, text};

/// The block of a language behind a heading.
#[track_caller]
fn block(heading: &str, language: &str) -> String {
    let text = text("deploy/proxies.md");
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let (_, block) = section.split_once(&format!("\n```{language}\n")).unwrap();
    block.split_once("\n```").unwrap().0.to_owned()
}

/// nginx in a folder of its own, in front of two gateways, without the lines about TLS.
struct Nginx {
    _child: Child,
    _folder: tempfile::TempDir,
    address: SocketAddr,
}

impl Nginx {
    async fn start(gates: [SocketAddr; 2]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let snippet = block("nginx", "nginx")
            .replace("gate-1:8080", &gates[0].to_string())
            .replace("gate-2:8080", &gates[1].to_string())
            .replace("listen 443 ssl", &format!("listen {free}"));
        let snippet: Vec<&str> =
            snippet.lines().filter(|line| !line.contains("ssl_certificate")).collect();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|what| format!("{what}_temp_path {what};\n"))
            .concat();
        let config = format!(
            "daemon off;\nmaster_process off;\npid nginx.pid;\nerror_log error.log;\n\
             events {{}}\nhttp {{\naccess_log off;\n{temporary}{}\n}}\n",
            snippet.join("\n")
        );
        std::fs::write(folder.path().join("nginx.conf"), config).unwrap();
        let program = fetched("nginx").get_program().to_owned();
        // One process: a worker of its own would outlive a test that fails.
        let child = Command::new(program)
            .args(["-e", "error.log", "-c", "nginx.conf", "-p"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut looks = interval(LOOK);
        let looking = async {
            while TcpStream::connect(free).await.is_err() {
                looks.tick().await;
            }
        };
        if timeout(PATIENCE, looking).await.is_err() {
            let said = std::fs::read_to_string(folder.path().join("error.log"));
            panic!("nginx does not answer: {said:?}");
        }
        Self { _child: child, _folder: folder, address: free }
    }

    /// One request from an address of this machine.
    async fn ask(&self, from: [u8; 4], request: &[u8]) -> Message {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::from((Ipv4Addr::from(from), 0))).unwrap();
        let mut line = Line::taken(socket.connect(self.address).await.unwrap());
        line.send(request).await;
        timeout(PATIENCE, line.next()).await.expect("an answer").expect("an answer")
    }
}

fn place() -> Place {
    let place = Place::new("127.0.0.1:1", "video", "1ms", "");
    let text = std::fs::read_to_string(place.file()).unwrap();
    let trusting = "trusted_proxies = [\"127.0.0.1\"]\ndrain_grace";
    std::fs::write(place.file(), text.replacen("drain_grace", trusting, 1)).unwrap();
    place
}

/// A meeting, in a body of this many bytes at least, with blanks that no parser would keep.
fn body(number: u64, bytes: usize) -> String {
    format!(
        r#"{{"version":"1.0.0", "type":"meeting.started","id":"event-{number}","payload":{{"start_ts":1795168800.5,"meeting_id":"6497c79b-f326-4942-aef8-{number:012}","room":"consult-0000000a", "more":"é{}"}},"event_ts":1795168800.6 }}"#,
        " ".repeat(bytes)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn nginx_passes_deliveries_untouched_and_says_who_sent_them() {
    let (first, second) = (place(), place());
    let gates = [Gate::start(&first).await, Gate::start(&second).await];
    let nginx = Nginx::start([gates[0].public, gates[1].public]).await;
    let mut roads = Road::all(first.config()).into_iter();
    let daily = roads.find(|road| road.source.as_str() == "daily").unwrap();
    let sender = [127, 0, 7, 1];
    // Small, and larger than what nginx allows by itself or keeps in memory.
    for (number, bytes) in [(1, 0), (2, 0), (3, 20_000), (4, 3 << 20)] {
        let answer = nginx.ask(sender, &daily.signed(&body(number, bytes))).await;
        assert_eq!((answer.status(), answer.outcome()), (200, "accepted".to_owned()), "{bytes}");
        let id = answer.header("x-request-id").unwrap();
        assert!(id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit()), "nginx' own: {id}");
    }
    // What is refused is told as the gateway says it, whatever the body's size.
    for bytes in [0, 3 << 20] {
        let forged = daily.signed(&body(5, bytes));
        let forged = [&forged[..forged.len() - 1], b" "].concat();
        let answer = nginx.ask(sender, &forged).await;
        assert_eq!((answer.status(), answer.outcome()), (401, "bad_signature".to_owned()));
        let id = answer.header("x-request-id").unwrap();
        let said = gates.iter().flat_map(Gate::said).find(|line| line.contains(id)).unwrap();
        assert!(said.contains("\"peer\":\"127.0.7.0/24\""), "the sender's network: {said}");
    }
    // Refused by its head alone, while nginx still sends the body: it may tell that as 502. Whatever it
    // tells a forger, nobody else is refused for it.
    let large = String::from_utf8(daily.signed(&body(5, 3 << 20))).unwrap();
    let (head, body_of_it) = large.split_once("\r\n\r\n").unwrap();
    let unsigned = head.to_ascii_lowercase().replace("x-webhook-signature", "x-other");
    let unsigned = format!(
        "{}\r\n\r\n{body_of_it}",
        unsigned.replace("post /", "POST /").replace(" http/", " HTTP/")
    );
    for number in 100..110 {
        let answer = nginx.ask(sender, unsigned.as_bytes()).await;
        assert!(matches!(answer.status(), 401 | 502), "{}", answer.status());
        let answer = nginx.ask(sender, &daily.signed(&body(number, 0))).await;
        assert_eq!(answer.status(), 200, "{number}");
    }
    let lines = String::from_utf8(daily.signed(&body(6, 0))).unwrap();
    let squeezed = lines.replacen("Host: h", "Host: h\r\nContent-Encoding: gzip", 1);
    assert_eq!(nginx.ask(sender, squeezed.as_bytes()).await.status(), 415);
    let doubled = lines.replacen(&daily.route, &format!("/{}", daily.route), 1);
    assert_eq!(
        nginx.ask(sender, doubled.as_bytes()).await.status(),
        404,
        "the path is the sender's"
    );
    let claimed = lines.replacen("Host: h", "Host: h\r\nX-Forwarded-For: 192.0.2.7", 1);
    let claimed = claimed.replace("1.0.0", "6.6.6");
    let id = nginx.ask(sender, claimed.as_bytes()).await.header("x-request-id").unwrap().to_owned();
    let said = gates.iter().flat_map(Gate::said).find(|line| line.contains(&id)).unwrap();
    assert!(said.contains("127.0.7.0/24"), "what the sender claims counts for nothing: {said}");

    // One gateway goes; none of its deliveries is refused.
    let [first_gate, second_gate] = gates;
    first_gate.kill().await;
    for number in 10..30 {
        let answer = nginx.ask(sender, &daily.signed(&body(number, 0))).await;
        assert_eq!(answer.status(), 200, "{number}");
    }
    // No broker is there, so that a drain would wait for its deadline.
    second_gate.kill().await;
}

#[test]
fn envoy_s_snippet_has_what_envoy_knows_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("envoy.yaml");
    let snippet = block("Envoy", "yaml");
    let envoy = |text: &str| {
        std::fs::write(&path, text).unwrap();
        let mut strict = fetched("strict");
        strict.arg("envoy").arg(&path);
        strict
    };
    good(&mut envoy(&snippet));
    // Who gives up first must be the gateway: its answer is one that LiveKit tries again after.
    let seconds = |key: &str| -> u64 {
        let line = snippet.lines().find_map(|line| line.trim().strip_prefix(key)).unwrap();
        line.trim_end_matches('s').parse().unwrap()
    };
    let slowest = hookgate::bounds::BODY_READ.as_secs();
    assert!(seconds("request_timeout: ") >= slowest + 10);
    assert!(seconds("timeout: ") >= seconds("request_timeout: "));
    let misspelt = snippet.replace("normalize_path", "normalise_path");
    assert!(bad(&mut envoy(&misspelt)).contains("unknown field \"normalise_path\""));
    let ruleless = snippet.replace("stat_prefix: hooks", "stat_prefix: ''");
    assert!(bad(&mut envoy(&ruleless)).contains("StatPrefix"), "what is packed is looked at too");
}

#[test]
fn the_load_balancer_s_values_fit_the_chart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("values.yaml");
    std::fs::write(&path, block("AWS", "yaml")).unwrap();
    let also = crate::rendered::example("full");
    let rendered = Rendered::with(&also, &["-f", path.to_str().unwrap()]);
    let annotations = &rendered.the("Ingress")["metadata"]["annotations"];
    let annotation = |name: &str| {
        let value = annotations[format!("alb.ingress.kubernetes.io/{name}")].as_str();
        value.unwrap_or_else(|| panic!("{name}")).to_owned()
    };
    let seconds = |name: &str| annotation(name).parse::<u64>().unwrap();
    assert_eq!(annotation("healthcheck-path"), "/readyz");
    let admin = rendered.table()["admin"]["listen"].as_str().unwrap().to_owned();
    assert_eq!(annotation("healthcheck-port"), admin.rsplit(':').next().unwrap());
    // It looks away while deliveries are still taken.
    let looks = seconds("healthcheck-interval-seconds") * seconds("unhealthy-threshold-count");
    let grace = rendered.table()["server"]["drain_grace"].as_str().unwrap().to_owned();
    assert!(looks < grace.trim_end_matches('s').parse().unwrap());
    let idle = annotation("load-balancer-attributes");
    let idle = idle.split(',').find_map(|a| a.strip_prefix("idle_timeout.timeout_seconds="));
    let idle: u64 = idle.unwrap().parse().unwrap();
    assert!(idle < hookgate::bounds::CONNECTION_IDLE.as_secs(), "who closes first is the balancer");
    let policy = &rendered.the("NetworkPolicy")["spec"]["ingress"];
    for rule in 0..2 {
        assert!(policy[rule]["from"].to_string().contains("10.0.0.0/16"), "{policy}");
    }
    assert!(Path::new(&also).exists());
}
