//! The only place that names rdkafka.
//!
//! Everything outside speaks the words of [`super`]: no type, code or text of the client library
//! leaves this folder, save its fixed descriptions of errors.

mod ailments;
mod callbacks;
mod client;
mod embedded;
mod headers;
mod inspect;
mod marks;
mod polled;
mod producer;
mod receipts;
mod tail;
mod transactor;
mod vitals;

pub use ailments::Ailments;
pub use client::check;
pub use embedded::{Embedded, EmbeddedError, Injected};
pub use inspect::Inspector;
pub use marks::{read_mark, write_mark};
pub use producer::{Publisher, Reports};
pub use tail::{Received, Tail, TailError};
pub use transactor::{Answer, Answers, Arrived, Batch, Transactor};
