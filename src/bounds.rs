//! Every limit of the product, named, with its unit in the name or the type.
//!
//! A queue, map, body, header, wait or retry whose size is not written here does not exist. Limits
//! that an operator may change are settings; what stands here for them is the default.

mod desk;
mod door;
mod event;
mod journal;
mod kafka;
mod process;
mod proof;

pub use desk::*;
pub use door::*;
pub use event::*;
pub use journal::*;
pub use kafka::*;
pub use process::*;
pub use proof::*;
