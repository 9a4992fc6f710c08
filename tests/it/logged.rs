//! What is logged: on one test's thread, which is where its gateway runs, or by the whole process.
//!
//! One subscriber for the whole process, because a subscriber of one thread's own is sometimes not
//! asked about a line that another thread has met first.

use std::cell::RefCell;
use std::io;
use std::sync::{Mutex, Once};

thread_local! {
    static KEPT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

static ANYWHERE: Mutex<Option<Vec<u8>>> = Mutex::new(None);

/// The log of this thread, kept from now on until this is dropped.
pub(crate) struct Logged(());

impl Logged {
    pub(crate) fn here() -> Self {
        listen();
        KEPT.set(Some(Vec::new()));
        Self(())
    }

    pub(crate) fn text(&self) -> String {
        KEPT.with_borrow(|kept| String::from_utf8(kept.clone().unwrap()).unwrap())
    }

    /// The one line about a request.
    pub(crate) fn line(&self, request_id: &str) -> String {
        let text = self.text();
        let lines: Vec<_> = text.lines().filter(|line| line.contains(request_id)).collect();
        assert_eq!(lines.len(), 1, "{request_id}:\n{text}");
        lines[0].to_owned()
    }
}

/// The log of every thread of this process, other tests' gateways too, from now on.
pub(crate) struct LoggedAnywhere(());

impl LoggedAnywhere {
    /// For one test alone: a second one takes over from the first.
    pub(crate) fn start() -> Self {
        listen();
        *ANYWHERE.lock().unwrap() = Some(Vec::new());
        Self(())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(ANYWHERE.lock().unwrap().clone().unwrap()).unwrap()
    }
}

impl Drop for LoggedAnywhere {
    fn drop(&mut self) {
        *ANYWHERE.lock().unwrap() = None;
    }
}

/// Everything that the gateway may say, and of others what an operator would see.
fn listen() {
    static SET: Once = Once::new();
    SET.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false);
        let subscriber = subscriber.with_env_filter("info,hookgate=trace");
        let subscriber = subscriber.with_writer(|| Keeper).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

impl Drop for Logged {
    fn drop(&mut self) {
        KEPT.set(None);
    }
}

struct Keeper;

impl io::Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        ANYWHERE.lock().unwrap().iter_mut().for_each(|kept| kept.extend(bytes));
        KEPT.with_borrow_mut(|kept| kept.iter_mut().for_each(|kept| kept.extend(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
