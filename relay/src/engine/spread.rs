//! Rooms of several workers. A source is on the worker of its publisher's transport, a sink on that of its subscriber's; where
//! these are two, the source crosses from the one to the other once, as it would to another relay ([`forward::mesh`]), and
//! stands there under its own id.

use std::collections::{HashMap, HashSet};

use relay_core::{
    forward::{Command, Event, SourceSpec},
    types::{SinkId, SourceId, TransportId},
};

use super::worker_of;

/// A command and the worker that it is for.
pub(super) type Routed = (usize, Command);

/// The transport that stands for another worker; room control mints no such ids.
pub(super) fn link_to(worker: usize) -> TransportId {
    TransportId(u32::MAX - u32::try_from(worker).unwrap_or(u32::MAX))
}

/// The worker that a transport stands for, if it is a link: one that there is.
pub(super) fn behind(link: TransportId) -> usize {
    (u32::MAX - link.0) as usize
}

/// What room control hears of an event of this worker's: the worker of the publisher speaks for a source, and links are nobody's
/// transports.
pub(super) fn told(mut event: Event, number: usize, workers: usize) -> Option<Event> {
    let is_ours = |source: SourceId| worker_of(source.0, workers) == number;
    let is_told = match &mut event {
        Event::LayerStarted { source, .. } | Event::LayerStopped { source, .. } | Event::LayerWanted { source, .. } => {
            is_ours(*source)
        }
        Event::Speakers { changed } => {
            changed.retain(|level| is_ours(level.source));
            !changed.is_empty()
        }
        Event::Quality { transport, .. } | Event::Estimate { transport, .. } => behind(*transport) >= workers,
        Event::StreamState { .. } => true,
    };
    is_told.then_some(event)
}

/// What crosses between workers.
#[derive(Debug)]
pub(super) struct Spread {
    workers: usize,
    sources: HashMap<SourceId, Source>,
    /// Sinks on another worker than their source, and what they go by.
    sinks: HashMap<SinkId, (SourceId, TransportId)>,
    /// What goes with a transport.
    transports: HashMap<TransportId, Held>,
    /// How many sources cross between two workers, by the lower number and the higher one.
    links: HashMap<(usize, usize), usize>,
}

#[derive(Debug)]
struct Source {
    transport: TransportId,
    spec: SourceSpec,
    /// The other workers that have it, and for which sinks.
    there: Vec<(usize, HashSet<SinkId>)>,
}

#[derive(Debug, Default)]
struct Held {
    sources: HashSet<SourceId>,
    /// Those on another worker than their source.
    sinks: HashSet<SinkId>,
}

impl Spread {
    pub(super) fn new(workers: usize) -> Self {
        Self {
            workers,
            sources: HashMap::new(),
            sinks: HashMap::new(),
            transports: HashMap::new(),
            links: HashMap::new(),
        }
    }

    /// What is to be done for `command`, in this order.
    pub(super) fn route(&mut self, command: Command) -> Vec<Routed> {
        let mut routed = Vec::with_capacity(1);
        let home = self.worker(id_of(&command));
        match &command {
            Command::TransportRemove { id } => self.remove_transport(*id, &mut routed),
            Command::TransportAdd { id } => {
                self.transports.entry(*id).or_default();
            }
            // As a shard does, whatever comes by a transport that is gone is left.
            Command::SourceAdd { id, transport, spec } => {
                if let Some(held) = self.transports.get_mut(transport)
                    && !self.sources.contains_key(id)
                {
                    held.sources.insert(*id);
                    let source = Source {
                        transport: *transport,
                        spec: spec.clone(),
                        there: Vec::new(),
                    };
                    self.sources.insert(*id, source);
                }
            }
            Command::SourceUpdate { id, spec } => {
                if let Some(source) = self.sources.get_mut(id) {
                    source.spec = spec.clone();
                    routed.extend(source.there.iter().map(|(worker, _)| (*worker, command.clone())));
                }
            }
            Command::SourceMute { id, muted, .. } => {
                if let Some(source) = self.sources.get_mut(id) {
                    source.spec.muted = *muted;
                    routed.extend(source.there.iter().map(|(worker, _)| (*worker, command.clone())));
                }
            }
            Command::SourceRemove { id } => self.remove_source(*id, &mut routed),
            Command::SinkAdd {
                id, transport, source, ..
            } if self.worker(source.0) != home => self.bring(*id, *transport, *source, home, &mut routed),
            Command::SinkRemove { id } => {
                // First the sink, then what it was there for.
                routed.push((home, command.clone()));
                self.forget(*id, &mut routed);
                return routed;
            }
            _ => {}
        }
        routed.push((home, command));
        routed
    }

    fn worker(&self, id: u32) -> usize {
        worker_of(id, self.workers)
    }

    /// A sink needs a source of another worker.
    fn bring(&mut self, sink: SinkId, transport: TransportId, id: SourceId, to: usize, routed: &mut Vec<Routed>) {
        let home = self.worker(id.0);
        let (Some(source), Some(held)) = (self.sources.get_mut(&id), self.transports.get_mut(&transport)) else {
            return;
        };
        if self.sinks.contains_key(&sink) {
            return;
        }
        self.sinks.insert(sink, (id, transport));
        held.sinks.insert(sink);
        if let Some((_, sinks)) = source.there.iter_mut().find(|(worker, _)| *worker == to) {
            sinks.insert(sink);
            return;
        }
        source.there.push((to, HashSet::from([sink])));
        let crossing = self.links.entry((home.min(to), home.max(to))).or_default();
        *crossing += 1;
        if *crossing == 1 {
            routed.push((home, Command::TransportAdd { id: link_to(to) }));
            routed.push((to, Command::TransportAdd { id: link_to(home) }));
        }
        let offer = Command::OfferAdd {
            source: id,
            link: link_to(to),
        };
        let remote = Command::RemoteAdd {
            id,
            link: link_to(home),
            origin: id,
            spec: source.spec.clone(),
        };
        routed.extend([(home, offer), (to, remote)]);
    }

    /// A sink is gone.
    fn forget(&mut self, sink: SinkId, routed: &mut Vec<Routed>) {
        let Some((id, transport)) = self.sinks.remove(&sink) else {
            return;
        };
        if let Some(held) = self.transports.get_mut(&transport) {
            held.sinks.remove(&sink);
        }
        let to = self.worker(sink.0);
        let Some(source) = self.sources.get_mut(&id) else {
            return;
        };
        let Some(place) = source.there.iter().position(|(worker, _)| *worker == to) else {
            return;
        };
        let sinks = &mut source.there[place].1;
        sinks.remove(&sink);
        if !sinks.is_empty() {
            return;
        }
        source.there.swap_remove(place);
        let home = self.worker(id.0);
        let offer = Command::OfferRemove {
            source: id,
            link: link_to(to),
        };
        routed.extend([(to, Command::SourceRemove { id }), (home, offer)]);
        self.part(home, to, routed);
    }

    /// A source is gone, and its sinks with it.
    fn remove_source(&mut self, id: SourceId, routed: &mut Vec<Routed>) {
        let Some(source) = self.sources.remove(&id) else { return };
        if let Some(held) = self.transports.get_mut(&source.transport) {
            held.sources.remove(&id);
        }
        let home = self.worker(id.0);
        for (worker, sinks) in source.there {
            for sink in sinks {
                let held = self
                    .sinks
                    .remove(&sink)
                    .and_then(|(_, by)| self.transports.get_mut(&by));
                if let Some(held) = held {
                    held.sinks.remove(&sink);
                }
            }
            routed.push((worker, Command::SourceRemove { id }));
            self.part(home, worker, routed);
        }
    }

    fn remove_transport(&mut self, id: TransportId, routed: &mut Vec<Routed>) {
        let held = self.transports.remove(&id).unwrap_or_default();
        for sink in held.sinks {
            self.forget(sink, routed);
        }
        for source in held.sources {
            self.remove_source(source, routed);
        }
    }

    /// One source less crosses between these two.
    fn part(&mut self, one: usize, other: usize, routed: &mut Vec<Routed>) {
        let pair = (one.min(other), one.max(other));
        let Some(crossing) = self.links.get_mut(&pair) else {
            return;
        };
        *crossing -= 1;
        if *crossing == 0 {
            self.links.remove(&pair);
            routed.push((one, Command::TransportRemove { id: link_to(other) }));
            routed.push((other, Command::TransportRemove { id: link_to(one) }));
        }
    }
}

/// The number in the id of what a command is about.
fn id_of(command: &Command) -> u32 {
    use Command as C;
    match command {
        C::TransportAdd { id }
        | C::TransportConnected { id }
        | C::TransportBound { id, .. }
        | C::TransportRemove { id } => id.0,
        C::SourceAdd { id, .. } | C::SourceUpdate { id, .. } | C::SourceMute { id, .. } | C::SourceRemove { id } => {
            id.0
        }
        C::SinkAdd { id, .. } | C::SinkUpdate { id, .. } | C::SinkSet { id, .. } | C::SinkRemove { id } => id.0,
        C::OfferAdd { source, .. } | C::OfferRemove { source, .. } => source.0,
        C::RemoteAdd { id, .. } => id.0,
        C::TapAdd { id, .. } | C::TapKeyframe { id } | C::TapRemove { id } => id.0,
    }
}

#[cfg(test)]
mod tests;
