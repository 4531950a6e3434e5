use crate::DrawnSpan;
use crate::fold::{Entry, fold, slowest};
use crate::forest::{Forest, Root};
use crate::glyphs::Glyphs;

/// One row of the drawing, before it is laid out.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) entry: Entry,
    /// Why it stands at the top, if it does.
    pub(crate) root: Option<Root>,
    /// The tree's lines in front of it.
    pub(crate) stem: String,
    /// The tree's lines in front of what is told about it below.
    pub(crate) hang: String,
    /// A span of this row failed; of a folded row, one of its spans or of those below them.
    pub(crate) failed: bool,
    /// Spans below those of this row.
    pub(crate) below: usize,
}

impl Row {
    /// The span whose texts the row shows.
    pub(crate) fn span(&self) -> usize {
        match &self.entry {
            Entry::One(span) | Entry::Slowest(span) => *span,
            Entry::Many(group) => group.first().copied().unwrap_or(0),
        }
    }

    /// All spans that the row stands for.
    pub(crate) fn spans(&self) -> &[usize] {
        match &self.entry {
            Entry::One(span) | Entry::Slowest(span) => std::slice::from_ref(span),
            Entry::Many(group) => group,
        }
    }
}

struct Open {
    entry: Entry,
    root: Option<Root>,
    depth: usize,
    last: bool,
}

/// Walks the forest into rows. Levels beyond `levels` are not indented further; their rows tell their depth.
pub(crate) fn rows(
    spans: &[DrawnSpan],
    forest: &Forest,
    folding: bool,
    levels: usize,
    glyphs: &Glyphs,
) -> Vec<Row> {
    let (failed, below) = summed_up(spans, forest);
    let entries = |siblings: &[usize]| match folding {
        true => fold(spans, siblings, &failed),
        false => siblings.iter().copied().map(Entry::One).collect(),
    };
    let mut open: Vec<Open> = Vec::new();
    for why in [Root::True, Root::Orphan, Root::Cycle] {
        let tops: Vec<usize> = forest
            .roots
            .iter()
            .filter(|root| root.1 == why)
            .map(|root| root.0)
            .collect();
        open.extend(entries(&tops).into_iter().map(|entry| Open {
            entry,
            root: Some(why),
            depth: 0,
            last: true,
        }));
    }
    open.reverse();

    let mut rows = Vec::new();
    // Whether the tree goes on at each level above; never more than `levels`.
    let mut guides: Vec<bool> = Vec::new();
    while let Some(Open {
        entry,
        root,
        depth,
        last,
    }) = open.pop()
    {
        guides.truncate(depth.saturating_sub(1));
        let mut stem = lines(&guides, glyphs);
        if depth > levels {
            stem.push_str(&format!("{}{depth} ", glyphs.deep));
        } else if depth > 0 {
            let branch = match (&entry, last) {
                (Entry::Slowest(_), _) => glyphs.sample_branch,
                (_, true) => glyphs.last_branch,
                (_, false) => glyphs.branch,
            };
            stem.push_str(branch);
        }
        if depth > 0 && guides.len() < levels {
            guides.push(!last);
        }
        let next: Vec<Entry> = match &entry {
            Entry::One(span) | Entry::Slowest(span) => entries(&forest.children[*span]),
            Entry::Many(group) => slowest(spans, group)
                .map(Entry::Slowest)
                .into_iter()
                .collect(),
        };
        let mut hang = lines(&guides, glyphs);
        hang.push_str(if next.is_empty() { "   " } else { glyphs.guide });
        let row = Row {
            entry,
            root,
            stem,
            hang,
            failed: false,
            below: 0,
        };
        rows.push(Row {
            failed: match &row.entry {
                Entry::Many(group) => group.iter().any(|&span| failed[span]),
                Entry::One(span) | Entry::Slowest(span) => spans[*span].error.is_some(),
            },
            below: row.spans().iter().map(|&span| below[span]).sum(),
            ..row
        });
        let count = next.len();
        open.extend(
            next.into_iter()
                .enumerate()
                .rev()
                .map(|(place, entry)| Open {
                    entry,
                    root: None,
                    depth: depth + 1,
                    last: place + 1 == count,
                }),
        );
    }
    rows
}

fn lines(guides: &[bool], glyphs: &Glyphs) -> String {
    let line = |&more: &bool| if more { glyphs.guide } else { "   " };
    guides.iter().map(line).collect()
}

/// For each span: whether it or one below it failed, and how many spans are below it.
fn summed_up(spans: &[DrawnSpan], forest: &Forest) -> (Vec<bool>, Vec<usize>) {
    let mut failed: Vec<bool> = spans.iter().map(|span| span.error.is_some()).collect();
    let mut below = vec![0; spans.len()];
    for span in forest.parents_first().into_iter().rev() {
        for &child in &forest.children[span] {
            failed[span] |= failed[child];
            below[span] += 1 + below[child];
        }
    }
    (failed, below)
}
