//! Sharing a subscriber's bandwidth between its pictures.

use super::MAX_LAYERS;

/// One picture that wants bandwidth.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// Whose demand it is; given back.
    pub(super) sink: u32,
    /// Larger goes first: priority, then screens, then size.
    pub(super) rank: (u8, bool, u64),
    /// Bits per second by layer; `None` for a layer that cannot be had.
    pub(super) costs: [Option<u64>; MAX_LAYERS],
    /// Bits per second of the lowest layer at a lower pace, if it can be thinned.
    pub(super) thinned_cost: Option<u64>,
    /// The answer: it gets the lowest layer thinned.
    pub(super) thinned: bool,
    /// Highest layer that is of use.
    pub(super) wanted: u8,
    /// Highest layer that it may get now.
    pub(super) most: u8,
    /// Whether it may get nothing.
    pub(super) may_pause: bool,
    /// What it has now.
    pub(super) current: Option<u8>,
}

impl Demand {
    /// The layers that can be had and are of use, lowest first. If there is none so low, the lowest there is.
    fn usable(&self) -> impl Iterator<Item = (u8, u64)> + '_ {
        let all = || {
            (0_u8..)
                .zip(self.costs)
                .filter_map(|(layer, cost)| Some((layer, cost?)))
        };
        let lowest = all().next().map(|(layer, _)| layer);
        all().filter(move |(layer, _)| *layer <= self.wanted.min(self.most) || Some(*layer) == lowest)
    }
}

/// The answer: for each demand its layer, in the order of the demands after sorting by rank.
///
/// The lowest layer of everybody goes first, by rank. Then those of the highest priority are raised, screens before
/// cameras, all of a class step by step, by size. A raise above the present layer must leave a tenth of its cost free,
/// so that layers do not flap.
pub(super) fn allocate(demands: &mut [Demand], mut budget: u64, grants: &mut Vec<Option<u8>>) {
    demands.sort_by_key(|demand| std::cmp::Reverse(demand.rank));
    grants.clear();
    for demand in demands.iter_mut() {
        demand.thinned = false;
        let lowest = demand.usable().next();
        let fits = |cost: u64| with_margin(demand, 0, cost) <= budget;
        let mut granted = lowest.filter(|(_, cost)| fits(*cost));
        if granted.is_none()
            && let Some(cost) = demand.thinned_cost.filter(|cost| !demand.may_pause || fits(*cost))
        {
            granted = lowest.map(|(layer, _)| (layer, cost));
            demand.thinned = granted.is_some();
        }
        // Who may not pause gets it whatever it costs.
        let granted = granted.or(lowest.filter(|_| !demand.may_pause));
        if let Some((_, cost)) = granted {
            budget = budget.saturating_sub(cost);
        }
        grants.push(granted.map(|(layer, _)| layer));
    }
    let class = |demand: &Demand| (demand.rank.0, demand.rank.1);
    let mut start = 0;
    for members in demands.chunk_by(|a, b| class(a) == class(b)) {
        let end = start + members.len();
        raise(members, &mut budget, &mut grants[start..end]);
        start = end;
    }
}

/// Raises the members of one class in turns while the budget lasts.
fn raise(members: &[Demand], budget: &mut u64, grants: &mut [Option<u8>]) {
    loop {
        let mut raised = false;
        for (demand, grant) in members.iter().zip(grants.iter_mut()) {
            let Some(layer) = grant.filter(|_| !demand.thinned) else {
                continue;
            };
            let spent = demand.costs[usize::from(layer)].unwrap_or(0);
            let Some((next, cost)) = demand.usable().find(|(next, _)| *next > layer) else {
                continue;
            };
            let step = cost.saturating_sub(spent);
            if with_margin(demand, next, step) <= *budget {
                *budget = budget.saturating_sub(step);
                *grant = Some(next);
                raised = true;
            }
        }
        if !raised {
            return;
        }
    }
}

/// What must be left of the budget: a tenth more than the cost to get a layer, a tenth less to keep it, for what is
/// measured wavers.
fn with_margin(demand: &Demand, layer: u8, cost: u64) -> u64 {
    if demand.current.is_some_and(|current| current >= layer) {
        cost - cost / 10
    } else {
        cost + cost / 10
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn camera(sink: u32, size: u64) -> Demand {
        Demand {
            sink,
            rank: (0, false, size),
            costs: [Some(150_000), Some(500_000), Some(1_500_000), None],
            thinned_cost: None,
            thinned: false,
            wanted: 2,
            most: 2,
            may_pause: true,
            current: None,
        }
    }

    fn grants(demands: &mut [Demand], budget: u64) -> Vec<(u32, Option<u8>)> {
        let mut out = Vec::new();
        allocate(demands, budget, &mut out);
        demands.iter().map(|demand| demand.sink).zip(out).collect()
    }

    #[test]
    fn everybody_gets_the_low_layer_before_anybody_gets_more() {
        let mut demands = [camera(1, 10), camera(2, 20), camera(3, 30)];
        assert_eq!(
            grants(&mut demands, 1_000_000),
            [(3, Some(1)), (2, Some(0)), (1, Some(0))]
        );
        assert_eq!(grants(&mut demands, 400_000), [(3, Some(0)), (2, Some(0)), (1, None)]);
        assert_eq!(
            grants(&mut demands, 9_000_000),
            [(3, Some(2)), (2, Some(2)), (1, Some(2))]
        );
    }

    #[test]
    fn a_screen_goes_first_and_a_small_tile_takes_no_more_than_it_needs() {
        let mut screen = camera(9, 1);
        screen.rank.1 = true;
        let mut small = camera(1, 10);
        small.wanted = 0;
        let mut demands = [small, camera(2, 20), screen];
        assert_eq!(
            grants(&mut demands, 2_100_000),
            [(9, Some(2)), (2, Some(0)), (1, Some(0))]
        );
    }

    #[test]
    fn who_may_not_pause_keeps_the_lowest_layer_there_is() {
        let mut demand = camera(1, 1);
        demand.may_pause = false;
        demand.costs[0] = None;
        demand.wanted = 0;
        assert_eq!(grants(&mut [demand], 10), [(1, Some(1))]);
    }

    #[test]
    fn the_lowest_layer_is_thinned_before_it_is_paused() {
        let mut demand = camera(1, 1);
        demand.thinned_cost = Some(80_000);
        for (budget, grant, thinned) in [
            (200_000, Some(0), false),
            (100_000, Some(0), true),
            (50_000, None, false),
        ] {
            let mut demands = [demand];
            assert_eq!(grants(&mut demands, budget), [(1, grant)]);
            assert_eq!(demands[0].thinned, thinned);
        }
        demand.may_pause = false;
        let mut demands = [demand];
        assert_eq!(grants(&mut demands, 10), [(1, Some(0))]);
        assert!(demands[0].thinned);
    }

    #[test]
    fn a_layer_that_is_had_is_kept_on_a_tight_budget() {
        let mut demand = camera(1, 1);
        assert_eq!(grants(&mut [demand], 510_000), [(1, Some(0))]);
        demand.current = Some(1);
        assert_eq!(grants(&mut [demand], 510_000), [(1, Some(1))]);
    }

    proptest! {
        #[test]
        fn the_budget_holds_and_grants_can_be_had(
            costs in proptest::collection::vec((proptest::array::uniform4(proptest::option::of(1_u64..3_000_000)), 0_u8..4, 0_u64..100), 0..12),
            budget in 0_u64..20_000_000,
        ) {
            let mut demands: Vec<Demand> = costs.iter().zip(0..).map(|((costs, wanted, size), sink)| Demand {
                sink, rank: (0, false, *size), costs: *costs, thinned_cost: None, thinned: false, wanted: *wanted, most: *wanted, may_pause: true, current: None,
            }).collect();
            let mut out = Vec::new();
            allocate(&mut demands, budget, &mut out);
            let spent: u64 = demands.iter().zip(&out).map(|(demand, grant)| {
                grant.map_or(0, |layer| demand.costs[usize::from(layer)].expect("granted only what can be had"))
            }).sum();
            prop_assert!(spent <= budget);
        }
    }
}
