//! Who gives the client its address: dnsmasq as the DHCP server of the LAN.

use crate::scene::*;
use crate::world::*;

/// What dnsmasq gives where nothing else is said.
const RANGE: &str = "dhcp-range=192.0.2.50,192.0.2.59,255.255.255.0,1h\ndhcp-option=option:router,192.0.2.1";

/// A client that waits for an address, with a DHCP client that runs.
fn waiting(scene: &mut Scene) {
    scene.client.addresses.clear();
    scene.client.routes.clear();
    scene.program("dhclient", Does::Waits);
}

const PORT: World = World { run: ("no-ip-or-link", ""), ..WORLD };

pub const WORLDS: &[World] = &[
    World {
        name: "real-dnsmasq-gives-addresses",
        says: "the port light blinks oddly, please check the connection",
        fault: |scene| scene.dhcp_by_dnsmasq(RANGE),
        proof: |eyes| eyes.pings(GATEWAY, true),
        expect: Expect { innocent: &["link", "ip", "route", "process"], seconds: 10.0, ..HEALTHY },
        ..PORT
    },
    World {
        name: "real-dnsmasq-offers-what-nobody-takes",
        says: "others get an address here and I do not",
        fault: |scene| {
            waiting(scene);
            scene.dhcp_by_dnsmasq(RANGE);
        },
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["offer-not-taken"],
            innocent: &["link", "route", "host"],
            certainty: "suspected",
            seconds: 12.0,
            ..fault(&["process"], &["ip.none"], Culprit::Is("dhclient"))
        },
        ..PORT
    },
    World {
        name: "real-dnsmasq-ignores-strangers",
        says: "the new computer gets no address here",
        run: ("no-internet", ""),
        fault: |scene| {
            waiting(scene);
            scene.dhcp_by_dnsmasq(&format!("{RANGE}\ndhcp-ignore=tag:!known"));
        },
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["dhcp-silent"],
            innocent: &["link", "route", "process", "host"],
            seconds: 14.0,
            ..fault(&["ip"], &["dhcp.no_server", "ip.none"], Culprit::Is("eth0"))
        },
        ..PORT
    },
    World {
        name: "real-dnsmasq-serves-another-network",
        says: "at home it works, in the office it does not",
        run: ("no-internet", ""),
        fault: |scene| {
            scene.client.addresses = vec![(ip("192.168.178.20"), 24)];
            scene.client.routes = vec![route("0.0.0.0", 0, Way::Via(ip("192.168.178.1")))];
            scene.program("NetworkManager", Does::Waits);
            scene.dhcp_by_dnsmasq(RANGE);
        },
        proof: |eyes| eyes.pings(SIBLING, false),
        expect: Expect {
            cause: &["address-set-by-hand"],
            innocent: &["link", "path", "dns", "process", "host"],
            seconds: 14.0,
            ..fault(&["ip"], &["dhcp.other_network", "route.gateway_dead"], Culprit::Is("192.168.178.20"))
        },
        ..PORT
    },
];
