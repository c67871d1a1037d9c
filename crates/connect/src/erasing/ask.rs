//! Statements that wait for nothing but the one before: an engine that can sends them in one go. It must not know any
//! driver.

use super::Transacting;
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
