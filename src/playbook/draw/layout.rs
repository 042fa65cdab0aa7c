//! Where the boxes and lines of a graph go: columns from left to right by what comes after what, boxes ordered so that few
//! lines cross, and as near to what they are joined to as the others let them (the method of Sugiyama, Tagawa and Toda,
//! 1981). Lengths are pixels at the picture's own size.

use std::collections::BTreeSet;

/// Rounds of ordering and of moving towards neighbours: more changes nothing that can be seen in the largest playbook.
const SWEEPS: usize = 24;
/// What a line needs that passes between boxes.
const LANE: f64 = 10.0;
/// Between two things of a column.
const GAP: f64 = 12.0;

/// A box of a column, or a line's way past it.
#[derive(Debug, Clone, PartialEq)]
struct Slot {
    column: usize,
    height: f64,
    middle: f64,
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Layout {
    /// Column of each box.
    pub columns: Vec<usize>,
    /// The middle of each box, from the top.
    pub middles: Vec<f64>,
    /// For each line the middles at which it passes the columns between its ends.
    pub lanes: Vec<Vec<f64>>,
    /// How high all of it is.
    pub height: f64,
}

/// Arranges boxes of these heights, joined by these lines. Every line must lead to a later box of some order: a line that
/// closes a circle is left out of the ordering, and goes back from right to left.
pub(super) fn arrange(heights: &[f64], lines: &[(usize, usize)]) -> Layout {
    let columns = columns(heights.len(), lines);
    let mut slots: Vec<Slot> = heights
        .iter()
        .zip(&columns)
        .map(|(height, column)| Slot { column: *column, height: *height, middle: 0.0 })
        .collect();
    // Each line is cut into steps of one column, over lanes.
    let (mut lanes, mut steps) = (Vec::new(), Vec::new());
    for &(from, to) in lines {
        let mut way = vec![from];
        for column in columns[from] + 1..columns[to] {
            slots.push(Slot { column, height: LANE, middle: 0.0 });
            way.push(slots.len() - 1);
        }
        way.push(to);
        steps.extend(way.windows(2).map(|step| (step[0], step[1])).filter(|_| columns[from] < columns[to]));
        lanes.push(way[1..way.len() - 1].to_vec());
    }
    let mut order = ordered(&slots, &steps);
    place(&mut slots, &mut order, &steps);
    let top = slots.iter().map(|slot| slot.middle - slot.height / 2.0).fold(f64::INFINITY, f64::min);
    slots.iter_mut().for_each(|slot| slot.middle -= top);
    let height = slots.iter().map(|slot| slot.middle + slot.height / 2.0).fold(0.0, f64::max);
    Layout {
        middles: slots[..heights.len()].iter().map(|slot| slot.middle).collect(),
        lanes: lanes.into_iter().map(|way| way.into_iter().map(|slot| slots[slot].middle).collect()).collect(),
        columns,
        height,
    }
}

/// One more than the last column of what a box comes after.
fn columns(boxes: usize, lines: &[(usize, usize)]) -> Vec<usize> {
    let mut columns: Vec<Option<usize>> = vec![None; boxes];
    for index in 0..boxes {
        column(index, lines, &mut columns, &mut BTreeSet::new());
    }
    columns.into_iter().map(Option::unwrap_or_default).collect()
}

fn column(index: usize, lines: &[(usize, usize)], known: &mut Vec<Option<usize>>, open: &mut BTreeSet<usize>) -> usize {
    if let Some(column) = known[index] {
        return column;
    }
    open.insert(index);
    let mut found = 0;
    for &(from, _) in lines.iter().filter(|(_, to)| *to == index) {
        if !open.contains(&from) {
            found = found.max(column(from, lines, known, open) + 1);
        }
    }
    open.remove(&index);
    known[index] = Some(found);
    found
}

/// The slots of each column from top to bottom: again and again by the mean place of what each is joined to.
fn ordered(slots: &[Slot], steps: &[(usize, usize)]) -> Vec<Vec<usize>> {
    let last = slots.iter().map(|slot| slot.column).max().unwrap_or(0);
    let mut order: Vec<Vec<usize>> =
        (0..=last).map(|column| (0..slots.len()).filter(|slot| slots[*slot].column == column).collect()).collect();
    let mut best = (crossings(&order, steps), order.clone());
    for sweep in 0..SWEEPS {
        let forward = sweep % 2 == 0;
        let sequence: Vec<usize> = if forward { (1..=last).collect() } else { (0..last).rev().collect() };
        for column in sequence {
            let rank = ranks(&order, slots.len());
            let beside = |slot: usize| mean(neighbours(slot, steps, forward).map(|other| rank[other]));
            let mut keyed: Vec<(f64, usize)> =
                order[column].iter().map(|slot| (beside(*slot).unwrap_or(rank[*slot]), *slot)).collect();
            keyed.sort_by(|left, right| left.0.total_cmp(&right.0));
            order[column] = keyed.into_iter().map(|(_, slot)| slot).collect();
        }
        let crossed = crossings(&order, steps);
        if crossed < best.0 {
            best = (crossed, order.clone());
        }
    }
    best.1
}

/// Where each slot stands in its column, between 0 and 1, so that columns of different lengths compare.
fn ranks(order: &[Vec<usize>], slots: usize) -> Vec<f64> {
    let mut rank = vec![0.0; slots];
    for column in order {
        for (index, slot) in column.iter().enumerate() {
            rank[*slot] = (index as f64 + 0.5) / column.len() as f64;
        }
    }
    rank
}

/// The ends of the steps of a slot, to the left or to the right.
fn neighbours(slot: usize, steps: &[(usize, usize)], left: bool) -> impl Iterator<Item = usize> {
    steps.iter().filter_map(move |&(from, to)| match left {
        true => (to == slot).then_some(from),
        false => (from == slot).then_some(to),
    })
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    (count > 0.0).then(|| sum / count)
}

/// How many pairs of steps between the same columns cross.
fn crossings(order: &[Vec<usize>], steps: &[(usize, usize)]) -> usize {
    let slots = order.iter().map(Vec::len).sum();
    let mut place = vec![(0, 0); slots];
    for (column, members) in order.iter().enumerate() {
        for (index, slot) in members.iter().enumerate() {
            place[*slot] = (column, index);
        }
    }
    let cross = |left: &(usize, usize), right: &(usize, usize)| {
        let ((column, from), (_, to)) = (place[left.0], place[left.1]);
        let ((other, from_too), (_, to_too)) = (place[right.0], place[right.1]);
        column == other && ((from < from_too && to > to_too) || (from > from_too && to < to_too))
    };
    steps.iter().enumerate().map(|(index, left)| steps[..index].iter().filter(|right| cross(left, right)).count()).sum()
}

/// Moves each column's slots as near to what they are joined to as their order and the gaps allow.
fn place(slots: &mut [Slot], order: &mut [Vec<usize>], steps: &[(usize, usize)]) {
    for column in order.iter() {
        let wanted = vec![0.0; column.len()];
        settle(slots, column, &wanted);
    }
    for sweep in 0..SWEEPS {
        let columns: Vec<usize> =
            if sweep % 2 == 0 { (0..order.len()).collect() } else { (0..order.len()).rev().collect() };
        for column in columns {
            let wanted: Vec<f64> = order[column]
                .iter()
                .map(|slot| {
                    let both = neighbours(*slot, steps, true).chain(neighbours(*slot, steps, false));
                    mean(both.map(|other| slots[other].middle)).unwrap_or(slots[*slot].middle)
                })
                .collect();
            settle(slots, &order[column], &wanted);
        }
    }
}

/// The places nearest to the wanted ones, in the least squares sense, that keep order and gaps: what would overlap is
/// pooled and moves together.
fn settle(slots: &mut [Slot], column: &[usize], wanted: &[f64]) {
    // Without the heights the places must only not decrease.
    let mut offsets = Vec::with_capacity(column.len());
    let mut below = 0.0;
    for slot in column {
        let half = slots[*slot].height / 2.0;
        offsets.push(below + half);
        below += 2.0 * half + GAP;
    }
    let mut pools: Vec<(f64, f64)> = Vec::new();
    for (wanted, offset) in wanted.iter().zip(&offsets) {
        let mut pool = (wanted - offset, 1.0);
        while let Some((value, weight)) = pools.pop_if(|last| last.0 > pool.0) {
            pool = ((value * weight + pool.0 * pool.1) / (weight + pool.1), weight + pool.1);
        }
        pools.push(pool);
    }
    let values = pools.iter().flat_map(|(value, weight)| std::iter::repeat_n(*value, *weight as usize));
    for ((slot, offset), value) in column.iter().zip(&offsets).zip(values) {
        slots[*slot].middle = value + offset;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_chain_is_a_straight_line_and_two_branches_stand_beside_each_other() {
        let layout = arrange(&[40.0; 5], &[(0, 1), (1, 2), (0, 3), (3, 4), (0, 4)]);
        assert_eq!(layout.columns, [0, 1, 2, 1, 2]);
        assert!(layout.middles[1] != layout.middles[3], "{layout:?}");
        assert_eq!(layout.lanes.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 0, 0, 1]);
    }

    #[test]
    fn circles_end() {
        let layout = arrange(&[40.0; 3], &[(0, 1), (1, 2), (2, 0)]);
        assert_eq!(layout.columns.len(), 3);
        assert!(layout.height > 0.0);
    }

    proptest! {
        #[test]
        fn nothing_lies_on_anything_else(lines in proptest::collection::vec((0..12_usize, 0..12_usize), 0..40)) {
            let lines: Vec<(usize, usize)> = lines.into_iter().filter(|(from, to)| from < to).collect();
            let layout = arrange(&[40.0; 12], &lines);
            for left in 0..12 {
                for right in 0..left {
                    let apart = (layout.middles[left] - layout.middles[right]).abs();
                    prop_assert!(layout.columns[left] != layout.columns[right] || apart >= 40.0 + GAP - 1e-6);
                }
                prop_assert!((20.0 - 1e-6..=layout.height - 20.0 + 1e-6).contains(&layout.middles[left]));
            }
            for (line, lanes) in lines.iter().zip(&layout.lanes) {
                prop_assert_eq!(lanes.len(), layout.columns[line.1] - layout.columns[line.0] - 1);
            }
        }
    }
}
