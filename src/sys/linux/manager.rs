//! What NetworkManager says of its devices, over D-Bus: how far each got, why it stopped, and its lease.

use crate::sys::parse::lease::addresses;
use crate::sys::*;
use jiff::Timestamp;
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;
use zbus::OwnedVariant;
use zbus::wire::OwnedObjectPath;

/// Some local calls that take a millisecond each; a bus that needs longer is stuck.
const BUS_WAIT: Duration = Duration::from_millis(800);
/// NetworkManager keeps its run-time files here exactly while it is installed and was started.
const FOLDER: &str = "/run/NetworkManager";
const SERVICE: &str = "org.freedesktop.NetworkManager";
const OBJECT: &str = "/org/freedesktop/NetworkManager";

/// One interface, as NetworkManager sees it.
#[derive(Debug, Clone, Default)]
pub(super) struct ManagedDevice {
    pub interface: String,
    /// Options of its lease by their names in dhcp-options(5), with `_` for `-`; empty where it has none.
    pub options: HashMap<String, String>,
}

impl ManagedDevice {
    /// Its lease, where it holds one.
    pub(super) fn lease(&self, now: Timestamp) -> Option<Lease> {
        let option = |name: &str| self.options.get(name).map(String::as_str);
        let terms = DhcpTerms {
            address: Some(option("ip_address")?.parse().ok()?),
            prefix_length: option("subnet_mask").and_then(|mask| parse::dhcp::prefix_length(mask.parse().ok()?)),
            server: option("dhcp_server_identifier").and_then(|server| server.parse().ok()),
            routers: option("routers").map(addresses).unwrap_or_default(),
            resolvers: option("domain_name_servers").map(addresses).unwrap_or_default(),
            seconds: option("dhcp_lease_time").and_then(|seconds| seconds.parse().ok()),
        };
        let ends: Option<i64> = option("expiry").and_then(|second| second.parse().ok());
        Some(Lease {
            interface: self.interface.clone(),
            source: "NetworkManager".to_owned(),
            terms,
            ends_in_s: ends.map(|second| second - now.as_second()),
        })
    }
}

/// All devices; none where NetworkManager does not run or does not answer.
pub(super) async fn devices() -> Vec<ManagedDevice> {
    if !Path::new(FOLDER).exists() {
        return Vec::new();
    }
    match tokio::time::timeout(BUS_WAIT, ask()).await {
        Ok(Ok(devices)) => devices,
        Ok(Err(_)) | Err(_) => Vec::new(),
    }
}

async fn ask() -> zbus::Result<Vec<ManagedDevice>> {
    let bus = zbus::Connection::system().await?;
    let name = "org.freedesktop.DBus";
    // Asking one that does not run would start it.
    let owned = bus.call_method(Some(name), "/org/freedesktop/DBus", Some(name), "NameHasOwner", &SERVICE).await?;
    if !owned.body().deserialize::<bool>()? {
        return Ok(Vec::new());
    }
    let answer = bus.call_method(Some(SERVICE), OBJECT, Some(SERVICE), "GetDevices", &()).await?;
    let mut devices = Vec::new();
    for path in answer.body().deserialize::<Vec<OwnedObjectPath>>()? {
        // One that goes away while it is asked about takes no other with it.
        devices.extend(device(&bus, &path).await.ok());
    }
    Ok(devices)
}

async fn device(bus: &zbus::Connection, path: &OwnedObjectPath) -> zbus::Result<ManagedDevice> {
    let of_device = properties(bus, path, "org.freedesktop.NetworkManager.Device").await?;
    let lease: Option<OwnedObjectPath> =
        value(&of_device, "Dhcp4Config").filter(|path: &OwnedObjectPath| path.as_str() != "/");
    let options = match lease {
        Some(lease) => options(bus, &lease).await?,
        None => HashMap::new(),
    };
    Ok(ManagedDevice { interface: value(&of_device, "Interface").unwrap_or_default(), options })
}

async fn options(bus: &zbus::Connection, lease: &OwnedObjectPath) -> zbus::Result<HashMap<String, String>> {
    let of_lease = properties(bus, lease, "org.freedesktop.NetworkManager.DHCP4Config").await?;
    let options: HashMap<String, OwnedVariant> = value(&of_lease, "Options").unwrap_or_default();
    Ok(options.into_iter().filter_map(|(name, text)| Some((name, text.try_into().ok()?))).collect())
}

type Properties = HashMap<String, OwnedVariant>;

async fn properties(bus: &zbus::Connection, path: &OwnedObjectPath, interface: &str) -> zbus::Result<Properties> {
    let question = (interface,);
    let standard = Some("org.freedesktop.DBus.Properties");
    bus.call_method(Some(SERVICE), path.as_str(), standard, "GetAll", &question).await?.body().deserialize()
}

fn value<T: TryFrom<OwnedVariant>>(properties: &Properties, name: &str) -> Option<T> {
    T::try_from(properties.get(name)?.try_clone().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_make_a_lease() {
        let options = [
            ("ip_address", "192.0.2.60"),
            ("subnet_mask", "255.255.255.0"),
            ("dhcp_server_identifier", "192.0.2.1"),
            ("routers", "192.0.2.1"),
            ("domain_name_servers", "198.51.100.53 198.51.100.54"),
            ("dhcp_lease_time", "3600"),
            ("expiry", "1795327200"),
        ];
        let options = options.map(|(name, text)| (name.to_owned(), text.to_owned())).into();
        let device = ManagedDevice { interface: "eth0".to_owned(), options };
        let now = Timestamp::from_second(1_795_327_000).expect("a time");
        let lease = device.lease(now).expect("a lease");
        assert_eq!((lease.terms.prefix_length, lease.terms.resolvers.len(), lease.ends_in_s), (Some(24), 2, Some(200)));
        assert_eq!(ManagedDevice::default().lease(now), None);
    }
}
