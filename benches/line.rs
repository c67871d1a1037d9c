//! A line of the result: what was measured, beside what, and whether it keeps its limit.

/// What a ratio must keep.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// Told for comparison.
    None,
}

/// One measured thing.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) ours: String,
    pub(crate) reference: String,
    pub(crate) ratio: f64,
    pub(crate) limit: Limit,
}

impl Line {
    /// `None` where there is no limit.
    fn is_met(&self) -> Option<bool> {
        match self.limit {
            Limit::AtMost(limit) => Some(self.ratio <= limit),
            Limit::AtLeast(limit) => Some(self.ratio >= limit),
            Limit::None => None,
        }
    }

    pub(crate) fn print(&self) {
        let limit = match self.limit {
            Limit::AtMost(limit) => format!("at most {limit}"),
            Limit::AtLeast(limit) => format!("at least {limit}"),
            Limit::None => String::new(),
        };
        let met = match self.is_met() {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "",
        };
        let Self { name, ours, reference, ratio, .. } = self;
        let ratio = if *ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.0}") };
        println!("{}", row([name, ours, reference, &ratio, &limit, met]));
    }
}

/// The line above all.
pub(crate) fn head() {
    println!("{}", row(["", "ours", "reference", "ratio", "limit", ""]));
}

/// The sum below all.
pub(crate) fn foot(lines: &[Line]) {
    let limited = lines.iter().filter_map(Line::is_met);
    let (met, all) = limited.fold((0, 0), |(met, all), is_met| (met + u32::from(is_met), all + 1));
    println!("{met} of {all} limits met");
}

fn row([name, ours, reference, ratio, limit, met]: [&str; 6]) -> String {
    format!("{name:<52} {ours:>15} {reference:>38} {ratio:>7}  {limit:<13} {met}").trim_end().to_owned()
}
