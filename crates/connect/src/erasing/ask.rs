//! Statements that wait for nothing but the one before: an engine that can sends them in one go. It must not know any
//! driver.

use super::Transacting;
use crate::job::refused;
use crate::sql::Sql;

/// A statement, by what is wanted of it.
pub(crate) enum Ask {
    /// How many rows it touched.
    Execute(Sql),
    /// `line, rows`.
    Lines(Sql),
    /// Rows of texts.
    Texts(Sql),
    /// The temporary table of a node, out of what it selects.
    Collect(usize, Sql),
}

impl Ask {
    pub(crate) fn sql(&self) -> &Sql {
        match self {
            Self::Execute(sql) | Self::Lines(sql) | Self::Texts(sql) | Self::Collect(_, sql) => sql,
        }
    }
}

/// What came of it.
pub(crate) enum Answer {
    Touched(u64),
    Lines(Vec<(usize, u64)>),
    Texts(Vec<Vec<Option<String>>>),
    Collected,
}

impl Answer {
    fn is_to(&self, ask: &Ask) -> bool {
        matches!(
            (ask, self),
            (Ask::Execute(_), Self::Touched(_))
                | (Ask::Lines(_), Self::Lines(_))
                | (Ask::Texts(_), Self::Texts(_))
                | (Ask::Collect(..), Self::Collected)
        )
    }

    pub(crate) fn touched(self) -> u64 {
        if let Self::Touched(rows) = self { rows } else { 0 }
    }

    pub(crate) fn lines(self) -> Vec<(usize, u64)> {
        if let Self::Lines(lines) = self { lines } else { vec![] }
    }

    pub(crate) fn texts(self) -> Vec<Vec<Option<String>>> {
        if let Self::Texts(rows) = self { rows } else { vec![] }
    }
}

/// Asks all of them in one go, if the engine can.
///
/// # Errors
/// `Refused` too where an answer is missing or is none to its question: what it should have shown was not seen.
pub(crate) async fn answers<T: Transacting>(on: &mut T, asked: &[Ask]) -> Result<Vec<Answer>, T::Error> {
    let answers = on.together(asked).await?;
    if all_answered(asked, &answers) {
        return Ok(answers);
    }
    Err(refused(on.source(), "it was not answered what was asked").into())
}

fn all_answered(asked: &[Ask], answers: &[Answer]) -> bool {
    asked.len() == answers.len() && answers.iter().zip(asked).all(|(answer, ask)| answer.is_to(ask))
}

/// Asks one after the other.
pub(crate) async fn in_turn<T: Transacting>(on: &mut T, asked: &[Ask]) -> Result<Vec<Answer>, T::Error> {
    let mut answers = Vec::with_capacity(asked.len());
    for ask in asked {
        answers.push(match ask {
            Ask::Execute(sql) => Answer::Touched(on.execute(sql).await?),
            Ask::Lines(sql) => Answer::Lines(on.lines(sql).await?),
            Ask::Texts(sql) => Answer::Texts(on.texts(sql).await?),
            Ask::Collect(node, sql) => {
                on.collect(*node, sql).await?;
                Answer::Collected
            }
        });
    }
    Ok(answers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::dialect::Postgres;

    #[test]
    fn an_answer_that_is_missing_or_stands_elsewhere_is_none() {
        let sql = || Sql::new(&Postgres);
        let asked = [Ask::Execute(sql()), Ask::Lines(sql())];
        assert!(all_answered(&asked, &[Answer::Touched(0), Answer::Lines(vec![])]));
        assert!(!all_answered(&asked, &[Answer::Touched(0)]));
        assert!(!all_answered(&asked, &[Answer::Lines(vec![]), Answer::Touched(0)]));
    }
}
