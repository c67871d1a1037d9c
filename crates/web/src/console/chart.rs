//! Pictures in SVG: bars and gauges. Every number that they show stands beside them as text too.

use maud::{Markup, html};

/// A bar of `count` where the longest has `most`.
pub(super) fn bar(count: u64, most: u64) -> Markup {
    let width = share(count, most, 100.0);
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.track width="100" height="10" rx="1" {}
            rect.fill width=(width) height="10" rx="1" {}
        }
    }
}

/// How much of a limit is taken.
pub(super) fn gauge(count: u64, most: u64) -> Markup {
    let width = share(count, most, 100.0);
    let full = count * 10 >= most * 9;
    html! {
        svg.gauge.full[full] viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" focusable="false" {
            rect.track width="100" height="6" {}
            rect.fill width=(width) height="6" {}
        }
    }
}

/// Columns side by side, each with what it says when it is pointed at.
pub(super) fn columns(title: &str, columns: &[(String, u64)]) -> Markup {
    let most = columns.iter().map(|(_, count)| *count).max().unwrap_or(0).max(1);
    let wide = 600.0 / columns.len().max(1) as f64;
    let title = format!("{title}. The most: {most}.");
    html! {
        svg.days viewBox="0 0 600 121" role="img" aria-label=(title) focusable="false" {
            line.axis x1="0" y1="120.5" x2="600" y2="120.5" {}
            @for (n, (label, count)) in columns.iter().enumerate() {
                @let high = share(*count, most, 110.0);
                g {
                    title { (label) ": " (count) }
                    rect.fill x=(format!("{:.1}", n as f64 * wide + wide * 0.1)) y=(format!("{:.1}", 120.0 - high))
                        width=(format!("{:.1}", wide * 0.8)) height=(format!("{high:.1}")) {}
                }
            }
        }
        @if let (Some((first, _)), Some((last, _))) = (columns.first(), columns.last()) {
            p.ends { span { (first) } span { (last) } }
        }
    }
}

/// Columns side by side, each of parts that stand on each other: the label of each, and how many each part has.
pub(super) fn stacked<const N: usize>(
    title: &str,
    columns: &[(String, [u64; N])],
    parts: [&str; N],
) -> Markup {
    let most = columns.iter().map(|(_, counts)| counts.iter().sum()).max().unwrap_or(0_u64).max(1);
    let wide = 600.0 / columns.len().max(1) as f64;
    let column = (wide * 0.8).min(120.0);
    let told = |label: &str, counts: &[u64; N]| {
        let told = parts.iter().zip(counts).filter(|(_, count)| **count > 0);
        let told = told.map(|(part, count)| format!("{count} {part}")).collect::<Vec<_>>().join(", ");
        format!("{label}: {told}")
    };
    let all = columns.iter().map(|(label, counts)| told(label, counts)).collect::<Vec<_>>().join("; ");
    html! {
        svg.days viewBox="0 0 600 121" role="img" aria-label={ (title) ". " (all) "." } focusable="false" {
            line.axis x1="0" y1="120.5" x2="600" y2="120.5" {}
            @for (n, (label, counts)) in columns.iter().enumerate() {
                g {
                    title { (told(label, counts)) }
                    @for (part, count) in counts.iter().enumerate() {
                        @let below: u64 = counts[..part].iter().sum();
                        @let (high, from) = (share(*count, most, 110.0), share(below, most, 110.0));
                        @if *count > 0 {
                            rect class={ "part" (part) } x=(format!("{:.1}", (n as f64 + 0.5) * wide - column / 2.0)) y=(format!("{:.1}", 120.0 - from - high))
                                width=(format!("{column:.1}")) height=(format!("{high:.1}")) {}
                        }
                    }
                }
            }
        }
        p.under aria-hidden="true" { @for (label, _) in columns { span { (label) } } }
    }
}

/// One bar of two parts: so many of all.
pub(super) fn split(label: &str, count: u64, all: u64) -> Markup {
    let width = share(count, all, 100.0);
    html! {
        svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=(label) focusable="false" {
            title { (label) }
            rect.rest width="100" height="10" {}
            rect.fill width=(width) height="10" {}
        }
    }
}

fn share(count: u64, most: u64, whole: f64) -> f64 {
    if most == 0 { 0.0 } else { (count as f64 / most as f64).min(1.0) * whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_column_stand_on_each_other_and_are_told_in_words() {
        let columns = [("Erase".to_owned(), [1, 3]), ("Export".to_owned(), [0, 2])];
        let drawn = stacked("Requests", &columns, ["in time", "late"]).into_string();
        assert!(
            drawn.contains("aria-label=\"Requests. Erase: 1 in time, 3 late; Export: 2 late.\""),
            "{drawn}"
        );
        // The highest is all of the picture: a quarter of it is in time, and the late ones stand on that.
        assert!(
            drawn.contains("class=\"part0\" x=\"90.0\" y=\"92.5\" width=\"120.0\" height=\"27.5\""),
            "{drawn}"
        );
        assert!(
            drawn.contains("class=\"part1\" x=\"90.0\" y=\"10.0\" width=\"120.0\" height=\"82.5\""),
            "{drawn}"
        );
        assert!(
            drawn.contains("class=\"part1\" x=\"390.0\" y=\"65.0\" width=\"120.0\" height=\"55.0\""),
            "{drawn}"
        );
        assert_eq!(drawn.matches("<rect").count(), 3, "nothing is drawn of none: {drawn}");
    }

    #[test]
    fn bar_of_two_parts_shows_so_many_of_all() {
        let drawn = split("2 of 8 by themselves", 2, 8).into_string();
        assert!(drawn.contains("role=\"img\" aria-label=\"2 of 8 by themselves\""), "{drawn}");
        assert!(drawn.contains("class=\"fill\" width=\"25\""), "{drawn}");
        assert!(split("", 0, 0).into_string().contains("class=\"fill\" width=\"0\""));
    }
}
