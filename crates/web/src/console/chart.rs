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

fn share(count: u64, most: u64, whole: f64) -> f64 {
    if most == 0 { 0.0 } else { (count as f64 / most as f64).min(1.0) * whole }
}
