//! Where a server stands: the route that leads to it, and whether that is a tunnel.

use crate::observation::Via;
use crate::sys::{LinkKind, Unknown};
use crate::world::World;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The word for "there is no route", which is different from "the route is not known".
pub(super) const ABSENT: &str = "absent";

/// The kinds of route that forward.
const FORWARDS: [&str; 3] = ["unicast", "local", ""];

/// Where a server stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// What a packet to it uses.
    pub(super) via: Via,
    /// The interface of the route, or `absent`; none where the system does not say.
    pub(super) route_interface: Option<String>,
    pub(super) on_link: Option<bool>,
    pub(super) tunnel: Option<bool>,
}

impl Place {
    /// The elements that a query to this server uses, the resolver itself among them.
    pub(super) fn via(&self, server: &str) -> Via {
        Via { resolver: Some(server.to_owned()), ..self.via.clone() }
    }
}

/// Looks the server up in the routing table.
pub(super) async fn place(world: &World, server: SocketAddr, link: Option<&str>, tunnels: &BTreeSet<String>) -> Place {
    let address = server.ip();
    let family = Some(if address.is_ipv4() { "ipv4" } else { "ipv6" }.to_owned());
    let bare = Via { family, ..Via::default() };
    let tunnel_of = |interface: Option<&str>| interface.map(|interface| tunnels.contains(interface));
    match world.machine.route_to(address.into()).await {
        Ok(route) if FORWARDS.contains(&route.kind.as_str()) && route.interface.is_some() => Place {
            tunnel: tunnel_of(route.interface.as_deref()),
            on_link: Some(route.gateway.is_none() && !address.is_loopback()),
            route_interface: route.interface.clone(),
            via: Via {
                gateway: route.certain_gateway().map(|gateway| gateway.to_string()),
                interface: route.interface,
                source: route.source.map(|source| source.to_string()),
                ..bare
            },
        },
        Ok(_) => Place { route_interface: Some(ABSENT.to_owned()), tunnel: tunnel_of(link), via: bare, on_link: None },
        Err(Unknown::Unsupported(_) | Unknown::NeedsRight { .. } | Unknown::Failed(_)) => {
            Place { via: bare, tunnel: tunnel_of(link), ..Place::default() }
        }
    }
}

/// The names of this machine's tunnel devices.
pub(super) async fn tunnels(world: &World) -> BTreeSet<String> {
    let links = world.machine.links().await.unwrap_or_default();
    links.into_iter().filter(|link| link.kind == Some(LinkKind::Tunnel)).map(|link| link.name).collect()
}
