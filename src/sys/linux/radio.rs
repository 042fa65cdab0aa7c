//! What a Wi-Fi radio says about itself, by nl80211. Station information needs no rights; a scan would, and would
//! change what is measured, so none is made.

use super::netlink::Netlink;
use crate::sys::*;
use futures_util::stream::TryStreamExt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;
use wl_nl80211::{Nl80211Attr, Nl80211Handle, Nl80211RateInfo, Nl80211StationInfo};

/// A driver answers in microseconds; one that hangs must not hold the run (features.md, pitfall 42).
const DRIVER_WAIT: Duration = Duration::from_millis(500);

pub(super) async fn radio(netlink: &Netlink, interface: &str) -> Known<Option<Radio>> {
    let links = super::link::links(netlink).await?;
    let Some(link) = links.iter().find(|link| link.name == interface && link.kind == Some(LinkKind::Wifi)) else {
        return Ok(None);
    };
    match tokio::time::timeout(DRIVER_WAIT, ask(link.index)).await {
        Ok(answer) => {
            answer.map(|radio| Some(Radio { blocked: blocked(Path::new("/sys/class/net"), interface), ..radio }))
        }
        Err(_) => Err(Unknown::Failed(format!("the driver of {interface} did not answer in {DRIVER_WAIT:?}"))),
    }
}

/// What rfkill says of the radio that an interface belongs to (Documentation/driver-api/rfkill.rst).
fn blocked(folder: &Path, interface: &str) -> Option<String> {
    let entries = fs::read_dir(folder.join(interface).join("phy80211")).ok()?.flatten();
    let switches: Vec<_> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("rfkill"))
        .map(|entry| entry.path())
        .collect();
    let is_set = |kind: &str| {
        let says = |switch: &PathBuf| fs::read_to_string(switch.join(kind)).is_ok_and(|text| text.trim() == "1");
        switches.iter().any(says)
    };
    // A switch that somebody must push goes before a setting, which is of no use meanwhile.
    ["hard", "soft"].into_iter().find(|kind| is_set(kind)).map(str::to_owned)
}

async fn ask(index: u32) -> Known<Radio> {
    let failed = |error: &dyn std::fmt::Display| Unknown::Failed(format!("nl80211: {error}"));
    let (connection, handle, _) = wl_nl80211::new_connection().map_err(|error| failed(&error))?;
    let task = tokio::spawn(connection);
    let mut radio = Radio::default();
    let answer = fill(&handle, index, &mut radio).await;
    task.abort();
    answer.map_err(|error| failed(&error)).map(|()| radio)
}

async fn fill(handle: &Nl80211Handle, index: u32, radio: &mut Radio) -> Result<(), wl_nl80211::Nl80211Error> {
    let mut interfaces = std::pin::pin!(handle.interface().get(Vec::new()).execute().await);
    while let Some(message) = interfaces.try_next().await? {
        let attributes = message.payload.attributes;
        if !attributes.contains(&Nl80211Attr::IfIndex(index)) {
            continue;
        }
        for attribute in attributes {
            match attribute {
                Nl80211Attr::Ssid(name) => radio.ssid = Some(name),
                Nl80211Attr::SsidRaw(bytes) => radio.ssid = Some(String::from_utf8_lossy(&bytes).into_owned()),
                Nl80211Attr::WiphyFreq(frequency) => radio.frequency_mhz = Some(frequency),
                _ => {}
            }
        }
    }
    let mut stations = std::pin::pin!(handle.station().dump(index).execute().await);
    while let Some(message) = stations.try_next().await? {
        for attribute in message.payload.attributes {
            match attribute {
                Nl80211Attr::Mac(bytes) => radio.bssid = super::netlink::hardware_address(&bytes),
                Nl80211Attr::StationInfo(facts) => facts.iter().for_each(|fact| station(fact, radio)),
                _ => {}
            }
        }
    }
    Ok(())
}

fn station(fact: &Nl80211StationInfo, radio: &mut Radio) {
    match fact {
        Nl80211StationInfo::SignalAvg(dbm) => radio.signal_dbm = Some(i32::from(*dbm)),
        // The average is steadier; the last frame's value serves where the driver keeps none.
        Nl80211StationInfo::Signal(dbm) => radio.signal_dbm = radio.signal_dbm.or(Some(i32::from(*dbm))),
        Nl80211StationInfo::TxRetries(count) => radio.transmit_retries = Some(u64::from(*count)),
        Nl80211StationInfo::TxPackets(count) => radio.transmit_packets = Some(u64::from(*count)),
        Nl80211StationInfo::TxFailed(count) => radio.transmit_failed = Some(u64::from(*count)),
        Nl80211StationInfo::ConnectedTime(seconds) => radio.joined_s = Some(u64::from(*seconds)),
        Nl80211StationInfo::TxBitrate(rates) => radio.transmit_mbps = mbps(rates),
        Nl80211StationInfo::RxBitrate(rates) => radio.receive_mbps = mbps(rates),
        _ => {}
    }
}

fn mbps(rates: &[Nl80211RateInfo]) -> Option<f64> {
    rates.iter().find_map(|rate| match rate {
        Nl80211RateInfo::Bitrate32(tenths) => Some(f64::from(*tenths) / 10.0),
        Nl80211RateInfo::Bitrate(tenths) => Some(f64::from(*tenths) / 10.0),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_average_signal_wins_over_the_last_frame() {
        let mut radio = Radio::default();
        station(&Nl80211StationInfo::Signal(-80), &mut radio);
        station(&Nl80211StationInfo::SignalAvg(-61), &mut radio);
        station(&Nl80211StationInfo::Signal(-90), &mut radio);
        station(&Nl80211StationInfo::TxBitrate(vec![Nl80211RateInfo::Bitrate32(8667)]), &mut radio);
        assert_eq!((radio.signal_dbm, radio.transmit_mbps), (Some(-61), Some(866.7)));
    }

    #[test]
    fn a_switch_goes_before_a_setting() {
        let root = tempfile::tempdir().expect("a folder");
        let switch = root.path().join("wlan0/phy80211/rfkill0");
        fs::create_dir_all(&switch).expect("a folder");
        let set = |kind: &str, text: &str| fs::write(switch.join(kind), text).expect("a file");
        set("soft", "0\n");
        set("hard", "0\n");
        assert_eq!(blocked(root.path(), "wlan0"), None);
        set("soft", "1\n");
        assert_eq!(blocked(root.path(), "wlan0").as_deref(), Some("soft"));
        set("hard", "1\n");
        assert_eq!(blocked(root.path(), "wlan0").as_deref(), Some("hard"));
        assert_eq!(blocked(root.path(), "wlan1"), None);
    }

    #[tokio::test]
    async fn the_loopback_is_no_radio() {
        assert!(radio(&Netlink::default(), "lo").await.expect("netlink answers everybody").is_none());
    }
}
