//! Packet sockets: one protocol on one interface, whether or not this machine has an address there. They need
//! `CAP_NET_RAW`.

use nix::libc;
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrLike, recv, sendto, socket,
};
use socket2::{SockFilter, SockRef};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use tokio::io::unix::AsyncFd;

/// One protocol on one interface.
pub(super) struct PacketSocket {
    socket: AsyncFd<OwnedFd>,
    everybody: LinkAddr,
}

impl PacketSocket {
    /// Hears packets of this protocol (`ETH_P_ARP`, `ETH_P_IP`), without the frame's header.
    pub(super) fn open(index: u32, protocol: libc::c_int) -> nix::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
        // Protocol 0 hears nothing until it is bound, so no frame of another interface slips in.
        let socket = socket(AddressFamily::Packet, SockType::Datagram, flags, None::<SockProtocol>)?;
        let everybody = broadcast_address(index, protocol)?;
        nix::sys::socket::bind(socket.as_raw_fd(), &everybody)?;
        // SAFETY: `OwnedFd` owns its descriptor, keeps it open, and always gives the same number.
        let socket = unsafe { AsyncFd::register(socket) }.map_err(|_| nix::Error::EIO)?;
        Ok(PacketSocket { socket, everybody })
    }

    /// Lets only what this program keeps come into the queue, so that a busy interface does not fill it.
    pub(super) fn keep_only(&self, program: &[SockFilter]) -> io::Result<()> {
        SockRef::from(&self.socket).attach_filter(program)
    }

    /// Sends to everybody on the link.
    pub(super) fn broadcast(&self, packet: &[u8]) -> nix::Result<()> {
        sendto(self.socket.get_ref().as_raw_fd(), packet, &self.everybody, MsgFlags::empty()).map(drop)
    }

    /// Waits for the next packet; what does not fit is cut off.
    pub(super) async fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.socket.readable().await?;
            let read = ready.try_io(|socket| {
                recv(socket.get_ref().as_raw_fd(), buffer, MsgFlags::empty()).map_err(io::Error::from)
            });
            if let Ok(read) = read {
                return read;
            }
        }
    }
}

fn broadcast_address(index: u32, protocol: libc::c_int) -> nix::Result<LinkAddr> {
    let raw = libc::sockaddr_ll {
        sll_family: libc::AF_PACKET as u16,
        sll_protocol: (protocol as u16).to_be(),
        sll_ifindex: i32::try_from(index).map_err(|_| nix::Error::ENODEV)?,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 6,
        sll_addr: [0xff; 8],
    };
    let length = size_of::<libc::sockaddr_ll>() as libc::socklen_t;
    // SAFETY: `raw` is a complete, initialised sockaddr_ll of exactly this length that lives through the call.
    unsafe { LinkAddr::from_raw((&raw const raw).cast(), Some(length)) }.ok_or(nix::Error::EINVAL)
}
