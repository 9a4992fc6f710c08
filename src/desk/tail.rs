//! Events as they come.

use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::events::unreadable;
use super::{Desk, EventRow, Filter, Refusal};
use crate::bounds::{TAIL_PATIENCE, TAIL_ROWS};
use crate::journal::search::{Positions, Row, Wanted, state_of};
use crate::journal::{Journal, Stored};

impl Desk {
    /// Events as they come, those after a sequence first; from now on if none is given. Ends when
    /// whoever listens is too slow, or the gateway stops.
    ///
    /// # Errors
    /// `Invalid` where a field of the filter is not as it must be; pages have no place in it.
    pub async fn tail(
        &self,
        filter: Filter,
        after: Option<u64>,
    ) -> Result<mpsc::Receiver<EventRow>, Refusal> {
        for (field, given) in
            [("limit", filter.limit.is_some()), ("cursor", filter.cursor.is_some())]
        {
            if given {
                let rule = "belongs to pages: leave it out, and resume with after".to_owned();
                return Err(Refusal::Invalid { field, rule });
            }
        }
        let wanted = self.meant(&filter, false)?.wanted;
        let journal = self.inner.journal.clone();
        let head = *journal.head().borrow();
        let after = after.unwrap_or(head).min(head);
        // What can be read at all is known before the answer begins.
        read(&journal, after).await?;
        let (to, from) = mpsc::channel(TAIL_ROWS);
        tokio::spawn(follow(journal, wanted, after, to));
        Ok(from)
    }
}

/// Hands on what comes, until nobody listens any more or somebody listens too slowly.
async fn follow(journal: Journal, wanted: Wanted, mut after: u64, to: mpsc::Sender<EventRow>) {
    let mut head = journal.head();
    loop {
        let now = *head.borrow_and_update();
        while after < now {
            let Ok((rows, at)) = read(&journal, after).await else { return };
            // Rows that are gone or damaged are passed over.
            after = rows.last().map_or(now, |row| row.sequence);
            for event in &rows {
                let Some(row) = meant(&wanted, event, &at) else { continue };
                if !matches!(timeout(TAIL_PATIENCE, to.send(row)).await, Ok(Ok(()))) {
                    return;
                }
            }
        }
        tokio::select! {
            () = to.closed() => return,
            changed = head.changed() => if changed.is_err() { return },
        }
    }
}

fn meant(wanted: &Wanted, event: &Stored, at: &Positions) -> Option<EventRow> {
    let (row, terms) = Row::of(event);
    let stands = wanted.state.is_none_or(|state| state == state_of(&row, at));
    (stands && wanted.accepts(&row, &terms)).then(|| EventRow::new(row, at))
}

async fn read(journal: &Journal, after: u64) -> Result<(Vec<Stored>, Positions), Refusal> {
    let journal = journal.clone();
    let read = move || Ok((journal.look_after(after)?, journal.positions()));
    spawn_blocking(read).await.unwrap_or(Ok(Default::default())).map_err(unreadable)
}
