//! What was found where: what stands by policy, and what does not.
//!
//! A canary that a record shows by policy may stand in whatever keeps or tells of that event too:
//! the journal's files, the lists of the admin API. In the log only a room's session may stand, and
//! only one that a record shows: lines name it, so that they can be found by it. In metrics,
//! problem details and temporary files nothing may stand.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::File;
use std::path::Path;

use anyhow::Context;

use super::canary::{CanaryId, Mint, Origin};
use super::judge::{Judge, Seen};
use super::report::{Leak, Passed, Searched};
use super::search::{Finder, Hit};
use crate::publish::Received;

/// What may stand in a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    /// No canary.
    Nothing,
    /// What a record shows by policy.
    ByPolicy,
    /// What a record shows by policy as the session of a room.
    Session,
}

/// The field of a record that lines of the log name too.
const SESSION: &str = "room.session_id";

/// All of it, as it grows.
pub(super) struct Findings<'m> {
    finder: &'m Finder,
    mint: &'m Mint,
    /// By canary and place: how often, and where first.
    leaks: BTreeMap<(CanaryId, String), (u64, Option<u64>)>,
    passed: HashSet<CanaryId>,
    /// Of those, what is the session of a room.
    sessions: HashSet<CanaryId>,
    /// By source and field.
    fields: BTreeMap<(usize, String), Field>,
    searched: BTreeMap<String, Searched>,
}

/// What is said of records in the list of what was searched.
const RECORDS: &str = "records: keys, values, headers";

#[derive(Default)]
struct Field {
    kinds: BTreeSet<&'static str>,
    shapes: BTreeSet<&'static str>,
    from: BTreeSet<String>,
    count: u64,
}

impl<'m> Findings<'m> {
    /// Nothing yet.
    pub(super) fn new(finder: &'m Finder, mint: &'m Mint) -> Self {
        Self {
            finder,
            mint,
            leaks: BTreeMap::new(),
            passed: HashSet::new(),
            sessions: HashSet::new(),
            fields: BTreeMap::new(),
            searched: BTreeMap::new(),
        }
    }

    /// Judges a record.
    pub(super) fn record(&mut self, judge: &Judge<'_>, record: &Received) {
        let headers = record.headers.iter().map(|(name, value)| name.len() + value.len());
        let bytes = record.key.len() + record.value.len() + headers.sum::<usize>();
        self.note(RECORDS, bytes as u64);
        for seen in judge.record(record) {
            match seen {
                Seen::Leaked { canary, place } => self.leak(canary, place, None),
                Seen::Passed { canary, field, kind } => {
                    self.passed.insert(canary);
                    if field == SESSION {
                        self.sessions.insert(canary);
                    }
                    if let Some(searched) = self.searched.get_mut(RECORDS) {
                        searched.by_policy += 1;
                    }
                    let Some(known) = self.mint.canary(canary) else { continue };
                    let Some(source) = known.origin.source else { continue };
                    let entry = self.fields.entry((source, field)).or_default();
                    entry.kinds.insert(kind.as_str());
                    entry.shapes.insert(known.made.shape);
                    entry.from.insert(known.origin.path.to_string());
                    entry.count += 1;
                }
            }
        }
    }

    /// Looks through something that was said.
    pub(super) fn bytes(&mut self, place: &str, allowed: Allowed, bytes: &[u8]) {
        let mut hits = Vec::new();
        self.finder.look(bytes, &mut |hit| hits.push(hit));
        self.note(place, bytes.len() as u64);
        self.hits(place, allowed, &hits);
    }

    /// Looks through a file.
    pub(super) fn file(
        &mut self,
        place: &str,
        allowed: Allowed,
        path: &Path,
    ) -> anyhow::Result<()> {
        let mut hits = Vec::new();
        let shown = || format!("{place} cannot be searched");
        let file = File::open(path).with_context(shown)?;
        let read = self.finder.look_through(file, &mut |hit| hits.push(hit)).with_context(shown)?;
        self.note(place, read);
        self.hits(place, allowed, &hits);
        Ok(())
    }

    /// Looks through every file at or below a folder, each under its own name.
    pub(super) fn folder(
        &mut self,
        place: &str,
        allowed: Allowed,
        folder: &Path,
    ) -> anyhow::Result<()> {
        self.searched.entry(place.to_owned()).or_insert_with(|| Searched::new(place));
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            match path.is_dir() {
                true => self.folder(place, allowed, &path)?,
                false => self.file(place, allowed, &path)?,
            }
            if let Some(name) = path.file_name() {
                self.bytes(place, Allowed::Nothing, name.as_encoded_bytes());
            }
        }
        Ok(())
    }

    /// What stands where it may not, in the order of the places.
    pub(super) fn leaks(&self, sources: &[String]) -> Vec<Leak> {
        let told = self.leaks.iter().filter_map(|((canary, place), (count, at))| {
            let canary = self.mint.canary(*canary)?;
            let Origin { source, fixture, path } = &canary.origin;
            Some(Leak {
                place: place.clone(),
                source: source.and_then(|source| sources.get(source).cloned()),
                fixture: fixture.to_string(),
                path: path.to_string(),
                shape: canary.made.shape,
                count: *count,
                first_at: *at,
            })
        });
        told.collect()
    }

    /// What one source lets out.
    pub(super) fn passes(&self, source: usize) -> Vec<Passed> {
        let own = self.fields.iter().filter(|((of, _), _)| *of == source);
        let told = own.map(|((_, field), found)| Passed {
            field: field.clone(),
            kinds: found.kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            shapes: found.shapes.iter().copied().collect(),
            from: found.from.iter().cloned().collect(),
            count: found.count,
        });
        told.collect()
    }

    /// What was searched, and how much of it.
    pub(super) fn searched(&self) -> Vec<Searched> {
        self.searched.values().cloned().collect()
    }

    fn hits(&mut self, place: &str, allowed: Allowed, hits: &[Hit]) {
        for hit in hits {
            let may_stand = match allowed {
                Allowed::Nothing => false,
                Allowed::ByPolicy => self.passed.contains(&hit.canary),
                Allowed::Session => self.sessions.contains(&hit.canary),
            };
            if !may_stand {
                self.leak(hit.canary, place.to_owned(), Some(hit.at));
            } else if let Some(searched) = self.searched.get_mut(place) {
                searched.by_policy += 1;
            }
        }
    }

    fn leak(&mut self, canary: CanaryId, place: String, at: Option<u64>) {
        self.leaks.entry((canary, place)).or_insert((0, at)).0 += 1;
    }

    fn note(&mut self, place: &str, bytes: u64) {
        let searched =
            self.searched.entry(place.to_owned()).or_insert_with(|| Searched::new(place));
        searched.parts += 1;
        searched.bytes += bytes;
    }
}
