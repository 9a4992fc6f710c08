//! hookgate: a webhook ingress gateway for video platforms.

pub mod bounds;
pub mod cli;
pub mod clock;
pub mod courier;
pub mod delivery;
pub mod event;
pub mod journal;
pub mod normalize;
pub mod outcome;
pub mod providers;
pub mod publish;
pub mod scrub;
pub mod secret;
pub mod telemetry;
pub mod verify;
