//! Where a value lies across the page, in per cent of its width: so that drawings grow with the page and their letters
//! do not.

use crate::report::content::seconds;
use maud::{Markup, html};

/// Labels under a scale; more run into each other at 320 pixels.
const MOST_TICKS: usize = 5;

/// From the lowest value at the left to the highest at the right.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scale {
    low: f64,
    high: f64,
    /// Equal distances for equal factors.
    by_factor: bool,
}

impl Scale {
    /// From zero to the end of what is shown.
    pub fn from_zero(high: f64) -> Scale {
        Scale { low: 0.0, high: high.max(1.0), by_factor: false }
    }

    /// Whole powers of ten around these values, which must be above zero.
    pub fn by_factors(low: f64, high: f64) -> Scale {
        let low = 10_f64.powf(low.log10().floor());
        let high = 10_f64.powf(high.log10().ceil());
        Scale { low, high: high.max(low * 10.0), by_factor: true }
    }

    /// Where a value lies, from 0 to 100.
    pub fn at(&self, value: f64) -> f64 {
        let share = if self.by_factor {
            (value.max(self.low) / self.low).log10() / (self.high / self.low).log10()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        (share * 100.0).clamp(0.0, 100.0)
    }

    /// Round values, the first at the left.
    fn ticks(&self) -> Vec<f64> {
        if self.by_factor {
            let decades = (self.high / self.low).log10().round() as usize;
            let every = decades.div_ceil(MOST_TICKS).max(1);
            return (0..=decades).step_by(every).map(|decade| self.low * 10_f64.powf(decade as f64)).collect();
        }
        let rough = self.high / MOST_TICKS as f64;
        let power = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|factor| factor * power).into_iter().find(|step| *step >= rough);
        let step = step.unwrap_or(rough).max(f64::MIN_POSITIVE);
        (0..=MOST_TICKS).map(|tick| tick as f64 * step).filter(|value| *value <= self.high).collect()
    }

    /// The labels of a scale of milliseconds.
    pub fn axis(&self) -> Markup {
        html! {
            svg.axis width="100%" height="20" aria-hidden="true" {
                @for tick in self.ticks() {
                    @let at = self.at(tick);
                    line x1=(percent(at)) x2=(percent(at)) y1="15" y2="20" {}
                    text x=(percent(at)) y="12" text-anchor=(anchor(at)) { (milliseconds(tick)) }
                }
            }
        }
    }

    /// The lines of the labels, through one row.
    pub fn grid(&self) -> Markup {
        html! { @for tick in self.ticks() { (upright(self.at(tick), "grid")) } }
    }
}

/// Labels at the edges stay inside.
fn anchor(at: f64) -> &'static str {
    match at {
        at if at < 6.0 => "start",
        at if at > 94.0 => "end",
        _ => "middle",
    }
}

/// A line from the top of a row to its bottom.
pub(super) fn upright(at: f64, class: &str) -> Markup {
    html! { line class=(class) x1=(percent(at)) x2=(percent(at)) y1="0" y2="100%" {} }
}

/// Per cent as drawings take them.
pub(super) fn percent(value: f64) -> String {
    let text = format!("{value:.2}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// Short times with as many digits as matter.
pub(super) fn milliseconds(value: f64) -> String {
    match value {
        0.0 => "0".to_owned(),
        value if value < 1.0 => format!("{} ms", (value * 100.0).round() / 100.0),
        value if value < 10.0 => format!("{} ms", (value * 10.0).round() / 10.0),
        value => seconds(value.round() as u64).replace(".0 s", " s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let ticks = |high: f64| Scale::from_zero(high).ticks();
        assert_eq!(ticks(2_913.0), [0.0, 1_000.0, 2_000.0]);
        assert_eq!(ticks(40.0), [0.0, 10.0, 20.0, 30.0, 40.0]);
        assert_eq!(Scale::by_factors(0.3, 70.0).ticks(), [0.1, 1.0, 10.0, 100.0]);
        for high in [0.0, 1.0, 7.0, 333.0, 60_000.0, 1e12] {
            assert!((1..=MOST_TICKS + 1).contains(&ticks(high).len()), "{high}: {:?}", ticks(high));
        }
        assert!(Scale::by_factors(1e-9, 1e12).ticks().len() <= MOST_TICKS + 1);
    }

    #[test]
    fn nothing_lies_outside() {
        let scale = Scale::by_factors(0.2, 30.0);
        for (value, expected) in [(0.1, 0.0), (0.0, 0.0), (-5.0, 0.0), (100.0, 100.0), (1e9, 100.0), (1.0, 33.33)] {
            assert!((scale.at(value) - expected).abs() < 0.01, "{value} at {}", scale.at(value));
        }
        assert_eq!((percent(12.5), percent(100.0), percent(0.0)), ("12.5%".into(), "100%".into(), "0%".into()));
    }

    #[test]
    fn times_have_the_digits_that_matter() {
        let cases =
            [(0.0, "0"), (0.34, "0.34 ms"), (3.92, "3.9 ms"), (48.4, "48 ms"), (2_804.0, "2.8 s"), (1e3, "1 s")];
        for (value, expected) in cases {
            assert_eq!(milliseconds(value), expected);
        }
    }
}
