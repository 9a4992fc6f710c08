//! What is logged on one test's thread, which is where its gateway runs.
//!
//! One subscriber for the whole process, because a subscriber of one thread's own is sometimes not
//! asked about a line that another thread has met first.

use std::cell::RefCell;
use std::io;
use std::sync::Once;

thread_local! {
    static KEPT: RefCell<Option<Vec<u8>>> = const { RefCell::new(None) };
}

/// The log of this thread, kept from now on until this is dropped.
pub(crate) struct Logged(());

impl Logged {
    pub(crate) fn here() -> Self {
        static SET: Once = Once::new();
        SET.call_once(|| {
            let subscriber = tracing_subscriber::fmt().with_ansi(false);
            let subscriber = subscriber.with_writer(|| Keeper).finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
        });
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

impl Drop for Logged {
    fn drop(&mut self) {
        KEPT.set(None);
    }
}

struct Keeper;

impl io::Write for Keeper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        KEPT.with_borrow_mut(|kept| kept.iter_mut().for_each(|kept| kept.extend(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
