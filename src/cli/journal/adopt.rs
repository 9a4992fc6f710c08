//! `journal adopt`: what to do when the cursor in Kafka and the journal speak of different things.
//!
//! After a restored backup, a new disk or a change of delivery only a human knows what consumers
//! have seen. Without `--after` this shows what both say and what each choice means, and changes
//! nothing. With it the cursor in Kafka is written anew, for this journal; a gateway that waits for
//! it goes on by itself. Needs no lock: it runs beside the gateway.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::anyhow;
use clap::Args;

use crate::bounds;
use crate::cli::{Failure, configured, print};
use crate::config::Config;
use crate::courier::judge::{self, Mismatch, Ours};
use crate::event::Digest128;
use crate::journal::{Glance, Lane};
use crate::publish::{self, Delivery, Found, Settings, Trouble};

/// Where to go on.
#[derive(Debug, Args)]
pub struct Adopt {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Publish what stands after this; without it the choices are shown
    #[arg(long, value_name = "journal|kafka|head|SEQUENCE", requires = "reason")]
    pub after: Option<After>,
    /// Why; it is logged
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

/// A place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The journal's own cursor.
    Journal,
    /// The cursor in Kafka.
    Kafka,
    /// The last event.
    Head,
    /// This event.
    Sequence(u64),
}

impl FromStr for After {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "journal" => Ok(Self::Journal),
            "kafka" => Ok(Self::Kafka),
            "head" => Ok(Self::Head),
            number => number
                .parse()
                .map(Self::Sequence)
                .map_err(|_| "must be journal, kafka, head or a sequence"),
        }
    }
}

/// Shows, or resolves.
///
/// # Errors
/// 69 where Kafka does not answer; 78 for a configuration with mistakes; 2 for a place that does
/// not exist; 1 for a journal that cannot be read, or beside a gateway that publishes.
pub fn run(args: &Adopt) -> Result<(), Failure> {
    let config = configured(&args.config)?;
    if config.kafka.delivery != Delivery::ExactlyOnce {
        let text =
            "kafka.delivery is \"at_least_once\": Kafka keeps no cursor, the journal's counts";
        return Err(Failure::Usage(text.to_owned()));
    }
    let seen = Look::at(&config)?;
    let mut text = told(&config.journal.dir, &config.kafka, &seen.ours, seen.found.as_ref());
    let mismatch = match seen.judged()? {
        Ok(after) => {
            let _ = writeln!(text, "\nNothing to resolve: publishing goes on after {after}.");
            if args.after.is_some() {
                text.push_str("--after was not used.\n");
            }
            return Ok(print(&text)?);
        }
        Err(mismatch) => mismatch,
    };
    let _ = writeln!(text, "\n{mismatch}.");
    let Some(after) = args.after else {
        choices(&mut text, &seen, seen.kafka().filter(|at| *at <= seen.ours.head));
        return Ok(print(&text)?);
    };
    // What was decided is about what was shown, and a gateway may have come to life meanwhile.
    let now = Look::at(&config)?;
    if now.offset() != seen.offset() || now.judged()?.is_ok() {
        return Err(Failure::Other(anyhow!("{BUSY}")));
    }
    let sequence = place(after, &now.ours, now.kafka())?;
    let digest = now.glance.digest(sequence).map_err(anyhow::Error::from)?;
    let incarnation = Digest128(rand::random()).to_string();
    let mut mark = judge::mark(&now.ours, sequence, digest, &incarnation);
    mark.reason.clone_from(&args.reason);
    publish::write_mark(&config.kafka, &mark).map_err(unreachable)?;
    let reason = args.reason.as_deref().unwrap_or_default();
    tracing::info!(after = sequence, reason, "the cursor in Kafka is this journal's now");
    let seconds = bounds::CURSOR_LOOK_AGAIN.as_secs();
    let _ = writeln!(
        text,
        "The cursor in Kafka is this journal's now: publishing goes on after {sequence}. A gateway \
         that waits for it goes on within {seconds} seconds."
    );
    Ok(print(&text)?)
}

const BUSY: &str = "a gateway is publishing; nothing was written";

/// Both sides, so that a gateway which publishes meanwhile never looks like a mismatch: its cursor
/// in Kafka is committed before the journal's own and after the event, so the journal's cursor is
/// read before Kafka's, and the head after it.
struct Look {
    glance: Glance,
    found: Option<Found>,
    ours: Ours,
}

impl Look {
    fn at(config: &Config) -> Result<Self, Failure> {
        let glance = || {
            let glance = Glance::at(&config.journal.dir, &config.server.instance);
            glance.map_err(anyhow::Error::from)
        };
        let lane = Lane::Live.name();
        let cursor = glance()?.cursor;
        let found = publish::read_mark(&config.kafka, &lane).map_err(unreachable)?;
        let glance = glance()?;
        let ours = Ours {
            instance: glance.instance.to_string(),
            lane,
            epoch: glance.epoch.to_string(),
            head: glance.head,
            cursor,
            marked: glance.marked.is_some(),
        };
        Ok(Self { glance, found, ours })
    }

    fn judged(&self) -> anyhow::Result<Result<u64, Mismatch>> {
        Ok(judge::judge(self.found.as_ref(), &self.ours, |at| self.glance.digest(at))?)
    }

    /// The events after a place, counted, and what the journal no longer has of them.
    fn events_after(&self, at: u64) -> String {
        let numbers = self.ours.head.saturating_sub(at);
        let Ok(there) = self.glance.events_after(at) else {
            return format!("the events after {at} (damage prevents counting them)");
        };
        match numbers.saturating_sub(there) {
            0 => format!("the {there} events after {at}"),
            gone => format!("the {there} events after {at} ({gone} more are no longer there)"),
        }
    }

    /// Where the record stands.
    fn offset(&self) -> Option<i64> {
        self.found.as_ref().map(|found| found.offset)
    }

    /// Where the cursor in Kafka stands.
    fn kafka(&self) -> Option<u64> {
        self.found.as_ref()?.mark.as_ref().map(|mark| mark.sequence)
    }
}

fn unreachable(failure: publish::Failure) -> Failure {
    let error = anyhow!("the cursor in Kafka: {}", failure.detail);
    if failure.trouble == Trouble::Unreachable {
        return Failure::Unreachable(error);
    }
    Failure::Other(error)
}

fn told(dir: &Path, kafka: &Settings, ours: &Ours, found: Option<&Found>) -> String {
    let mut text = String::new();
    let Ours { instance, epoch, head, cursor, .. } = ours;
    let _ = writeln!(text, "journal  {}", dir.display());
    let _ = writeln!(text, "         instance {instance}, epoch {epoch}");
    let _ = writeln!(text, "         events up to {head}, by itself published up to {cursor}");
    let _ = writeln!(text, "Kafka    {}", kafka.cursor_topic());
    match found.map(|found| found.mark.as_ref()) {
        Some(Some(mark)) => {
            let _ = writeln!(text, "         instance {:?}, epoch {:?}", mark.instance, mark.epoch);
            let _ = writeln!(text, "         published up to {}", mark.sequence);
        }
        Some(None) => text.push_str("         a record that cannot be understood\n"),
        None => text.push_str("         no cursor of this instance\n"),
    }
    text
}

fn choices(text: &mut String, seen: &Look, kafka: Option<u64>) {
    let cursor = seen.ours.cursor;
    let _ = writeln!(text, "\n--after journal   publishes {}:", seen.events_after(cursor));
    text.push_str(
        "                  nothing in the journal is left out; consumers read again what was\n\
         \x20                 published since the journal was copied, under ids that they know\n",
    );
    if let Some(at) = kafka {
        let _ = writeln!(text, "--after kafka     publishes {}:", seen.events_after(at));
        text.push_str(
            "                  right where Kafka lost nothing and what this journal holds up to\n\
             \x20                 there was published\n",
        );
    }
    let _ = writeln!(text, "--after head      publishes only what comes from now on:");
    let _ = writeln!(
        text,
        "                  {} count as published, whatever they are",
        seen.events_after(cursor)
    );
    text.push_str("--after SEQUENCE  publishes what stands after this event\n");
    text.push_str("\nNothing was changed. Run it again with one of these and --reason.\n");
}

fn place(after: After, ours: &Ours, kafka: Option<u64>) -> Result<u64, Failure> {
    let head = ours.head;
    match after {
        After::Journal => Ok(ours.cursor),
        After::Head => Ok(head),
        After::Sequence(sequence) if sequence <= head => Ok(sequence),
        After::Sequence(_) => {
            Err(Failure::Usage(format!("--after: the journal's last event is {head}")))
        }
        After::Kafka => kafka.filter(|at| *at <= head).ok_or_else(|| {
            let text = format!("--after kafka: it points to no event up to {head}");
            Failure::Usage(text)
        }),
    }
}
