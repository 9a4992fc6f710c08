//! What is kept of replays.

use super::*;
use crate::event::ReplayId;

fn replay(started: i64) -> Replay {
    Replay {
        id: ReplayId::fresh(),
        asked: "{}".to_owned(),
        after: 0,
        through: 9,
        total: 5,
        started: Timestamp::from_millis(started),
        published: 0,
        passed_over: 0,
        ending: None,
    }
}

fn made(events: u64) -> TempDir {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    for n in 0..events {
        append(&journal, event(n)).unwrap();
    }
    journal.close();
    dir
}

fn ending(how: How) -> Ending {
    let detail = Some("why".to_owned());
    Ending { at: Timestamp::from_millis(7), how, detail, position: 4 }
}

fn with<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

#[test]
fn a_replays_totals_are_on_disk_with_its_cursor_and_outside_the_ledger() {
    let dir = made(10);
    let journal = open(dir.path(), Tuning::default());
    let before = journal.ledger().unwrap();
    let replay = replay(1);
    with(journal.begin_replay(replay.clone())).unwrap();
    let lane = Lane::Replay(replay.id.clone());
    let published = vec![(SourceName::new("a"), 3)];
    journal.pass_over(&replay.id, 1);
    journal.advance(Advance { lane: lane.clone(), through: 4, published });
    journal.close();

    let journal = open(dir.path(), Tuning::default());
    let kept = Replay { published: 3, passed_over: 1, ..replay };
    assert_eq!(journal.replays().unwrap(), std::slice::from_ref(&kept));
    assert_eq!((journal.cursor(&lane), journal.ledger().unwrap()), (Ok(4), before));
    let lanes: Vec<_> = journal.lanes().into_iter().map(|(lane, _)| lane).collect();
    assert!(lanes.contains(&lane));

    with(journal.end_replay(&kept.id, ending(How::Cancelled))).unwrap();
    journal.close();
    let journal = open(dir.path(), Tuning::default());
    let ended = Replay { ending: Some(ending(How::Cancelled)), ..kept };
    assert_eq!(journal.replays().unwrap(), [ended]);
    assert_eq!(journal.cursor(&lane), Ok(0));
    assert!(!journal.lanes().iter().any(|(other, _)| *other == lane));
}

#[test]
fn only_so_many_replays_are_kept_after_their_end_and_those_that_have_not_ended_all() {
    let dir = made(1);
    let journal = open(dir.path(), Tuning::default());
    let most = i64::from(bounds::REPLAYS_KEPT);
    let open_one = replay(0);
    with(journal.begin_replay(open_one.clone())).unwrap();
    for started in 1..=most + 5 {
        let replay = replay(started);
        with(journal.begin_replay(replay.clone())).unwrap();
        with(journal.end_replay(&replay.id, ending(How::Done))).unwrap();
    }
    with(journal.begin_replay(replay(most + 9))).unwrap();
    let kept = journal.replays().unwrap();
    let ended = kept.iter().filter(|replay| replay.ending.is_some()).count();
    assert_eq!(ended, usize::try_from(most).unwrap());
    assert_eq!(kept.last().unwrap().id, open_one.id);
    assert_eq!(kept[1].started, Timestamp::from_millis(most + 5));
}
