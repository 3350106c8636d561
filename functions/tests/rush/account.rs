//! The account afterwards: what came, against what was owed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::partner::Owed;
use super::processes::{Kill, Kind};
use super::receivers::{Mood, Receiver};
use super::services::{Fate, Mail, Text};

/// Reminders go out so long after they are due, at the latest.
const LATEST: SignedDuration = SignedDuration::from_secs(60);
/// So many mails of one step go out twice when a dispatcher dies.
const STEP: usize = 20;

/// What was counted.
#[derive(Debug, Default)]
pub struct Account {
    pub faults: Vec<String>,
    /// From the cause to the first mail, and to the first post at a receiver that is well.
    pub mails: Vec<SignedDuration>,
    pub posts: Vec<SignedDuration>,
    /// How late reminders were, by mail and as text messages.
    pub late: Vec<SignedDuration>,
    /// Mails that came again since a dispatcher died, and since an answer was lost; the longest that it took.
    pub again_killed: usize,
    pub again_unheard: usize,
    pub longest: SignedDuration,
    /// Mails of a write that was overtaken by the next, and did not go out.
    pub overtaken: usize,
    /// Text messages that did not come: the answer was none that says so, or the dispatcher died.
    pub texts_unknown: usize,
    pub texts_killed: usize,
    /// Posts that came again.
    pub posts_again: usize,
}

/// The middle, and the last.
pub fn middle_and_last(times: &[SignedDuration]) -> (f64, f64) {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |index: usize| sorted.get(index).copied().unwrap_or_default().as_secs_f64();
    (at(sorted.len() / 2), at(sorted.len().saturating_sub(1)))
}

/// What came of each mail: by kind, meeting and address.
type Mails<'a> = BTreeMap<(&'a str, &'a str, &'a str), Vec<&'a Mail>>;

impl Account {
    fn fault(&mut self, what: String) {
        self.faults.push(what);
    }

    /// Mails: each at least once; again only by a cause, in the window that docs/mail.md states.
    pub fn mails(&mut self, owed: &Owed, mails: &[Mail], kills: &[Kill]) {
        let mut came = Mails::new();
        for mail in mails.iter().filter(|mail| mail.fate.is_taken()) {
            let key = (mail.kind.as_str(), mail.subject.as_str(), mail.to.as_str());
            came.entry(key).or_default().push(mail);
        }
        let mut known = HashSet::new();
        for deed in &owed.deeds {
            for to in &deed.people {
                let key = (deed.kind, deed.subject.as_str(), to.as_str());
                known.insert(key);
                match came.get(&key) {
                    Some(mails) if !deed.overtaken => self.mails.push(mails[0].at.duration_since(deed.at)),
                    None if !deed.overtaken => self.fault(format!("no mail {key:?}")),
                    Some(_) => {}
                    None => self.overtaken += 1,
                }
            }
        }
        for reminder in &owed.reminders {
            for to in &reminder.people {
                let key = ("Reminder", reminder.subject.as_str(), to.as_str());
                known.insert(key);
                match came.get(&key) {
                    Some(mails) => self.reminded(&format!("{key:?}"), mails[0].at, reminder.due),
                    None => self.fault(format!("no mail {key:?}")),
                }
            }
        }
        for key in came.keys().filter(|key| !known.contains(*key)) {
            self.fault(format!("a mail that nobody is owed: {key:?}"));
        }
        // Of each dead process and job.
        let mut steps: HashMap<(&str, &str, &str), usize> = HashMap::new();
        for (key, mails) in &came {
            for pair in mails.windows(2) {
                let (first, again) = (pair[0], pair[1]);
                if first.id == again.id && first.digest != again.digest {
                    self.fault(format!("two mails have one Message-ID: {key:?}"));
                }
                let died = kills
                    .iter()
                    .find(|kill| kill.process == first.by && kill.at >= first.at);
                match (first.fate, died.filter(|kill| kill.at <= again.at)) {
                    (Fate::TakenFailed | Fate::TakenHung, None) => self.again_unheard += 1,
                    (_, Some(kill)) => {
                        self.again_killed += 1;
                        let took = again.at.duration_since(kill.at);
                        self.longest = self.longest.max(took);
                        *steps.entry((&first.by, key.0, key.1)).or_default() += 1;
                    }
                    _ => self.fault(format!("a mail came again without a cause: {first:?}, {again:?}")),
                }
            }
        }
        for (step, count) in steps.iter().filter(|(_, count)| **count > STEP) {
            self.fault(format!("{count} mails of one step came again: {step:?}"));
        }
        if self.longest > LATEST {
            self.fault(format!(
                "a mail came again {:#} after its dispatcher had died",
                self.longest
            ));
        }
    }

    fn reminded(&mut self, who: &str, at: Timestamp, due: Timestamp) {
        let late = at.duration_since(due);
        self.late.push(late);
        // Times of meetings have no milliseconds.
        if late < SignedDuration::ZERO {
            self.fault(format!("{who} came before it was due"));
        }
        if late > LATEST {
            self.fault(format!("{who} came {late:#} late"));
        }
    }

    /// Text messages: each at most once, and not at all only where nobody can know.
    pub fn texts(&mut self, owed: &Owed, texts: &[Text], kills: &[Kill]) {
        let mut came: HashMap<&str, Vec<&Text>> = HashMap::new();
        for text in texts {
            came.entry(&text.to).or_default().push(text);
        }
        for reminder in &owed.reminders {
            for to in &reminder.phones {
                let tries = came.remove(to.as_str()).unwrap_or_default();
                let taken: Vec<_> = tries.iter().filter(|text| text.fate.is_taken()).collect();
                let unknown = |text: &&&Text| !matches!(text.fate, Fate::Fine | Fate::Throttled);
                let died = || {
                    let mut dead = kills.iter().filter(|kill| kill.kind == Kind::Dispatcher);
                    dead.any(|kill| {
                        let since = kill.at.duration_since(reminder.due);
                        since > SignedDuration::ZERO && since <= LATEST
                    })
                };
                match taken[..] {
                    [] if tries.iter().any(|text| unknown(&text)) => self.texts_unknown += 1,
                    [] if died() => self.texts_killed += 1,
                    [] => self.fault(format!("no text message to {to}: {tries:?}")),
                    [text] => self.reminded(&format!("the text message to {to}"), text.at, reminder.due),
                    _ => self.fault(format!("more than one text message to {to}: {tries:?}")),
                }
                // Of what may have come nobody asks again.
                let after = tries.iter().position(|text| text.fate != Fate::Throttled);
                if after.is_some_and(|at| at + 1 != tries.len()) {
                    self.fault(format!("a text message was sent again: {tries:?}"));
                }
            }
        }
        for to in came.keys() {
            self.fault(format!("a text message that nobody is owed: {to}"));
        }
    }

    /// Webhooks: everything arrives, in its order, at those that answer; nothing behind what did not arrive at the silent one.
    pub fn webhooks(&mut self, owed: &Owed, receivers: &[Arc<Receiver>; 3], kills: &[Kill]) {
        for receiver in receivers {
            let mut lines: HashMap<(String, u64), Vec<_>> = HashMap::new();
            for got in receiver.got() {
                lines.entry((got.hook.clone(), got.conference)).or_default().push(got);
            }
            let silent = receiver.mood() == Mood::Silent;
            for told in owed.told.iter().filter(|told| !silent || told.company == 0) {
                let hook = format!("c{}", told.company);
                let line = lines.remove(&(hook, told.conference)).unwrap_or_default();
                let wanted = ["conference_created", "conference_updated", "conference_deleted"];
                for got in &line {
                    let named = wanted.get(got.sequence as usize - 1);
                    if got.gap || named.is_none_or(|name| *name != got.event) {
                        self.fault(format!("{:?} hears something else: {got:?}", receiver.mood()));
                    }
                }
                if line.first().is_some_and(|got| got.sequence != 1) {
                    self.fault(format!("it does not begin at the beginning: {line:?}"));
                }
                for pair in line.windows(2) {
                    if pair[1].sequence < pair[0].sequence || pair[1].sequence > pair[0].sequence + 1 {
                        self.fault(format!("out of order: {pair:?}"));
                    }
                    if pair[1].sequence > pair[0].sequence && !pair[0].taken {
                        self.fault(format!("the next came before this had arrived: {pair:?}"));
                    }
                    if pair[1].sequence == pair[0].sequence {
                        self.posts_again += 1;
                        let died = kills
                            .iter()
                            .any(|kill| kill.kind == Kind::Teller && kill.at >= pair[0].at && kill.at <= pair[1].at);
                        if pair[0].taken && !died {
                            self.fault(format!("it had arrived, and nobody died: {pair:?}"));
                        }
                    }
                }
                if silent {
                    continue;
                }
                for (at, cause) in told.causes.iter().enumerate() {
                    let mut of = line.iter().filter(|got| got.sequence == at as u64 + 1);
                    match of.clone().next() {
                        Some(first) if receiver.mood() == Mood::Well => {
                            self.posts.push(first.at.duration_since(*cause))
                        }
                        _ => {}
                    }
                    if !of.any(|got| got.taken) {
                        self.fault(format!(
                            "event {at} of {told:?} did not arrive at {:?}",
                            receiver.mood()
                        ));
                    }
                }
            }
            for (line, got) in lines {
                self.fault(format!("nobody caused {line:?}: {got:?}"));
            }
        }
    }
}
