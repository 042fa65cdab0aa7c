//! DHCP servers on the LAN: enough of one to offer an address (RFC 2131 section 4.3.1). Written from the standard and not
//! from the program under test, so that both do not share a misreading.

use crate::network::Lab;
use crate::scene::{DhcpServer, GATEWAY, RESOLVER, SECOND_RESOLVER, SIBLING, Scene, ip};
use std::io::Result;
use std::net::IpAddr;
use tokio::net::UdpSocket;

/// Starts every DHCP server of the scene.
pub fn start(lab: &Lab, scene: &Scene) -> std::result::Result<(), String> {
    for server in scene.dhcp.iter().copied() {
        let (host, name) = if server.on_gateway { (&lab.gateway, GATEWAY) } else { (&lab.sibling, SIBLING) };
        host.call(serve(server, ip(name))).map_err(|error| format!("DHCP server {name}: {error}"))?;
    }
    Ok(())
}

async fn serve(server: DhcpServer, own: IpAddr) -> Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:67").await?;
    socket.set_broadcast(true)?;
    // Broadcasts leave by one interface; the gateway has two.
    socket.bind_device(Some(if server.on_gateway { b"lan0" } else { b"eth0" }))?;
    tokio::spawn(async move {
        let mut question = [0; 1500];
        loop {
            let Ok((length, _)) = socket.recv_from(&mut question).await else { continue };
            if let Some(offer) = offer(&server, own, &question[..length]) {
                let _ = socket.send_to(&offer, "255.255.255.255:68").await;
            }
        }
    });
    Ok(())
}

/// The answer to a DHCPDISCOVER; none to everything else.
fn offer(server: &DhcpServer, own: IpAddr, question: &[u8]) -> Option<Vec<u8>> {
    let discovers = question.len() >= 240 && question[0] == 1 && question[240..].windows(3).any(|it| it == [53, 1, 1]);
    if !discovers {
        return None;
    }
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(_) => Vec::new(),
    };
    let mut answer = question[..240].to_vec();
    answer[0] = 2;
    answer[16..20].copy_from_slice(&octets(ip(server.offers)));
    let mut option = |code: u8, value: Vec<u8>| {
        answer.extend([code, value.len() as u8]);
        answer.extend(value);
    };
    option(53, vec![2]);
    option(54, octets(own));
    option(51, 43_200_u32.to_be_bytes().to_vec());
    option(1, vec![255, 255, 255, 0]);
    if let Some(router) = server.router {
        option(3, octets(ip(router)));
    }
    option(6, [octets(ip(RESOLVER)), octets(ip(SECOND_RESOLVER))].concat());
    answer.push(255);
    Some(answer)
}
