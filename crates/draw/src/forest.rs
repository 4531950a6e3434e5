use crate::DrawnSpan;

/// Why a span stands at the top.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Root {
    /// It has no parent.
    True,
    /// Its parent is not among the spans.
    Orphan,
    /// Its parent is one of its own descendants, or itself.
    Cycle,
}

/// The spans as trees: every span stands in exactly one place.
#[derive(Debug)]
pub(crate) struct Forest {
    /// True roots first, then orphans, then the heads of cycles.
    pub(crate) roots: Vec<(usize, Root)>,
    /// Each span's children, by start, then name, then place in the slice.
    pub(crate) children: Vec<Vec<usize>>,
}

impl Forest {
    pub(crate) fn of(spans: &[DrawnSpan]) -> Self {
        let mut order: Vec<usize> = (0..spans.len()).collect();
        order.sort_by(|&a, &b| {
            (spans[a].start_ns, &spans[a].name, a).cmp(&(spans[b].start_ns, &spans[b].name, b))
        });
        let mut forest = Forest {
            roots: Vec::new(),
            children: vec![Vec::new(); spans.len()],
        };
        // Filled in drawing order, so that no list of children needs sorting.
        for &span in &order {
            match spans[span].parent {
                Some(parent) if parent < spans.len() => forest.children[parent].push(span),
                None if !spans[span].missing_parent => forest.roots.push((span, Root::True)),
                _ => forest.roots.push((span, Root::Orphan)),
            }
        }
        let mut placed = vec![false; spans.len()];
        for &(root, _) in &forest.roots {
            mark(&forest.children, root, &mut placed);
        }
        let rank = {
            let mut rank = vec![0; spans.len()];
            for (place, &span) in order.iter().enumerate() {
                rank[span] = place;
            }
            rank
        };
        for &span in &order {
            if placed[span] {
                continue;
            }
            let head = head_of_cycle(spans, span, &rank);
            if let Some(parent) = spans[head].parent {
                forest.children[parent].retain(|&child| child != head);
            }
            forest.roots.push((head, Root::Cycle));
            mark(&forest.children, head, &mut placed);
        }
        forest.roots.sort_by_key(|&(span, root)| (root, rank[span]));
        forest
    }

    /// Every span, each parent before its children.
    pub(crate) fn parents_first(&self) -> Vec<usize> {
        let mut all: Vec<usize> = self.roots.iter().map(|&(root, _)| root).collect();
        let mut next = 0;
        while next < all.len() {
            all.extend_from_slice(&self.children[all[next]]);
            next += 1;
        }
        all
    }
}

fn mark(children: &[Vec<usize>], root: usize, placed: &mut [bool]) {
    let mut open = vec![root];
    while let Some(span) = open.pop() {
        placed[span] = true;
        open.extend_from_slice(&children[span]);
    }
}

/// The first in drawing order of the cycle that `span` stands in or hangs below.
fn head_of_cycle(spans: &[DrawnSpan], span: usize, rank: &[usize]) -> usize {
    let above = |span: usize| spans[span].parent.unwrap_or(span);
    // Two walkers, one twice as fast, meet inside the cycle.
    let (mut slow, mut fast) = (above(span), above(above(span)));
    while slow != fast {
        (slow, fast) = (above(slow), above(above(fast)));
    }
    let meeting = slow;
    let mut head = meeting;
    loop {
        slow = above(slow);
        if rank[slow] < rank[head] {
            head = slow;
        }
        if slow == meeting {
            return head;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(parents: &[Option<usize>]) -> Vec<DrawnSpan> {
        let span = |(place, &parent): (usize, &Option<usize>)| DrawnSpan {
            name: format!("s{place}"),
            start_ns: place as u64,
            parent,
            ..DrawnSpan::default()
        };
        parents.iter().enumerate().map(span).collect()
    }

    #[test]
    fn siblings_stand_by_start_then_name() {
        let mut all = spans(&[None, Some(0), Some(0), Some(0)]);
        all[1].start_ns = 9;
        all[2].name = "z".into();
        all[2].start_ns = 5;
        all[3].name = "a".into();
        all[3].start_ns = 5;
        assert_eq!(Forest::of(&all).children[0], [3, 2, 1]);
    }

    #[test]
    fn a_parent_elsewhere_makes_an_orphan() {
        let mut all = spans(&[None, Some(7), None]);
        all[2].missing_parent = true;
        assert_eq!(
            Forest::of(&all).roots,
            [(0, Root::True), (1, Root::Orphan), (2, Root::Orphan)]
        );
    }

    #[test]
    fn a_cycle_is_cut_at_its_earliest_span() {
        // 1 → 3 → 2 → 1, and 4 hangs below 2; 5 is its own parent.
        let all = spans(&[None, Some(3), Some(1), Some(2), Some(2), Some(5)]);
        let forest = Forest::of(&all);
        assert_eq!(
            forest.roots,
            [(0, Root::True), (1, Root::Cycle), (5, Root::Cycle)]
        );
        assert_eq!(forest.children[1], [2]);
        assert_eq!(forest.children[2], [3, 4]);
        assert!(forest.children[3].is_empty() && forest.children[5].is_empty());
    }

    #[test]
    fn what_hangs_below_a_cycle_is_not_taken_for_its_head() {
        let all = spans(&[Some(1), Some(2), Some(1)]);
        assert_eq!(Forest::of(&all).roots, [(1, Root::Cycle)]);
    }

    #[test]
    fn every_span_is_placed_once() {
        let all = spans(&[Some(1), Some(0), Some(0), None, Some(3), Some(9), Some(6)]);
        let mut placed = Forest::of(&all).parents_first();
        placed.sort_unstable();
        assert_eq!(placed, (0..all.len()).collect::<Vec<_>>());
    }
}
