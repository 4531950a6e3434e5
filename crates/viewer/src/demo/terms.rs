//! Words and how often they stand in how many files.

use std::collections::HashMap;

/// Shortest and longest word that is counted, in characters.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=24;

/// How often a word stands where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// In all files together.
    pub(crate) times: u64,
    /// In how many files.
    pub(crate) files: u64,
}

/// The words of some files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    counts: HashMap<Box<str>, Count>,
    /// Files counted.
    pub(crate) files: u64,
    /// Words counted, each as often as it stands there.
    pub(crate) words: u64,
}

impl Terms {
    /// The words of one file.
    pub(crate) fn of(text: &str) -> Self {
        let mut terms = Self {
            files: 1,
            ..Self::default()
        };
        for word in words(text) {
            terms.words += 1;
            match terms.counts.get_mut(&*word) {
                Some(count) => count.times += 1,
                None => {
                    let once = Count { times: 1, files: 1 };
                    terms.counts.insert(word.into(), once);
                }
            }
        }
        terms
    }

    /// Takes those of other files in.
    pub(crate) fn add(&mut self, other: Self) {
        self.files += other.files;
        self.words += other.words;
        for (word, count) in other.counts {
            let sum = self.counts.entry(word).or_default();
            sum.times += count.times;
            sum.files += count.files;
        }
    }

    /// How many different words there are.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    /// The words in `parts` parts of about the same size, the `most` most frequent ones at most.
    pub(crate) fn deal(self, parts: usize, most: usize) -> Vec<Vec<(Box<str>, Count)>> {
        let mut all: Vec<_> = self.counts.into_iter().collect();
        all.sort_by(|a, b| b.1.times.cmp(&a.1.times).then_with(|| a.0.cmp(&b.0)));
        all.truncate(most);
        let mut dealt = vec![Vec::with_capacity(all.len() / parts + 1); parts];
        for (place, term) in all.into_iter().enumerate() {
            dealt[place % parts].push(term);
        }
        dealt
    }
}

/// Runs of letters of a countable length, in lower case.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|char: char| !char.is_alphabetic())
        .filter(|word| LENGTHS.contains(&word.chars().count()))
        .map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(terms: Terms) -> Vec<(String, u64, u64)> {
        let parts = terms.deal(1, usize::MAX);
        let flat = |(word, count): &(Box<str>, Count)| (word.to_string(), count.times, count.files);
        parts[0].iter().map(flat).collect()
    }

    #[test]
    fn words_are_runs_of_letters_in_lower_case() {
        let long = "x".repeat(25);
        let text = format!("The span_ID of the SPAN, 12 Übers 3x {long}");
        let found: Vec<_> = words(&text).collect();
        assert_eq!(found, ["span", "span", "übers"]);
    }

    #[test]
    fn counts_add_up_over_files() {
        let mut terms = Terms::of("span span tree the");
        terms.add(Terms::of("span leaf"));
        assert_eq!((terms.files, terms.words, terms.len()), (2, 5, 3));
        let expected = [("span", 3, 2), ("leaf", 1, 1), ("tree", 1, 1)];
        let expected = expected.map(|(word, times, files)| (word.to_owned(), times, files));
        assert_eq!(sorted(terms), expected);
    }

    #[test]
    fn the_most_frequent_are_dealt_out_evenly() {
        let terms = Terms::of("aaaa aaaa aaaa aaaa bbbb bbbb bbbb cccc cccc dddd");
        let parts = terms.deal(2, 3);
        let words = |part: &Vec<(Box<str>, Count)>| {
            let words = part.iter().map(|(word, _)| word.to_string());
            words.collect::<Vec<_>>()
        };
        let parts: Vec<_> = parts.iter().map(words).collect();
        assert_eq!(parts, [vec!["aaaa", "cccc"], vec!["bbbb"]]);
    }

    #[test]
    fn parts_may_be_empty() {
        assert_eq!(Terms::default().deal(4, 10), vec![vec![]; 4]);
    }
}
