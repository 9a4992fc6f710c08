//! One file per verb (skeleton: to be written).

pub mod fixture;
