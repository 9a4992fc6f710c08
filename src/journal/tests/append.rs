//! Appending: order of disk and answer, group commit, duplicates.

use super::*;

#[test]
fn an_answer_comes_only_after_the_commit() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    disk.close_gate();
    let mut appending = queue(&journal, event(1));
    disk.wait_at_gate();
    assert!(!is_ready(&mut appending));
    assert_eq!(count(dir.path(), "event"), 0);
    assert_eq!(*journal.head().borrow(), 0);
    assert_eq!(journal.read_after(&Lane::Live, 0).unwrap(), vec![]);
    disk.open_gate();
    assert_eq!(wait(appending), fresh(1));
    assert_eq!(count(dir.path(), "event"), 1);
    assert_eq!(*journal.head().borrow(), 1);
}

#[test]
fn whoever_queued_during_a_commit_shares_the_next() {
    let (dir, disk) = (folder(), Handles::default());
    let commits = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&commits);
    let mut settings = settings(dir.path());
    settings.on_commit = Arc::new(move |commit| told.lock().unwrap().push(commit.events));
    let tuning = Tuning { batch_events: 20, ..disk.tuning() };
    let journal = open::open(settings, Clock::system(), tuning).unwrap();
    disk.close_gate();
    let first = queue(&journal, event(0));
    disk.wait_at_gate();
    let others: Vec<_> = (1..=50).map(|n| queue(&journal, event(n))).collect();
    disk.open_gate();
    assert_eq!(wait(first), fresh(1));
    for (other, sequence) in others.into_iter().zip(2..) {
        assert_eq!(wait(other), fresh(sequence));
    }
    journal.close();
    assert_eq!(*commits.lock().unwrap(), [1, 20, 20, 10]);
}

#[test]
fn a_batch_is_bounded_in_bytes() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { batch_bytes: 1_000, ..disk.tuning() };
    let journal = open(dir.path(), tuning);
    disk.close_gate();
    let first = queue(&journal, event(0));
    disk.wait_at_gate();
    let large = |n| event_from(n, "a", Kind::RoomStarted, 600);
    let others: Vec<_> = (1..=4).map(|n| queue(&journal, large(n))).collect();
    disk.open_gate();
    wait(first).unwrap();
    for other in others {
        wait(other).unwrap();
    }
    journal.close();
    assert_eq!(disk.commits(), 3);
}

#[test]
fn a_full_queue_refuses_at_once() {
    let (dir, disk) = (folder(), Handles::default());
    let tuning = Tuning { queue_events: 2, ..disk.tuning() };
    let journal = open(dir.path(), tuning);
    disk.close_gate();
    let taken = queue(&journal, event(0));
    disk.wait_at_gate();
    let queued = [queue(&journal, event(1)), queue(&journal, event(2))];
    assert_eq!(append(&journal, event(3)), Err(AppendError::QueueFull));
    disk.open_gate();
    assert_eq!(wait(taken), fresh(1));
    for (queued, sequence) in queued.into_iter().zip(2..) {
        assert_eq!(wait(queued), fresh(sequence));
    }
    assert_eq!(append(&journal, event(3)), fresh(4));
}

#[test]
fn an_event_whose_caller_went_away_is_written() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    disk.close_gate();
    let first = queue(&journal, event(1));
    disk.wait_at_gate();
    drop(queue(&journal, event(2)));
    drop(first);
    disk.open_gate();
    journal.close();
    assert_eq!(count(dir.path(), "event"), 2);
}

#[test]
fn a_second_delivery_of_an_event_is_a_duplicate_and_burns_no_sequence() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    assert_eq!(append(&journal, event(1)), fresh(1));
    assert_eq!(append(&journal, event(1)), known(1));
    assert_eq!(append(&journal, event(2)), fresh(2));
    assert_eq!(journal.ledger().unwrap()[0].accepted, 2);
}

#[test]
fn a_duplicate_inside_one_batch_is_found() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    disk.close_gate();
    let first = queue(&journal, event(0));
    disk.wait_at_gate();
    let batch: Vec<_> = [1, 1, 2, 1, 0].map(|n| queue(&journal, event(n))).into_iter().collect();
    disk.open_gate();
    wait(first).unwrap();
    let answers: Vec<_> = batch.into_iter().map(wait).collect();
    assert_eq!(answers, [fresh(2), known(1), fresh(3), known(1), known(0)]);
}

#[test]
fn a_batch_of_duplicates_costs_no_commit() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    append(&journal, event(1)).unwrap();
    assert_eq!(disk.commits(), 1);
    assert_eq!(append(&journal, event(1)), known(1));
    assert_eq!(disk.commits(), 1);
}

#[test]
fn of_one_event_on_many_tasks_exactly_one_is_fresh() {
    let dir = folder();
    let journal = open(dir.path(), Tuning::default());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
    let answers: Vec<_> = runtime.block_on(async {
        let tasks: Vec<_> = (0..256)
            .map(|n| {
                let journal = journal.clone();
                tokio::spawn(async move { journal.append(event(n % 4)).await })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap().unwrap());
        }
        answers
    });
    let mut given: Vec<_> = answers
        .iter()
        .filter_map(|answer| match answer {
            Journaled::Fresh { sequence } => Some(*sequence),
            Journaled::Duplicate { .. } => None,
        })
        .collect();
    given.sort_unstable();
    assert_eq!(given, [1, 2, 3, 4]);
}

#[test]
fn a_closed_journal_has_written_its_queue_and_takes_no_more() {
    let (dir, disk) = (folder(), Handles::default());
    let journal = open(dir.path(), disk.tuning());
    disk.close_gate();
    let first = queue(&journal, event(1));
    disk.wait_at_gate();
    let queued = queue(&journal, event(2));
    let closer = journal.clone();
    let closing = std::thread::spawn(move || closer.close());
    disk.open_gate();
    closing.join().unwrap();
    assert_eq!((wait(first), wait(queued)), (fresh(1), fresh(2)));
    assert_eq!(append(&journal, event(3)), Err(AppendError::Closed));
    assert_eq!(journal.read_after(&Lane::Live, 0).unwrap().len(), 2);
    assert_eq!(journal.ledger().unwrap()[0].accepted, 2);
    journal.close();
}
