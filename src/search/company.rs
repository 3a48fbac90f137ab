//! Which candidates are trained at once.

use super::Candidate;
use crate::data::Dataset;

/// What a step of a population costs however small it is, in multiply-adds of its products: the dispatches.
const STEP: u64 = 4_000_000;
/// Most members of a population.
const MOST: usize = 512;

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
    let weights = |at: usize| {
        let network = candidates[at].network(data.features(), data.outputs());
        3 * batch as u64 * network.parameter_count() as u64
    };
    kinds
        .into_iter()
        .flat_map(|mut kind| {
            kind.sort_by_key(|&at| candidates[at].width);
            merged(&kind, weights)
        })
        .collect()
}

/// Neighbours of candidates that stand in the order of their widths. `cost` is a candidate's own, which the widest of a group
/// decides for all in it.
fn merged(sorted: &[usize], cost: impl Fn(usize) -> u64) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = sorted.iter().map(|&at| vec![at]).collect();
    let of = |count: usize, widest: u64| STEP + count as u64 * widest;
    let widest = |group: &Vec<usize>| cost(group[group.len() - 1]);
    loop {
        let gain = |pair: &[Vec<usize>]| {
            let (a, b) = (&pair[0], &pair[1]);
            let apart = of(a.len(), widest(a)) + of(b.len(), widest(b));
            let fits = a.len() + b.len() <= MOST;
            let together = of(a.len() + b.len(), widest(b));
            apart.checked_sub(together).filter(|gain| fits && *gain > 0)
        };
        let gains = groups.windows(2).map(gain).enumerate();
        let best = gains.filter_map(|(at, gain)| Some((gain?, at))).max();
        let Some((_, at)) = best else {
            return groups;
        };
        let more = groups.remove(at + 1);
        groups[at].extend(more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alike_go_together_and_the_wide_go_apart() {
        let costs = [1_000, 2_000, 1_500_000, 1_600_000, 80_000_000];
        let groups = merged(&[0, 1, 2, 3, 4], |at| costs[at]);
        assert_eq!(groups, [vec![0, 1, 2, 3], vec![4]]);
        let groups = merged(&[0, 1, 2], |at| [1, 10_000_000, 10_000_001][at]);
        assert_eq!(groups, [vec![0], vec![1, 2]]);
        let many: Vec<_> = (0..1000).collect();
        assert!(merged(&many, |_| 1).iter().all(|group| group.len() <= MOST));
    }
}
