//! Which candidates are trained at once.

use super::Candidate;
use crate::data::Dataset;

/// What a step of a population costs however small it is, in multiply-adds of its products: the dispatches.
const STEP: u64 = 4_000_000;
/// Most members of a population.
const MOST: usize = 512;
/// Most numbers in the parameters of all members and what their layers give for a batch; a member that has more is alone. With
/// what is kept and computed for each this is a quarter of a gigabyte.
const NUMBERS: u64 = 1 << 22;

/// What a candidate takes, which for all members of a group is what its widest takes.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// Multiply-adds of a step.
    cost: u64,
    /// Numbers that are in memory.
    numbers: u64,
}

impl Load {
    fn of(candidate: &Candidate, data: &Dataset, batch: usize) -> Self {
        let network = candidate.network(data.features(), data.outputs());
        let parameters = network.parameter_count() as u64;
        let units = candidate.hidden().iter().sum::<usize>() + data.features() + data.outputs();
        Self {
            cost: 3 * batch as u64 * parameters,
            numbers: parameters + batch as u64 * units as u64,
        }
    }
}

/// Neighbours in the order of widths.
#[derive(Debug)]
struct Group {
    members: Vec<usize>,
    widest: Load,
}

impl Group {
    fn cost(count: usize, widest: Load) -> u64 {
        STEP + count as u64 * widest.cost
    }

    /// What it saves to train this and the next, which is wider, at once; none if that is nothing or too many.
    fn gain(&self, next: &Self) -> Option<u64> {
        let count = self.members.len() + next.members.len();
        let fits = count <= MOST && count as u64 * next.widest.numbers <= NUMBERS;
        let apart = Self::cost(self.members.len(), self.widest)
            + Self::cost(next.members.len(), next.widest);
        let together = Self::cost(count, next.widest);
        apart.checked_sub(together).filter(|gain| fits && *gain > 0)
    }
}

/// Candidates in groups of the same depth and activation, and of similar widths: a narrower one is padded to the widest, and
/// padding more costs more than another population does. Each candidate is named by its number.
pub(super) fn groups(candidates: &[&Candidate], data: &Dataset, batch: usize) -> Vec<Vec<usize>> {
    let mut kinds: Vec<Vec<usize>> = Vec::new();
    for at in 0..candidates.len() {
        let like = |kind: &&mut Vec<usize>| {
            let other = candidates[kind[0]];
            (other.depth, other.activation) == (candidates[at].depth, candidates[at].activation)
        };
        match kinds.iter_mut().find(like) {
            Some(kind) => kind.push(at),
            None => kinds.push(vec![at]),
        }
    }
    let load = |at: usize| Load::of(candidates[at], data, batch);
    kinds
        .into_iter()
        .flat_map(|mut kind| {
            kind.sort_by_key(|&at| candidates[at].width);
            let alike = kind.chunk_by(|&a, &b| candidates[a].width == candidates[b].width);
            merged(
                alike
                    .flat_map(|alike| full(alike, load(alike[0])))
                    .collect(),
            )
        })
        .collect()
}

/// Candidates of one width, as many at once as may be.
fn full(alike: &[usize], load: Load) -> impl Iterator<Item = Group> {
    let numbers = usize::try_from(NUMBERS / load.numbers.max(1)).unwrap_or(MOST);
    alike
        .chunks(numbers.clamp(1, MOST))
        .map(move |members| Group {
            members: members.to_vec(),
            widest: load,
        })
}

/// Groups of neighbours, merged wherever that saves something, where it saves most first.
fn merged(mut groups: Vec<Group>) -> Vec<Vec<usize>> {
    loop {
        let gains = groups.windows(2).map(|pair| pair[0].gain(&pair[1]));
        let best = gains
            .enumerate()
            .filter_map(|(at, gain)| Some((gain?, at)))
            .max();
        let Some((_, at)) = best else {
            return groups.into_iter().map(|group| group.members).collect();
        };
        let next = groups.remove(at + 1);
        groups[at].members.extend(next.members);
        groups[at].widest = next.widest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(costs: &[u64], numbers: u64) -> Vec<Vec<usize>> {
        let group = |(at, &cost): (usize, &u64)| Group {
            members: vec![at],
            widest: Load { cost, numbers },
        };
        merged(costs.iter().enumerate().map(group).collect())
    }

    #[test]
    fn alike_go_together_and_the_wide_go_apart() {
        let groups = of(&[1_000, 2_000, 1_500_000, 1_600_000, 80_000_000], 1);
        assert_eq!(groups, [vec![0, 1, 2, 3], vec![4]]);
        let groups = of(&[1, 10_000_000, 10_000_001], 1);
        assert_eq!(groups, [vec![0], vec![1, 2]]);
        assert!(of(&[1; 1000], 1).iter().all(|group| group.len() <= MOST));
    }

    /// However many there are, no group takes more memory than is meant, but for one that takes it alone.
    #[test]
    fn groups_are_bounded_by_memory() {
        let third = of(&[1; 9], NUMBERS / 3);
        assert!(third.iter().all(|group| group.len() <= 3), "{third:?}");
        assert_eq!(of(&[1; 4], NUMBERS + 1).len(), 4);
        let load = |numbers| Load { cost: 1, numbers };
        let all: Vec<_> = (0..2000).collect();
        for (numbers, most) in [(1, MOST), (NUMBERS / 7, 7), (2 * NUMBERS, 1)] {
            let groups: Vec<_> = full(&all, load(numbers)).collect();
            assert!(groups.iter().all(|group| group.members.len() <= most));
            assert_eq!(groups.len(), 2000_usize.div_ceil(most));
        }
    }
}
