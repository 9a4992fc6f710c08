//! What is said on one connection, read plainly: the requests a server would see in bytes that the
//! gate has let through, and the answers a client would see.

/// One request as the server sees it.
#[derive(Debug)]
pub(crate) struct Asked {
    /// Whether the answer to it has no body.
    pub(crate) is_head: bool,
    /// Whether all of it is there.
    pub(crate) whole: bool,
    /// Whether the connection may go on after the answer.
    pub(crate) keeps: bool,
    /// What tells it from other sorts of requests.
    pub(crate) sort: String,
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value);
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} twice in {self:?}");
        Some(value)
    }
}

/// The requests in bytes that were let through; nothing else may stand in them.
pub(crate) fn requests(mut bytes: &[u8]) -> Vec<Asked> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let mut lines = [httparse::EMPTY_HEADER; 64];
        let mut request = httparse::Request::new(&mut lines);
        let read = request.parse(bytes).expect("a head that the server's parser takes");
        let httparse::Status::Complete(head) = read else {
            panic!("part of a head was let through: {}", String::from_utf8_lossy(bytes));
        };
        let is_head = request.method == Some("HEAD");
        let of = |name: &str| -> Vec<&[u8]> {
            let found = request.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
            found.map(|line| line.value).collect()
        };
        let rest = &bytes[head..];
        let (length, whole) = match (&of("content-length")[..], &of("transfer-encoding")[..]) {
            ([], []) => (0, true),
            ([length], []) => {
                let text = std::str::from_utf8(length).unwrap().trim();
                assert!(text.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
                let length = usize::try_from(text.parse::<u64>().unwrap()).unwrap();
                (length.min(rest.len()), length <= rest.len())
            }
            ([], [coding]) => {
                assert!(
                    coding.trim_ascii().eq_ignore_ascii_case(b"chunked") && {
                        request.version == Some(1)
                    }
                );
                match chunked(rest) {
                    Some(length) => (length, true),
                    None => (rest.len(), false),
                }
            }
            several => panic!("two answers to how long it is: {several:?}"),
        };
        let keeps = request.version == Some(1)
            && of("connection").iter().all(|line| !line.to_ascii_lowercase().ends_with(b"close"))
            && of("upgrade").is_empty()
            && request.method != Some("CONNECT");
        let sort = format!(
            "{:?} {:?} {} {}",
            request.method,
            request.version,
            request.headers.len(),
            of("transfer-encoding").len(),
        );
        all.push(Asked { is_head, whole, keeps, sort });
        bytes = &rest[length..];
    }
    all
}

/// The length of a whole chunked body, line by line; `None` if its end is not there yet.
fn chunked(bytes: &[u8]) -> Option<usize> {
    let mut at = 0;
    let line = |at: usize| {
        let end = bytes[at..].windows(2).position(|two| two == b"\r\n")?;
        Some((&bytes[at..at + end], at + end + 2))
    };
    loop {
        let (size, data) = line(at)?;
        let size = size.split(|byte| *byte == b';').next().unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(size).unwrap(), 16).unwrap();
        if size == 0 {
            at = data;
            break;
        }
        at = data.checked_add(size)?.checked_add(2)?;
        if at > bytes.len() {
            return None;
        }
        assert_eq!(&bytes[at - 2..at], b"\r\n");
    }
    loop {
        let (trailer, next) = line(at)?;
        at = next;
        if trailer.is_empty() {
            return Some(at);
        }
    }
}

/// All answers in what a client received; each whole, and nothing else between or behind them.
pub(crate) fn answers(mut bytes: &[u8], asked: &[Asked]) -> Vec<Answered> {
    let mut all: Vec<Answered> = Vec::new();
    while !bytes.is_empty() {
        let mut lines = [httparse::EMPTY_HEADER; 32];
        let mut response = httparse::Response::new(&mut lines);
        let read = response.parse(bytes).expect("a well-formed head of an answer");
        let head = read.unwrap();
        let status = response.code.unwrap();
        bytes = &bytes[head..];
        if status == 100 {
            continue;
        }
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let headers = response.headers.iter();
        let headers = headers.map(|line| (line.name.to_ascii_lowercase(), text(line.value)));
        let mut answer = Answered { status, headers: headers.collect(), body: String::new() };
        let length: usize = answer.header("content-length").unwrap().parse().unwrap();
        if !asked.get(all.len()).is_some_and(|asked| asked.is_head) {
            answer.body = text(&bytes[..length]);
            bytes = &bytes[length..];
        }
        all.push(answer);
    }
    all
}
