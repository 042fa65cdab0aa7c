use super::super::tests::{ATTACKS, fault, full, healthy, hostile};
use super::*;

#[test]
fn x() {
    assert!(draw(&fault()).len() > 0);
    let _ = (ATTACKS, full(), healthy(), hostile("x"));
}

fn draw(packet: &Packet) -> String {
    render(packet, &Style::plain(80))
}
