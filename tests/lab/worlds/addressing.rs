//! Who gives the client its address, and who should: DHCP servers, leases, the client's own DHCP client, 802.1X.

use crate::scene::*;
use crate::world::*;
use std::io::ErrorKind::NetworkUnreachable;

/// A client that waits for an address, with a DHCP client that runs.
fn waiting(scene: &mut Scene) {
    scene.client.addresses.clear();
    scene.client.routes.clear();
    scene.program("dhclient", Does::Waits);
}

/// What dhclient wrote of a lease that ended on this day.
fn lease_of(scene: &mut Scene, address: &str, expire: &str) {
    lease_from(GATEWAY, scene, address, expire);
}

/// The same of a lease that this server gave.
fn lease_from(server: &str, scene: &mut Scene, address: &str, expire: &str) {
    let text = format!(
        "lease {{\n  interface \"eth0\";\n  fixed-address {address};\n  option subnet-mask 255.255.255.0;\n  \
         option routers {GATEWAY};\n  option dhcp-lease-time 43200;\n  \
         option dhcp-server-identifier {server};\n  expire {expire};\n}}\n"
    );
    scene.client.files.push(("/var/lib/dhcp/dhclient.eth0.leases".to_owned(), text));
    scene.program("dhclient", Does::Waits);
}

const DHCP_WORLD: World = World { run: ("no-ip-or-link", ""), ..WORLD };

/// The same faults as people tell them: the internet is gone.
const GONE: World = World { run: ("no-internet", ""), ..WORLD };

/// A second DHCP server that has no business here.
const ROGUE: DhcpServer = DhcpServer { on_gateway: false, offers: "10.66.0.5", router: Some("10.66.0.1") };

pub const WORLDS: &[World] = &[
    World {
        name: "addressing-in-order",
        says: "the port light blinks oddly, please check the connection",
        fault: |scene| {
            scene.dhcp.push(DHCP);
            lease_of(scene, CLIENT, "never");
        },
        expect: Expect { decides: "gateway", innocent: &["link", "ip", "route", "process"], seconds: 10.0, ..HEALTHY },
        ..DHCP_WORLD
    },
    World {
        name: "dhcp-silent",
        says: "it says obtaining address for ever",
        fault: waiting,
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["dhcp-silent"],
            decides: "dhcp",
            innocent: &["link", "route", "process", "host"],
            seconds: 12.0,
            ..fault(&["ip"], &["dhcp.no_server", "ip.none"], Culprit::Is("eth0"))
        },
        ..DHCP_WORLD
    },
    World {
        name: "dhcp-client-stopped",
        says: "the cable is in, and I get no address",
        fault: |scene| {
            scene.client.addresses.clear();
            scene.client.routes.clear();
            scene.dhcp.push(DHCP);
        },
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["no-dhcp-client"],
            decides: "lease",
            innocent: &["link", "ip", "route", "host"],
            seconds: 12.0,
            ..fault(&["process"], &["dhcp.no_client"], Culprit::Is("DHCP client"))
        },
        ..DHCP_WORLD
    },
    World {
        name: "dhcp-offer-not-taken",
        says: "others get an address here and I do not",
        fault: |scene| {
            waiting(scene);
            scene.dhcp.push(DHCP);
        },
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["offer-not-taken"],
            decides: "dhcp",
            innocent: &["link", "route", "host"],
            certainty: "suspected",
            seconds: 12.0,
            ..fault(&["process"], &["ip.none"], Culprit::Is("dhclient"))
        },
        ..DHCP_WORLD
    },
    World {
        name: "dhcp-two-servers",
        says: "some of us lose the network, others do not",
        fault: |scene| {
            scene.dhcp.push(DHCP);
            scene.dhcp.push(ROGUE);
            lease_of(scene, CLIENT, "never");
        },
        expect: Expect {
            cause: &["several-dhcp-servers"],
            decides: "dhcp",
            innocent: &["link", "route", "process", "host"],
            seconds: 12.0,
            ..degraded(&["ip"], &["dhcp.several_servers"], Culprit::Contains(SIBLING))
        },
        ..DHCP_WORLD
    },
    World {
        name: "address-left-from-home",
        says: "at home it works, in the office it does not",
        fault: |scene| {
            scene.client.addresses = vec![(ip("192.168.178.20"), 24)];
            scene.client.routes = vec![route("0.0.0.0", 0, Way::Via(ip("192.168.178.1")))];
            scene.dhcp.push(DHCP);
        },
        proof: |eyes| eyes.pings(SIBLING, false),
        expect: Expect {
            cause: &["address-set-by-hand"],
            decides: "dhcp",
            innocent: &["link", "process", "host"],
            seconds: 12.0,
            ..fault(&["ip"], &["dhcp.other_network"], Culprit::Is("192.168.178.20"))
        },
        ..DHCP_WORLD
    },
    World {
        name: "lease-not-renewed",
        says: "it says my network is about to drop",
        fault: |scene| {
            scene.dhcp.push(DHCP);
            lease_of(scene, CLIENT, "5 2026/01/02 03:04:05");
        },
        proof: |eyes| eyes.connects("198.51.100.10:443"),
        expect: Expect {
            cause: &["lease-over"],
            decides: "lease",
            innocent: &["link", "route", "process", "host"],
            seconds: 12.0,
            ..degraded(&["ip"], &["dhcp.lease_over"], Culprit::Is(CLIENT))
        },
        ..DHCP_WORLD
    },
    World {
        name: "dhcp-without-a-gateway",
        says: "I reach the printer and nothing else",
        fault: |scene| {
            scene.client.routes.clear();
            scene.dhcp.push(DhcpServer { router: None, ..DHCP });
            scene.program("dhclient", Does::Waits);
        },
        proof: |eyes| eyes.pings(SIBLING, true),
        expect: Expect {
            cause: &["dhcp-names-no-gateway"],
            decides: "dhcp",
            innocent: &["link", "process", "host"],
            seconds: 12.0,
            ..fault(&["ip"], &["dhcp.no_gateway"], Culprit::Is(GATEWAY))
        },
        ..DHCP_WORLD
    },
    World {
        name: "port-refuses-the-sign-on",
        says: "since I changed my password the dock has no network",
        fault: |scene| {
            waiting(scene);
            scene.program("supplicant", Does::SignsOn(include_str!("../../fixtures/linux/wpa-status-held.txt")));
        },
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["port-refuses-sign-on"],
            decides: "sign-on",
            innocent: &["ip", "route", "process", "host"],
            seconds: 12.0,
            ..fault(&["link"], &["link.sign_on_refused"], Culprit::Is("eth0"))
        },
        ..DHCP_WORLD
    },
    World {
        name: "port-does-not-answer-the-sign-on",
        says: "this socket never works for me",
        fault: |scene| {
            waiting(scene);
            scene.program(
                "supplicant",
                Does::SignsOn(
                    "key_mgmt=IEEE 802.1X (no WPA)\nwpa_state=ASSOCIATED\nSupplicant PAE state=CONNECTING\n\
                     suppPortStatus=Unauthorized\n",
                ),
            );
        },
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["port-does-not-answer-sign-on"],
            decides: "sign-on",
            innocent: &["ip", "route", "process", "host"],
            seconds: 12.0,
            ..fault(&["link"], &["link.sign_on_silent"], Culprit::Is("eth0"))
        },
        ..DHCP_WORLD
    },
    World {
        name: "sign-on-server-with-a-strange-certificate",
        says: "the office network rejects me since this morning",
        fault: |scene| {
            waiting(scene);
            scene.client.log.push((
                "wpa_supplicant",
                "eth0: CTRL-EVENT-EAP-TLS-CERT-ERROR reason=1 depth=0 subject='/CN=radius.example' \
                 err='unable to get local issuer certificate'",
            ));
            scene.client.log.push(("wpa_supplicant", "eth0: CTRL-EVENT-EAP-FAILURE EAP authentication failed"));
        },
        proof: |eyes| eyes.carrier("eth0", true),
        expect: Expect {
            cause: &["sign-on-server-not-trusted"],
            decides: "sign-on",
            innocent: &["ip", "route", "process", "host"],
            seconds: 12.0,
            ..fault(&["link"], &["link.sign_on_certificate"], Culprit::Is("eth0"))
        },
        ..DHCP_WORLD
    },
    World {
        name: "internet-gone-with-the-lease",
        says: "the internet went away while I was at lunch",
        fault: |scene| {
            scene.client.addresses.clear();
            scene.client.routes.clear();
            lease_of(scene, CLIENT, "5 2026/01/02 03:04:05");
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["lease-over-and-dhcp-silent"],
            decides: "dhcp",
            innocent: &["link", "route", "path", "dns", "process", "host"],
            seconds: 14.0,
            ..fault(&["ip"], &["dhcp.no_server", "dhcp.lease_over", "ip.none"], Culprit::Is(GATEWAY))
        },
        ..GONE
    },
    World {
        name: "internet-gone-by-a-strangers-dhcp-server",
        says: "since somebody plugged in a box of their own I have no internet",
        fault: |scene| {
            scene.client.addresses = vec![(ip("10.66.0.5"), 24)];
            scene.client.routes = vec![route("0.0.0.0", 0, Way::Via(ip("10.66.0.1")))];
            lease_from(SIBLING, scene, "10.66.0.5", "never");
            scene.dhcp = vec![DHCP, ROGUE];
        },
        proof: |eyes| {
            eyes.pings("10.66.0.1", false)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            cause: &["lease-leads-nowhere"],
            decides: "dhcp",
            innocent: &["link", "path", "dns", "process", "host"],
            seconds: 14.0,
            ..fault(&["ip"], &["dhcp.several_servers", "route.gateway_dead"], Culprit::Is(SIBLING))
        },
        ..GONE
    },
    World {
        name: "internet-gone-with-an-address-from-home",
        says: "no internet in the office, at home it works",
        fault: |scene| {
            scene.client.addresses = vec![(ip("192.168.178.20"), 24)];
            scene.client.routes = vec![route("0.0.0.0", 0, Way::Via(ip("192.168.178.1")))];
            scene.program("NetworkManager", Does::Waits);
            scene.dhcp.push(DHCP);
        },
        proof: |eyes| eyes.pings(SIBLING, false),
        expect: Expect {
            cause: &["address-set-by-hand"],
            decides: "dhcp",
            innocent: &["link", "path", "dns", "process", "host"],
            seconds: 14.0,
            ..fault(&["ip"], &["dhcp.other_network", "route.gateway_dead"], Culprit::Is("192.168.178.20"))
        },
        rule: (2, "the dead gateway is a consequence of an address that is of another network"),
        ..GONE
    },
    World {
        name: "internet-gone-without-a-dhcp-client",
        says: "no internet since the computer started",
        fault: |scene| {
            scene.client.addresses.clear();
            scene.client.routes.clear();
            scene.dhcp.push(DHCP);
        },
        proof: |eyes| eyes.fails("198.51.100.10:443", NetworkUnreachable),
        expect: Expect {
            cause: &["no-dhcp-client"],
            decides: "lease",
            innocent: &["link", "ip", "route", "path", "dns", "host"],
            seconds: 14.0,
            ..fault(&["process"], &["dhcp.no_client"], Culprit::Is("DHCP client"))
        },
        ..GONE
    },
    World {
        name: "internet-works-on-a-lease-that-is-over",
        says: "now and then the internet is gone for a while",
        fault: |scene| {
            scene.dhcp.push(DHCP);
            lease_of(scene, CLIENT, "5 2026/01/02 03:04:05");
        },
        proof: |eyes| eyes.page("198.51.100.80:80", "control.example.test", "200"),
        expect: Expect {
            cause: &["lease-over"],
            decides: "lease",
            innocent: &["link", "route", "path", "dns", "process", "host"],
            seconds: 14.0,
            ..degraded(&["ip"], &["dhcp.lease_over"], Culprit::Is(CLIENT))
        },
        ..GONE
    },
    World {
        name: "healthy-internet-with-a-lease",
        says: "is the internet all right?",
        fault: |scene| {
            scene.dhcp.push(DHCP);
            lease_of(scene, CLIENT, "never");
        },
        expect: Expect { decides: "reproduce", innocent: &["link", "ip", "route", "process"], ..HEALTHY },
        ..GONE
    },
    World {
        name: "address-of-another-place-set-by-hand",
        says: "I brought the computer from the other office and nothing works",
        run: ("no-ip-or-link", ""),
        fault: |scene| {
            scene.client.addresses = vec![(ip("10.0.0.20"), 24)];
            scene.client.routes = vec![route("0.0.0.0", 0, Way::Via(ip("10.0.0.1")))];
        },
        proof: |eyes| {
            eyes.pings("10.0.0.1", false)?;
            eyes.sibling_connects("198.51.100.10:443", true)
        },
        expect: Expect {
            // Whether that router is off or of another place cannot be seen from here; that it does not answer can.
            decides: "gateway",
            cause: &["gateway-dead"],
            innocent: &["path", "dns"],
            seconds: 12.0,
            ..fault(&["route"], &["route.gateway_dead"], Culprit::Is("10.0.0.1"))
        },
        ..WORLD
    },
];
