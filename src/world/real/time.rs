//! Time servers, asked once with rsntp.

use crate::world::{Failure, ServerTime};
use rsntp::{AsyncSntpClient, Config, SynchronizationError};
use std::net::SocketAddr;
use std::time::Duration;

pub(super) async fn time(server: SocketAddr, wait: Duration) -> Result<ServerTime, Failure> {
    let config = Config::default().bind_address(super::tcp::unspecified(server)).timeout(wait);
    let asked = AsyncSntpClient::with_config(config);
    match tokio::time::timeout(wait, asked.synchronize(server)).await {
        Err(_) => Err(Failure::Timeout),
        Ok(Ok(result)) => Ok(ServerTime {
            offset_s: result.clock_offset().as_secs_f64(),
            round_trip: result.round_trip_delay().abs_as_std_duration().unwrap_or_default(),
            stratum: result.stratum(),
        }),
        Ok(Err(SynchronizationError::IOError(error))) => Err(Failure::from_io(&error)),
        Ok(Err(error)) => Err(Failure::Other(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_closed_port_is_refused() {
        let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(time(free, Duration::from_secs(1)).await, Err(Failure::Refused));
    }
}
