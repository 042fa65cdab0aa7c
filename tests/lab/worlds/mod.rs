//! All worlds, by what is wrong in them. A world is one value; a file of worlds is one line here.

mod addressing;
mod answers;
mod application;
mod by_hand;
mod calls;
mod chance;
mod computer;
mod dns;
mod healthy;
mod helpdesk;
mod hidden;
mod host;
mod link;
mod path;
mod process;
mod proxy;
mod real;
mod secrets;
mod several;
mod tls;
mod transport;
mod update;
mod vpn;
mod web;

use crate::world::World;

const ALL: &[&[World]] = &[
    healthy::WORLDS,
    link::WORLDS,
    addressing::WORLDS,
    by_hand::WORLDS,
    path::WORLDS,
    vpn::WORLDS,
    dns::WORLDS,
    answers::WORLDS,
    proxy::WORLDS,
    several::WORLDS,
    hidden::WORLDS,
    transport::WORLDS,
    tls::WORLDS,
    web::WORLDS,
    application::WORLDS,
    helpdesk::drive::WORLDS,
    helpdesk::printer::WORLDS,
    helpdesk::mail::WORLDS,
    helpdesk::desktop::WORLDS,
    helpdesk::account::WORLDS,
    process::WORLDS,
    host::WORLDS,
    computer::WORLDS,
    calls::WORLDS,
    update::WORLDS,
    secrets::WORLDS,
    real::addresses::WORLDS,
    real::names::WORLDS,
    real::proxy::WORLDS,
    real::services::WORLDS,
    real::time::WORLDS,
    real::web::WORLDS,
];

/// The worlds that throw dice. No single run of them says anything, so the gate leaves them out.
pub fn by_chance() -> Vec<World> {
    chance::WORLDS.to_vec()
}

/// Every world that is the same each time.
pub fn all() -> Vec<World> {
    ALL.iter().flat_map(|worlds| worlds.iter().copied()).collect()
}
