//! How telling words are, and what the two processes say to each other about it.

use std::fmt;
use std::str::FromStr;

use crate::demo::terms::Count;

/// Words in an answer.
const TOP: usize = 8;

/// What the first process asks: words of so many files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) files: u64,
    pub(crate) terms: Vec<(Box<str>, Count)>,
}

/// A word and its score.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Scored {
    pub(crate) word: Box<str>,
    pub(crate) score: f64,
}

/// What the second process answers: the most telling words, the most telling one first.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ranking(pub(crate) Vec<Scored>);

/// Scores words: telling are those that stand in many files, but not in most of them.
///
/// In how many files a word stands, weighed by the logarithm of how often it does in each, and by its inverse document
/// frequency squared: so neither one long list of a word leads, nor the words of a language's own grammar.
pub(crate) fn score(question: Question) -> Vec<Scored> {
    let all = question.files.max(1) as f64;
    let score = |(word, count): (Box<str>, Count)| {
        let files = count.files.max(1) as f64;
        let rarity = (all / files).ln();
        Scored {
            word,
            score: files * (count.times as f64 / files).ln_1p() * rarity * rarity,
        }
    };
    question.terms.into_iter().map(score).collect()
}

impl Ranking {
    /// The most telling of these words. What stands in every file tells nothing.
    pub(crate) fn of(mut scored: Vec<Scored>) -> Self {
        scored.retain(|scored| scored.score > 0.0);
        scored.sort_by(|a, b| {
            let by_score = b.score.total_cmp(&a.score);
            by_score.then_with(|| a.word.cmp(&b.word))
        });
        scored.truncate(TOP);
        Self(scored)
    }
}

impl fmt::Display for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.files)?;
        for (word, count) in &self.terms {
            writeln!(f, "{word} {} {}", count.times, count.files)?;
        }
        Ok(())
    }
}

impl FromStr for Question {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut lines = text.lines();
        let files = lines.next().and_then(|line| line.parse().ok());
        let files = files.ok_or(Malformed { line: 1 })?;
        let term = |line: &str| {
            let mut fields = line.split(' ');
            let (word, times, files) = (fields.next()?, fields.next()?, fields.next()?);
            let count = Count {
                times: times.parse().ok()?,
                files: files.parse().ok()?,
            };
            fields.next().is_none().then(|| (word.into(), count))
        };
        let terms = lines
            .enumerate()
            .map(|(place, line)| term(line).ok_or(Malformed { line: place + 2 }));
        Ok(Self {
            files,
            terms: terms.collect::<Result<_, _>>()?,
        })
    }
}

impl fmt::Display for Ranking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for scored in &self.0 {
            writeln!(f, "{} {}", scored.word, scored.score)?;
        }
        Ok(())
    }
}

impl FromStr for Ranking {
    type Err = Malformed;

    fn from_str(text: &str) -> Result<Self, Malformed> {
        let scored = |(place, line): (usize, &str)| {
            let (word, score) = line.split_once(' ').ok_or(Malformed { line: place + 1 })?;
            let score = score.parse().map_err(|_| Malformed { line: place + 1 })?;
            Ok(Scored {
                word: word.into(),
                score,
            })
        };
        let scored = text.lines().enumerate().map(scored);
        Ok(Self(scored.collect::<Result<_, _>>()?))
    }
}

/// A line that makes no sense, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    line: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} makes no sense", self.line)
    }
}

impl std::error::Error for Malformed {}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        let term = |word: &str, times, files| (word.into(), Count { times, files });
        Question {
            files: 4,
            terms: vec![
                term("the", 100, 4),
                term("span", 60, 2),
                term("größe", 60, 2),
                term("list", 900, 1),
                term("ring", 2, 1),
            ],
        }
    }

    #[test]
    fn words_of_few_files_tell_more() {
        let ranking = Ranking::of(score(question()));
        let words: Vec<_> = ranking.0.iter().map(|scored| &*scored.word).collect();
        assert_eq!(words, ["list", "größe", "span", "ring"]);
    }

    #[test]
    fn questions_and_answers_survive_the_journey() {
        let question = question();
        assert_eq!(question.to_string().parse(), Ok(question.clone()));
        let ranking = Ranking::of(score(question));
        assert_eq!(ranking.to_string().parse(), Ok(ranking));
        assert_eq!("".parse(), Ok(Ranking::default()));
    }

    #[test]
    fn nonsense_is_pointed_at() {
        let line = |text: &str| text.parse::<Question>().map_err(|error| error.line);
        assert_eq!(line(""), Err(1));
        assert_eq!(line("x\n"), Err(1));
        assert_eq!(line("4\nspan 3 2\nspan 3\n"), Err(3));
        assert_eq!(line("4\nspan 3 2 1\n"), Err(2));
        assert_eq!(line("4\nspan three 2\n"), Err(2));
        assert_eq!("span".parse::<Ranking>(), Err(Malformed { line: 1 }));
        assert_eq!(
            "a 1\nspan x\n".parse::<Ranking>(),
            Err(Malformed { line: 2 })
        );
    }

    #[test]
    fn an_answer_is_short() {
        let many = (0..100).map(|n| Scored {
            word: format!("{n}").into(),
            score: f64::from(n),
        });
        let ranking = Ranking::of(many.collect());
        assert_eq!(ranking.0.len(), TOP);
        assert_eq!(&*ranking.0[0].word, "99");
    }
}
