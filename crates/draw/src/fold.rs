use crate::DrawnSpan;
use std::collections::HashMap;

/// From how many look-alike siblings on they become one row.
const ENOUGH: usize = 3;

/// What stands in one row below its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    One(usize),
    /// Siblings that look alike, in drawing order.
    Many(Vec<usize>),
    /// The slowest of the folded siblings in the row above.
    Slowest(usize),
}

/// Folds siblings of one name, service and kind. Those with an error in or below them (`failed`) are kept
/// apart from the others, so that no error hides in a row without a sign.
pub(crate) fn fold(spans: &[DrawnSpan], siblings: &[usize], failed: &[bool]) -> Vec<Entry> {
    let look = |span: usize| {
        let DrawnSpan {
            name,
            service,
            kind,
            ..
        } = &spans[span];
        (name, service, kind, failed[span])
    };
    let mut groups: HashMap<_, Vec<usize>> = HashMap::new();
    for &span in siblings {
        groups.entry(look(span)).or_default().push(span);
    }
    let mut entries = Vec::with_capacity(groups.len());
    for &span in siblings {
        match groups.get_mut(&look(span)) {
            Some(group) if group.len() < ENOUGH && !group.is_empty() => {
                entries.push(Entry::One(span));
            }
            Some(group) if !group.is_empty() => {
                // Taken by its first member: the row stands where that one stood.
                entries.push(Entry::Many(std::mem::take(group)));
            }
            _ => {}
        }
    }
    entries
}

/// The slowest of these spans; of equals the first.
pub(crate) fn slowest(spans: &[DrawnSpan], group: &[usize]) -> Option<usize> {
    let took = |span: usize| spans[span].end_ns.saturating_sub(spans[span].start_ns);
    group.iter().copied().reduce(|slowest, span| {
        if took(span) > took(slowest) {
            span
        } else {
            slowest
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<DrawnSpan> {
        let span = |(place, name): (usize, &&str)| DrawnSpan {
            name: (*name).to_owned(),
            start_ns: place as u64,
            end_ns: place as u64 + 5,
            ..DrawnSpan::default()
        };
        names.iter().enumerate().map(span).collect()
    }

    #[test]
    fn three_that_look_alike_are_folded_where_the_first_stood() {
        let spans = named(&["a", "b", "a", "c", "a", "b"]);
        assert_eq!(
            fold(&spans, &[0, 1, 2, 3, 4, 5], &[false; 6]),
            [
                Entry::Many(vec![0, 2, 4]),
                Entry::One(1),
                Entry::One(3),
                Entry::One(5)
            ]
        );
    }

    #[test]
    fn failures_are_folded_apart() {
        let spans = named(&["a"; 5]);
        let failed = [false, true, false, true, false];
        assert_eq!(
            fold(&spans, &[0, 1, 2, 3, 4], &failed),
            [Entry::Many(vec![0, 2, 4]), Entry::One(1), Entry::One(3)]
        );
    }

    #[test]
    fn other_services_and_kinds_do_not_look_alike() {
        let mut spans = named(&["a"; 4]);
        spans[1].service = "pay".into();
        spans[2].kind = "client";
        let entries = fold(&spans, &[0, 1, 2, 3], &[false; 4]);
        assert_eq!(entries, [0, 1, 2, 3].map(Entry::One));
    }

    #[test]
    fn the_first_of_the_slowest_is_shown() {
        let mut spans = named(&["a"; 4]);
        spans[1].end_ns += 7;
        spans[2].end_ns += 7;
        spans[3].end_ns = 0;
        assert_eq!(slowest(&spans, &[0, 1, 2, 3]), Some(1));
        assert_eq!(slowest(&spans, &[]), None);
    }
}
